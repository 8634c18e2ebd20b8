import { BalconyError } from "@balcony/channel";
import type { ESessionsOptions, Identification, Messages, Parameters, Renegotiate, StanzaKind } from "@balcony/esessions";

/** What ESessions are with clients that know no streams, where policy falls back to them: docs/esessions.md. All of it may be left out. */
export interface ESessionSettings {
  /**
   * How we identify ourselves, in order of preference: by the RSA key of this account (`key`), which is made when it is first needed, by that key's hash (`hash`), or not at all. Between two Balconies the
   * device's key decides, whatever is said here. Default `["none"]`.
   */
  readonly identify?: readonly Identification[];
  /** How the other side may identify itself, in order of preference. Without `none` nobody gets an ESession without a key. Default `["none"]`. */
  readonly require?: readonly Identification[];
  /** Negotiations of how many messages we take; `open()` begins one of the first that is listed. Three need a key on both sides, and show the responder's to whoever asks (XEP-0116 §4). Default `[4]`. */
  readonly messages?: readonly Messages[];
  /** Which kinds of stanza are encrypted with a client that is no Balcony; messages always. What a server can do with the other two docs/esessions.md says. Default `["message"]`. */
  readonly stanzas?: readonly StanzaKind[];
  /** A long secret that was agreed on outside with this bare address (XEP-0116, "Other Shared Secret"): without the same one there is no session. For four messages. */
  readonly otherSecret?: NonNullable<ESessionsOptions["otherSecret"]>;
  /** Asked where the other side wants more of a transcript, in a session that stands, than was agreed on (XEP-0155 §6). Default: nobody gets that. */
  readonly renegotiate?: Renegotiate;
}

/** Do we show an RSA key, or ask for one? */
export const usesRsa = ({ identify = [], require = [] }: ESessionSettings): boolean => [...identify, ...require].some((method) => method !== "none");

/** @throws `invalid-argument` for what contradicts itself */
export function checkSettings(settings: ESessionSettings): ESessionSettings {
  const { identify = ["none"], messages = [4], otherSecret, require = ["none"], stanzas = ["message"] } = settings;
  const refuse = (why: string): BalconyError => new BalconyError("invalid-argument", why);
  if ([identify, require, messages, stanzas].some((list) => list.length === 0)) throw refuse("A list of what ESessions may be is empty.");
  if (!stanzas.includes("message")) throw refuse("Messages are always among what is encrypted: everything else hangs on them.");
  if (messages.includes(3) && [identify, require].some((methods) => methods.every((method) => method === "none"))) {
    throw refuse("A negotiation of three messages needs an identification by key of both sides (XEP-0116 §4.3).");
  }
  if (messages[0] === 3 && otherSecret) throw refuse("A negotiation of three messages has no place for an other shared secret (XEP-0116 §4.7.3).");
  return settings;
}

/** As negotiations take them. */
export function parametersOf({ identify, messages, require, stanzas }: ESessionSettings): Partial<Parameters> {
  return { ...(identify && { identify }), ...(messages && { messages }), ...(require && { require }), ...(stanzas && { stanzas }) };
}
