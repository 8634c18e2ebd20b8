import type { ErrorCode } from "@balcony/channel";
import type { BareJid } from "../record.js";
import type { SasSymbols } from "./symbols.js";

/** Bytes that each side gives to the ceremony's id, and bytes of a nonce. */
export const HALF_BYTES = 16;
export const NONCE_BYTES = 32;

/** Fixed for the life of a channel. Addresses are bare and in normal form: our own as bound, the peer's as routed. */
export interface CeremonyContext {
  /** The Jingle initiator, whoever asked. */
  readonly role: "initiator" | "responder";
  readonly self: BareJid;
  readonly peer: BareJid;
  /** `tlsContext()` */
  readonly ctx: Uint8Array;
  /** The exporter's 32 bytes. */
  readonly ekm: Uint8Array;
}

/** `compare`: both look. `type`: the person here types what they hear; `read`: the person here reads aloud, and the other types. */
export type CeremonyMode = "compare" | "type" | "read";

/** What travels inside the channel. `id` is the ceremony's, both halves; in a cancel before both are known, the half that is. */
export type CeremonyMessage =
  | { readonly type: "request"; readonly half: Uint8Array; readonly readAloud: boolean; readonly initiator: BareJid; readonly responder: BareJid }
  | { readonly type: "ready"; readonly id: Uint8Array; readonly initiator: BareJid; readonly responder: BareJid }
  | { readonly type: "commit"; readonly id: Uint8Array; readonly commitment: Uint8Array }
  | { readonly type: "nonce"; readonly id: Uint8Array; readonly nonce: Uint8Array }
  | { readonly type: "reveal"; readonly id: Uint8Array; readonly nonce: Uint8Array }
  | { readonly type: "confirmed" | "differ"; readonly id: Uint8Array }
  | { readonly type: "cancel"; readonly id: Uint8Array };

/** Fresh for each consent, from a cryptographic source: one consent releases at most one nonce. */
export interface Fresh {
  readonly half: Uint8Array;
  readonly nonce: Uint8Array;
}

export type CeremonyEvent =
  // the person here
  | ({ readonly type: "ask"; readonly readAloud: boolean } & Fresh)
  | ({ readonly type: "accept" } & Fresh)
  | { readonly type: "confirm" | "differ" | "cancel" }
  | { readonly type: "typed"; readonly numbers: string }
  // the store
  | { readonly type: "charged" | "saved" }
  | { readonly type: "refused"; readonly code: ErrorCode }
  // the peer
  | { readonly type: "received"; readonly message: CeremonyMessage }
  // the peer's client refused a message of ours
  | { readonly type: "rejected"; readonly code: ErrorCode }
  // the channel and the clock
  | { readonly type: "lost" | "deadline" };

export type CeremonyEffect =
  | { readonly do: "send"; readonly message: CeremonyMessage }
  /** The peer's person asks: ask ours. */
  | { readonly do: "prompt"; readonly mode: CeremonyMode }
  /** Charge a guess durably, then say `charged`, or `refused`. Nothing that follows happens before. */
  | { readonly do: "charge" }
  | { readonly do: "show"; readonly symbols: SasSymbols; readonly mode: CeremonyMode }
  /** What was typed is not what is shown here; so many more times it may be typed. */
  | { readonly do: "mistyped"; readonly left: number }
  /** Record the peer's key as verified and give the guess back, in one write; then say `saved`, or `refused`. */
  | { readonly do: "save"; readonly how: "symbols" | "read-aloud" }
  | { readonly do: "record-difference" }
  | { readonly do: "close-channel" }
  /** Courtesy: what the other person says. Shown, never trusted. */
  | { readonly do: "tell"; readonly what: "peer-confirmed" | "peer-differs" }
  /** The message fits no ceremony that there is: answer `item-not-found`. */
  | { readonly do: "refuse" }
  | { readonly do: "end"; readonly outcome: CeremonyOutcome };

export type CeremonyOutcome = { readonly verified: true } | { readonly verified: false; readonly code: ErrorCode; readonly by: "us" | "peer" | "channel" | "clock" };

interface Agreed {
  readonly id: Uint8Array;
  readonly nonce: Uint8Array;
  readonly mode: CeremonyMode;
}

export type CeremonyState =
  | { readonly name: "idle" }
  /** We have asked. */
  | ({ readonly name: "asking"; readonly mode: CeremonyMode } & Fresh)
  /** We are asked. */
  | { readonly name: "asked"; readonly peerHalf: Uint8Array; readonly mode: CeremonyMode }
  /** R: both have consented; the commitment is awaited. */
  | ({ readonly name: "agreed" } & Agreed)
  /** I: the commitment is out; the peer's nonce is awaited. */
  | ({ readonly name: "committed"; readonly commitment: Uint8Array } & Agreed)
  /** The store is asked to charge. I: holds the peer's nonce. */
  | ({ readonly name: "charging"; readonly commitment: Uint8Array; readonly peerNonce: Uint8Array | undefined } & Agreed)
  /** R: our nonce is out; the reveal is awaited. */
  | ({ readonly name: "answered"; readonly commitment: Uint8Array } & Agreed)
  | { readonly name: "showing"; readonly id: Uint8Array; readonly mode: CeremonyMode; readonly sas: number; readonly lost: boolean; readonly mistyped: number }
  /** The person has said that they match; the store is asked to keep it. */
  | { readonly name: "saving"; readonly id: Uint8Array; readonly lost: boolean }
  | { readonly name: "over"; readonly id: Uint8Array | undefined; readonly outcome: CeremonyOutcome };

export interface CeremonyStep {
  readonly state: CeremonyState;
  readonly effects: readonly CeremonyEffect[];
}
