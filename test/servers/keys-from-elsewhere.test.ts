// The command beside the programs that people have their keys in: GnuPG signs a device, OpenSSL reads its request and issues a certificate.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { balcony, events, type House, house, trustOfJuliet } from "../../examples/cli/test/running.js";

const JULIET = "juliet@capulet.lit";
vi.setConfig({ testTimeout: 120_000 }); // a dozen commands each

let at: House;
beforeAll(async () => {
  at = await house();
});
afterEach(async () => await run("romeo", ["trust", "reset", JULIET, "--yes"]));
afterAll(async () => await at.tearDown());

/** What `balcony …` gives on stdout, offline. */
async function run(who: "romeo" | "juliet", args: readonly string[], stdin?: Buffer): Promise<string> {
  const running = balcony(...args, "--data", `${at.folder}/${who}`);
  running.child.stdin.end(stdin);
  const { code, stderr, stdout } = await running.ended;
  expect(code, stderr).toBe(0);
  return stdout.toString();
}

describe.each(["ed25519", "rsa3072"])("a key of GnuPG's, %s", (algorithm) => {
  let home: string;
  const gpg = (args: readonly string[], input?: string): Buffer => execFileSync("gpg", ["--batch", "--quiet", "--homedir", home, ...args], { input: input ?? "" });
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "gpg-")); // short: the agent's socket lies in it
  });
  afterAll(async () => {
    execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
    await rm(home, { recursive: true });
  });

  it("signs what it is asked to, and verifies her device where it is trusted", async () => {
    gpg(["--passphrase", "", "--quick-generate-key", `xmpp:${JULIET}`, algorithm, "sign", "1y"]);
    const publicKey = await at.file(`${algorithm}.asc`, gpg(["--armor", "--export"]).toString());
    const text = await run("juliet", ["trust", "openpgp", "text"]);
    await run("juliet", ["trust", "openpgp", "use", publicKey], gpg(["--sign"], text));
    expect(await trustOfJuliet(at)).toEqual(["unverified", undefined]);
    const told = events(await run("romeo", ["trust", "openpgp", "add", JULIET, publicKey, "--yes", "--json"]));
    const [, fingerprint] = /^fpr:+([0-9A-F]+):/mu.exec(gpg(["--with-colons", "--list-keys"]).toString()) ?? [];
    expect(told).toContainEqual(expect.objectContaining({ event: "openpgp-trusted", fingerprint, addresses: [JULIET] }));
    expect(await trustOfJuliet(at)).toEqual(["verified", "openpgp"]);
  });
});

it("a request is verified by OpenSSL, which issues a certificate by which her key is verified", async () => {
  const openssl = (...args: readonly string[]): string => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });
  const file = (name: string): string => join(at.folder, name);
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-days",
    "30",
    "-subj",
    "/CN=Escalus",
  );
  const request = await at.file("juliet.csr", await run("juliet", ["certificate", "request"]));
  expect(openssl("req", "-in", request, "-verify", "-noout", "-text")).toContain("id-ecPublicKey");
  const extensions = await at.file(
    "extensions",
    `subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:${JULIET}\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n`,
  );
  const issue = ["x509", "-req", "-in", request, "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "10", "-extfile", extensions];
  const issued = await at.file("issued.pem", openssl(...issue));
  await run("juliet", ["certificate", "install", issued]);
  expect(await trustOfJuliet(at, "--anchors", file("ca.pem"))).toEqual(["verified", "ca"]);
});
