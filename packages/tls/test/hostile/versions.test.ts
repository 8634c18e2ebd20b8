import { Buffer } from "node:buffer";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { asClient, asServer, juliet, kinds, outcome, romeo } from "../pairs.js";
import { gone, rawClient, rawServer, showing } from "./peers.js";

const old = { minVersion: "TLSv1", maxVersion: "TLSv1.2", ciphers: "DEFAULT@SECLEVEL=0" } as const;

describe.each(kinds)("versions and protocols, over %s", (_kind, pair) => {
  it.each(["TLSv1", "TLSv1.1", "TLSv1.2"] as const)("a client that speaks no more than %s is tls-version", async (maxVersion) => {
    const [a, b] = await pair();
    const client = rawClient(a, { ...showing(romeo), ...old, maxVersion });
    expect(await outcome(asServer(b))).toBe("tls-version");
    await gone(b, client);
  });

  it.each(["TLSv1", "TLSv1.1", "TLSv1.2"] as const)("a server that speaks no more than %s is tls-version", async (maxVersion) => {
    const [a, b] = await pair();
    const server = rawServer(b, { ...showing(juliet), ...old, maxVersion });
    expect(await outcome(asClient(a))).toBe("tls-version");
    await gone(a, server);
  });

  it("the other implementation's recorded ClientHello, of TLS 1.1, is tls-version", async () => {
    const [a, b] = await pair();
    a.write(kaaClientHello);
    a.on("error", () => undefined).resume();
    expect(await outcome(asServer(b))).toBe("tls-version");
    await gone(b, a);
  });

  it("our server gives a client that offers other protocols only an alert", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, { ...showing(romeo), ALPNProtocols: ["h2", "xmpp-server"] });
    expect(await outcome(asServer(b))).toBe("alpn-mismatch");
    await gone(b, client);
  });

  it("a server that knows none of our protocols is alpn-mismatch", async () => {
    const [a, b] = await pair();
    const server = rawServer(b, { ...showing(juliet), ALPNProtocols: ["h2"] });
    expect(await outcome(asClient(a))).toBe("alpn-mismatch");
    await gone(a, server);
  });

  it("one among several is enough", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, { ...showing(romeo), ALPNProtocols: ["h2", "xmpp-client"] });
    const { bytes } = await asServer(b);
    expect(bytes.alpnProtocol).toBe("xmpp-client");
    client.destroy();
    await gone(bytes, client);
  });

  it("a peer that names no protocol is taken, in either role", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, showing(romeo));
    const { bytes: atServer } = await asServer(b);
    expect(atServer.alpnProtocol).toBe(false);
    const [c, d] = await pair();
    const server = rawServer(d, showing(juliet));
    const { bytes: atClient } = await asClient(c);
    expect(atClient.alpnProtocol).toBe(false);
    client.destroy();
    server.destroy();
    await gone(atServer, client, atClient, server);
  });

  it("our ClientHello offers TLS 1.3 alone, and xmpp-client", async () => {
    const [a, b] = await pair();
    const refused = outcome(asClient(a));
    const [hello] = (await once(b, "data")) as [Buffer];
    b.destroy();
    expect(await refused).toBe("connection-lost");
    expect(hello.includes(Buffer.from("002b0003020304", "hex"))).toBe(true); // supported_versions: one of them, 1.3 (RFC 8446 §4.2.1)
    expect(hello.includes("\x0bxmpp-client")).toBe(true);
    await gone(a, b);
  });
});

/** What kaa sent behind <proceed/>: the second block of its in-band bytestream, a ClientHello of TLS 1.1. */
const kaaClientHello = Buffer.from("FgMCADEBAAAtAwJ8kN6aFBiKXyu6b+VnfAWtbqiox7Nl2oUBpy4f1I4iyAAABgA1AC8ABQEA", "base64");
