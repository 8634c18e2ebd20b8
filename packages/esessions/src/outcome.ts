import type { RsaKey } from "./crypto.js";
import type { SealedIdentity } from "./identity.js";
import { type BothKeys, compatibilityOf, type Effect, type Given, type Outcome, retainedState, type Transcript } from "./negotiation.js";
import type { Chosen } from "./parameters.js";
import { newRetainedSecret } from "./retained-secrets.js";
import { sas28x5 } from "./sas.js";

/** What a side holds at the end of a negotiation. */
interface Held {
  readonly role: "initiator" | "responder";
  readonly chosen: Chosen;
  /** K, and what was made of it. */
  readonly finalSecret: Uint8Array;
  readonly keys: BothKeys;
  /** Behind the identities. */
  readonly counters: { readonly sending: Uint8Array; readonly receiving: Uint8Array };
  readonly exponent: Uint8Array;
  readonly peerPublic: Uint8Array;
  readonly peerKey: RsaKey | undefined;
  readonly transcript: Transcript;
  readonly terminates?: boolean;
  /** Four messages only: M_A, and the retained secret, if there was a shared one. */
  readonly confirmed?: { readonly macA: SealedIdentity["mac"]; readonly shared: Uint8Array | undefined };
}

/** The end of a negotiation, for either role. */
export function established({ crypto, prime, secrets }: Given, held: Held): Effect {
  const { chosen, confirmed, counters, exponent, finalSecret, keys, peerKey, peerPublic, role, transcript } = held;
  const outcome: Outcome = {
    chosen,
    established: {
      cipher: chosen.cipher,
      compatibility: compatibilityOf(chosen.setting),
      prime: prime(chosen.group),
      sending: role === "initiator" ? keys.initiator : keys.responder,
      receiving: role === "initiator" ? keys.responder : keys.initiator,
      sendCounter: counters.sending,
      receiveCounter: counters.receiving,
      exponent,
      peerPublic,
    },
    sas: confirmed && sas28x5(crypto, confirmed.macA, transcript.forms[1]),
    retained: confirmed ? retainedState(secrets, confirmed.shared) : "none",
    shared: confirmed?.shared,
    fresh: confirmed && newRetainedSecret(crypto, finalSecret),
    peerKey,
    finalSecret,
    transcript,
    ...(held.terminates && { terminates: true }),
  };
  return { kind: "established", outcome };
}
