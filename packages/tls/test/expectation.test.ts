import { describe, expect, it } from "vitest";
import { type Asn1, bits, encode, oid, oids, sequence, tagged, utf8, yes } from "../src/asn1.js";
import { xmppAddr } from "../src/xmpp-addr.js";
import { altNames, buildCertificate, extension, key, usages } from "./build-certificate.js";
import { gone, rawClient, rawServer } from "./hostile/peers.js";
import { asClient, asServer, kinds, type Options, outcome } from "./pairs.js";

const pem = (der: Uint8Array): string => `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----\n`;
const dns = (name: string): Asn1 => ({ tagClass: 0x80, type: 2, constructed: false, value: name });
const srvName = tagged(0, oid("1.3.6.1.5.5.7.8.7"), tagged(0, utf8("_xmpp.montague.lit")));

describe.each(kinds)("what is expected of the certificate, over %s", (_kind, pair) => {
  /** What we make of a peer who shows a certificate with these extensions, in its role. */
  async function shown(role: "client" | "server", extensions: readonly Asn1[] | undefined, options: Options = {}): Promise<string> {
    const [a, b] = await pair();
    const certificate = buildCertificate(extensions ? { extensions } : { extensions, version: [] });
    const settings = { cert: pem(certificate), key: key.export({ format: "pem", type: "pkcs8" }).toString() };
    const theirs = role === "client" ? rawClient(b, settings) : rawServer(b, settings);
    theirs.resume();
    const code = await outcome(role === "client" ? asServer(a, options) : asClient(a, options));
    theirs.destroy();
    await gone(a, b, theirs);
    return code;
  }

  const peerAddress = "romeo@montague.lit";
  it.each([
    ["the peer's", [altNames(xmppAddr("romeo@montague.lit"))], "accepted"],
    ["the peer's in other letters", [altNames(xmppAddr("Romeo@MONTAGUE.lit"))], "accepted"],
    ["the peer's twice", [altNames(xmppAddr("romeo@montague.lit"), xmppAddr("romeo@montague.lit"))], "accepted"],
    ["the peer's among names of other kinds", [altNames(dns("evil.lit"), srvName, xmppAddr("romeo@montague.lit"))], "accepted"],
    ["none", undefined, "accepted"],
    ["none but a domain's", [altNames(dns("montague.lit"))], "accepted"],
    ["somebody else's", [altNames(xmppAddr("fabio@montague.lit"))], "address-mismatch"],
    ["the peer's and somebody else's", [altNames(xmppAddr("romeo@montague.lit"), xmppAddr("juliet@capulet.lit"))], "address-mismatch"],
    ["the peer's with a resource", [altNames(xmppAddr("romeo@montague.lit/orchard"))], "address-mismatch"],
    ["the peer's domain", [altNames(xmppAddr("montague.lit"))], "address-mismatch"],
    ["a longer one that begins alike", [altNames(xmppAddr("romeo@montague.lit.evil.lit"))], "address-mismatch"],
    ["one that looks alike", [altNames(xmppAddr("rоmeo@montague.lit"))], "address-mismatch"],
    ["the peer's, cut by a NUL", [altNames(xmppAddr("romeo@montague.lit\0.evil.lit"))], "certificate-invalid"],
  ] as const)("with the address %s it is %s", async (_name, extensions, code) => {
    expect(await shown("client", extensions, { peerAddress })).toBe(code);
    expect(await shown("server", extensions, { peerAddress })).toBe(code);
  });

  it("the expected address counts in its bare form, and in its normal one", async () => {
    expect(await shown("client", [altNames(xmppAddr("romeo@montague.lit"))], { peerAddress: "Romeo@Montague.lit/Orchard" })).toBe("accepted");
  });

  it("whatever it names is taken where nobody is expected", async () => {
    expect(await shown("client", [altNames(xmppAddr("fabio@montague.lit"))])).toBe("accepted");
  });

  it.each([
    ["both roles", [oids.clientAuth, oids.serverAuth], "accepted", "accepted"],
    ["clients alone", [oids.clientAuth], "accepted", "certificate-usage"],
    ["servers alone", [oids.serverAuth], "certificate-usage", "accepted"],
    ["anything", [oids.anyExtendedKeyUsage], "accepted", "accepted"],
    ["signing programs", ["1.3.6.1.5.5.7.3.3"], "certificate-usage", "certificate-usage"],
  ] as const)("its use for %s is heeded", async (_name, ids, asTheirClient, asTheirServer) => {
    expect(await shown("client", [usages(...ids)])).toBe(asTheirClient);
    expect(await shown("server", [usages(...ids)])).toBe(asTheirServer);
  });

  it("a key that may not sign is refused", async () => {
    const agreementOnly = extension(oids.keyUsage, encode(bits(Uint8Array.of(0x08), 3)), yes());
    expect(await shown("client", [agreementOnly])).toBe("certificate-invalid");
  });

  it("a certificate of 40 KiB is refused, and one of 200 KiB is not even taken in", async () => {
    const filler = (bytes: number) => [extension("1.2.3.4", encode(sequence({ tagClass: 0, type: 4, constructed: false, value: "x".repeat(bytes) })))];
    expect(await shown("client", filler(40_000))).toBe("certificate-invalid");
    expect(await shown("server", filler(40_000))).toBe("certificate-invalid");
    expect(await shown("server", filler(200_000))).toBe("tls-failed");
  });
});
