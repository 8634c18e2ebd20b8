import { createPublicKey, sign } from "node:crypto";
import { bits, decode, encode, integer, octets, oid, oids, sequence, set, tagged, utf8 } from "./asn1.js";
import type { Identity } from "./identity.js";
import { acceptableKey } from "./public-key.js";
import { signatures } from "./self-signed.js";
import { xmppAddr } from "./xmpp-addr.js";

/** Asks an authority for a certificate on one's own key, naming one's address as id-on-xmppAddr (RFC 2986; RFC 2985 §5.4.2). In PEM. */
export function certificateRequest({ address, privateKey }: Pick<Identity, "address" | "privateKey">): string {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const { algorithm, hash, parameters } = signatures[acceptableKey(spki)];
  const names = sequence(oid(oids.subjectAltName), octets(encode(sequence(xmppAddr(address)))));
  const info = sequence(
    integer(Uint8Array.of(0)), // version 1
    sequence(set(sequence(oid(oids.commonName), utf8(address)))),
    decode(spki),
    tagged(0, sequence(oid(oids.extensionRequest), set(sequence(names)))),
  );
  const der = encode(sequence(info, sequence(oid(algorithm), ...parameters), bits(sign(hash, encode(info), privateKey))));
  const lines = der.toString("base64").match(/.{1,64}/gu) ?? [];
  return ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n");
}
