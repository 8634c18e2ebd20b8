import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIdentity, exportIdentity, type Identity, readCertificate } from "../src/index.js";

const run = promisify(execFile);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-tls-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function openssl(...args: string[]): Promise<string> {
  const { stdout } = await run("openssl", args, { cwd: folder });
  return stdout;
}

async function written(identity: Identity): Promise<string> {
  const file = join(folder, `${identity.fingerprint}.pem`);
  await writeFile(file, exportIdentity(identity).certificate);
  return file;
}

const address = "romeo@montague.lit";
const identities: readonly (readonly [string, () => Identity])[] = [
  ["P-256", () => createIdentity(address)],
  ["P-384", () => createIdentity(address, { keyType: "P-384" })],
  ["P-521", () => createIdentity(address, { keyType: "P-521" })],
  ["Ed25519", () => createIdentity(address, { keyType: "Ed25519" })],
  ["RSA", () => createIdentity(address, generateKeyPairSync("rsa", { modulusLength: 2048 }))],
];

describe("openssl", () => {
  it.each(identities)("verifies a certificate of ours with a key of the type %s", async (_name, make) => {
    const file = await written(make());
    for (const purpose of ["sslclient", "sslserver"]) {
      const said = await openssl("verify", "-check_ss_sig", "-x509_strict", "-purpose", purpose, "-CAfile", file, file);
      expect(said.trim()).toBe(`${file}: OK`);
    }
  });

  it("reads in it what is meant", async () => {
    const identity = createIdentity(address, { now: new Date("2049-06-01T12:00:00Z") });
    const file = await written(identity);
    const text = await openssl("x509", "-in", file, "-noout", "-text", "-nameopt", "utf8");
    expect(text).toMatch(/Version: 3/);
    expect(text).toMatch(/Not Before: May 31 12:00:00 2049 GMT/);
    expect(text).toMatch(/Not After : Jun {2}1 12:00:00 2050 GMT/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication/);
    expect(text).toMatch(/Subject Alternative Name: \s+othername: XmppAddr::romeo@montague.lit/);
    const structure = await openssl("asn1parse", "-in", file);
    expect(structure).toMatch(/UTCTIME {11}:490531120000Z\n.*GENERALIZEDTIME {3}:20500601120000Z/);
  });

  it("finds the fingerprints that we find", async () => {
    const identity = createIdentity(address);
    const file = await written(identity);
    const fingerprint = await openssl("x509", "-in", file, "-noout", "-fingerprint", "-sha256");
    expect(fingerprint.trim().split("=")[1]?.replaceAll(":", "").toLowerCase()).toBe(identity.fingerprint);
    await writeFile(join(folder, "key.pem"), await openssl("x509", "-in", file, "-noout", "-pubkey"));
    await openssl("pkey", "-pubin", "-in", "key.pem", "-outform", "DER", "-out", "key.der");
    const digest = await openssl("dgst", "-sha256", "-r", "key.der");
    expect(digest.split(" ")[0]).toBe(identity.spki);
  });

  it("reads the key that we export", async () => {
    const file = join(folder, "private.pem");
    await writeFile(file, exportIdentity(createIdentity(address)).privateKey, { mode: 0o600 });
    expect(await openssl("pkey", "-in", file, "-noout", "-check")).toMatch(/Key is valid/);
  });
});

describe("certificates made by openssl", () => {
  const made = async (...args: string[]): Promise<Buffer> => {
    await openssl("req", "-x509", "-nodes", "-keyout", "made.key", "-out", "made.der", "-outform", "DER", "-days", "30", "-subj", "/CN=peer", ...args);
    return await readFile(join(folder, "made.der"));
  };
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

  it("are read as `openssl req -x509` makes them: with CA:TRUE and without an address", async () => {
    expect(readCertificate(await made(...ec))).toMatchObject({ keyType: "P-256", xmppAddresses: [], usages: undefined });
  });

  it("are read with RSA", async () => {
    expect(readCertificate(await made("-newkey", "rsa:2048"))).toMatchObject({ keyType: "RSA", xmppAddresses: [] });
  });

  it("are read with addresses among other names", async () => {
    const names = "subjectAltName=DNS:montague.lit,otherName:1.3.6.1.5.5.7.8.5;UTF8:romeo@montague.lit,otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp.montague.lit,email:romeo@montague.lit";
    expect(readCertificate(await made(...ec, "-addext", names))).toMatchObject({ xmppAddresses: ["romeo@montague.lit"] });
  });

  it("are refused with a compressed point, and with explicit parameters", async () => {
    for (const option of ["-conv_form", "-param_enc"]) {
      await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "plain.key");
      await openssl("ec", "-in", "plain.key", "-out", "other.key", option, option === "-conv_form" ? "compressed" : "explicit");
      await openssl("req", "-x509", "-key", "other.key", "-out", "other.der", "-outform", "DER", "-days", "30", "-subj", "/CN=peer");
      const der = await readFile(join(folder, "other.der"));
      expect(() => readCertificate(der)).toThrow(expect.objectContaining({ code: "key-unacceptable" }));
    }
  });
});
