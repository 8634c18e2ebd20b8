import { createDiffieHellmanGroup } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { canonicalForm } from "../src/canonical.js";
import { deployed } from "../src/compatibility.js";
import { opposite } from "../src/counter.js";
import { readEncrypted } from "../src/encrypted-content.js";
import { identityMac, openIdentity, sealIdentity } from "../src/identity.js";
import { finalSecret, sessionKeys, sharedSecret } from "../src/keys.js";
import { nodeCrypto } from "../src/node/crypto.js";
import { fromBase64, minimal, toBase64 } from "../src/octets.js";
import { newRetainedSecret } from "../src/retained-secrets.js";
import { sas28x5 } from "../src/sas.js";
import { StanzaCipher } from "../src/stanza-cipher.js";

interface Vector {
  readonly dh: readonly { readonly base: string; readonly exp: string; readonly result?: string; readonly out?: string }[];
  readonly k: readonly string[];
  readonly hmac: readonly { readonly who: string; readonly key: string; readonly content: string; readonly out: string }[];
  readonly stanzas: readonly string[];
  readonly sas: readonly string[];
  readonly formA: string;
  readonly formB: string;
  readonly srs: readonly string[];
}
const vector = JSON.parse(readFileSync(new URL("./recorded/gajim103_esession_vector.json", import.meta.url), "utf8")) as Vector;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const big = (text = ""): Uint8Array => {
  const digits = text.slice(2);
  return minimal(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
};

const group5 = createDiffieHellmanGroup("modp5");
const stanzas = vector.stanzas.map((text) => parseElement(text));
const forms = stanzas.slice(0, 4).map((stanza) => {
  const x = (stanza.getChild("feature", "http://jabber.org/protocol/feature-neg") ?? stanza.getChild("init"))?.getChild("x", "jabber:x:data");
  if (!x) throw new Error("no form");
  return x;
});
const field = (index: number, name: string): Uint8Array => {
  const found = forms[index]?.getChildren("field").find(({ attrs }) => attrs.var === name);
  const value = fromBase64(found?.getChildText("value") ?? "");
  if (!value) throw new Error(`no ${name}`);
  return value;
};
const [formA = "", formB = "", formA2 = "", formB2 = ""] = forms.map((form) => canonicalForm(form, deployed));
const [nA, nB, cA, d, e] = [field(0, "my_nonce"), field(1, "my_nonce"), field(1, "counter"), field(1, "dhkeys"), field(2, "dhkeys")];
const cB = opposite(cA);
const [x, y] = [big(vector.dh[0]?.exp), big(vector.dh[1]?.exp)];
const lengths = { cipher: "aes128-ctr", compatibility: deployed } as const;
const provisional = sharedSecret(nodeCrypto, minimal(bigPower(d, x)));
const final = finalSecret(nodeCrypto, provisional, undefined, undefined);
const provisionalA = sessionKeys(nodeCrypto, provisional, "Initiator", lengths);
const keysA = sessionKeys(nodeCrypto, final, "Initiator", lengths);
const keysB = sessionKeys(nodeCrypto, final, "Responder", lengths);

/** Exponents of the vector are as long as p: BigInt is slow, and enough here. */
function bigPower(base: Uint8Array, exponent: Uint8Array): Uint8Array {
  const p = BigInt(`0x${hex(group5.getPrime())}`);
  let [b, n, result] = [BigInt(`0x${hex(base)}`) % p, BigInt(`0x${hex(exponent)}`), 1n];
  for (; n > 0n; n >>= 1n) {
    if (n & 1n) result = (result * b) % p;
    b = (b * b) % p;
  }
  return big(`0x${result.toString(16)}`);
}

describe("the session recorded between two Gajim 1.0.3", () => {
  it("its public values and its shared secret come out of its exponents, in both roles", () => {
    expect(hex(bigPower(Uint8Array.of(2), x))).toBe(hex(e));
    expect(hex(bigPower(Uint8Array.of(2), y))).toBe(hex(d));
    expect(hex(bigPower(e, y))).toBe(hex(bigPower(d, x)));
    expect(hex(provisional)).toBe(vector.k[0]);
    expect(hex(final)).toBe(vector.k[2]);
  });

  it("its forms have the canonical form that both hashed", () => {
    expect(formA).toBe(vector.formA);
    expect(formB).toBe(vector.formB);
  });

  it("He commits to e", () => {
    expect(toBase64(nodeCrypto.sha256(e))).toBe(toBase64(field(0, "dhhashes")));
  });

  it("Alice's identity is sealed, opened and proven as she sent it", () => {
    const mac = identityMac(nodeCrypto, provisionalA.sigma, { nonces: [nB, nA], publicValue: e, publicKey: "", forms: [formA, formA2] });
    const sealed = sealIdentity(nodeCrypto, mac, { keys: provisionalA, counter: cA, compatibility: deployed });
    expect(toBase64(sealed.identity)).toBe(toBase64(field(2, "identity")));
    expect(toBase64(sealed.mac)).toBe(toBase64(field(2, "mac")));
    expect(hex(openIdentity(nodeCrypto, sealed, { keys: provisionalA, counter: cA, compatibility: deployed })?.plaintext ?? new Uint8Array())).toBe(hex(mac));
    expect(hex(sealed.counter)).toBe("659313becba7dda41596240c45ef0322");
  });

  it("Bob's identity is sealed, opened and proven as he sent it", () => {
    const mac = identityMac(nodeCrypto, keysB.sigma, { nonces: [nA, nB], publicValue: d, publicKey: "", forms: [formB, formB2] });
    const sealed = sealIdentity(nodeCrypto, mac, { keys: keysB, counter: cB, compatibility: deployed });
    expect(toBase64(sealed.identity)).toBe(toBase64(field(3, "identity")));
    expect(toBase64(sealed.mac)).toBe(toBase64(field(3, "mac")));
    expect(hex(openIdentity(nodeCrypto, sealed, { keys: keysB, counter: cB, compatibility: deployed })?.plaintext ?? new Uint8Array())).toBe(hex(mac));
  });

  it("both see the same SAS and retain the same secret", () => {
    expect(sas28x5(nodeCrypto, field(2, "mac"), formB)).toBe(vector.sas[0]);
    expect(hex(newRetainedSecret(nodeCrypto, final))).toBe(vector.srs[0]);
  });

  it("every HMAC that either of them computed is one that our keys make", () => {
    const outputs = new Set(vector.hmac.map(({ out }) => out));
    for (const keys of [provisionalA, keysA, keysB]) for (const key of [keys.cipher, keys.mac, keys.sigma]) expect(outputs).toContain(hex(key));
    for (const { key, content, out } of vector.hmac) expect(hex(nodeCrypto.hmac(Buffer.from(key, "hex"), Buffer.from(content, "hex")))).toBe(out);
  });

  it("both stanzas are sealed as they were sent, and opened by the other side", () => {
    const [counterA, counterB] = [Buffer.from("659313becba7dda41596240c45ef0322", "hex"), Buffer.from("e59313becba7dda41596240c45ef0322", "hex")];
    const base = { cipher: "aes128-ctr", compatibility: deployed, prime: group5.getPrime() } as const;
    const a = () => ({ ...structuredClone({ sending: { cipher: keysA.cipher, mac: keysA.mac }, receiving: { cipher: keysB.cipher, mac: keysB.mac } }) });
    const alice = new StanzaCipher(nodeCrypto, { ...base, ...a(), sendCounter: counterA, receiveCounter: counterB, exponent: x, peerPublic: d });
    const { sending, receiving } = a();
    const bob = new StanzaCipher(nodeCrypto, { ...base, sending: receiving, receiving: sending, sendCounter: counterB, receiveCounter: counterA, exponent: y, peerPublic: e });
    for (const [sender, receiver, stanza] of [
      [alice, bob, stanzas[4]],
      [bob, alice, stanzas[5]],
    ] as const) {
      const c = stanza?.getChild("c", "http://www.xmpp.org/extensions/xep-0200.html#ns");
      if (!c) throw new Error("no <c/>");
      const text = Buffer.from(receiver.open(readEncrypted(c)).plaintext ?? []).toString();
      expect(text).toMatch(/^<body>.*<\/body> *$/);
      const again = sender.seal(text);
      expect(again?.getChildText("data")).toBe(c.getChildText("data"));
      expect(again?.getChildText("mac")).toBe(c.getChildText("mac"));
    }
  });
});
