import { BalconyError } from "@balcony/channel";

/** A header that names other addresses than the Jingle session, said in the words of whoever called somebody: the server has brought them to somebody else, or a relay has. */
export function misrouted(error: unknown): unknown {
  if (!(error instanceof BalconyError) || (error.code !== "invalid-from" && error.code !== "improper-addressing")) return error;
  return new BalconyError("address-mismatch", error.message, {
    cause: error,
    condition: error.condition,
    peer: error.peer,
    hint: "The server may have routed you to somebody else.",
  });
}
