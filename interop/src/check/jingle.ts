import type { Duplex } from "node:stream";
import { randomId } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";
import { InBand } from "./in-band.js";
import { NS_JINGLE, NS_JINGLE_ERRORS, NS_JINGLE_IBB, NS_JINGLE_S5B, NS_UNKNOWN, NS_XMLSTREAM, NS_XTLS } from "./namespaces.js";
import { Ended, type Play } from "./play.js";
import { Queue } from "./queue.js";
import { Socks } from "./socks.js";
import { Refuse } from "./wire.js";

const BLOCK = 4096;

/** What Jingle has brought: bytes, and how TLS begins on them. */
export interface Channel {
  readonly duplex: Duplex;
  /** XTLS was agreed on: TLS at once. */
  readonly atOnce: boolean;
  /** What the peer said of its certificate, where it did: hex digits, lower case, without colons. */
  readonly fingerprint: { readonly algorithm: string; readonly digits: string } | undefined;
}

/** The tester's side of one Jingle session (XEP-0166) for an XML stream (XEP-0247). */
export class JingleSession {
  readonly #play: Play;
  readonly #fingerprint: string;
  #sid: string;
  #content = "xmlstream";
  /** The content as it was offered, for actions that repeat it. */
  #offered: Element | undefined;
  #phase: "none" | "pending" | "active" | "over" = "none";
  #transport: InBand | Socks | undefined;
  readonly #initiated = new Queue<Element>();
  readonly #accepted = new Queue<Element>();

  /** @param fingerprint of the tester's own certificate: SHA-256, in hex */
  constructor(play: Play, fingerprint: string) {
    this.#play = play;
    this.#fingerprint = fingerprint;
    this.#sid = randomId();
    play.on(NS_JINGLE, (jingle, iq) => this.#told(jingle, iq));
  }

  get transport(): InBand | Socks | undefined {
    return this.#transport;
  }

  get over(): boolean {
    return this.#phase === "over";
  }

  // The initiator's side

  async initiate(): Promise<Channel> {
    const play = this.#play;
    const asked = play.options.secure === "xtls";
    const transport = await this.#offerTransport();
    const content = this.#content_({ transport, security: asked ? this.#security() : undefined });
    this.#offered = content;
    this.#phase = "pending";
    await this.#offer(content);
    const accept = await play.until(this.#accepted.next(), "the session-accept", "session-accepted");
    play.findings.kept.add("session-accepted");
    this.#phase = "active";
    const answered = childElements(accept).find((child) => child.is("content", NS_JINGLE)) as Element; // was judged when it came
    const fingerprint = this.#fingerprintIn(answered);
    await this.#afterAccept();
    const theirs = childElements(answered).find((child) => child.getName() === "transport") as Element; // likewise
    const duplex = await this.#connect(theirs);
    return { duplex, atOnce: asked && hasSecurity(answered), fingerprint };
  }

  async #offerTransport(): Promise<Element> {
    const play = this.#play;
    if (play.options.transport === "s5b") {
      this.#transport = new Socks(play, randomId(), (transport) => this.#tellOfTransport(transport));
      return await this.#transport.offer();
    }
    let [block, sid]: [string | undefined, string | undefined] = [String(BLOCK), randomId()];
    this.#transport = new InBand(play, { sid, block: BLOCK });
    if (play.breaks("initiate-block-size-zero")) block = "0";
    if (play.breaks("initiate-block-size-no-number")) block = "many";
    if (play.breaks("initiate-block-size-beyond-short")) block = "70000";
    if (play.breaks("initiate-block-size-left-out")) block = undefined;
    if (play.breaks("initiate-transport-without-sid")) sid = undefined;
    if (play.breaks("initiate-unknown-transport")) return xml("transport", { xmlns: "urn:example:transport", sid: "x" });
    return xml("transport", { xmlns: NS_JINGLE_IBB, "block-size": block, sid });
  }

  #content_({ transport, security }: { readonly transport: Element; readonly security: Element | undefined }, attrs: Record<string, string | undefined> = {}): Element {
    return xml("content", { creator: "initiator", name: this.#content, ...attrs }, xml("description", NS_XMLSTREAM), transport, security);
  }

  #security(): Element {
    const play = this.#play;
    let [digits, method] = [this.#fingerprint, "x509"];
    if (play.breaks("xtls-fingerprint-of-another")) digits = "00".repeat(32);
    if (play.breaks("xtls-fingerprint-no-hash")) digits = "not a hash";
    if (play.breaks("xtls-fingerprint-too-short")) digits = digits.slice(0, 32);
    if (play.breaks("xtls-without-known-method")) method = "srp";
    return xml("security", NS_XTLS, xml("fingerprint", { algo: "sha-256" }, digits), xml("method", { name: method }));
  }

  async #offer(content: Element): Promise<void> {
    const play = this.#play;
    const { transport, security, description } = partsOf(content);
    const rebuilt = (attrs: Record<string, string | undefined>, ...children: (Element | undefined)[]) =>
      xml("content", { creator: "initiator", name: this.#content, ...attrs }, children);
    const whole = [description, transport, security];
    let contents: Element[] = [content];
    let sid: string | null = this.#sid;
    if (play.breaks("initiate-without-content")) contents = [];
    if (play.breaks("initiate-without-transport")) contents = [rebuilt({}, description, security)];
    if (play.breaks("initiate-without-description")) contents = [rebuilt({}, transport, security)];
    if (play.breaks("initiate-content-twice")) contents = [content, content];
    if (play.breaks("initiate-content-without-name")) contents = [rebuilt({ name: undefined }, ...whole)];
    if (play.breaks("initiate-content-by-responder")) contents = [rebuilt({ creator: "responder" }, ...whole)];
    if (play.breaks("initiate-disposition-early-session")) contents = [rebuilt({ disposition: "early-session" }, ...whole)];
    if (play.breaks("initiate-senders-nobody-known")) contents = [rebuilt({ senders: "everybody" }, ...whole)];
    if (play.breaks("initiate-unknown-application")) contents = [rebuilt({}, xml("description", NS_UNKNOWN), transport)];
    if (play.breaks("initiate-without-sid")) sid = null;
    await this.#tell("session-initiate", contents, { sid, rule: "initiate-acknowledged" });
    if (play.breaks("initiate-then-cancel")) {
      await this.#tell("session-terminate", [reason("cancel")]);
      this.#phase = "over";
      await play.ask(this.#jingle("session-info", []), { what: "session-info of a session that has ended" });
      throw new Ended("cancelled");
    }
  }

  /** What may be said of an accepted session, and what may not: the peer answers, and the session goes on. */
  async #afterAccept(): Promise<void> {
    const play = this.#play;
    const offered = this.#offered as Element; // an initiator has offered
    const unknown = xml("dance", "urn:example:dance");
    if (play.breaks("accept-by-initiator")) await this.#tolerated("session-accept", [offered]);
    if (play.breaks("unknown-action")) await this.#tolerated("session-dance", []);
    if (play.breaks("unknown-info")) await this.#tolerated("session-info", [unknown]);
    if (play.breaks("action-of-unknown-session")) await this.#tolerated("session-info", [], { sid: "nobody" });
    if (play.breaks("initiate-again")) await this.#tolerated("session-initiate", [offered]);
    if (play.breaks("terminate-of-unknown-session")) await this.#tolerated("session-terminate", [reason("success")], { sid: "nobody" });
    if (play.breaks("jingle-get")) {
      await play.ask(this.#jingle("session-info", []), { type: "get", what: "an action in an IQ of type get" });
    }
    if (play.breaks("content-add-unasked")) {
      await this.#tolerated("content-add", [
        xml("content", { creator: "initiator", name: "more" }, xml("description", NS_UNKNOWN), xml("transport", { xmlns: NS_JINGLE_IBB, "block-size": "4096", sid: randomId() })),
      ]);
      await this.#replied("content-reject");
    }
    if (play.breaks("transport-replace-by-unknown")) {
      await this.#tolerated("transport-replace", [xml("content", { creator: "initiator", name: this.#content }, xml("transport", { xmlns: "urn:example:transport", sid: "x" }))]);
      await this.#replied("transport-reject");
    }
    if (play.breaks("terminate-by-a-stranger")) await this.#strange("session-terminate", [reason("success")]);
    if (play.breaks("info-by-a-stranger")) await this.#strange("session-info", []);
    await this.#ping();
  }

  /** Goes there and back: what the peer had to say before has come then. */
  async settle(): Promise<void> {
    await this.#ping();
  }

  /** XEP-0166 §7.2.9: an empty session-info is acknowledged as long as the session stands. What the peer had to say before has come by then. */
  async #ping(): Promise<void> {
    await this.#tell("session-info", [], { rule: "ping-acknowledged" });
  }

  #reply: { readonly action: string; readonly came: () => void } | undefined;
  readonly #came = new Set<string>();

  async #replied(action: string): Promise<void> {
    const play = this.#play;
    if (play.heard.some((line) => line.startsWith("iq:"))) return; // refused at once: an answer too
    if (!this.#came.has(action)) {
      const came = new Promise<void>((resolve) => {
        this.#reply = { action, came: resolve };
      });
      await play.until(came, action, "iq-answered");
    }
    play.hear(`jingle:${action}`);
  }

  async #tolerated(action: string, children: readonly Element[], { sid = this.#sid }: { readonly sid?: string } = {}): Promise<void> {
    await this.#play.ask(this.#jingle(action, children, sid), { what: action });
  }

  async #strange(action: string, children: readonly Element[]): Promise<void> {
    const play = this.#play;
    const stranger = await play.options.stranger();
    const stop = play.wire.also(stranger);
    const answered = await play.ask(this.#jingle(action, children), { by: stranger, what: `a stranger's ${action}` }).finally(stop);
    play.hear(answered.type === "error" ? "stranger:refused" : "stranger:taken", answered.stanza);
  }

  // The responder's side

  async accept(): Promise<Channel> {
    const play = this.#play;
    const offer = await play.until(this.#initiated.next(), "the session-initiate", "session-initiated");
    play.findings.kept.add("session-initiated");
    const content = childElements(offer).find((child) => child.is("content", NS_JINGLE)) as Element; // was judged when it came
    const { transport: offered } = partsOf(content) as { transport: Element };
    const fingerprint = this.#fingerprintIn(content);
    const atOnce = hasSecurity(content);
    const transport = await this.#acceptTransport(offered);
    await this.#answer(this.#content_({ transport, security: atOnce || play.breaks("xtls-accepted-unasked") ? this.#security() : undefined }));
    this.#phase = "active";
    if (play.breaks("unknown-action")) await this.#tolerated("session-dance", []);
    if (play.breaks("unknown-info")) await this.#tolerated("session-info", [xml("dance", "urn:example:dance")]);
    if (play.breaks("terminate-by-a-stranger")) await this.#strange("session-terminate", [reason("success")]);
    if (this.#transport instanceof Socks) return { duplex: await this.#transport.connect(), atOnce, fingerprint };
    await play.until((this.#transport as InBand).opened, "<open/>", "ibb-opened");
    if (!play.findings.broken.has("ibb-opened")) play.findings.kept.add("ibb-opened");
    return { duplex: this.#transport as InBand, atOnce, fingerprint };
  }

  async #acceptTransport(offered: Element): Promise<Element> {
    const play = this.#play;
    const sid = offered.attrs.sid as string; // was judged when it came
    if (offered.getNS() === NS_JINGLE_S5B) {
      this.#transport = new Socks(play, sid, (transport) => this.#tellOfTransport(transport));
      this.#transport.read(offered);
      return await this.#transport.offer();
    }
    const block = Math.min(Number(offered.attrs["block-size"]), BLOCK);
    this.#transport = new InBand(play, { sid, block });
    let [said, saidSid] = [block, sid];
    if (play.breaks("accept-larger-block-size")) said = Number(offered.attrs["block-size"]) * 4;
    if (play.breaks("accept-block-size-zero")) said = 0;
    if (play.breaks("accept-other-ibb-sid")) saidSid += "x";
    return xml("transport", { xmlns: NS_JINGLE_IBB, "block-size": said, sid: saidSid });
  }

  async #answer(content: Element): Promise<void> {
    const play = this.#play;
    const { transport, security, description } = partsOf(content);
    const rebuilt = (...children: (Element | undefined)[]) => xml("content", { creator: "initiator", name: this.#content }, children);
    let contents = [content];
    if (play.breaks("accept-without-content")) contents = [];
    if (play.breaks("accept-without-transport")) contents = [rebuilt(description, security)];
    if (play.breaks("accept-without-description")) contents = [rebuilt(transport, security)];
    if (play.breaks("accept-two-contents")) contents = [content, xml("content", { creator: "initiator", name: "second" }, description, transport)];
    if (play.breaks("accept-other-transport")) contents = [rebuilt(description, xml("transport", { xmlns: "urn:example:transport", sid: "x" }))];
    if (play.breaks("accept-other-application")) contents = [rebuilt(xml("description", NS_UNKNOWN), transport)];
    if (play.breaks("accept-of-unknown-session")) await this.#tolerated("session-accept", contents, { sid: "nobody" });
    await this.#tell("session-accept", contents, { rule: "accept-acknowledged" });
    if (play.breaks("accept-twice")) await this.#tolerated("session-accept", contents);
  }

  // Both sides

  async #connect(theirs: Element): Promise<Duplex> {
    if (this.#transport instanceof Socks) {
      this.#transport.read(theirs);
      return await this.#transport.connect();
    }
    const inBand = this.#transport as InBand; // one of the two was offered
    await inBand.open();
    // Twice there and back: whatever the peer says of itself and unasked comes before the answers.
    await this.#ping();
    await this.#ping();
    return inBand;
  }

  async #tellOfTransport(transport: Element): Promise<void> {
    await this.#tell("transport-info", [xml("content", { creator: "initiator", name: this.#content }, transport)], { rule: "transport-info-acknowledged" });
  }

  async terminate(word: string): Promise<void> {
    if (this.#phase === "none" || this.#phase === "over") return;
    this.#phase = "over";
    await this.#play.wire.ask(this.#jingle("session-terminate", [reason(word)]));
  }

  #jingle(action: string, children: readonly Element[], sid: string | null = this.#sid): Element {
    return xml("jingle", { xmlns: NS_JINGLE, action, sid: sid ?? undefined, [this.#play.role]: this.#play.self }, children);
  }

  async #tell(
    action: string,
    children: readonly Element[],
    { sid = this.#sid, rule = "iq-answered" }: { readonly sid?: string | null; readonly rule?: string } = {},
  ): Promise<void> {
    await this.#play.told(this.#jingle(action, children, sid), { rule, what: action });
  }

  #told(jingle: Element, iq: Element): Element | undefined {
    const { findings, role } = this.#play;
    const { action = "", sid } = jingle.attrs;
    findings.should("jingle-set", iq.attrs.type === "set", "A Jingle action came in an IQ that is no set.", iq);
    if (action === "session-initiate" && role === "responder" && this.#phase === "none") return this.#initiate(jingle, iq);
    if (sid !== this.#sid || this.#phase === "none" || this.#phase === "over") {
      // An action that crosses the end of the session is nobody's fault.
      if (sid !== this.#sid) findings.should("action-of-session", false, `${action} names a session that does not exist: ${sid}.`, iq);
      throw new Refuse("item-not-found", "cancel", xml("unknown-session", NS_JINGLE_ERRORS));
    }
    findings.kept.add("action-of-session");
    const act = this.#actions[action];
    findings.should("action-known", act !== undefined, `There is no action ${JSON.stringify(action)}.`, iq);
    if (!act) throw new Refuse("bad-request", "modify");
    return act(jingle, iq);
  }

  readonly #actions: Readonly<Record<string, (jingle: Element, iq: Element) => undefined>> = {
    "session-initiate": (_, iq) => {
      this.#play.findings.should("initiate-once", false, "The session was initiated a second time.", iq);
      throw outOfOrder();
    },
    "session-accept": (jingle, iq) => this.#accept(jingle, iq),
    "session-terminate": (jingle, iq) => this.#terminated(jingle, iq),
    "session-info": (jingle, iq) => {
      const unknown = childElements(jingle).length > 0;
      this.#play.findings.should("info-known", !unknown, "A session-info carries what was not advertised.", iq);
      if (unknown) throw new Refuse("feature-not-implemented", "modify", xml("unsupported-info", NS_JINGLE_ERRORS));
      return undefined;
    },
    "transport-info": (jingle, iq) => {
      const [content] = jingle.getChildren("content", NS_JINGLE);
      this.#play.findings.should("transport-info-content", content !== undefined, "A transport-info has no content.", iq);
      if (!content) throw new Refuse("bad-request", "modify");
      const transport = childElements(content).find((child) => child.getName() === "transport");
      if (transport && this.#transport instanceof Socks) this.#transport.told(transport, iq);
      return undefined;
    },
    "security-info": () => undefined,
    "description-info": () => undefined,
    "content-add": (jingle, iq) => {
      this.#play.findings.should("one-content", false, "A content was added to a session for one XML stream.", iq);
      this.#later("content-reject", jingle);
      return undefined;
    },
    "transport-replace": (jingle, iq) => {
      const offered = jingle
        .getChildren("content", NS_JINGLE)
        .flatMap((content) => childElements(content))
        .find((child) => child.getName() === "transport");
      const known = [NS_JINGLE_IBB, NS_JINGLE_S5B].includes(offered?.getNS() ?? "");
      this.#play.findings.should("replace-known", known, `A transport was to be replaced by one that was not advertised: ${offered?.getNS()}.`, iq);
      this.#play.hear("jingle:transport-replace", iq);
      this.#later("transport-reject", jingle);
      return undefined;
    },
    "content-remove": () => undefined,
    "content-modify": () => undefined,
    "content-reject": () => this.#repliedBy("content-reject"),
    "transport-reject": () => this.#repliedBy("transport-reject"),
    "transport-accept": () => undefined,
    "content-accept": () => undefined,
  };

  #repliedBy(action: string): undefined {
    this.#came.add(action);
    if (this.#reply?.action === action) this.#reply.came();
  }

  /** Said after the acknowledgement. */
  #later(action: string, jingle: Element): void {
    queueMicrotask(() => void this.#play.wire.ask(this.#jingle(action, jingle.getChildren("content", NS_JINGLE))));
  }

  #initiate(jingle: Element, iq: Element): undefined {
    const { findings } = this.#play;
    const must = this.#judge(iq);
    must("initiate-sid", (jingle.attrs.sid ?? "") !== "", "The session-initiate has no sid.");
    const contents = jingle.getChildren("content", NS_JINGLE);
    must("initiate-one-content", contents.length === 1, `The session-initiate has ${contents.length} contents, and an XML stream has one.`);
    const content = contents[0] as Element; // there is one
    const { name, creator, disposition = "session", senders = "both" } = content.attrs;
    must("content-name", (name ?? "") !== "", "The content has no name.");
    must("initiate-disposition", disposition === "session", `The content has the disposition ${disposition}.`);
    must("initiate-senders", ["both", "initiator", "responder", "none"].includes(senders), `The content has the senders ${senders}.`);
    const { description, transport } = partsOf(content);
    must("description-present", description !== undefined, "The content has no description.");
    must("initiate-known-application", description?.getNS() === NS_XMLSTREAM, `An application was offered that is not advertised: ${description?.getNS()}.`);
    must("description-empty", childElements(description as Element).length === 0, "The description is not empty (XEP-0247 §2).");
    must("transport-present", transport !== undefined, "The content has no transport.");
    const namespace = transport?.getNS() ?? "";
    must("initiate-known-transport", [NS_JINGLE_IBB, NS_JINGLE_S5B].includes(namespace), `A transport was offered that is not advertised: ${namespace}.`);
    const attrs = (transport as Element).attrs; // there is one
    if (namespace === NS_JINGLE_IBB) {
      must("transport-sid", (attrs.sid ?? "") !== "", "The transport has no sid.");
      findings.should("transport-sid", attrs.sid !== "None", "The transport's sid is the word None.", iq);
    }
    if (namespace === NS_JINGLE_IBB) must("block-size", isBlockSize(attrs["block-size"]), `The transport has the block-size ${attrs["block-size"]}.`);
    if (namespace === NS_JINGLE_S5B) Socks.judge(transport as Element, must);
    this.#judgeSecurity(content, must);
    must("content-creator", creator !== "responder", "The content says that the responder created it.");
    findings.should("content-creator", creator === "initiator", `The content says that ${creator ?? "nobody"} created it.`, iq);
    this.#sid = jingle.attrs.sid as string; // there is one
    this.#content = name as string; // likewise
    this.#phase = "pending";
    this.#initiated.put(jingle);
    return undefined;
  }

  #accept(jingle: Element, iq: Element): undefined {
    const { findings, role } = this.#play;
    findings.should("accept-by-responder", role === "initiator", "The session's initiator accepted it.", iq);
    if (role !== "initiator") throw outOfOrder();
    findings.should("accept-once", this.#phase === "pending", "The session was accepted twice.", iq);
    if (this.#phase !== "pending") throw outOfOrder();
    const must = this.#judge(iq);
    const contents = jingle.getChildren("content", NS_JINGLE);
    must("accept-one-content", contents.length === 1, `The session-accept has ${contents.length} contents, and one was offered.`);
    const content = contents[0] as Element; // there is one
    findings.should("accept-content-name", content.attrs.name === this.#content, `The content is named ${content.attrs.name}, and ${this.#content} was offered.`, iq);
    findings.should("accept-after-result", this.#play.wire.waiting === 0, "The session-accept came ahead of the session-initiate's result.", iq);
    const { description, transport } = partsOf(content);
    must("description-present", description !== undefined, "The content has no description.");
    must("accept-same-application", description?.getNS() === NS_XMLSTREAM, `Another application was accepted than was offered: ${description?.getNS()}.`);
    must("description-empty", childElements(description as Element).length === 0, "The description is not empty (XEP-0247 §2).");
    must("transport-present", transport !== undefined, "The content has no transport.");
    const offered = partsOf(this.#offered as Element).transport as Element; // an initiator has offered
    must("accept-same-transport", transport?.getNS() === offered.getNS(), `Another transport was accepted than was offered: ${transport?.getNS()}.`);
    const { attrs } = transport as Element; // there is one
    if (offered.getNS() === NS_JINGLE_IBB) {
      must("accept-transport-sid", attrs.sid === offered.attrs.sid, `The transport has the sid ${attrs.sid}, and ${offered.attrs.sid} was offered.`);
      const size = attrs["block-size"];
      must("accept-block-size", isBlockSize(size) && Number(size) <= BLOCK, `The transport was accepted with blocks of ${size} bytes, and ${BLOCK} were offered.`);
      if (Number(size) !== BLOCK) this.#transport = new InBand(this.#play, { sid: attrs.sid as string, block: Number(size) });
    } else Socks.judge(transport as Element, must);
    if (!hasSecurity(this.#offered as Element)) must("xtls-asked", !hasSecurity(content), "TLS at once was accepted, and nobody had offered it.");
    this.#judgeSecurity(content, must);
    this.#phase = "active"; // a second session-accept may come in the same breath
    this.#accepted.put(jingle);
    return undefined;
  }

  #judgeSecurity(content: Element, must: (rule: string, holds: boolean, why: string) => void): void {
    const security = content.getChild("security", NS_XTLS);
    if (!security) return;
    const methods = security.getChildren("method").map(({ attrs }) => attrs.name);
    must("xtls-method", methods.includes("x509"), `The methods of TLS are ${methods.join(", ") || "none"}, and x509 is the one that was offered.`);
    const fingerprint = security.getChild("fingerprint");
    if (!fingerprint) return;
    const digits = fingerprint.getText().trim().replaceAll(":", "");
    const length = (fingerprint.attrs.algo ?? "sha-1").replace("-", "") === "sha1" ? 40 : 64;
    must("xtls-fingerprint-form", /^[0-9a-f]+$/i.test(digits) && digits.length === length, `The fingerprint is no hash: ${JSON.stringify(digits)}.`);
  }

  #fingerprintIn(content: Element): Channel["fingerprint"] {
    const fingerprint = content.getChild("security", NS_XTLS)?.getChild("fingerprint");
    if (!fingerprint) return undefined;
    const digits = fingerprint.getText().trim().replaceAll(":", "").toLowerCase();
    return { algorithm: digits.length === 40 ? "sha1" : "sha256", digits };
  }

  #judge(iq: Element) {
    const { findings } = this.#play;
    return (rule: string, holds: boolean, why: string): void => findings.must(rule, holds, why, iq);
  }

  #terminated(jingle: Element, iq: Element): undefined {
    const play = this.#play;
    const words = childElements(jingle.getChild("reason", NS_JINGLE) ?? xml("reason"))
      .map((child) => child.getName())
      .filter((name) => name !== "text");
    const word = words[0] ?? "none";
    this.#phase = "over";
    if (word !== "success") {
      const breach = play.blameless && play.findings.breach("session-kept", `The peer ended a session of which every rule was kept, with ${word}.`, iq);
      play.hear(`terminate:${word}`, iq);
      play.stop(breach || new Ended(`session-terminate: ${word}`));
    }
    this.#ended();
    return undefined;
  }

  #ended: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.#ended = resolve;
  });
}

export const reason = (word: string): Element => xml("reason", null, xml(word));

const outOfOrder = (): Refuse => new Refuse("unexpected-request", "cancel", xml("out-of-order", NS_JINGLE_ERRORS));

const isBlockSize = (size: string | undefined): boolean => /^\d{1,5}$/.test(size ?? "") && Number(size) > 0 && Number(size) <= 65535;

const hasSecurity = (content: Element): boolean => content.getChild("security", NS_XTLS) !== undefined;

function partsOf(content: Element): { readonly description: Element | undefined; readonly transport: Element | undefined; readonly security: Element | undefined } {
  const children = childElements(content);
  const named = (name: string) => children.find((child) => child.getName() === name);
  return { description: named("description"), transport: named("transport"), security: named("security") };
}
