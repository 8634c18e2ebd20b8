import { fingerprintUri, fingerprintWords, TrustStore } from "@balcony/trust";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balcony, events, type House, house } from "./running.js";

let at: House;
let juliets: string;

beforeAll(async () => {
  at = await house();
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes").until("listening");
  juliet.child.stdin.end();
  const romeo = balcony("open", "juliet@capulet.lit/balcony", ...at.as("romeo"));
  romeo.child.stdin.end();
  expect([(await romeo.ended).code, (await juliet.ended).code]).toEqual([0, 0]);
  const identity = await balcony("identity", "--json", "--data", `${at.folder}/juliet`).ended;
  juliets = String(events(identity.stdout).at(-1)?.fingerprint);
});
afterAll(async () => await at.tearDown());

const JULIET = "juliet@capulet.lit";
const trust = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await balcony("trust", ...args, "--data", `${at.folder}/romeo`).ended;
  return { code, stdout: stdout.toString(), stderr };
};
const record = async () => {
  const { stdout } = await balcony("trust", "show", JULIET, "--json", "--data", `${at.folder}/romeo`).ended;
  return events(stdout).at(-1) as { devices: { spki: string; status: string; label?: string }[] };
};
const other = "0".repeat(64);

describe("balcony trust", () => {
  it("lists and shows whose key was taken", async () => {
    expect(await trust("ls")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^juliet@capulet\.lit +1 unverified\n$/) });
    expect((await trust("show", JULIET)).stdout.replaceAll(/\s/g, "")).toContain(juliets);
    expect((await record()).devices).toMatchObject([{ spki: juliets, status: "unverified" }]);
    expect(await trust("show", "benvolio@montague.lit")).toMatchObject({ code: 2 });
  });

  it("refuses a fingerprint that is not theirs, and changes nothing", async () => {
    expect(await trust("verify", JULIET, other)).toMatchObject({ code: 6, stderr: expect.stringContaining("[fingerprint-mismatch]") });
    expect(await trust("verify", JULIET, fingerprintUri("benvolio@montague.lit", juliets))).toMatchObject({ code: 6, stderr: expect.stringContaining("[address-mismatch]") });
    expect(await trust("verify", JULIET, juliets.slice(0, 32))).toMatchObject({ code: 2, stderr: expect.stringContaining("no whole fingerprint") });
    expect(await trust("verify", JULIET)).toMatchObject({ code: 2, stderr: expect.stringContaining("Give it as the last argument") });
    expect((await record()).devices).toMatchObject([{ status: "unverified" }]);
  });

  it.each([
    ["digits", () => juliets.toUpperCase()],
    ["words", () => fingerprintWords(juliets).join(" ")],
    ["code", () => fingerprintUri(JULIET, juliets)],
  ])("verifies by %s", async (_, given) => {
    expect(await trust("verify", JULIET, given())).toMatchObject({ code: 0, stderr: expect.stringContaining("is verified") });
    expect((await record()).devices).toMatchObject([{ spki: juliets, status: "verified" }]);
  });

  it("names a key, and refuses a name that controls the screen", async () => {
    expect((await trust("label", JULIET, juliets, "her laptop")).code).toBe(0);
    expect((await record()).devices).toMatchObject([{ label: "her laptop" }]);
    expect(await trust("label", JULIET, juliets, "\u202eher\u001b[2J")).toMatchObject({ code: 2, stderr: expect.not.stringMatching(/\u202e|\u001b\[2J/) });
    expect(await trust("label", JULIET, other, "x")).toMatchObject({ code: 2 });
  });

  it("holds an address to verified keys where the person wants it, and shows so", async () => {
    expect(await trust("require", JULIET, "verified")).toMatchObject({ code: 0, stderr: expect.stringContaining("only a verified key") });
    expect((await trust("show", JULIET)).stdout).toContain("You require verified for this address.");
    expect(await record()).toMatchObject({ require: "verified" });
    expect((await trust("require", JULIET, "default")).code).toBe(0);
    expect(await record()).not.toHaveProperty("require");
    expect(await trust("require", JULIET, "nothing")).toMatchObject({ code: 2 });
  });

  it("shows of each key where its status comes from, in 80 columns", async () => {
    const store = await TrustStore.open({ folder: `${at.folder}/romeo` });
    const [phone, tablet, late] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
    const [account, peer] = ["romeo@montague.lit", "abram@montague.lit"];
    await store.setVerified(account, peer, phone, "qr");
    await store.vouch(account, peer, { by: phone, spki: tablet });
    const vouched = (await trust("show", peer)).stdout;
    await store.rotate(account, peer, { from: phone, to: late });
    await store.revoke(account, peer, late);
    const { stdout } = await trust("show", peer);
    await store.reset(account, peer);
    await store.close();
    expect(vouched).toMatch(/verified, vouched for by 11111111, on \d{4}-\d\d-\d\d/);
    expect(stdout).toContain("revoked, replaced by 33333333");
    expect(stdout).toContain("unverified, and refused: 33333333, which vouched for it, is gone");
    expect(stdout).toMatch(/revoked, verified before by qr on/);
    expect(stdout).not.toMatch(/^.{81}/m);
  });

  it("takes a new device that its owner vouches for, and revokes it for good", async () => {
    expect((await trust("verify", JULIET, other, "--new-key")).code).toBe(0);
    expect(await trust("revoke", JULIET, other)).toMatchObject({ code: 2, stderr: expect.stringContaining("Give --yes") });
    expect((await trust("revoke", JULIET, other, "--yes")).code).toBe(0);
    expect(await trust("verify", JULIET, other)).toMatchObject({ code: 6, stderr: expect.stringContaining("[key-revoked]") });
  });

  it("forgets, and goes on to refuse what is unknown, until it is reset with a warning", async () => {
    expect(await trust("rm", JULIET, juliets)).toMatchObject({ code: 0, stderr: expect.stringContaining("still refused") });
    expect(await trust("reset", JULIET)).toMatchObject({ code: 2, stderr: expect.stringContaining("somebody who sits between you") });
    expect((await trust("reset", JULIET, "--yes")).code).toBe(0);
    expect((await record()).devices).toMatchObject([{ spki: other, status: "revoked" }]);
  });

  it("tells a program the same, one event a line", async () => {
    const { stdout } = await trust("ls", "--json");
    expect(events(stdout).at(-1)).toMatchObject({ event: "peer", account: "romeo@montague.lit", peer: JULIET, devices: [{ status: "revoked" }] });
  });
});

describe("balcony identity", () => {
  it("shows digits, words and a code that all say the same, in 80 columns", async () => {
    const { code, stdout } = await balcony("identity", "--data", `${at.folder}/juliet`).ended;
    expect([code, stdout.toString()]).toEqual([0, expect.not.stringMatching(/^.{81}/m)]);
    expect(stdout.toString().replaceAll(/\s/g, "")).toContain(juliets);
    const json = events((await balcony("identity", "--data", `${at.folder}/juliet`, "--json").ended).stdout).at(-1);
    expect(json).toEqual({ event: "identity", account: JULIET, fingerprint: juliets, words: fingerprintWords(juliets), uri: fingerprintUri(JULIET, juliets) });
  });
});
