import type { Duplex } from "node:stream";
import { randomId } from "@balcony/channel";
import { bare, childElements, defaultLimits, type Element, normalize, StreamParser, XmlError } from "@balcony/xml";
import { NS_CLIENT, NS_STREAMS } from "./namespaces.js";
import { Ended, type Play } from "./play.js";
import { Queue } from "./queue.js";

type Event =
  | { readonly type: "header" | "element"; readonly element: Element }
  | { readonly type: "end" }
  | { readonly type: "bytes-ended" }
  | { readonly type: "failed"; readonly error: XmlError };

const NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";

/** Which rule it is whose breach the parser has met. */
const ruleOf: Partial<Record<XmlError["condition"], string>> = {
  "unsupported-encoding": "stream-encoding",
  "restricted-xml": "stream-restricted-xml",
  "bad-format": "stream-no-text",
  "policy-violation": "stream-size",
};

/** The tester's side of an XML stream (XEP-0246, RFC 6120 §4), before TLS or within it. Rules within TLS, and breaches of them, are named `inner-`. */
export class Stream {
  readonly #play: Play;
  readonly #duplex: Duplex;
  readonly inside: boolean;
  readonly #events = new Queue<Event>();
  readonly #parser: StreamParser;
  /** The last of what came, for the report. */
  #recent = "";
  #opened = false;
  #closed = false;
  /** We have closed our direction. */
  closing = false;
  /** More came behind the peer's own end. */
  failedAfterEnd = false;
  #onBytes: (chunk: Uint8Array) => void;
  #onEnd: () => void;

  constructor(play: Play, duplex: Duplex, inside: boolean) {
    this.#play = play;
    this.#duplex = duplex;
    this.inside = inside;
    this.#parser = new StreamParser(
      {
        open: (element) => this.#events.put({ type: "header", element }),
        element: (element) => {
          this.#events.put({ type: "element", element });
          if (this.stopsAt(element)) this.#parser.stop();
        },
        close: () => {
          this.#closed = true;
          this.#events.put({ type: "end" });
        },
      },
      { ...defaultLimits },
    );
    this.#onBytes = (chunk) => this.#read(chunk);
    this.#onEnd = () => this.#events.put({ type: "bytes-ended" });
    duplex.on("data", this.#onBytes);
    if (duplex.readableEnded)
      this.#onEnd(); // TLS may end in the breath in which its handshake is done
    else duplex.once("end", this.#onEnd);
    play.reader = () => this.#overhear();
    duplex.resume(); // it may have been held until somebody reads
  }

  /** Behind which element TLS begins: what comes with it is `unread`. */
  stopsAt: (element: Element) => boolean = () => false;

  get unread(): number {
    return this.#parser.unread;
  }

  get recent(): string {
    return this.#recent;
  }

  #read(chunk: Uint8Array): void {
    const text = Buffer.from(chunk).toString("utf8");
    this.#play.log(`${this.inside ? "TLS" : "clear"} < ${text.slice(0, 4000)}`);
    this.#recent = (this.#recent + text).slice(-2000);
    if (/^<\?xml\s+version=(['"])1\.[1-9]\1/.test(this.#recent) && !this.#opened) this.#should("xml-version", false, "The declaration says XML 1.1.");
    try {
      this.#parser.write(chunk);
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      this.#duplex.off("data", this.#onBytes);
      this.#duplex.resume();
      if (this.#closed) this.failedAfterEnd = true;
      this.#events.put({ type: "failed", error });
    }
  }

  /** Nothing more is read: what is below belongs to somebody else. */
  release(): void {
    this.#duplex.off("data", this.#onBytes).off("end", this.#onEnd);
    this.#duplex.pause();
  }

  rule(name: string): string {
    return this.inside ? `inner-${name}` : name;
  }

  #must(name: string, holds: boolean, why: string, shown: { toString(): string } = this.#recent): void {
    this.#play.findings.must(this.rule(name), holds, why, shown);
  }

  #should(name: string, holds: boolean, why: string, shown: { toString(): string } = this.#recent): void {
    this.#play.findings.should(this.rule(name), holds, why, shown);
  }

  /** The next thing at the stream's level. `rule`: whose breach it is where nothing comes. */
  async next(
    waitingFor: string,
    rule: string,
  ): Promise<{ readonly type: "element"; readonly element: Element } | { readonly type: "end" } | { readonly type: "header"; readonly element: Element }> {
    const play = this.#play;
    const event = await play.until(this.#events.next(), waitingFor, rule);
    if (event.type === "failed") {
      const name = /UTF-8/.test(event.error.message) && event.error.condition === "not-well-formed" ? "stream-utf-8" : (ruleOf[event.error.condition] ?? "stream-well-formed");
      throw play.blameless
        ? play.findings.breach(this.rule(name), `The stream is not what RFC 6120 allows: ${event.error.message}.`, this.#recent)
        : new Ended(event.error.message);
    }
    if (event.type === "bytes-ended") {
      play.hear("end");
      const name = !this.#opened ? "stream-begins" : this.closing ? "end-answered" : "stream-closed";
      const why = this.#opened ? "The bytes ended within the stream." : "The bytes ended before the stream began.";
      throw play.blameless ? play.findings.breach(this.rule(name), why, this.#recent) : new Ended(why);
    }
    if (event.type === "element") this.#judgeElement(event.element);
    return event;
  }

  #overhear(): void {
    for (const event of this.#events.drain()) if (event.type === "element" && event.element.is("error", NS_STREAMS)) this.#hear(event.element);
  }

  #hear(error: Element): void {
    const condition = childElements(error).find((child) => child.getNS() === NS_STREAM_ERRORS && child.getName() !== "text");
    this.#play.hear(`stream:${condition?.getName() ?? "none"}`, error);
  }

  #judgeElement(element: Element): void {
    const play = this.#play;
    if (element.is("error", NS_STREAMS)) {
      this.#hear(element);
      throw play.blameless ? play.findings.breach(this.rule("stream-no-errors"), "The peer ended a stream in which every rule was kept.", element) : new Ended("stream error");
    }
  }

  async header(rule = "stream-begins"): Promise<Element> {
    const play = this.#play;
    const event = await this.next("the stream's header", this.rule(rule));
    if (event.type !== "header") throw play.findings.breach(this.rule(rule), "No stream header came.", this.#recent);
    this.#opened = true;
    const { element } = event;
    if (play.options.breach === undefined) this.#judgeHeader(element);
    return element;
  }

  #judgeHeader(header: Element): void {
    const { attrs } = header;
    const { role, self, peer } = this.#play;
    this.#play.findings.kept.add(this.rule("stream-begins"));
    this.#should("xml-version", !/^<\?xml\s+version=(['"])1\.[1-9]\1/.test(this.#recent), "The declaration says XML 1.1.");
    this.#must("header-namespace", header.getNS() === NS_STREAMS, `The stream's root is in the namespace ${header.getNS()}.`);
    this.#must("header-root", header.getName() === "stream", `The stream begins with <${header.name}>.`);
    this.#must("header-prefix", header.name === "stream:stream", `The stream begins with <${header.name}>.`);
    this.#must("header-content-namespace", attrs.xmlns === NS_CLIENT, `The stream's content is in the namespace ${attrs.xmlns}.`);
    this.#must("header-version", attrs.version === "1.0", `The header has ${attrs.version === undefined ? "no version" : `the version ${attrs.version}`}.`);
    this.#must("header-from", attrs.from === undefined || sameBare(attrs.from, peer), `The header comes from ${attrs.from}, and the peer is ${peer}.`);
    this.#must("header-to", attrs.to === undefined || sameBare(attrs.to, self), `The header is for ${attrs.to}, and we are ${self}.`);
    if (this.inside) this.#must("header-addresses", attrs.from !== undefined && attrs.to !== undefined, "Within TLS a header names both addresses.");
    if (role === "initiator") this.#should("header-id", (attrs.id ?? "") !== "", "The responder's header has no id.");
    else this.#should("header-no-id", attrs.id === undefined, "The initiator's header has an id.");
  }

  async element(waitingFor: string, rule: string): Promise<Element> {
    const play = this.#play;
    const event = await this.next(waitingFor, this.rule(rule));
    if (event.type === "element") return event.element;
    throw play.blameless ? play.findings.breach(this.rule(rule), `The stream was closed, where ${waitingFor} was to come.`, this.#recent) : new Ended("the stream was closed");
  }

  /** An element may have come already that has no place here. */
  get waiting(): number {
    return this.#events.length;
  }

  async send(data: string | Uint8Array): Promise<void> {
    this.#play.log(`${this.inside ? "TLS" : "clear"} > ${Buffer.from(data).toString("utf8").slice(0, 2000)}`);
    const written = new Promise<void>((resolve, reject) => {
      if (!this.#duplex.writable)
        resolve(); // the peer has gone: what it said is still to be read
      else this.#duplex.write(data, (error) => (error ? reject(error) : resolve()));
    });
    await this.#play.until(
      written.catch((error: unknown) => {
        if (this.#play.stopped) throw error;
        this.#play.log(`! ${String(error)}`);
      }),
      "room for what is sent",
      "iq-answered",
    );
  }

  #breaks(name: string): boolean {
    return this.#play.breaks(this.rule(name));
  }

  /** Our own header. */
  async open(): Promise<void> {
    const { self, peer, role } = this.#play;
    const breaks = (name: string) => this.#breaks(name);
    let declaration = role === "responder" ? "<?xml version='1.0'?>" : "";
    if (breaks("encoding-other-than-utf-8")) declaration = "<?xml version='1.0' encoding='ISO-8859-1'?>";
    if (breaks("doctype")) declaration += "<!DOCTYPE stream>";
    if (breaks("comment-before-header")) declaration += "<!-- a comment -->";
    let [root, prefix, namespace, content] = ["stream", "stream", NS_STREAMS as string, NS_CLIENT as string];
    if (breaks("header-other-root")) root = "flow";
    if (breaks("header-other-namespace")) namespace = "http://example.org/streams";
    if (breaks("header-other-prefix")) prefix = "s";
    if (breaks("header-content-of-servers")) content = "jabber:server";
    let version = " version='1.0'";
    if (breaks("header-without-version")) version = "";
    if (breaks("header-version-no-number")) version = " version='one'";
    let [from, to]: [string | undefined, string | undefined] = [self, peer];
    if (breaks("header-from-somebody-else")) from = "tybalt@capulet.lit/x";
    if (breaks("header-to-somebody-else")) to = "tybalt@capulet.lit/x";
    if (breaks("header-from-no-address")) from = "@/@";
    if (breaks("header-without-from")) from = undefined;
    if (breaks("header-without-to")) to = undefined;
    const id = role === "responder" ? ` id='${randomId()}'` : "";
    const addresses = `${from === undefined ? "" : ` from='${quote(from)}'`}${to === undefined ? "" : ` to='${quote(to)}'`}`;
    let head = `${declaration}<${prefix}:${root} xmlns='${content}' xmlns:${prefix}='${namespace}'${addresses}${id}${version}>`;
    if (breaks("header-not-well-formed")) head = head.replace(" xmlns=", " xmlns==");
    if (breaks("header-attribute-twice")) head = head.replace(" xmlns=", " xmlns='jabber:client' xmlns=");
    if (breaks("header-not-utf-8")) await this.send(Buffer.concat([Buffer.from(head.slice(0, -1)), Buffer.from([0x20, 0xff]), Buffer.from("='1'>")]));
    else await this.send(head);
  }

  async features(inner: string): Promise<void> {
    await this.send(`<stream:features>${inner}</stream:features>`);
  }

  /** What no stream may have, right behind the header: RFC 6120 §11.1, §4.9, §13.12. */
  async litter(): Promise<void> {
    for (const [name, data] of litter) if (this.#breaks(name)) await this.send(data);
  }

  /** Nothing of ours follows, but what the peer says is still read. */
  async close(): Promise<void> {
    await this.send("</stream:stream>");
  }
}

const litter: readonly (readonly [string, string | Uint8Array])[] = [
  ["comment", "<!-- a comment -->"],
  ["processing-instruction", "<?php die() ?>"],
  ["entity-reference", "<message><body>&nbsp;</body></message>"],
  ["text-between-elements", "hello"],
  ["cdata-between-elements", "<![CDATA[hello]]>"],
  ["not-well-formed", "<message><body></message>"],
  ["undeclared-prefix", "<message><x:body/></message>"],
  ["not-utf-8", Uint8Array.of(...Buffer.from("<message><body>"), 0xc3, 0x28, ...Buffer.from("</body></message>"))],
  ["control-character", "<message><body>&#1;</body></message>"],
  ["declaration-in-the-middle", "<?xml version='1.0'?>"],
  ["foreign-end-tag", "</stream>"],
  ["unsupported-stanza-type", "<pubsub><body/></pubsub>"],
  ["stanza-of-other-namespace", "<message xmlns='jabber:server'><body>x</body></message>"],
  ["stanza-before-its-time", "<message><body>too early</body></message>"],
  ["iq-before-its-time", "<iq type='get' id='early'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"],
];

const quote = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("'", "&apos;").replaceAll("<", "&lt;");

function sameBare(address: string, other: string): boolean {
  try {
    return bare(normalize(address)) === bare(other);
  } catch {
    return false; // no address, so nobody's
  }
}
