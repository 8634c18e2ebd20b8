/**
 * Why a string is no address: the part that breaks its rules (`localpart`, `domainpart`, `resourcepart`),
 * a part longer than 1,023 bytes (`length`), or a code point that Unicode 15.0 does not know (`unassigned`).
 */
export type JidFault = "localpart" | "domainpart" | "resourcepart" | "length" | "unassigned";

/** A string that is no XMPP address. */
export class JidError extends Error {
  override readonly name = "JidError";
  constructor(
    readonly reason: JidFault,
    message: string,
  ) {
    super(message);
  }
}
