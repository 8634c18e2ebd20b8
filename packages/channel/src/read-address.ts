import { type Jid, normalize } from "@balcony/xml";
import { BalconyError } from "./error.js";

/** `address` in normal form. Throws `invalid-jid` where it is none. */
export function readAddress(address: string): Jid {
  try {
    return normalize(address);
  } catch (error) {
    throw new BalconyError("invalid-jid", `${JSON.stringify(address)} is no XMPP address.`, { cause: error });
  }
}
