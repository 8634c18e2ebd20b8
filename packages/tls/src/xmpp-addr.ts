import { readAddress } from "@balcony/channel";
import { type Asn1, content, decode, implicit, isTagged, isUniversal, items, oid, oids, readOid, tagged, utf8, within } from "./asn1.js";

/** An otherName that holds an XMPP address (RFC 6120 §13.7.1.4, RFC 5280 §4.2.1.6). */
export const xmppAddr = (address: string): Asn1 => tagged(0, oid(oids.xmppAddr), tagged(0, utf8(address)));

/** A uniformResourceIdentifier (RFC 5280 §4.2.1.6). */
export const uriName = (uri: string): Asn1 => implicit(URI, Buffer.from(uri, "ascii"));
const URI = 6;

/** The URIs in a subjectAltName, as they stand there. Throws where one is no ASCII. */
export function readUris(subjectAltName: Buffer | undefined): readonly string[] {
  if (!subjectAltName) return [];
  return items(decode(subjectAltName))
    .filter((name) => isTagged(name, URI))
    .map((name) => {
      const text = content(name).toString("latin1");
      if (!/^[\x21-\x7e]+$/u.test(text)) throw new Error("a URI in its subjectAltName is malformed");
      return text;
    });
}

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
