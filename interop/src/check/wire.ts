import { randomId } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";
import type { Account } from "./account.js";

const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** What became of an IQ. */
export interface Answered {
  readonly type: "result" | "error";
  /** `item-not-found/unknown-session`: the condition of RFC 6120 §8.3.3, and the specific one behind it, where there is one. */
  readonly condition: string;
  readonly stanza: Element;
  readonly payload: Element | undefined;
}

/** An IQ is answered by an error. */
export class Refuse extends Error {
  override readonly name = "Refuse";
  constructor(
    readonly condition: string,
    readonly type: "cancel" | "modify" = "cancel",
    readonly detail: Element | undefined = undefined,
  ) {
    super(condition);
  }
}

/** Answers an IQ: the payload of the result, or nothing; throws Refuse for an error. */
export type Handler = (payload: Element, iq: Element) => Element | undefined;

/** IQs between the tester and one full address, as they are: nothing is checked, mended or answered but by whoever plays. */
export class Wire {
  readonly peer: string;
  readonly #account: Account;
  readonly #log: (line: string) => void;
  readonly #asked = new Map<string, { readonly to: string; readonly resolve: (answered: Answered) => void }>();
  readonly #handlers = new Map<string, Handler>();
  readonly #stop: () => void;

  constructor(account: Account, peer: string, log: (line: string) => void) {
    this.#account = account;
    this.peer = peer;
    this.#log = log;
    this.#stop = account.listen((stanza, from) => this.#take(stanza, from));
  }

  get self(): string {
    return this.#account.self;
  }

  /** IQs of ours that are not answered yet. */
  get waiting(): number {
    return this.#asked.size;
  }

  /** What the peer asks or tells in that namespace goes to `handler`. */
  on(namespace: string, handler: Handler): void {
    this.#handlers.set(namespace, handler);
  }

  /** Sends an IQ. Resolves with its answer, whatever it is; the wait has no end of its own. */
  ask(payload: Element | readonly Element[], { type = "set", to = this.peer, by = this.#account }: { type?: string; to?: string; by?: Account } = {}): Promise<Answered> {
    const id = randomId();
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { to, resolve });
      const iq = xml("iq", { type, to, id }, payload);
      this.#log(`> ${by === this.#account ? "" : `(as ${by.self}) `}${iq}`);
      by.send(iq).catch(reject);
    });
  }

  /** Another account of the tester's: what is answered to it counts too. */
  also(account: Account): () => void {
    return account.listen((stanza, from) => this.#take(stanza, from, account));
  }

  close(): void {
    this.#stop();
    this.#asked.clear();
  }

  #take(stanza: Element, from: string, account = this.#account): boolean {
    if (stanza.name !== "iq") return false;
    const { type, id = "" } = stanza.attrs;
    if (type === "result" || type === "error") return this.#settle(id, type, stanza, from);
    if (from !== this.peer || account !== this.#account) return false;
    this.#log(`< ${stanza}`);
    const [payload] = childElements(stanza);
    const handler = payload && this.#handlers.get(payload.getNS() ?? "");
    this.#answer(stanza, () => {
      if (!payload || !handler) throw new Refuse("service-unavailable");
      return handler(payload, stanza);
    });
    return true;
  }

  #settle(id: string, type: "result" | "error", stanza: Element, from: string): boolean {
    const asked = this.#asked.get(id);
    if (asked?.to !== from) return false;
    this.#asked.delete(id);
    this.#log(`< ${stanza}`);
    asked.resolve({ type, condition: type === "error" ? conditionOf(stanza) : "", stanza, payload: childElements(stanza)[0] });
    return true;
  }

  #answer(iq: Element, make: () => Element | undefined): void {
    const answer = xml("iq", { to: this.peer, id: iq.attrs.id, type: "result" });
    try {
      const payload = make();
      if (payload) answer.append(payload);
    } catch (error) {
      if (!(error instanceof Refuse)) throw error;
      answer.attrs.type = "error";
      answer.append(xml("error", { type: error.type }, xml(error.condition, NS_STANZAS), error.detail));
    }
    this.#log(`> ${answer}`);
    this.#account.send(answer).catch((error: unknown) => this.#log(`! ${String(error)}`));
  }
}

function conditionOf(iq: Element): string {
  const children = iq.getChildren("error").flatMap((error) => childElements(error));
  const known = children.filter((child) => child.getNS() === NS_STANZAS && child.getName() !== "text");
  const specific = children.filter((child) => child.getNS() !== NS_STANZAS);
  return [...known, ...specific].map((child) => child.getName()).join("/") || "none";
}
