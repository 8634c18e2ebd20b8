import { childElements, type Element } from "@balcony/xml";
import { NS_CLIENT, NS_DISCO, NS_PING, NS_STREAMS, NS_TLS, NS_UNKNOWN } from "./namespaces.js";
import { Ended, type Play } from "./play.js";
import type { Security } from "./secure.js";
import { judgePlace } from "./starttls.js";
import { Stream } from "./stream.js";

const TEXT = "Good night, good night!";
/** Features after TLS that a peer may demand: none that is known to us. */
const MANDATORY: readonly string[] = [];

/** The stream within TLS: headers, features, stanzas both ways, the end. */
export async function innerStream(play: Play, security: Security): Promise<void> {
  const stream = new Stream(play, security.socket, true);
  if (play.role === "initiator") {
    await stream.open();
    await stream.litter();
    await stream.header();
    const features = await stream.element("features", "features-sent");
    judgePlace(play, stream, features, "features-sent", (element) => element.is("features", NS_STREAMS));
    if (play.options.breach === undefined) judgeFeatures(play, features);
  } else {
    await stream.header();
    await stream.open();
    await stream.litter();
    let inner = "";
    if (play.breaks("features-with-unknown-mandatory")) inner = "<dance xmlns='urn:example:dance'><required/></dance>";
    if (play.breaks("features-with-starttls-again")) inner = `<starttls xmlns='${NS_TLS}'><required/></starttls>`;
    await stream.features(inner);
  }
  const talk = new Talk(play, stream);
  const ended = await talk.run();
  if (ended) await closeSecond(play, stream, security);
  else await closeFirst(play, stream, security, talk);
}

function judgeFeatures({ findings }: Play, features: Element): void {
  const demanded = childElements(features).filter((feature) => feature.getChild("required") !== undefined);
  const starttls = childElements(features).some((feature) => feature.is("starttls", NS_TLS));
  findings.must("inner-no-starttls", !starttls, "STARTTLS is offered within TLS.", features);
  const unknown = demanded.find((feature) => !MANDATORY.includes(feature.getNS() ?? ""));
  findings.must("inner-features-known", unknown === undefined, `A feature is demanded that no specification of end-to-end streams has: ${unknown?.getNS()}.`, features);
}

/** What is said in the stream, and what of it is judged. */
class Talk {
  readonly #play: Play;
  readonly #stream: Stream;
  readonly #answered = new Set<string>();

  constructor(play: Play, stream: Stream) {
    this.#play = play;
    this.#stream = stream;
  }

  /** @returns whether the peer has closed the stream */
  async run(): Promise<boolean> {
    const play = this.#play;
    const { contract } = play.options;
    const opens = play.role === "initiator";
    // A request of which nobody knows anything is answered by an error all the same (RFC 6120 §8.4).
    if (!opens && !contract) await this.#misaddressed();
    await this.#ask("first");
    if (opens) await this.#misaddressed(); // toward one who echoes, in the place of the echo
    if (opens || !contract) await this.#stream.send(message(TEXT));
    if (opens) await this.#ask("second");
    const waitsForEnd = !opens && contract;
    while (waitsForEnd || !this.#answered.has(opens ? "second" : "first")) {
      const event = await this.#stream.next(waitsForEnd ? "the end of the stream" : "an answer to a request", waitsForEnd ? "inner-stream-closed" : "inner-iq-answered");
      if (event.type === "end") return true;
      if (event.type === "element") await this.take(event.element);
    }
    return false;
  }

  async #ask(id: string): Promise<void> {
    await this.#stream.send(`<iq type='get' id='${id}'><query xmlns='${NS_UNKNOWN}'/></iq>`);
  }

  /** Stanzas that no end-to-end stream may carry. */
  async #misaddressed(): Promise<void> {
    const play = this.#play;
    for (const [rule, stanza] of misaddressed(play)) if (play.breaks(rule)) await this.#stream.send(stanza);
    if (play.breaks("stanza-cut-in-the-middle")) {
      await this.#stream.send("<message><body>half");
      throw new Cut();
    }
    if (play.breaks("bytes-ended-within-the-stream")) throw new Cut();
  }

  async take(element: Element): Promise<void> {
    const play = this.#play;
    if (play.options.breach === undefined) this.#judge(element);
    if (element.name === "message" && element.getChildText("body") !== null && play.role === "responder") {
      if (play.options.contract) await this.#misaddressed();
      await this.#stream.send(message(element.getChildText("body") ?? ""));
    }
    if (element.name !== "iq") return;
    const { type, id } = element.attrs;
    if (type === "result" || type === "error") this.#answer(element, type, id);
    else if (id !== undefined) await this.#serve(element, id);
  }

  #answer(iq: Element, type: string, id: string | undefined): void {
    if (id === "probe") this.#play.hear(type === "error" ? `iq:${childElements(iq.getChild("error") ?? iq)[0]?.getName()}` : "iq:result", iq);
    if (id !== "first" && id !== "second") return;
    this.#answered.add(id);
    if (this.#play.options.breach !== undefined) return;
    this.#play.findings.should("inner-iq-answered", type === "error", "A request that nobody can know was answered by a result.", iq);
  }

  async #serve(iq: Element, id: string): Promise<void> {
    const [payload, ...more] = childElements(iq);
    const known = iq.attrs.type === "get" && payload !== undefined && more.length === 0 && (payload.is("ping", NS_PING) || payload.is("query", NS_DISCO));
    const wellFormed = (iq.attrs.type === "get" || iq.attrs.type === "set") && payload !== undefined && more.length === 0;
    const condition = wellFormed ? "service-unavailable" : "bad-request";
    const error = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    const identity = `<query xmlns='${NS_DISCO}'><identity category='client' type='bot'/><feature var='${NS_DISCO}'/></query>`;
    const result = known && payload.is("query") ? identity : "";
    await this.#stream.send(known ? `<iq type='result' id='${quote(id)}'>${result}</iq>` : `<iq type='error' id='${quote(id)}'>${error}</iq>`);
  }

  #judge(element: Element): void {
    const { findings, self, peer } = this.#play;
    const { from, to, id, type } = element.attrs;
    findings.must("inner-features-once", !element.is("features", NS_STREAMS), "Features came within a stream that had them.", element);
    findings.must("inner-no-starttls", !element.is("starttls", NS_TLS), "<starttls/> came within TLS.", element);
    // Nothing else was negotiated, XEP-0198 neither.
    const stanza = ["message", "presence", "iq"].includes(element.name) && element.getNS() === NS_CLIENT;
    findings.must("inner-stanza-kind", stanza, `<${element.name} xmlns='${element.getNS()}'/> is no stanza.`, element);
    findings.must("inner-stanza-from", from === undefined || isOf(from, peer), `A stanza comes from ${from}, and the peer is ${peer}.`, element);
    findings.must("inner-stanza-to", to === undefined || isOf(to, self), `A stanza is for ${to}, and we are ${self}.`, element);
    if (element.name !== "iq") return;
    findings.should("inner-iq-id", id !== undefined, "An IQ has no id.", element);
    findings.should("inner-iq-type", ["get", "set", "result", "error"].includes(type ?? ""), `An IQ has the type ${type}.`, element);
    if (type === "get" || type === "set") findings.should("inner-iq-payload", childElements(element).length === 1, "A request has not exactly one child.", element);
  }
}

/** The bytes end here, and not as they should. */
export class Cut extends Ended {
  constructor() {
    super("cut");
  }
}

const misaddressed = ({ self }: Play): readonly (readonly [string, string])[] => [
  ["stanza-from-somebody-else", message(TEXT, " from='tybalt@capulet.lit/x'")],
  ["stanza-to-somebody-else", message(TEXT, " to='tybalt@capulet.lit/x'")],
  ["stanza-from-no-address", message(TEXT, " from='@@'")],
  ["stanza-from-other-resource", message(TEXT, ` from='${quote(self)}x'`)],
  ["iq-without-type", "<iq id='probe'><query xmlns='urn:example'/></iq>"],
  ["iq-of-unknown-type", "<iq id='probe' type='ask'><query xmlns='urn:example'/></iq>"],
  ["iq-without-payload", "<iq id='probe' type='get'/>"],
  ["iq-with-two-payloads", "<iq id='probe' type='get'><query xmlns='urn:example'/><query xmlns='urn:example'/></iq>"],
  ["features-after-the-first-stanza", "<stream:features/>"],
  ["starttls-within-tls", `<starttls xmlns='${NS_TLS}'/>`],
];

async function closeFirst(play: Play, stream: Stream, security: Security, talk: Talk): Promise<void> {
  if (play.breaks("end-tag-of-another")) await stream.send("</stream>");
  stream.closing = true;
  await stream.close();
  if (play.breaks("stanza-behind-the-end")) await stream.send("<message><body>one more thing</body></message>");
  for (;;) {
    const event = await stream.next("</stream:stream>", "inner-end-answered");
    if (event.type === "end") break;
    if (event.type === "element") await talk.take(event.element);
  }
  play.findings.kept.add("inner-end-answered").add("inner-stream-closed");
  await security.close();
  behindTheEnd(play, stream);
}

async function closeSecond(play: Play, stream: Stream, security: Security): Promise<void> {
  play.findings.kept.add("inner-stream-closed");
  if (!play.breaks("end-unanswered")) await stream.close();
  await security.close();
  behindTheEnd(play, stream);
}

function behindTheEnd(play: Play, stream: Stream): void {
  if (play.options.breach === undefined) play.findings.should("inner-nothing-behind-end", !stream.failedAfterEnd, "Something came behind </stream:stream>.", stream.recent);
}

const message = (text: string, attributes = ""): string => `<message${attributes}><body>${quote(text)}</body></message>`;
const quote = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
const isOf = (address: string, jid: string): boolean => address === jid || address === jid.split("/")[0];
