import { Duplex } from "node:stream";
import { type Element, xml } from "@balcony/xml";
import { NS_IBB } from "./namespaces.js";
import { Ended, type Play } from "./play.js";
import { Refuse } from "./wire.js";

/** One in-band bytestream (XEP-0047) of the tester's: keeps the rules, or breaks the one that the play is about, and judges what comes. */
export class InBand extends Duplex {
  readonly #play: Play;
  readonly #sid: string;
  readonly #block: number;
  #sent = 0;
  #expected = 0;
  #open = false;
  #closed = false;
  #opened: () => void = () => undefined;
  readonly opened: Promise<void>;

  constructor(play: Play, { sid, block }: { readonly sid: string; readonly block: number }) {
    super({ allowHalfOpen: true, autoDestroy: false, emitClose: false });
    this.#play = play;
    this.#sid = sid;
    this.#block = block;
    this.opened = new Promise((resolve) => {
      this.#opened = resolve;
    });
    this.on("error", () => undefined); // of a write: the play has been stopped with it
    play.on(NS_IBB, (payload, iq) => {
      if (payload.is("open")) this.#told(payload, iq);
      else if (payload.is("data")) this.#data(payload, iq);
      else if (payload.is("close")) this.#close(payload);
      else throw new Refuse("bad-request", "modify");
      return undefined;
    });
  }

  /** XEP-0047 §2.1, by whoever initiated the session (XEP-0261 §2.2). */
  async open(): Promise<void> {
    const play = this.#play;
    let [sid, block, stanza]: [string, string | undefined, string] = [this.#sid, String(this.#block), "iq"];
    if (play.breaks("ibb-open-larger-block")) block = String(this.#block * 2);
    if (play.breaks("ibb-open-other-sid")) sid += "x";
    if (play.breaks("ibb-open-without-block-size")) block = undefined;
    if (play.breaks("ibb-open-block-size-no-number")) block = "many";
    if (play.breaks("ibb-open-block-size-zero")) block = "0";
    if (play.breaks("ibb-open-by-carrier-pigeon")) stanza = "pigeon";
    const open = xml("open", { xmlns: NS_IBB, sid, "block-size": block, stanza });
    await play.told(open, { rule: "ibb-open-accepted", what: "<open/>" });
    if (play.breaks("ibb-open-twice")) await play.told(open, { rule: "ibb-open-accepted", what: "the second <open/>" });
    this.#open = true;
  }

  #told({ attrs }: Element, iq: Element): void {
    const { role } = this.#play;
    const refuse = this.#judge(iq);
    refuse("ibb-open-by-initiator", role === "responder", "not-acceptable", "The session's responder opened the bytestream.");
    refuse("ibb-open-once", !this.#open, "not-acceptable", "The bytestream was opened twice.");
    refuse("ibb-open-sid", attrs.sid === this.#sid, "not-acceptable", `The bytestream ${attrs.sid} was opened, and ${this.#sid} was agreed on.`);
    const block = attrs["block-size"];
    refuse(
      "ibb-open-block-size",
      block === String(this.#block),
      "resource-constraint",
      `The bytestream was opened with blocks of ${block ?? "no size"}, and ${this.#block} was agreed on.`,
    );
    refuse("ibb-open-stanza", attrs.stanza === undefined || attrs.stanza === "iq", "not-acceptable", `The bytestream was opened for <${attrs.stanza}/> stanzas.`);
    this.#open = true;
    this.#opened();
  }

  #data({ attrs, children }: Element, iq: Element): void {
    const refuse = this.#judge(iq);
    refuse("ibb-data-sid", attrs.sid === this.#sid, "item-not-found", `A block came for the bytestream ${attrs.sid}, and there is only ${this.#sid}.`);
    if (this.#closed) throw new Refuse("item-not-found");
    if (this.#play.role === "responder" && !this.#open) {
      this.#play.findings.should("ibb-opened", false, "A block came of a bytestream that was not opened.", iq);
      this.#open = true;
      this.#opened();
    }
    const seq = attrs.seq ?? "";
    refuse("ibb-seq-number", /^\d{1,5}$/.test(seq) && Number(seq) < 65536, "bad-request", `A block has the sequence number ${JSON.stringify(attrs.seq)}.`);
    refuse("ibb-sequence", Number(seq) === this.#expected, "unexpected-request", `Block ${seq} came where ${this.#expected} was to come.`);
    const text = textOf(children).replace(/[\t\n\r ]/g, "");
    const wellEncoded = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
    refuse("ibb-base64", wellEncoded && text.length > 0, "bad-request", "A block is not base64 as RFC 4648 §4 has it.");
    const bytes = Buffer.from(text, "base64");
    refuse("ibb-block-size", bytes.length <= this.#block, "bad-request", `A block has ${bytes.length} bytes, and ${this.#block} was agreed on.`);
    if (this.#play.breaks("ibb-block-refused")) throw new Refuse("item-not-found");
    this.#expected = (this.#expected + 1) % 65536;
    this.push(bytes);
  }

  /** What does not hold ends the play, and is answered by an error. */
  #judge(iq: Element) {
    const { findings } = this.#play;
    return (rule: string, holds: boolean, condition: string, why: string): void => {
      if (holds) {
        findings.kept.add(rule);
        return;
      }
      this.#play.stop(findings.breach(rule, why, iq));
      throw new Refuse(condition);
    };
  }

  #close({ attrs }: Element): void {
    if (attrs.sid !== this.#sid || this.#closed) throw new Refuse("item-not-found");
    this.#closed = true;
    this.push(null);
  }

  override _read(): void {
    // Whatever comes is pushed: a play has some kilobytes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(
      () => done(),
      (error: unknown) => {
        this.#play.stop(error as Error);
        done(error as Error);
      },
    );
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#closed; at += this.#block) {
      await this.#sendBlock(bytes.subarray(at, at + this.#block));
    }
  }

  async #sendBlock(bytes: Buffer): Promise<void> {
    const play = this.#play;
    let [sid, seq, text]: [string, string | undefined, string] = [this.#sid, String(this.#sent), bytes.toString("base64")];
    if (play.breaks("ibb-first-seq-is-one")) seq = "1";
    if (this.#sent === 1 && play.breaks("ibb-seq-gap")) seq = "2";
    if (this.#sent === 1 && play.breaks("ibb-seq-repeated")) seq = "0";
    if (play.breaks("ibb-seq-no-number")) seq = "first";
    if (play.breaks("ibb-seq-negative")) seq = "-1";
    if (play.breaks("ibb-seq-beyond-16-bits")) seq = "65536";
    if (play.breaks("ibb-seq-left-out")) seq = undefined;
    if (play.breaks("ibb-block-too-large")) text = Buffer.alloc(this.#block + 1, " ").toString("base64");
    if (play.breaks("ibb-base64-alphabet")) text = `-_-_${text}`;
    if (play.breaks("ibb-base64-padding-within")) text = `PA==${text}`;
    if (play.breaks("ibb-base64-cut-short")) text = `${text}A`;
    if (play.breaks("ibb-data-of-other-sid")) sid += "x";
    await this.#strange(sid, seq);
    const data = xml("data", { xmlns: NS_IBB, sid, seq }, text);
    // What is written after the peer has closed cannot arrive: that is nobody's fault.
    const answered = await play.ask(data, { what: `block ${this.#sent}` });
    if (answered.type === "error" && !this.#closed) {
      const why = `Block ${this.#sent} was answered with ${answered.condition}.`;
      throw play.blameless ? play.findings.breach("ibb-block-acknowledged", why, answered.stanza) : new Ended(why);
    }
    if (answered.type === "result") play.findings.kept.add("ibb-block-acknowledged");
    this.#sent = (this.#sent + 1) % 65536;
  }

  /** Somebody else sends a block of this bytestream: it must be refused, and change nothing. */
  async #strange(sid: string, seq: string | undefined): Promise<void> {
    const play = this.#play;
    if (this.#sent !== 1 || !play.breaks("ibb-block-of-a-stranger")) return;
    const stranger = await play.options.stranger();
    const stop = play.wire.also(stranger);
    const data = xml("data", { xmlns: NS_IBB, sid, seq }, Buffer.from("<stranger/>").toString("base64"));
    const answered = await play.ask(data, { by: stranger, what: "a stranger's block" }).finally(stop);
    play.hear(answered.type === "error" ? "stranger:refused" : "stranger:taken", answered.stanza);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#closed) {
      done();
      return;
    }
    this.#closed = true;
    this.#play.wire.ask(xml("close", { xmlns: NS_IBB, sid: this.#sid })).then(
      () => {
        this.push(null);
        done();
      },
      (error: unknown) => done(error as Error),
    );
  }
}

const textOf = (children: Element["children"]): string => children.map((child) => (typeof child === "string" ? child : textOf(child.children))).join("");
