import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIdentity, exportIdentity, type KeyType } from "../src/index.js";
import { gone } from "./hostile/peers.js";
import { asClient, asServer, failure, juliet, outcome } from "./pairs.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-tls-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** The options by which openssl shows a fresh identity. */
async function showing(keyType: Exclude<KeyType, "RSA">): Promise<readonly string[]> {
  const { certificate, privateKey } = exportIdentity(createIdentity("romeo@montague.lit", { keyType }));
  await writeFile(join(folder, "romeo.pem"), certificate + privateKey, { mode: 0o600 });
  return ["-cert", join(folder, "romeo.pem"), "-key", join(folder, "romeo.pem")];
}

interface Openssl {
  readonly process: ChildProcessWithoutNullStreams;
  /** Resolves with all that it has said once that matches. */
  said(pattern: RegExp): Promise<string>;
}

function openssl(...args: readonly string[]): Openssl {
  const child = spawn("openssl", args, { cwd: folder });
  child.stdin.on("error", () => undefined); // it may be gone before it has read all
  let text = "";
  const listen = (piece: Buffer) => {
    text += piece.toString();
    child.emit("said");
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  return {
    process: child,
    said: async (pattern) => {
      while (!pattern.test(text)) {
        await Promise.race([once(child, "said"), once(child, "close")]);
        if (child.exitCode !== null && !pattern.test(text)) throw new Error(`openssl ended without ${pattern}: ${text}`);
      }
      return text;
    },
  };
}

/** `openssl s_client` as the peer, we are the server. */
async function fromClient(...args: readonly string[]): Promise<{ readonly peer: Openssl; readonly bytes: Socket }> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const connected = once(listener, "connection") as Promise<[Socket]>;
  const peer = openssl("s_client", "-connect", `127.0.0.1:${(listener.address() as AddressInfo).port}`, ...args);
  const [bytes] = await connected;
  listener.close();
  return { peer, bytes };
}

/** `openssl s_server` as the peer, we are the client. */
async function toServer(...args: readonly string[]): Promise<{ readonly peer: Openssl; readonly bytes: Socket }> {
  const peer = openssl("s_server", "-accept", "127.0.0.1:0", ...args);
  const port = Number(/ACCEPT 127\.0\.0\.1:(\d+)/.exec(await peer.said(/ACCEPT 127\.0\.0\.1:\d+/))?.[1]);
  const bytes = connect(port, "127.0.0.1");
  await once(bytes, "connect");
  return { peer, bytes };
}

async function ended({ process }: Openssl): Promise<void> {
  process.kill();
  if (process.exitCode === null && process.signalCode === null) await once(process, "close");
}

describe("openssl at the other end", () => {
  it.each(["P-256", "P-384", "P-521", "Ed25519"] as const)("as client, with a key of the type %s, gets its bytes through", async (keyType) => {
    const { peer, bytes } = await fromClient("-quiet", "-no_ign_eof", "-alpn", "xmpp-client", ...(await showing(keyType)));
    const secured = await asServer(bytes, { peerAddress: "romeo@montague.lit" });
    expect(secured.peerCertificate.keyType).toBe(keyType);
    peer.process.stdin.write("But soft\n");
    expect(String((await once(secured.bytes, "data"))[0])).toBe("But soft\n");
    secured.bytes.write("What man art thou\n");
    await peer.said(/What man art thou/);
    secured.bytes.resume().end();
    await gone(secured.bytes);
    await ended(peer);
  });

  it("as client exports what we export", async () => {
    const { peer, bytes } = await fromClient("-keymatexport", "EXPORTER-test", "-keymatexportlen", "32", ...(await showing("P-256")));
    const secured = await asServer(bytes);
    const theirs = /Keying material: ([0-9A-F]{64})/.exec(await peer.said(/Keying material: [0-9A-F]{64}/))?.[1];
    // openssl gives no context, which in TLS 1.3 is the same as an empty one (RFC 8446 §7.5).
    expect(
      Buffer.from(secured.exportKeyingMaterial(32, "EXPORTER-test", new Uint8Array(0)))
        .toString("hex")
        .toUpperCase(),
    ).toBe(theirs);
    secured.bytes.destroy();
    await gone(secured.bytes);
    await ended(peer);
  });

  it.each(["P-256", "Ed25519"] as const)("as server, with a key of the type %s, gets its bytes through", async (keyType) => {
    const { peer, bytes } = await toServer("-tls1_3", "-Verify", "1", "-alpn", "xmpp-client", ...(await showing(keyType)));
    const secured = await asClient(bytes, { identity: juliet, peerAddress: "romeo@montague.lit" });
    expect(secured.group).toBeTypeOf("string");
    secured.bytes.write("Wherefore art thou\n");
    await peer.said(/Wherefore art thou/);
    peer.process.stdin.write("Call me but love\n");
    expect(String((await once(secured.bytes, "data"))[0])).toBe("Call me but love\n");
    secured.bytes.destroy();
    await gone(secured.bytes);
    await ended(peer);
  });

  it("as server that rejects our certificate behind the handshake is tls-rejected, when secure() has long resolved", async () => {
    const { peer, bytes } = await toServer("-tls1_3", "-Verify", "1", "-verify_return_error", ...(await showing("P-256")));
    const secured = await asClient(bytes, { identity: juliet });
    secured.bytes.resume();
    expect(await failure(secured.bytes)).toBe("tls-rejected");
    await gone(bytes);
    await ended(peer);
  });

  it("as server of TLS 1.2 is tls-version, and so it is as client", async () => {
    const server = await toServer("-tls1_2", ...(await showing("P-256")));
    expect(await outcome(asClient(server.bytes))).toBe("tls-version");
    await ended(server.peer);
    const client = await fromClient("-tls1_2", ...(await showing("P-256")));
    expect(await outcome(asServer(client.bytes))).toBe("tls-version");
    await ended(client.peer);
  });

  it("as client without a certificate is refused, and told so", async () => {
    const { peer, bytes } = await fromClient();
    expect(await outcome(asServer(bytes))).toBe("no-certificate");
    expect(await peer.said(/alert certificate required|alert number 116/)).toMatch(/alert/);
    await ended(peer);
  });

  it("as client that updates its keys is heard on", async () => {
    const { peer, bytes } = await fromClient(...(await showing("P-256")));
    const secured = await asServer(bytes);
    const heard: Buffer[] = [];
    secured.bytes.on("data", (piece: Buffer) => heard.push(piece));
    await peer.said(/SSL handshake has read/);
    peer.process.stdin.write("K\n");
    await peer.said(/KEYUPDATE/);
    peer.process.stdin.write("after\n");
    while (!Buffer.concat(heard).includes("after\n")) await once(secured.bytes, "data");
    secured.bytes.destroy();
    await gone(secured.bytes);
    await ended(peer);
  });
});
