import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { type BalconyError, memoryBytePair } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { type Asn1, bits, decode, encode, integer, nothing, octets, oid, oids, sequence, time, yes } from "../src/asn1.js";
import { checkChain, createIdentity, exportIdentity, type Identity, importIdentity, readAnchors, readCertificate, secure } from "../src/index.js";
import { xmppAddr } from "../src/xmpp-addr.js";
import { altNames, buildCertificate, extension, keyUsage, name, type Parts, spkiOf, usages } from "./build-certificate.js";

const ROMEO = "romeo@montague.lit";
const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.now();
const fresh = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const between = (from: number, to: number): Asn1 => sequence(time(new Date(NOW + from * DAY)), time(new Date(NOW + to * DAY)));

const constraints = (length?: number): Asn1 => extension(oids.basicConstraints, encode(sequence(yes(), ...(length === undefined ? [] : [integer(Uint8Array.of(length))]))), yes());
const signing = keyUsage(0x06); // keyCertSign, cRLSign
const keys = { root: fresh(), middle: fresh(), leaf: fresh(), other: fresh() };

type Change = Partial<Parts>;
/** A certificate of `subject`'s key, signed by `issuer`'s. */
function issued(subject: keyof typeof keys, issuer: keyof typeof keys, change: Change = {}): Buffer {
  return buildCertificate({
    privateKey: keys[issuer],
    issuer: name(issuer),
    subject: name(subject),
    spki: decode(spkiOf(keys[subject])),
    validity: between(-2, 2),
    signature: (tbs) => bits(sign("sha256", tbs, keys[issuer])),
    ...change,
  });
}

const root = (change: Change = {}) => issued("root", "root", { extensions: [constraints(), signing], ...change });
const middle = (change: Change = {}) => issued("middle", "root", { extensions: [constraints(0), signing], ...change });
const leafParts = [altNames(xmppAddr(ROMEO)), keyUsage(0x80)];
const leaf = (change: Change = {}) => issued("leaf", "middle", { extensions: leafParts, ...change });
const pem = (der: Buffer): string => new X509Certificate(der).toString();

interface Shown {
  readonly leaf?: Buffer;
  readonly chain?: readonly Buffer[];
  readonly anchors?: readonly Buffer[];
  readonly role?: "client" | "server";
}

function codeOf({ leaf: shown = leaf(), chain = [middle()], anchors = [root()], role = "client" }: Shown): string {
  try {
    return checkChain(readCertificate(shown, chain), { address: ROMEO, anchors: readAnchors(anchors.map(pem).join("")), role, now: NOW }).fingerprint.length === 64
      ? "verified"
      : "?";
  } catch (error) {
    return (error as BalconyError).code;
  }
}

const sha1 = sequence(oid("1.2.840.10045.4.1"));
const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 });

describe("a chain to a trusted authority", () => {
  it.each([
    ["through one in between", {}],
    ["of an authority that is an anchor itself", { anchors: [middle()], chain: [] }],
    ["with more in it than is needed, in any order", { chain: [issued("other", "other"), root(), middle()] }],
    ["with an extended key usage that allows it", { leaf: leaf({ extensions: [...leafParts, usages(oids.clientAuth)] }) }],
    ["whose authority may issue for this use", { chain: [middle({ extensions: [constraints(0), signing, usages(oids.clientAuth)] })] }],
  ] as const)("%s is taken", (_, shown) => {
    expect(codeOf(shown)).toBe("verified");
  });

  it.each([
    ["certificate-expired", "an authority whose certificate has expired", { chain: [middle({ validity: between(-9, -1) })] }],
    ["certificate-expired", "an anchor that has expired", { anchors: [root({ validity: between(-9, -1) })] }],
    ["certificate-expired", "a certificate that has expired", { leaf: leaf({ validity: between(-9, -1) }) }],
    ["certificate-not-yet-valid", "a certificate that is not valid yet", { leaf: leaf({ validity: between(1, 9) }) }],
    ["certificate-not-yet-valid", "an authority whose certificate is not valid yet", { chain: [middle({ validity: between(1, 9) })] }],
    ["address-mismatch", "a certificate for somebody else", { leaf: leaf({ extensions: [altNames(xmppAddr("benvolio@montague.lit"))] }) }],
    ["address-mismatch", "a certificate for two, one of whom is right", { leaf: leaf({ extensions: [altNames(xmppAddr(ROMEO), xmppAddr("benvolio@montague.lit"))] }) }],
    ["certificate-no-address", "a certificate without an address", { leaf: leaf({ extensions: [keyUsage(0x80)] }) }],
    [
      "certificate-no-address",
      "a certificate for a host of that name",
      { leaf: leaf({ extensions: [extension(oids.subjectAltName, Buffer.from("300e820c6d6f6e74616775652e6c6974", "hex"))] }) },
    ],
    ["certificate-authority-unknown", "an authority that nobody trusts", { anchors: [issued("other", "other", { extensions: [constraints(), signing] })] }],
    [
      "certificate-authority-unknown",
      "an anchor of the same name and another key",
      {
        anchors: [
          issued("root", "root", {
            privateKey: keys.other,
            spki: decode(spkiOf(keys.other)),
            extensions: [constraints(), signing],
            signature: (tbs: Buffer) => bits(sign("sha256", tbs, keys.other)),
          }),
        ],
      },
    ],
    ["certificate-authority-unknown", "a chain with a link missing", { chain: [] }],
    [
      "certificate-authority-unknown",
      "an authority that another has signed in its name",
      { chain: [middle({ signature: (tbs: Buffer) => bits(sign("sha256", tbs, keys.other)) })] },
    ],
    ["certificate-authority-unknown", "a certificate whose signature is somebody else's", { leaf: leaf({ signature: (tbs: Buffer) => bits(sign("sha256", tbs, keys.other)) }) }],
    ["certificate-authority-unknown", "an authority that may not sign certificates", { chain: [middle({ extensions: [constraints(0), keyUsage(0x80)] })] }],
    ["certificate-chain", "a peer's certificate that signs another", { chain: [middle({ extensions: [keyUsage(0x84)] })] }],
    ["certificate-chain", "more authorities than the anchor allows", { anchors: [root({ extensions: [constraints(0), signing] })] }],
    [
      "certificate-chain",
      "an authority that constrains names",
      { chain: [middle({ extensions: [constraints(0), signing, extension(oids.nameConstraints, encode(sequence()))] })] },
    ],
    [
      "certificate-invalid",
      "an authority with a critical extension that nobody knows",
      { chain: [middle({ extensions: [constraints(0), signing, extension("1.2.3.4", encode(octets(Buffer.of(1))), yes())] })] },
    ],
    ["certificate-usage", "an authority that may issue for servers alone", { chain: [middle({ extensions: [constraints(0), signing, usages(oids.serverAuth)] })] }],
    ["certificate-weak", "a certificate signed over SHA-1", { leaf: leaf({ innerAlgorithm: sha1, signature: (tbs: Buffer) => bits(sign("sha1", tbs, keys.middle)) }) }],
    ["certificate-weak", "an authority signed over SHA-1", { chain: [middle({ innerAlgorithm: sha1, signature: (tbs: Buffer) => bits(sign("sha1", tbs, keys.root)) })] }],
    [
      "certificate-weak",
      "an authority with a key of RSA 1024",
      {
        leaf: leaf({ innerAlgorithm: sequence(oid("1.2.840.113549.1.1.11"), nothing()), signature: (tbs: Buffer) => bits(sign("sha256", tbs, rsa1024.privateKey)) }),
        chain: [middle({ spki: decode(rsa1024.publicKey.export({ format: "der", type: "spki" })) })],
      },
    ],
  ] as const)("%s: %s", (code, _, shown) => {
    expect(codeOf(shown as Shown)).toBe(code);
  });

  it("ends, however long it is", () => {
    const long = Array.from({ length: 12 }, (_, index) => index);
    const links = long.map((index) => issued("other", "other", { subject: name(`l${index}`), issuer: name(`l${index + 1}`), extensions: [constraints(), signing] }));
    const shown = issued("other", "other", { subject: name("leaf"), issuer: name("l0"), extensions: leafParts });
    expect(codeOf({ leaf: shown, chain: links })).toBe("certificate-chain");
  });
});

describe("trust anchors", () => {
  it.each([
    ["nothing", ""],
    ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["a certificate of no authority", pem(leaf())],
  ])("are not read from %s", (_, text) => {
    expect(() => readAnchors(text)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("are read one after another", () => {
    expect(readAnchors(`${pem(root())}\n# another\n${pem(middle())}`)).toHaveLength(2);
  });
});

describe("in a handshake", () => {
  const identity = (der: Buffer): Identity =>
    importIdentity({ certificate: [der, middle()].map(pem).join(""), privateKey: keys.leaf.export({ format: "pem", type: "pkcs8" }).toString() });

  it.each(["client", "server"] as const)("the %s shows its chain, which its owner keeps with the certificate", async (role) => {
    const shown = identity(leaf());
    expect(importIdentity(exportIdentity(shown)).chain).toHaveLength(1);
    const [a, b] = memoryBytePair();
    const accept = (): void => undefined;
    const other = createIdentity("juliet@capulet.lit");
    const [near, far] = await Promise.all([
      secure(a, { role: "client", identity: role === "client" ? shown : other, accept }),
      secure(b, { role: "server", identity: role === "client" ? other : shown, accept }),
    ]);
    const { peerCertificate } = role === "client" ? far : near;
    expect(checkChain(peerCertificate, { address: ROMEO, anchors: readAnchors(pem(root())), role, now: NOW }).fingerprint).toMatch(/^[0-9a-f]{64}$/);
    near.bytes.destroy();
    far.bytes.destroy();
  });

  it.each([
    ["certificate-usage", "for clients alone, at a server", leaf({ extensions: [...leafParts, usages(oids.clientAuth)] })],
    ["certificate-expired", "that has expired", leaf({ validity: between(-9, -1) })],
    ["certificate-not-yet-valid", "that is not valid yet", leaf({ validity: between(1, 9) })],
  ])("%s: a certificate %s", async (code, _, der) => {
    const [a, b] = memoryBytePair();
    const accept = (): void => undefined;
    const server = secure(b, { role: "server", identity: identity(der), accept }).catch((error: BalconyError) => error);
    await expect(secure(a, { role: "client", identity: createIdentity("juliet@capulet.lit"), accept })).rejects.toMatchObject({ code });
    const ended = await server;
    if ("bytes" in ended) ended.bytes.destroy();
  });
});
