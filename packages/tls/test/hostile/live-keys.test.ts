import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportIdentity } from "../../src/index.js";
import { asClient, asServer, failure, juliet, memoryPair, outcome } from "../pairs.js";
import { gone, rawClient, rawServer } from "./peers.js";

const run = promisify(execFile);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-tls-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
const openssl = async (...args: readonly string[]): Promise<void> => void (await run("openssl", args, { cwd: folder }));

const ec = async (curve: string, ...encoding: readonly string[]): Promise<void> => {
  await openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", "plain.key");
  await openssl("ec", "-in", "plain.key", "-out", "peer.key", ...encoding);
};
const pkey = (...options: readonly string[]) => openssl("genpkey", "-out", "peer.key", ...options);

/** A certificate as openssl makes it, and its key, the key made as told. */
async function made(key: () => Promise<void>): Promise<{ readonly cert: string; readonly key: string; readonly ciphers: string }> {
  await key();
  await openssl("req", "-x509", "-key", "peer.key", "-out", "peer.pem", "-days", "30", "-subj", "/CN=peer");
  return { cert: await readFile(join(folder, "peer.pem"), "utf8"), key: await readFile(join(folder, "peer.key"), "utf8"), ciphers: "DEFAULT@SECLEVEL=0" };
}

describe("keys that a peer really has", () => {
  it.each([
    ["P-256", () => ec("prime256v1"), "accepted", "accepted"],
    ["P-384", () => ec("secp384r1"), "accepted", "accepted"],
    ["Ed25519", () => pkey("-algorithm", "ED25519"), "accepted", "accepted"],
    ["RSA of 2048 bits", () => pkey("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "accepted", "accepted"],
    ["P-256, compressed", () => ec("prime256v1", "-conv_form", "compressed"), "key-unacceptable", "key-unacceptable"],
    ["P-256, hybrid", () => ec("prime256v1", "-conv_form", "hybrid"), "key-unacceptable", "key-unacceptable"],
    ["P-256, with explicit parameters", () => ec("prime256v1", "-param_enc", "explicit"), "key-unacceptable", "key-unacceptable"],
    ["RSA of 1024 bits", () => pkey("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"), "key-unacceptable", "key-unacceptable"],
    [
      "RSA with the exponent 2^32+15",
      () => pkey("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:4294967311"),
      "key-unacceptable",
      "key-unacceptable",
    ],
    // With these TLS 1.3 itself has no way to sign that we take: there is no handshake to judge.
    ["secp256k1", () => ec("secp256k1"), "tls-rejected", "no-certificate"],
    ["P-224", () => ec("secp224r1"), "tls-rejected", "no-certificate"],
    ["Ed448", () => pkey("-algorithm", "ED448"), "tls-rejected", "no-certificate"],
  ] as const)("%s", async (_name, key, atClient, atServer) => {
    const settings = await made(key);
    const [a, b] = await memoryPair();
    const theirServer = rawServer(b, settings);
    const ours = await outcome(asClient(a));
    const [c, d] = await memoryPair();
    const theirClient = rawClient(c, settings);
    expect({ atClient: ours, atServer: await outcome(asServer(d)) }).toEqual({ atClient, atServer });
    theirServer.resume().destroy();
    theirClient.resume().destroy();
    await gone(theirServer, theirClient);
  });
});

it("a server that rejects our certificate by an alert, behind what our client takes for the end of the handshake, ends the stream with tls-rejected", async () => {
  const { certificate, privateKey } = exportIdentity(juliet);
  await writeFile(join(folder, "server.pem"), certificate + privateKey);
  const server = spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-Verify", "1", "-verify_return_error", "-tls1_3"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
  });
  try {
    const lines = createInterface({ input: server.stdout });
    let port = 0;
    for await (const line of lines) {
      port = Number(/^ACCEPT .*:(\d+)$/.exec(line)?.[1] ?? 0);
      if (port) break;
    }
    const bytes = connect(port, "127.0.0.1");
    await once(bytes, "connect");
    const secured = await asClient(bytes); // it knows our certificate for none of its authorities', and says so when we think that all is well
    secured.bytes.resume();
    expect(await failure(secured.bytes)).toBe("tls-rejected");
    expect(secured.bytes.bytesRead).toBe(0);
  } finally {
    const exited = once(server, "exit");
    server.kill();
    await exited;
  }
});
