import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bits, decode, encode, items, oids, sequence, yes } from "../../../packages/tls/src/asn1.js";
import { xmppAddr } from "../../../packages/tls/src/xmpp-addr.js";
import { altNames, buildCertificate, extension, keyUsage, name } from "../../../packages/tls/test/build-certificate.js";
import { newKey, publicOf } from "../../../packages/trust-openpgp/test/people.js";
import { balcony, events, type House, house, trustOfJuliet } from "./running.js";

let at: House;
vi.setConfig({ testTimeout: 120_000 }); // a dozen commands each
beforeAll(async () => {
  at = await house();
});
afterAll(async () => await at.tearDown());

const JULIET = "juliet@capulet.lit";
const offline = (who: "romeo" | "juliet"): readonly string[] => ["--data", `${at.folder}/${who}`, "--json"];
/** Of whom, what, and what becomes of it: the last event, and the code. */
async function run(who: "romeo" | "juliet", ...args: readonly string[]): Promise<{ readonly code: number | null; readonly told: readonly Record<string, unknown>[] }> {
  const { code, stdout } = await balcony(...args, ...offline(who)).ended;
  return { code, told: events(stdout) };
}
const fingerprint = async (who: "romeo" | "juliet"): Promise<string> => String((await run(who, "identity")).told.at(-1)?.fingerprint);

const trustAtRomeos = async (...options: readonly string[]): Promise<unknown> => await trustOfJuliet(at, ...options);

describe("a new key in the place of the old one", () => {
  it("asks first, and who has verified the old one follows", async () => {
    const old = await fingerprint("juliet");
    await run("romeo", "trust", "verify", JULIET, old);
    expect(await trustAtRomeos()).toEqual(["verified", "fingerprint"]);
    expect(await run("juliet", "trust", "rotate")).toMatchObject({ code: 2 });
    expect(await fingerprint("juliet")).toBe(old);
    const { code, told } = await run("juliet", "trust", "rotate", "--yes");
    const next = await fingerprint("juliet");
    expect(code).toBe(0);
    expect(told).toContainEqual({ event: "rotated", account: JULIET, from: old, to: next });
    expect(await trustAtRomeos()).toEqual(["verified", "fingerprint"]);
    expect((await run("romeo", "trust", "show", JULIET)).told.at(-1)).toMatchObject({
      devices: [
        { spki: old, status: "revoked", replacedBy: next },
        { spki: next, status: "verified", replaces: old },
      ],
    });
  });
});

describe("what an authority issues", () => {
  const authority: KeyObject = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const pem = (der: Buffer): string => new X509Certificate(der).toString();
  const root = pem(
    buildCertificate({
      privateKey: authority,
      issuer: name("Escalus"),
      subject: name("Escalus"),
      extensions: [extension(oids.basicConstraints, encode(sequence(yes())), yes()), keyUsage(0x06)],
    }),
  );
  /** What the authority makes of a request: for its key, and the address that it was shown papers for. */
  const issue = (request: string, address: string): string => {
    const [info] = items(decode(Buffer.from(request.replace(/-----[^-]+-----|\s/gu, ""), "base64")));
    const spki = items(info)[2];
    if (!spki) throw new Error("A request has a key.");
    return pem(
      buildCertificate({
        privateKey: authority,
        issuer: name("Escalus"),
        subject: name("Juliet"),
        spki,
        extensions: [altNames(xmppAddr(address)), keyUsage(0x80)],
        signature: (tbs) => bits(sign("sha256", tbs, authority)),
      }),
    );
  };

  it("is asked for, installed with what stands behind it, and verifies her key where the authority is trusted", async () => {
    const before = await fingerprint("juliet");
    const request = String((await run("juliet", "certificate", "request")).told.at(-1)?.pem);
    expect(request).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/u);
    const others = await at.file("others.pem", issue(request, "romeo@montague.lit"));
    expect(await run("juliet", "certificate", "install", others)).toMatchObject({ code: 6, told: [expect.anything(), { event: "error", code: "address-mismatch" }] });
    const file = await at.file("hers.pem", root + issue(request, JULIET)); // in whichever order
    const { code, told } = await run("juliet", "certificate", "install", file);
    expect([code, await fingerprint("juliet")]).toEqual([0, before]);
    expect(told).toContainEqual(expect.objectContaining({ event: "certificate-installed", account: JULIET, fingerprint: before, authorities: 1 }));
    await run("romeo", "trust", "reset", JULIET, "--yes");
    expect(await trustAtRomeos("--anchors", await at.file("anchors.pem", root))).toEqual(["verified", "ca"]);
  });

  it("for another key asks first, as trust hangs on the key", async () => {
    const file = await at.file("romeos.pem", root);
    expect(await run("romeo", "certificate", "install", file)).toMatchObject({ code: 2, told: [expect.anything(), { event: "error", code: "invalid-argument" }] });
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const certificate = buildCertificate({ privateKey: key, extensions: [altNames(xmppAddr("romeo@montague.lit")), keyUsage(0x80)] });
    const [own, its] = [await at.file("own.pem", pem(certificate)), await at.file("own.key", key.export({ format: "pem", type: "pkcs8" }).toString())];
    const before = await fingerprint("romeo");
    expect(await run("romeo", "certificate", "install", own, "--key", its)).toMatchObject({ code: 2 });
    expect(await fingerprint("romeo")).toBe(before);
    expect(await run("romeo", "certificate", "install", own, "--key", its, "--yes")).toMatchObject({ code: 0 });
    expect(await fingerprint("romeo")).not.toBe(before);
  });
});

describe("OpenPGP keys", () => {
  it("sign this device, verify it where they are trusted, and are trusted no more", async () => {
    const key = await newKey({ date: new Date(Date.now() - 30 * 24 * 60 * 60 * 1000) });
    const [privateKey, publicKey] = [await at.file("juliet.asc", key.armor()), await at.file("juliet.pub", Buffer.from(publicOf(key)).toString("latin1"))];
    const armoured = await at.file("juliet-public.asc", key.toPublic().armor());
    expect((await run("juliet", "trust", "openpgp", "sign", publicKey)).code).toBe(2);
    expect(await run("juliet", "trust", "openpgp", "sign", privateKey, "--days", "30")).toMatchObject({ code: 0 });
    expect(await run("romeo", "trust", "openpgp", "add", "nurse@capulet.lit", armoured, "--yes")).toMatchObject({ code: 6 });
    expect(await run("romeo", "trust", "openpgp", "add", JULIET, armoured)).toMatchObject({ code: 2 });
    await run("romeo", "trust", "reset", JULIET, "--yes");
    const { code, told } = await run("romeo", "trust", "openpgp", "add", JULIET, armoured, "--yes");
    const mark = key.getFingerprint().toUpperCase();
    expect(code).toBe(0);
    expect(told).toContainEqual(expect.objectContaining({ event: "openpgp-trusted", peer: JULIET, fingerprint: mark, addresses: [JULIET], revoked: false }));
    expect(await trustAtRomeos()).toEqual(["verified", "openpgp"]);
    const shown = await balcony("trust", "show", JULIET, "--data", `${at.folder}/romeo`).ended;
    expect(shown.stdout.toString()).toContain(mark.slice(-4));
    expect(await run("romeo", "trust", "openpgp", "rm", JULIET, mark.toLowerCase())).toMatchObject({ code: 0 });
    expect(await trustAtRomeos()).toEqual(["unverified", undefined]);
    expect(await run("juliet", "trust", "openpgp", "withdraw")).toMatchObject({ code: 0 });
  });

  it("text is for another program to sign, and what it has signed is checked before it is shown to anybody", async () => {
    const { told } = await run("juliet", "trust", "openpgp", "text");
    expect(told.at(-1)).toMatchObject({ event: "openpgp-text", text: expect.stringContaining(await fingerprint("juliet")) });
    const key = await newKey();
    const publicKey = await at.file("other.asc", key.toPublic().armor());
    const using = balcony("trust", "openpgp", "use", publicKey, ...offline("juliet"));
    using.child.stdin.end("not signed by anybody");
    const { code, stdout } = await using.ended;
    expect([code, events(stdout).at(-1)?.code]).toEqual([6, "openpgp-statement"]);
  });
});
