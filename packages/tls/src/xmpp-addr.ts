import { readAddress } from "@balcony/channel";
import { type Asn1, content, decode, isTagged, isUniversal, items, oid, oids, readOid, tagged, utf8, within } from "./asn1.js";

/** An otherName that holds an XMPP address (RFC 6120 §13.7.1.4, RFC 5280 §4.2.1.6). */
export const xmppAddr = (address: string): Asn1 => tagged(0, oid(oids.xmppAddr), tagged(0, utf8(address)));

/**
 * The XMPP addresses in a subjectAltName, in normal form. Names of other kinds are passed over.
 * Throws where an xmppAddr is malformed: not a UTF8String, not UTF-8, no address.
 */
export function readXmppAddresses(subjectAltName: Buffer | undefined): readonly string[] {
  if (!subjectAltName) return [];
  const names = items(decode(subjectAltName));
  if (names.length === 0) throw new Error("its subjectAltName is empty"); // RFC 5280 §4.2.1.6
  return names.filter((name) => isTagged(name, 0)).flatMap(readOtherName);
}

function readOtherName(name: Asn1): string[] {
  const [type, value, ...more] = within(name);
  if (readOid(type) !== oids.xmppAddr) return [];
  if (!isTagged(value, 0) || more.length > 0) throw new Error("an xmppAddr is malformed");
  const [text, ...rest] = within(value);
  if (!isUniversal(text, "UTF8") || rest.length > 0) throw new Error("an xmppAddr is one UTF8String");
  return [readAddress(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content(text)))];
}
