import { BalconyError } from "@balcony/channel";
import type { OpenPgpExpectation } from "@balcony/trust";
import { createMessage, encrypt, enums, type PrivateKey, readMessage, readPrivateKey, reformatKey, revokeKey, sign } from "openpgp";
import { describe, expect, it } from "vitest";
import { openPgp, statementText } from "../src/index.js";
import { compressed, DAY, DEVICE, JULIET, MONTH, NOW, newKey, OTHER_DEVICE, publicOf, ROMEO, selfSignedOverSha1, signedBy, signedOverSha1 } from "./people.js";

const hers = await newKey();
const somebodyElses = await newKey();
const rsa = await newKey({ type: "rsa", rsaBits: 2048 });
const withSubkey = await newKey({ subkeys: [{ sign: true }] });
const trusting = (...keys: readonly PrivateKey[]): OpenPgpExpectation => ({ owner: JULIET, spki: DEVICE, keys: keys.map(publicOf), now: NOW });

const codeOf = async (statement: Uint8Array, expected: OpenPgpExpectation): Promise<string> =>
  await openPgp.check(statement, expected).then(
    (fingerprint) => fingerprint,
    (error: unknown) => {
      if (!(error instanceof BalconyError)) throw error;
      return error.code;
    },
  );

const fingerprintOf = (key: PrivateKey): string => key.getFingerprint().toUpperCase();

describe("a statement is taken", () => {
  it.each<[what: string, key: () => Promise<PrivateKey>]>([
    ["of a key", () => Promise.resolve(hers)],
    ["of a key's part that signs", () => Promise.resolve(withSubkey)],
    ["of RSA with 2048 bits", () => Promise.resolve(rsa)],
    ["of P-256", () => newKey({ type: "ecc", curve: "nistP256" })],
    ["of a key with other names beside", () => newKey({ userIDs: [{ name: "Juliet", email: "juliet@example.org" }, { name: `xmpp:${JULIET}` }] })],
  ])("%s", async (_, make) => {
    const key = await make();
    expect(await codeOf(await signedBy(key), trusting(somebodyElses, key))).toBe(fingerprintOf(key));
  });

  it("that is a year old, and good for longer", async () => {
    const old = await newKey({ date: new Date(NOW - 300 * DAY) });
    expect(await codeOf(await signedBy(old, { made: NOW - 299 * DAY, days: 300 }), trusting(old))).toBe(fingerprintOf(old));
  });

  it("whose address is written otherwise, and is the same", async () => {
    const key = await newKey({ address: "Juliet@Capulet.LIT" });
    expect(await codeOf(await signedBy(key), trusting(key))).toBe(fingerprintOf(key));
  });
});

describe("what is wrong with a key has a code of its own", () => {
  const revoked = async (key: PrivateKey, flag = enums.reasonForRevocation.keyCompromised): Promise<PrivateKey> =>
    (await revokeKey({ key, reasonForRevocation: { flag }, date: new Date(NOW - DAY), format: "object" })).privateKey;
  const shortLived = async (): Promise<PrivateKey> => await newKey({ keyExpirationTime: 20 * 24 * 60 * 60 });
  const named = (name: string) => async () => await newKey({ userIDs: [{ name }] });

  it.each<[code: string, what: string, key: () => Promise<PrivateKey>, made?: number]>([
    ["openpgp-key-revoked", "compromised", async () => await revoked(hers)],
    ["openpgp-key-revoked", "replaced by another, after it had signed", async () => await revoked(hers, enums.reasonForRevocation.keySuperseded), NOW - 10 * DAY],
    ["openpgp-key-expired", "expired, after it had signed", shortLived, NOW - 25 * DAY],
    ["openpgp-key-expired", "dated in the future", async () => await newKey({ date: new Date(NOW + 2 * DAY) }), NOW + 3 * DAY],
    ["openpgp-weak", "RSA with 1024 bits", async () => await newKey({ type: "rsa", rsaBits: 1024, config: { minRSABits: 1024 } })],
    ["openpgp-weak", "names itself over SHA-1", selfSignedOverSha1],
    ["openpgp-key-address", "somebody else's address", async () => await newKey({ address: ROMEO })],
    ["openpgp-key-address", "an address of mail alone", async () => await newKey({ userIDs: [{ name: "Juliet", email: JULIET }] })],
    ["openpgp-key-address", "the address with a resource", named(`xmpp:${JULIET}/balcony`)],
    ["openpgp-key-address", "the address among other words", named(`Juliet xmpp:${JULIET}`)],
    ["openpgp-key-address", "a query behind the address", named(`xmpp:${JULIET}?message`)],
    ["openpgp-key-address", "another scheme", named(`sip:${JULIET}`)],
  ])("%s: %s", async (code, _, make, made = NOW) => {
    const key = await make();
    const signer = code === "openpgp-key-revoked" ? hers : key;
    expect(await codeOf(await signedBy(signer, { made }), trusting(key))).toBe(code);
  });

  it("openpgp-key-revoked: the part of it that has signed", async () => {
    const statement = await signedBy(withSubkey);
    const [subkey] = withSubkey.subkeys;
    if (!subkey || !("privateParams" in withSubkey.keyPacket)) throw new Error("There is one.");
    const without = await subkey.revoke(withSubkey.keyPacket as never, { flag: enums.reasonForRevocation.keyCompromised }, new Date(NOW - DAY));
    const changed = await readPrivateKey({ binaryKey: withSubkey.write() });
    changed.subkeys = [without];
    expect(await codeOf(statement, { ...trusting(), keys: [publicOf(changed)] })).toBe("openpgp-key-revoked");
  });

  it("openpgp-key-address: a name that it has taken back", async () => {
    const key = await newKey({ userIDs: [{ name: "Juliet" }, { name: `xmpp:${JULIET}` }] });
    const user = key.users[1];
    if (!user) throw new Error("There is one.");
    key.users[1] = await user.revoke(key.keyPacket as never, { flag: enums.reasonForRevocation.userIDInvalid }, new Date(NOW - DAY));
    expect(await codeOf(await signedBy(key), trusting(key))).toBe("openpgp-key-address");
  });

  it("openpgp-key-address: a name that somebody else has written onto it", async () => {
    const key = await newKey({ userIDs: [{ name: "Juliet" }] });
    const other = await newKey();
    const forged = key.toPublic();
    forged.users = [...forged.users, ...other.toPublic().users];
    expect(await codeOf(await signedBy(key), { ...trusting(), keys: [forged.write()] })).toBe("openpgp-key-address");
  });

  it("one whose life was made longer since is taken in its newer copy", async () => {
    const key = await shortLived();
    const statement = await signedBy(key, { made: NOW - 25 * DAY }); // before: it is made longer in place
    const { privateKey } = await reformatKey({ privateKey: key, userIDs: [{ name: `xmpp:${JULIET}` }], date: new Date(NOW - DAY), format: "object" });
    expect(await codeOf(statement, trusting(privateKey))).toBe(fingerprintOf(key));
  });
});

describe("what is wrong with a statement has a code of its own", () => {
  const text = statementText({ owner: JULIET, spki: DEVICE, now: NOW });
  const signing = (change: (text: string) => string) => async () => await signedBy(hers, { text: change(text) });

  it.each<[code: string, what: string, statement: () => Promise<Uint8Array>]>([
    ["openpgp-key-unknown", "signed by somebody else", async () => await signedBy(somebodyElses)],
    ["openpgp-weak", "signed over SHA-1", async () => await signedOverSha1(rsa)],
    ["openpgp-other-device", "about another device", async () => await signedBy(hers, { spki: OTHER_DEVICE })],
    ["openpgp-other-device", "about somebody else's device", async () => await signedBy(hers, { owner: ROMEO })],
    ["openpgp-expired", "its time is over", async () => await signedBy(hers, { made: NOW - 10 * DAY, days: 9 })],
    ["openpgp-expired", "its time is over at this very moment", async () => await signedBy(hers, { made: NOW - 10 * DAY, days: 10 })],
    ["openpgp-expired", "good for longer than any is", signing((said) => said.replace(/until="[^"]+"/u, 'until="2030-01-01T00:00:00Z"'))],
    ["openpgp-expired", "dated in the future", signing((said) => said.replace(/stamp="[^"]+"/u, 'stamp="2026-06-03T12:00:00Z"'))],
    ["openpgp-statement", "nothing", async () => new Uint8Array()],
    ["openpgp-statement", "random bytes", async () => Buffer.from("c1c2c3c4c5c6c7c8", "hex")],
    ["openpgp-statement", "more than a header holds", async () => await signedBy(hers, { text: text + " ".repeat(4096) })],
    ["openpgp-statement", "a key instead of a message", async () => publicOf(hers)],
    ["openpgp-statement", "without a signature", async () => (await createMessage({ text })).write() as Uint8Array],
    ["openpgp-statement", "encrypted", async () => (await encrypt({ message: await createMessage({ text }), passwords: "x", format: "binary" })) as Uint8Array],
    [
      "openpgp-statement",
      "of two signatures",
      async () => (await sign({ message: await createMessage({ text }), signingKeys: [hers, somebodyElses], format: "binary", date: new Date(NOW) })) as Uint8Array,
    ],
    ["openpgp-statement", "a signature that is cut short", async () => (await signedBy(hers)).subarray(0, -1)],
    ["openpgp-statement", "another text than was signed", async () => altered(await signedBy(hers))],
    ["openpgp-statement", "no XML", signing(() => "juliet")],
    ["openpgp-statement", "two elements", signing((said) => said + said)],
    ["openpgp-statement", "with entities", signing((said) => `<!DOCTYPE sign [<!ENTITY a "b">]>${said}`)],
    ["openpgp-statement", "encrypted content in name", signing((said) => said.replaceAll("sign", "signcrypt"))],
    ["openpgp-statement", "of another namespace", signing((said) => said.replace("urn:xmpp:openpgp:0", "urn:xmpp:openpgp:1"))],
    ["openpgp-statement", "about no device", signing((said) => said.replace(/<device[^>]+>/u, ""))],
    ["openpgp-statement", "about two devices", signing((said) => said.replace(/(<device[^>]+>)/u, "$1$1"))],
    ["openpgp-statement", "two payloads", signing((said) => said.replace("</sign>", "<payload/></sign>"))],
    ["openpgp-statement", "to nobody", signing((said) => said.replace(/<to[^>]+>/u, ""))],
    ["openpgp-statement", "to somebody else", signing((said) => said.replace(/<to jid="[^"]+"/u, `<to jid="${ROMEO}"`))],
    ["openpgp-statement", "to a resource", signing((said) => said.replaceAll(JULIET, `${JULIET}/balcony`))],
    ["openpgp-statement", "for no address", signing((said) => said.replaceAll(JULIET, "@"))],
    ["openpgp-statement", "no time", signing((said) => said.replace(/<time[^>]+>/u, ""))],
    ["openpgp-statement", "a time that is none", signing((said) => said.replace(/stamp="[^"]+"/u, 'stamp="yesterday"'))],
    ["openpgp-statement", "no end", signing((said) => said.replace(/ until="[^"]+"/u, ""))],
    ["openpgp-statement", "a key that is none", signing((said) => said.replace(DEVICE, DEVICE.slice(1)))],
    ["openpgp-statement", "something else beside", signing((said) => said.replace("</sign>", "<body/></sign>"))],
  ])("%s: %s", async (code, _, make) => {
    expect(await codeOf(await make(), trusting(hers, rsa))).toBe(code);
  });

  it("compressed is refused before anything is unpacked", async () => {
    const packed = compressed(await signedBy(hers), "zlib");
    expect((await readMessage({ binaryMessage: packed })).packets).toHaveLength(1);
    expect(await codeOf(packed, trusting(hers))).toBe("openpgp-statement");
  });

  it("no byte of what it says, or of its signature, can be changed; what stands around it says nothing", async () => {
    const whole = await signedBy(hers, { made: NOW - MONTH / 2 });
    const from = Buffer.from(whole).indexOf("<sign");
    const to = Buffer.from(whole).indexOf("</sign>") + "</sign>".length;
    for (let at = 0; at < whole.length; at++) {
      const changed = Uint8Array.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const said = at >= from && at < to;
      const signature = at >= whole.length - 64;
      expect([...(said || signature ? [] : [fingerprintOf(hers)]), "openpgp-statement", "openpgp-key-unknown", "openpgp-weak"], `byte ${at} of ${whole.length}`).toContain(
        await codeOf(changed, trusting(hers)),
      );
    }
  });
});

/** The same statement about another device, under the old signature. */
function altered(statement: Uint8Array): Uint8Array {
  const text = Buffer.from(statement).toString("latin1").replace(DEVICE, OTHER_DEVICE);
  return Buffer.from(text, "latin1");
}
