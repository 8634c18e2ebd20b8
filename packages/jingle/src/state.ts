import type { BalconyError } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Action, ActionName, OutgoingContent, Senders } from "./action.js";
import type { Role } from "./plugins.js";
import type { Reason } from "./reason.js";
import type { Refusal } from "./refusal.js";
import type { Way } from "./ways.js";

/** Where a session stands; the table is in machine.ts. */
export type Phase = "preparing" | "offered" | "asked" | "accepting" | "connecting" | "failed" | "proposing" | "considering" | "connected" | "ended";

/** What is agreed on once for the session's life. */
export interface Terms {
  readonly senders: Senders | undefined;
  readonly application: Element;
  readonly security: Element | undefined;
}

/** One session's state. */
export interface State {
  readonly phase: Phase;
  readonly role: Role;
  readonly self: Jid;
  readonly peer: Jid;
  readonly sid: string;
  /** Name of the one content; its creator is always the initiator. */
  readonly content: string;
  /** Names of further contents in the peer's offer, which are removed on acceptance. */
  readonly surplus: readonly string[];
  /** What we offer or answer. Undefined for a responder that has not decided. */
  readonly local: Terms | undefined;
  /** What the peer offers or answers. Undefined until it has. */
  readonly remote: Terms | undefined;
  /** Have both accepted the session: has session-accept been sent, or come in? */
  readonly accepted: boolean;
  /** Number of the present attempt; 0 before the first. */
  readonly attempt: number;
  /** Namespace of the present attempt's transport. */
  readonly transport: string;
  /** Our own `<transport/>` of the present attempt, where we offered it and it is ready. */
  readonly ours: Element | undefined;
  /** Once connected: may the path still be given up for another? */
  readonly provisional: boolean;
  /** The `<transport/>` offered to us, until it is answered. */
  readonly offer: Element | undefined;
  /** transport-info that came before the attempt it is for. */
  readonly held: readonly Element[];
  /** Namespaces that we know. */
  readonly known: readonly string[];
  /** What we may still propose, in order of preference. */
  readonly untried: readonly Way[];
  /** Namespaces of the attempts before the present one. */
  readonly past: readonly string[];
}

export type Event =
  | { readonly type: "received"; readonly from: Jid; readonly action: Action }
  | { readonly type: "prepared"; readonly attempt: number; readonly transport: Element }
  | { readonly type: "unprepared"; readonly attempt: number; readonly error: Error }
  | { readonly type: "accept"; readonly terms: Terms; readonly untried: readonly Way[] }
  | { readonly type: "answered"; readonly attempt: number; readonly transport: Element }
  | { readonly type: "unanswered"; readonly attempt: number; readonly error: Error }
  /** `provisional`: until `settled` it may be given up for another. */
  | { readonly type: "connected"; readonly attempt: number; readonly provisional: boolean }
  | { readonly type: "settled" }
  /** `transport`: namespace of what carried a path that broke, where that is another than the attempt's. */
  | { readonly type: "failed"; readonly attempt: number; readonly error: Error; readonly transport?: string | undefined }
  | { readonly type: "replace-due"; readonly attempt: number }
  | {
      readonly type: "refused";
      readonly action: ActionName;
      readonly attempt: number;
      readonly why: "unknown-session" | "tie-break" | "other" | "no-answer";
      readonly error: BalconyError;
    }
  | { readonly type: "terminate"; readonly reason: Reason; readonly text?: string | undefined; readonly alternative?: string | undefined; readonly error: BalconyError }
  | { readonly type: "expired"; readonly message: string }
  | { readonly type: "yielded" }
  | { readonly type: "signalling-lost"; readonly error: BalconyError };

/** An action that the driver completes with sid and addresses. */
export interface Send {
  readonly name: ActionName;
  readonly content?: OutgoingContent | undefined;
  readonly contents?: readonly OutgoingContent[] | undefined;
  readonly reason?: Reason | undefined;
  readonly text?: string | undefined;
  readonly alternative?: string | undefined;
}

/**
 * What the driver does. The first group may throw a stanza error: it answers the action, and the step has not happened.
 * Those that only answer an action: `refuse`, and `hear`, whose outcome is the answer. Without either the answer is an empty result.
 */
export type Effect =
  | { readonly type: "check-answer"; readonly terms: Terms }
  | { readonly type: "check-transport"; readonly transport: Element }
  | { readonly type: "take-answer"; readonly transport: Element }
  | { readonly type: "take-info"; readonly transport: Element }
  | { readonly type: "hear"; readonly payload: Element }
  | { readonly type: "refuse"; readonly refusal: Refusal }
  | { readonly type: "send"; readonly send: Send }
  /** Begins an attempt by offering. */
  | { readonly type: "prepare"; readonly attempt: number; readonly way: Way }
  /** Begins an attempt by answering; what was held goes to it right behind the offer. */
  | { readonly type: "answer"; readonly attempt: number; readonly transport: string; readonly offer: Element; readonly held: readonly Element[] }
  | { readonly type: "connect"; readonly attempt: number }
  /** Lets go of the present attempt. */
  | { readonly type: "abort" }
  /** Destroys the bytes of an attempt that nobody waits for any more. */
  | { readonly type: "discard"; readonly attempt: number }
  /** After a while without the peer's transport-replace: `replace-due`. */
  | { readonly type: "await-replace"; readonly attempt: number }
  | { readonly type: "established" }
  /** To whoever waits for the session, or uses it. */
  | { readonly type: "over"; readonly error: BalconyError };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
