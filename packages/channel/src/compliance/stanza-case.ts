import { type Element, xml } from "@balcony/xml";
import type { ErrorCode } from "../codes.js";
import { BalconyError } from "../error.js";
import type { Received, RequestFilter, StanzaChannel } from "../stanza-channel.js";
import { check, checkEqual, checkFails } from "./check.js";
import type { Case, Within } from "./run.js";

/** Two channels that talk to each other: `a.peer` is `b.self`, and the other way round. */
export interface StanzaPair {
  readonly a: StanzaChannel;
  readonly b: StanzaChannel;
}

export interface StanzaContext extends StanzaPair {
  /** Bytes of a stanza that counts as big. */
  readonly size: number;
  readonly within: Within;
}

/** With somebody else, whose stanzas reach `a` by the same wire. */
export interface StrangerContext extends StanzaContext {
  readonly stranger: StanzaChannel;
}

export type StanzaCase = Case<StanzaContext>;
export type StrangerCase = Case<StrangerContext>;

export const NS = "urn:example:compliance";
export const asking: RequestFilter = { type: "get", name: "question", xmlns: NS };
export const telling: RequestFilter = { type: "set", name: "order", xmlns: NS };

export function question(text = ""): Element {
  return xml("iq", { type: "get" }, xml("question", NS, text));
}

export function order(text = ""): Element {
  return xml("iq", { type: "set" }, xml("order", NS, text));
}

export function answer(text = ""): Element {
  return xml("answer", NS, text);
}

export function message(text: string): Element {
  return xml("message", { type: "chat" }, xml("body", {}, text));
}

/** Keeps what a channel is given, and tells when there is enough. */
export class Hearing {
  readonly heard: Received[] = [];
  readonly #waiting = new Set<() => void>();
  readonly stop: () => void;

  constructor(channel: StanzaChannel) {
    this.stop = channel.onStanza((received) => {
      this.heard.push(received);
      for (const look of [...this.#waiting]) look();
      return undefined;
    });
  }

  get bodies(): string[] {
    return this.heard.map(({ stanza }) => stanza.getChildText("body") ?? "");
  }

  upTo(count: number): Promise<readonly Received[]> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.heard.length < count) return;
        this.#waiting.delete(look);
        resolve(this.heard);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Fails unless `work` fails with a BalconyError of this code; resolves with it. */
export async function checkCode(work: Promise<unknown>, code: ErrorCode, what: string): Promise<BalconyError> {
  const error = await checkFails(work, what);
  check(error instanceof BalconyError, `${what}: failed with ${String(error)}, which is no BalconyError`);
  checkEqual(error.code, code, `${what}: code`);
  return error;
}

/** Fails unless `work` is answered with this stanza error condition. */
export async function checkCondition(work: Promise<unknown>, condition: string, what: string): Promise<BalconyError> {
  const error = await checkCode(work, "stanza-error", what);
  checkEqual(error.stanza?.condition, condition, `${what}: condition`);
  return error;
}

/** Resolves once the channel is closed, with the code that says why. */
export function closedWith({ closed }: StanzaChannel): Promise<ErrorCode> {
  return new Promise((resolve) => {
    if (closed.aborted) resolve(closed.reason.code);
    else closed.addEventListener("abort", () => resolve(closed.reason.code), { once: true });
  });
}
