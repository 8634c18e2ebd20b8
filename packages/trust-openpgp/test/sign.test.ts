import { armor, config, createMessage, encryptKey, enums, sign } from "openpgp";
import { describe, expect, it } from "vitest";
import { contentOf, mergeOpenPgpKeys, openPgp, readOpenPgpKey, signStatement, statementText, takeStatement } from "../src/index.js";
import { compressed, DAY, DEVICE, JULIET, NOW, newKey, publicOf, signedBy } from "./people.js";

const key = await newKey();
const fingerprint = key.getFingerprint().toUpperCase();
const said = { owner: JULIET, spki: DEVICE, now: NOW };
const expected = { owner: JULIET, spki: DEVICE, keys: [publicOf(key)], now: NOW };

describe("signing a device", () => {
  it("gives what a peer takes, with a key in any form, locked or not", async () => {
    const locked = await encryptKey({ privateKey: key, passphrase: "wherefore", config: { ...config, s2kIterationCountByte: 0 } });
    const passphrase = () => Promise.resolve("wherefore");
    for (const privateKey of [key.write(), Buffer.from(key.armor()), locked.write()]) {
      const statement = await signStatement({ ...said, days: 30 }, { privateKey, passphrase });
      expect(await openPgp.check(statement, expected)).toBe(fingerprint);
      expect(await contentOf(statement)).toEqual({ owner: JULIET, spki: DEVICE, made: NOW, until: NOW + 30 * DAY });
    }
    await expect(signStatement(said, { privateKey: locked.write(), passphrase: () => Promise.resolve("romeo") })).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(signStatement(said, { privateKey: locked.write() })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it.each([
    ["invalid-argument", "what is no key", said, Buffer.from("juliet")],
    ["invalid-argument", "a public key", said, publicOf(key)],
    ["invalid-argument", "no time at all", { ...said, days: 0 }, key.write()],
    ["invalid-argument", "too long a time", { ...said, days: 401 }, key.write()],
    ["openpgp-key-address", "a key that does not name the address", { ...said, owner: "romeo@montague.lit" }, key.write()],
  ])("%s: %s", async (code, _, statement, privateKey) => {
    await expect(signStatement(statement, { privateKey })).rejects.toMatchObject({ code });
  });
});

describe("taking what another program has signed", () => {
  const options = { ...said, publicKey: Buffer.from(key.toPublic().armor()) };
  const signed = async (text: string, form?: "zip" | "zlib"): Promise<Uint8Array> => {
    const message = (await sign({ message: await createMessage({ text }), signingKeys: key, format: "binary", date: new Date(NOW) })) as Uint8Array;
    return form ? compressed(message, form) : message;
  };
  const armoured = (message: Uint8Array): Uint8Array => Buffer.from(armor(enums.armor.message, message));

  it.each<[form: string, file: (text: string) => Promise<Uint8Array>]>([
    ["binary", signed],
    ["armoured", async (text) => armoured(await signed(text))],
    ["compressed, as gpg does by default", async (text) => await signed(text, "zip")],
    ["compressed and armoured", async (text) => armoured(await signed(text, "zlib"))],
  ])("%s", async (_, file) => {
    const statement = await takeStatement(await file(statementText(said)), options);
    expect(await openPgp.check(statement, expected)).toBe(fingerprint);
  });

  it.each([
    ["openpgp-statement", "no message", async () => Buffer.from("juliet")],
    ["openpgp-statement", "another text", async () => await signed("Good night")],
    ["openpgp-statement", "what unpacks to far more", async () => await signed(" ".repeat(200_000), "zip")],
    ["openpgp-other-device", "about another device", async () => await signed(statementText({ ...said, spki: "0".repeat(64) }))],
  ])("%s: %s", async (code, _, file) => {
    await expect(takeStatement(await file(), options)).rejects.toMatchObject({ code });
  });
});

describe("reading keys", () => {
  it("tells what a person decides by, and keeps of a private key its public half", async () => {
    const several = await newKey({ userIDs: [{ name: "Juliet" }, { name: `xmpp:${JULIET}` }], keyExpirationTime: 60 * 24 * 60 * 60 });
    const read = await readOpenPgpKey(several.write(), NOW);
    expect(read).toMatchObject({
      fingerprint: several.getFingerprint().toUpperCase(),
      addresses: [JULIET],
      userIds: ["Juliet", `xmpp:${JULIET}`],
      revoked: false,
      expires: NOW + 30 * DAY,
    });
    expect(read.key).toEqual(publicOf(several));
    expect((await readOpenPgpKey(Buffer.from(key.armor()), NOW)).expires).toBeUndefined();
  });

  it.each([
    ["nothing", async () => new Uint8Array()],
    ["no key", async () => await signedBy(key)],
    ["two keys", async () => Buffer.concat([publicOf(key), publicOf(await newKey())])],
    ["more than is kept", async () => publicOf(await newKey({ userIDs: Array.from({ length: 200 }, (_, n) => ({ name: `xmpp:juliet-${n}@capulet.lit` })) }))],
  ])("%s is invalid-argument", async (_, file) => {
    await expect(readOpenPgpKey(await file(), NOW)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("a newer copy brings a revocation, and no older one takes it back", async () => {
    const revoked = publicOf(await key.revoke({ flag: enums.reasonForRevocation.keyCompromised }, new Date(NOW - DAY)));
    const merged = await mergeOpenPgpKeys(publicOf(key), revoked, NOW);
    expect(merged.revoked).toBe(true);
    expect((await mergeOpenPgpKeys(merged.key, publicOf(key), NOW)).revoked).toBe(true);
    await expect(mergeOpenPgpKeys(publicOf(key), publicOf(await newKey()), NOW)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
