import { BalconyError } from "@balcony/channel";
import { type Jid, normalize } from "@balcony/xml";

/** What a person has typed, in normal form. Throws `invalid-jid`. */
export function readAddress(address: string): Jid {
  try {
    return normalize(address);
  } catch (error) {
    throw new BalconyError("invalid-jid", `${JSON.stringify(address)} is no XMPP address.`, {
      phase: "discover",
      cause: error,
      hint: "It looks like romeo@montague.lit, or romeo@montague.lit/orchard.",
    });
  }
}
