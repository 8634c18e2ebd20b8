import { type Jid, JidError, normalize } from "@balcony/xml";

/** What a client wrote as an address, in normal form; undefined where it is none. */
export function addressIn(text: string): Jid | undefined {
  try {
    return normalize(text);
  } catch (error) {
    if (error instanceof JidError) return undefined;
    throw error;
  }
}
