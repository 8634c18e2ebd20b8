import { concatBytes } from "@noble/hashes/utils.js";
import { equalBytes } from "./fields.js";
import { type CeremonyContext, HALF_BYTES } from "./state.js";

/** Who is at which end, as the first messages of a run say it. */
export interface Ends {
  readonly initiator: string;
  readonly responder: string;
}

export function endsOf({ peer, role, self }: CeremonyContext): Ends {
  return role === "initiator" ? { initiator: self, responder: peer } : { initiator: peer, responder: self };
}

/** Does a message name both ends as we know them? */
export function namesEnds(context: CeremonyContext, { initiator, responder }: Ends): boolean {
  const ours = endsOf(context);
  return initiator === ours.initiator && responder === ours.responder;
}

/** A run's id is a half of each side: the Jingle initiator's first, whoever asked. */
export function runId({ role }: CeremonyContext, half: Uint8Array, peerHalf: Uint8Array): Uint8Array {
  return role === "initiator" ? concatBytes(half, peerHalf) : concatBytes(peerHalf, half);
}

export function halvesOf(id: Uint8Array): readonly [initiators: Uint8Array, responders: Uint8Array] {
  return [id.subarray(0, HALF_BYTES), id.subarray(HALF_BYTES)];
}

/** What an id that answers ours holds in the place of our half, and whether the other is but an echo of it. */
export function answersHalf({ role }: CeremonyContext, id: Uint8Array, half: Uint8Array): "yes" | "no" | "echo" {
  const [first, second] = halvesOf(id);
  if (equalBytes(first, second)) return "echo";
  return equalBytes(role === "initiator" ? first : second, half) ? "yes" : "no";
}

/**
 * Is a message that carries `id` about the run that there is?
 * @param known its id, as far as it is known
 * @param unanswered what is known is our half: the answer brings the other
 * @param cancels the message ends a run: whoever sends it may not know the other's half yet
 */
export function concernsRun(id: Uint8Array, known: Uint8Array, { cancels, unanswered }: { readonly unanswered: boolean; readonly cancels: boolean }): boolean {
  if (equalBytes(id, known)) return true;
  if (unanswered) return id.length === 2 * HALF_BYTES && halvesOf(id).some((half) => equalBytes(half, known));
  return cancels && id.length === HALF_BYTES && halvesOf(known).some((half) => equalBytes(half, id));
}
