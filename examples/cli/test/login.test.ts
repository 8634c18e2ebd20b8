import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAccounts, writeAccount } from "../src/accounts.js";
import { balcony, events, type House, house } from "./running.js";

let at: House;
beforeAll(async () => {
  at = await house();
});
afterAll(async () => await at.tearDown());

const login = (data: string, ...more: readonly string[]) =>
  balcony("login", "romeo@montague.lit", "--data", join(at.folder, data), "--password-file", join(at.folder, "romeo.password"), ...at.online, ...more).ended;

describe("balcony login", () => {
  it("keeps the password under the passphrase, in a file for its owner alone, and uses it", async () => {
    const passphrase = await at.file("passphrase", "by yonder blessed moon\n");
    const { code, stdout } = await login("sealed", "--passphrase-file", passphrase, "--json");
    expect(code).toBe(0);
    expect(events(stdout).at(-1)).toMatchObject({ event: "login", account: "romeo@montague.lit", passwordKept: true, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const file = join(at.folder, "sealed", "accounts.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).not.toContain("orchard");
    const open = balcony("open", "nobody@capulet.lit/x", "--data", join(at.folder, "sealed"), "--passphrase-file", passphrase, "--insecure-plaintext-server");
    expect((await open.ended).stderr).toContain("✓ online as romeo@montague.lit/");
    const wrong = await at.file("wrong", "another\n");
    const refused = await balcony("open", "nobody@capulet.lit/x", "--data", join(at.folder, "sealed"), "--passphrase-file", wrong, "--insecure-plaintext-server").ended;
    expect([refused.code, refused.stderr]).toEqual([8, expect.stringContaining("[store-passphrase]")]);
  });

  it("says plainly what it means that there is no passphrase, and keeps no password then", async () => {
    const { code, stdout } = await login("open", "--json");
    expect(code).toBe(0);
    expect(events(stdout)).toContainEqual({ event: "warning", code: "keys-unprotected", folder: join(at.folder, "open") });
    expect(events(stdout).at(-1)).toMatchObject({ event: "login", passwordKept: false });
    const again = await balcony("listen", "--data", join(at.folder, "open"), "--insecure-plaintext-server").ended;
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("Use --password-file.")]);
  });

  it("loses no account where two are set up at once", async () => {
    const both = [
      ["romeo@montague.lit", "romeo.password"],
      ["juliet@capulet.lit", "juliet.password"],
    ] as const;
    const codes = await Promise.all(
      both.map(async ([jid, file]) => (await balcony("login", jid, "--data", join(at.folder, "two"), "--password-file", join(at.folder, file), ...at.online).ended).code),
    );
    expect(codes).toEqual([0, 0]);
    const { code, stderr } = await balcony("identity", "--data", join(at.folder, "two")).ended;
    expect([code, stderr]).toEqual([2, expect.stringMatching(/(romeo@montague.lit, juliet@capulet.lit|juliet@capulet.lit, romeo@montague.lit)/)]);
  });

  it.each(["{", "{}", '[{"jid":1}]', '[{"jid":"a@b","password":"clear"}]', "[null]"])("an accounts file that says %s is no accounts file", async (content) => {
    await writeFile(join(at.folder, "accounts.json"), content);
    await expect(readAccounts(at.folder)).rejects.toMatchObject({ code: "store-corrupt" });
    await expect(writeAccount(at.folder, { jid: "romeo@montague.lit" })).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await readFile(join(at.folder, "accounts.json"), "utf8")).toBe(content);
  });

  it("says that an accounts file is none with 8", async () => {
    await at.file("accounts.json", "{");
    const { code, stderr } = await balcony("identity", "--data", at.folder).ended;
    expect([code, stderr]).toEqual([8, expect.stringContaining("[store-corrupt]")]);
  });
});

describe("what goes wrong has its exit code", () => {
  it.each<readonly [title: string, code: number, says: string, args: () => readonly string[]]>([
    ["no command that exists", 2, "unknown command", () => ["elope"]],
    ["an unknown option", 2, "unknown option", () => ["listen", "--loudly"]],
    ["no address", 2, "It is `balcony open JID`", () => ["open"]],
    ["what is no address", 2, '"a@b@c" is no XMPP address', () => ["open", "a@b@c", ...at.as("romeo")]],
    ["a server in place of an account", 2, "is a server", () => ["login", "montague.lit"]],
    ["a timeout that is no time", 2, "It takes seconds", () => ["listen", "--timeout", "soon"]],
    ["a service that is no URL", 2, "It begins with xmpp:// or xmpps://", () => ["listen", "--service", "montague.lit"]],
    ["no account", 2, "No account is set up", () => ["identity", "--data", join(at.folder, "nobody")]],
    ["a password file that is not there", 2, "cannot be read (ENOENT)", () => ["login", "romeo@montague.lit", "--password-file", join(at.folder, "nowhere")]],
    [
      "a wrong password",
      3,
      "does not take this password",
      () => ["login", "romeo@montague.lit", "--data", join(at.folder, "new"), "--password-file", join(at.folder, "juliet.password"), ...at.online],
    ],
    [
      "a server without TLS",
      3,
      "offers no TLS",
      () => ["login", "romeo@montague.lit", "--data", join(at.folder, "new"), "--password-file", join(at.folder, "romeo.password"), "--service", at.server.service],
    ],
    ["a server that is not there", 3, "ECONNREFUSED", () => ["listen", ...at.as("romeo"), "--service", "xmpp://127.0.0.1:1"]],
    ["a peer that is not there", 4, "[peer-unavailable]", () => ["open", "juliet@capulet.lit/nowhere", ...at.as("romeo")]],
    ["a peer of whom nothing is known", 4, "[unknown-resource]", () => ["open", "juliet@capulet.lit", ...at.as("romeo")]],
    ["oneself", 2, "[invalid-argument]", () => ["open", "romeo@montague.lit/me", "--resource", "me", ...at.as("romeo")]],
  ])("%s: %i", async (_, wanted, says, args) => {
    const { code, stdout, stderr } = await balcony(...args()).ended;
    expect([code, stderr, stdout.length]).toEqual([wanted, expect.stringContaining(says), 0]);
  });

  it.each<readonly [code: number, event: object, args: () => readonly string[]]>([
    [2, { event: "error", code: "usage" }, () => ["listen", "--timeout", "soon"]],
    [2, { event: "error", code: "usage" }, () => ["open", "a@b@c"]],
    [3, { event: "error", code: "server", hint: expect.any(String) }, () => ["listen", ...at.as("romeo"), "--service", "xmpp://127.0.0.1:1"]],
    [4, { event: "error", code: "peer-unavailable", phase: "discover", peer: "juliet@capulet.lit/nowhere" }, () => ["open", "juliet@capulet.lit/nowhere", ...at.as("romeo")]],
  ])("%i is told to programs as %o", async (wanted, event, args) => {
    const { code, stdout } = await balcony(...args(), "--json").ended;
    expect([code, events(stdout).at(-1)]).toEqual([wanted, expect.objectContaining(event)]);
  });

  it("tells its codes in --help, and says its version", async () => {
    const help = await balcony("--help").ended;
    expect([help.code, help.stdout.toString()]).toEqual([0, expect.stringContaining("130  interrupted")]);
    expect((await balcony("--version").ended).code).toBe(0);
    for (const command of ["login", "listen", "open", "identity", "trust"]) {
      const { code, stdout } = await balcony(command, "--help").ended;
      expect([command, code]).toEqual([command, 0]);
      expect(stdout.toString()).not.toMatch(/^.{81}/m);
    }
  });
});
