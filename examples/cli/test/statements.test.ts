import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdentity, exportIdentity } from "@balcony/tls";
import { fingerprintUri, TrustStore } from "@balcony/trust";
import { exportStatement } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atTerminal, balcony, events } from "./running.js";

const [juliet, romeo, benvolio] = ["juliet@capulet.lit", "romeo@montague.lit", "benvolio@montague.lit"] as const;
let folder: string;
/** Juliet's two devices, and Romeo's laptop. */
const fingerprints: Record<"laptop" | "phone" | "romeos", string> = { laptop: "", phone: "", romeos: "" };

const open = async (device: string): Promise<TrustStore> => await TrustStore.open({ folder: join(folder, device) });

async function device(name: keyof typeof fingerprints, jid: string): Promise<void> {
  const store = await open(name);
  const identity = createIdentity(jid);
  await store.identity(jid, () => Promise.resolve(exportIdentity(identity)));
  await store.close();
  fingerprints[name] = identity.spki;
  await writeFile(join(folder, name, "accounts.json"), JSON.stringify([{ jid }]), { mode: 0o600 });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-statements-"));
  await device("laptop", juliet);
  await device("phone", juliet);
  await device("romeos", romeo);
});
afterAll(async () => await rm(folder, { recursive: true }));

const trust = async (on: string, ...args: readonly string[]) => {
  const { code, stdout, stderr } = await balcony("trust", ...args, "--data", join(folder, on)).ended;
  return { code, stdout: stdout.toString(), stderr };
};
const keyOf = async (on: string, peer: string, spki: string) => {
  const store = await open(on);
  const device = store.show(juliet, peer)?.devices.find((one) => one.spki === spki);
  await store.close();
  return device;
};

describe("what one of two devices knows of a contact", () => {
  it("is not exported before a person has verified it there", async () => {
    expect(await trust("laptop", "export", romeo)).toMatchObject({ code: 2, stderr: expect.stringContaining("No key of romeo@montague.lit was verified by you") });
    const store = await open("laptop");
    await store.accepted(juliet, romeo, { spki: fingerprints.romeos, decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] }, streamed: true });
    await store.close();
    expect(await trust("laptop", "export", romeo, fingerprints.romeos)).toMatchObject({ code: 6, stderr: expect.stringContaining("[not-trusted]") });
    expect(await trust("laptop", "export", romeo, "0".repeat(64))).toMatchObject({ code: 2, stderr: expect.stringContaining("is not known") });
  });

  it("is taken by the other one once that knows the first, from an argument, a file or stdin", async () => {
    expect((await trust("laptop", "verify", romeo, fingerprints.romeos)).code).toBe(0);
    const { code, stdout } = await trust("laptop", "export", romeo);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^xmpp:romeo@montague\.lit\?trust-message;encryption=[^\s]+;signature=[\w-]{86}\n$/)]);
    expect(await trust("phone", "import", stdout, "--yes")).toMatchObject({ code: 6, stderr: expect.stringContaining("[not-trusted]") });
    expect(await trust("phone", "vouch", fingerprints.laptop, "--label", "laptop")).toMatchObject({ code: 0, stderr: expect.stringContaining("it counts as yours") });
    expect(await trust("phone", "import", stdout)).toMatchObject({ code: 2, stderr: expect.stringMatching(/Another device of yours \(.{8}\) said on[\s\S]*Give --yes/) });
    expect(await keyOf("phone", romeo, fingerprints.romeos)).toBeUndefined();
    await writeFile(join(folder, "exported.txt"), `  ${stdout.replace(/.{50}/g, "$&\n  ")}\n`);
    expect(await trust("phone", "import", join(folder, "exported.txt"), "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("counts as verified") });
    expect(await keyOf("phone", romeo, fingerprints.romeos)).toMatchObject({ status: "verified", verified: { how: "imported" } });
    const fromStdin = balcony("trust", "import", "-", "--yes", "--json", "--data", join(folder, "phone"));
    fromStdin.child.stdin.end(`${stdout}${stdout}`);
    expect(events((await fromStdin.ended).stdout).filter(({ event }) => event === "imported")).toMatchObject([
      { kind: "vouch", peer: romeo, signer: juliet, by: fingerprints.laptop },
      {},
    ]);
  });

  it("that was refused there is refused here, too", async () => {
    const lost = "5".repeat(64);
    expect((await trust("laptop", "verify", romeo, lost, "--new-key")).code).toBe(0);
    expect((await trust("laptop", "revoke", romeo, lost, "--yes")).code).toBe(0);
    const { stdout } = await trust("laptop", "export", romeo, lost, "--for", juliet);
    expect(stdout).toContain(`;distrust=${lost};`);
    expect(stdout).toContain(";for=juliet%40capulet.lit;");
    expect((await trust("phone", "import", stdout, "--yes")).code).toBe(0);
    expect(await keyOf("phone", romeo, lost)).toMatchObject({ status: "revoked" });
    expect(await trust("romeos", "import", stdout, "--yes")).toMatchObject({ code: 6, stderr: expect.stringContaining("it is for somebody else") });
  });
});

describe("a contact's device that speaks for another of theirs", () => {
  const phone = "7".repeat(64);

  it("is believed where it was verified, and nowhere else", async () => {
    const vouched = await trust("romeos", "vouch", fingerprintUri(romeo, phone));
    expect(vouched).toMatchObject({ code: 0, stderr: expect.stringContaining("is told of it in your next stream") });
    expect(await trust("laptop", "import", vouched.stdout, "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining("A device of romeo@montague.lit") });
    expect(await keyOf("laptop", romeo, phone)).toMatchObject({ status: "verified", verified: { how: "vouched", by: fingerprints.romeos } });
    const store = await TrustStore.inMemory();
    const forged = await exportStatement(store, benvolio, { kind: "vouch", owner: romeo, subject: "8".repeat(64) });
    expect(await trust("laptop", "import", forged, "--yes")).toMatchObject({ code: 6, stderr: expect.stringContaining("has no say on keys of") });
    const stranger = await exportStatement(store, romeo, { kind: "vouch", owner: romeo, subject: "8".repeat(64) });
    expect(await trust("laptop", "import", stranger, "--yes")).toMatchObject({ code: 6, stderr: expect.stringContaining("[not-trusted]") });
    expect(await keyOf("laptop", romeo, "8".repeat(64))).toBeUndefined();
  });

  it("is refused with one letter of it changed, and nothing of what stands beside it is taken", async () => {
    const good = (await trust("laptop", "export", romeo, fingerprints.romeos)).stdout;
    const forged = good.replace(fingerprints.romeos, "6".repeat(64));
    expect(await trust("phone", "import", forged, "--yes")).toMatchObject({ code: 6, stderr: expect.stringContaining("[statement-invalid]") });
    expect(await trust("phone", "import", `${good.replace(fingerprints.romeos, "9".repeat(64))}\nxmpp:x?trust-message;`, "--yes")).toMatchObject({ code: 2 });
    expect(await keyOf("phone", romeo, "9".repeat(64))).toBeUndefined();
  });
});

describe("what is no statement", () => {
  it.each([
    ["a fingerprint", ["import", fingerprintUri(romeo, "1".repeat(64)), "--yes"], 2, "no statement about a key"],
    ["a file that is not there", ["import", "/nowhere/at/all"], 2, "no file that can be read"],
    ["a fingerprint of somebody else's as one's own", ["vouch", fingerprintUri(benvolio, "1".repeat(64))], 6, "[address-mismatch]"],
    ["half a fingerprint", ["vouch", "1".repeat(32)], 2, "no whole fingerprint"],
    ["no address", ["export", "@"], 2, "is no XMPP address"],
  ] as const)("%s ends with its exit code", async (_, args, code, words) => {
    expect(await trust("laptop", ...args)).toMatchObject({ code, stderr: expect.stringContaining(words) });
  });

  it("one's own fingerprint ends with 2, and an empty stdin, too", async () => {
    expect(await trust("laptop", "vouch", fingerprints.laptop)).toMatchObject({ code: 2, stderr: expect.stringContaining("this very device") });
    const empty = balcony("trust", "import", "--yes", "--data", join(folder, "laptop"));
    empty.child.stdin.end("\n");
    expect((await empty.ended).code).toBe(2);
  });
});

describe("at a terminal", () => {
  it("an export is text that can be copied and a code that can be scanned, in 80 columns, with colours or without", async () => {
    for (const env of [{}, { NO_COLOR: "1" }]) {
      const { stdout, code } = await atTerminal(["trust", "export", romeo, fingerprints.romeos, "--data", join(folder, "laptop")], env).ended;
      const coloured = stdout.toString();
      const plain = coloured.replace(/\u001b\[[0-9;]*m/g, "").replaceAll("\r", "");
      expect([code, plain]).toEqual([0, expect.not.stringMatching(/^.{81}/m)]);
      expect(coloured.includes("\u001b[40m")).toBe(!("NO_COLOR" in env));
      const copied = plain.slice(plain.indexOf("  xmpp:"), plain.indexOf("\n\n", plain.indexOf("  xmpp:")));
      expect(await trust("phone", "import", copied, "--yes")).toMatchObject({ code: 0 });
      expect(plain.split("\n").filter((line) => /^[█▀▄ ]{70,}$/.test(line)).length).toBeGreaterThan(30);
    }
  });

  it("everything that is known of a key is shown, in 80 columns", async () => {
    const store = await open("laptop");
    await store.recordDifference(juliet, benvolio, "a".repeat(64));
    await store.chargeGuess(juliet, benvolio);
    await store.accepted(juliet, benvolio, { spki: "b".repeat(64), decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] }, streamed: true });
    await store.setVerified(juliet, benvolio, "b".repeat(64), "qr");
    await store.rotate(juliet, benvolio, { from: "b".repeat(64), to: "c".repeat(64) });
    await store.accepted(juliet, `${"x".repeat(90)}@montague.lit`, {
      spki: "c".repeat(64),
      decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] },
      streamed: true,
    });
    await store.close();
    const { stdout } = await trust("laptop", "show", benvolio);
    expect(stdout).not.toMatch(/^.{81}/m);
    for (const words of [
      "you saw other symbols than they did",
      "in place of bbbbbbbb, which signed it",
      "refused since",
      "known for other addresses",
      "xxx…",
      "1; 2 left",
      "an offer of anything less is refused",
    ]) {
      expect(stdout).toContain(words);
    }
  });
});
