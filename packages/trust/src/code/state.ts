import type { ErrorCode } from "@balcony/channel";
import type { CeremonyOutcome } from "../ceremony/state.js";
import type { BareJid } from "../record.js";
import type { Code } from "./code.js";

/** What travels inside the channel. `id` is the run's, both halves; in a cancel before both are known, the half that is. */
export type CodeMessage =
  | { readonly type: "code-request"; readonly half: Uint8Array; readonly initiator: BareJid; readonly responder: BareJid }
  | { readonly type: "code-ready"; readonly id: Uint8Array; readonly initiator: BareJid; readonly responder: BareJid }
  | { readonly type: "code-share"; readonly id: Uint8Array; readonly share: Uint8Array }
  | { readonly type: "code-answer"; readonly id: Uint8Array; readonly share: Uint8Array; readonly tag: Uint8Array }
  | { readonly type: "code-tag"; readonly id: Uint8Array; readonly tag: Uint8Array }
  | { readonly type: "code-wrong" | "code-cancel"; readonly id: Uint8Array };

/** A code to run with, and what is fresh for this run, from a cryptographic source: half of its id, and the scalar behind our share. */
export interface CodeInHand {
  readonly code: Code;
  readonly half: Uint8Array;
  readonly scalar: bigint;
}

export type CodeEvent =
  // the person here
  | ({ readonly type: "ask" } & CodeInHand)
  | { readonly type: "cancel" }
  // the peer; `waiting` is the invitation that waits for it, with a request alone
  | { readonly type: "received"; readonly message: CodeMessage; readonly waiting?: CodeInHand | undefined }
  /** The peer's client has taken our tag. */
  | { readonly type: "delivered" }
  /** The peer's client refused a message of ours. */
  | { readonly type: "rejected"; readonly code: ErrorCode }
  // the store
  | { readonly type: "spent" | "saved" }
  | { readonly type: "refused"; readonly code: ErrorCode }
  // the channel and the clock
  | { readonly type: "lost" | "deadline" };

export type CodeEffect =
  | { readonly do: "send"; readonly message: CodeMessage }
  /** Use the code up durably, then say `spent`, or `refused`. Nothing that is made of it leaves before. */
  | { readonly do: "spend"; readonly code: Code }
  /** Record the peer's key as verified; then say `saved`, or `refused`. */
  | { readonly do: "save"; readonly code: Code }
  /** The message fits no run that there is: answer `item-not-found`. */
  | { readonly do: "refuse" }
  | { readonly do: "end"; readonly outcome: CeremonyOutcome };

interface Agreed {
  readonly id: Uint8Array;
  readonly code: Code;
  readonly scalar: bigint;
}

export type CodeState =
  | { readonly name: "idle" }
  /** We have asked. */
  | ({ readonly name: "asking" } & CodeInHand)
  /** R: the initiator's share is awaited. */
  | ({ readonly name: "agreed" } & Agreed)
  /** The store is asked to use the code up. R: holds the initiator's share. */
  | ({ readonly name: "spending"; readonly peerShare: Uint8Array | undefined } & Agreed)
  /** I: our share is out; the responder's, and its tag, are awaited. */
  | ({ readonly name: "shared"; readonly share: Uint8Array } & Agreed)
  /** R: our share and tag are out; the initiator's tag is awaited. */
  | { readonly name: "answered"; readonly id: Uint8Array; readonly code: Code; readonly wanted: Uint8Array }
  /** The peer knows the code; the store is asked to keep it. I: holds the tag that proves that we do. */
  | { readonly name: "saving"; readonly id: Uint8Array; readonly tag: Uint8Array | undefined; readonly lost: boolean }
  /** I: verified; the peer is being told. */
  | { readonly name: "telling"; readonly id: Uint8Array }
  | { readonly name: "over"; readonly id: Uint8Array | undefined; readonly outcome: CeremonyOutcome };

export interface CodeStep {
  readonly state: CodeState;
  readonly effects: readonly CodeEffect[];
}
