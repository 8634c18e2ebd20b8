import { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import type { PeerCertificate } from "../../src/index.js";
import { asClient, asServer, failure, juliet, kinds, outcome, romeo } from "../pairs.js";
import { event, gone, rawClient, rawServer, reading, recordTypes, sentBy, showing, tappedPair } from "./peers.js";

const refuse = (): never => {
  throw new BalconyError("key-revoked", "This key was revoked.");
};

describe("accept() that throws", () => {
  it("as client lets nothing leave but the ClientHello: not even our certificate", async () => {
    const { a, b, wire } = await tappedPair();
    const server = rawServer(b, showing(juliet));
    const read = reading(server);
    const seen: unknown[] = [];
    server.on("secure", () => seen.push(server.getPeerX509Certificate()));
    expect(await outcome(asClient(a, { accept: refuse }))).toBe("key-revoked");
    await gone(a, server);
    expect(recordTypes(sentBy(wire, "a"))).toEqual([22]);
    expect(seen).toEqual([]);
    expect(read.bytes().length).toBe(0);
  });

  it("as server lets nothing leave once the client's certificate is there", async () => {
    const { a, b, wire } = await tappedPair();
    const client = rawClient(a, showing(romeo));
    const read = reading(client);
    expect(await outcome(asServer(b, { accept: refuse }))).toBe("key-revoked");
    await gone(b, client);
    const shown = wire.findLastIndex(({ from }) => from === "a");
    expect(wire.slice(shown + 1)).toEqual([]);
    expect(read.bytes().length).toBe(0);
  });

  it("as server hands on nothing that the client wrote at once", async () => {
    const { a, b } = await tappedPair();
    const client = rawClient(a, showing(romeo));
    client.write("too early");
    client.resume();
    expect(await outcome(asServer(b, { accept: refuse }))).toBe("key-revoked");
    await gone(b, client);
  });
});

describe.each(kinds)("refusal over %s", (_kind, pair) => {
  it("the error that accept() throws is the one that comes out, and the channel is destroyed", async () => {
    const error = new BalconyError("not-trusted", "No.");
    for (const role of ["client", "server"] as const) {
      const [a, b] = await pair();
      const accept = () => {
        throw error;
      };
      const ours = role === "client" ? asClient(a, { accept }) : asServer(b, { accept });
      const theirs = role === "client" ? rawServer(b, showing(juliet)) : rawClient(a, showing(romeo));
      await expect(ours).rejects.toBe(error);
      await gone(a, b, theirs.resume());
    }
  });

  it("the judgement is made within the handshake's last event: no turn of the loop lies between", async () => {
    const [a, b] = await pair();
    const server = rawServer(b, showing(juliet));
    const order: string[] = [];
    const accept = (peer: PeerCertificate) => {
      order.push(`accept ${peer.spki === juliet.spki}`);
      setImmediate(() => order.push("next turn"));
      queueMicrotask(() => order.push("microtask"));
    };
    const { bytes } = await asClient(a, { accept });
    order.push("secured");
    await new Promise((resolve) => setImmediate(resolve));
    expect(order.at(0)).toBe("accept true");
    expect(order.at(-1)).toBe("next turn");
    server.destroy();
    await gone(bytes, server);
  });

  it("accept() is called once, and only for a certificate that passed everything else", async () => {
    let calls = 0;
    const accept = () => void calls++;
    const [a, b] = await pair();
    const mirror = rawServer(b, showing(romeo));
    expect(await outcome(asClient(a, { accept }))).toBe("reflection");
    await gone(a, mirror.resume());
    expect(calls).toBe(0);
    const [c, d] = await pair();
    const server = rawServer(d, showing(juliet));
    const { bytes } = await asClient(c, { accept });
    expect(calls).toBe(1);
    server.destroy();
    await gone(bytes, server);
  });

  it("a client whom our server refuses behind its back hears no byte of the stream: an end, or a broken connection", async () => {
    const [a, b] = await pair();
    const refused = outcome(asServer(b, { accept: refuse }));
    const { bytes } = await asClient(a);
    const read = reading(bytes);
    expect(await refused).toBe("key-revoked");
    expect(["closed", "connection-lost"]).toContain(await failure(bytes));
    expect(read.bytes().length).toBe(0);
    await gone(b);
  });

  it("garbage behind the handshake ends either side with tls-failed", async () => {
    for (const role of ["client", "server"] as const) {
      const [a, b] = await pair();
      const [{ bytes: client }, { bytes: server }] = await Promise.all([asClient(a), asServer(b)]);
      const [victim, other, wire] = role === "client" ? [client, server, b] : [server, client, a];
      other.resume();
      victim.resume();
      const failed = failure(victim);
      wire.write(Buffer.from("17030300100102030405060708090a0b0c0d0e0f10", "hex"));
      expect(await failed).toBe("tls-failed");
      await gone(other, a, b);
    }
  });

  it("an error that nobody listens for ends no process, and stays to be seen", async () => {
    const [a, b] = await pair();
    const server = rawServer(b, showing(juliet));
    const { bytes } = await asClient(a);
    const error = new BalconyError("stream-error", "Over.");
    bytes.destroy(error);
    await gone(bytes, server.resume());
    expect(bytes.errored).toBe(error);
  });
});

it("the handshake's last event of a raw client comes before our server has judged it", async () => {
  const { a, b } = await tappedPair();
  const client = rawClient(a, showing(romeo));
  const refused = outcome(asServer(b, { accept: refuse }));
  await event(client, "secureConnect"); // which is why secureConnect tells a client nothing
  expect(await refused).toBe("key-revoked");
  await gone(client.resume(), b);
});
