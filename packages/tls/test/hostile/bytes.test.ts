import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { type ByteFault, memoryBytePair } from "@balcony/channel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Secured } from "../../src/index.js";
import { asClient, asServer, kinds, outcome } from "../pairs.js";
import { gone, sentBy, tappedPair } from "./peers.js";

/** Whom a fault may have ended without a failed handshake: the side that was done before. */
const finish = async (bytes: readonly Duplex[], sides: readonly Promise<Secured>[]): Promise<string[]> => {
  const outcomes = await Promise.all(sides.map(outcome));
  for (const side of await Promise.allSettled(sides)) if (side.status === "fulfilled") side.value.bytes.destroy();
  for (const one of bytes) one.destroy();
  await gone(...bytes);
  return outcomes;
};

async function underFaults(faults: { readonly aToB?: ByteFault[]; readonly bToA?: ByteFault[] }, timeout = 15_000): Promise<{ readonly client: string; readonly server: string }> {
  const [a, b] = memoryBytePair({ faults });
  const [client = "", server = ""] = await finish([a, b], [asClient(a, { timeout }), asServer(b, { timeout })]);
  return { client, server };
}

/** How many bytes each side sends in a handshake; a signature may be a byte or two shorter. */
async function flights(): Promise<{ readonly client: number; readonly server: number }> {
  const { a, b, wire } = await tappedPair();
  const sides = [asClient(a), asServer(b)];
  await Promise.all(sides);
  const sent = { client: sentBy(wire, "a").length, server: sentBy(wire, "b").length };
  await finish([a, b], sides);
  return sent;
}

const every = (count: number, step: number): number[] => Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);

describe("a handshake that is cut", () => {
  it.each(["end", "loss"] as const)("after any byte of the client's by an %s is connection-lost", async (how) => {
    for (const after of every((await flights()).client - 4, 5)) {
      const { client, server } = await underFaults({ aToB: [{ kind: "cut", after, how }] });
      expect({ after, server }).toEqual({ after, server: "connection-lost" });
      expect(["connection-lost", "accepted"]).toContain(client);
    }
  });

  it.each(["end", "loss"] as const)("after any byte of the server's by an %s is connection-lost", async (how) => {
    for (const after of every((await flights()).server - 200, 5)) {
      const { client, server } = await underFaults({ bToA: [{ kind: "cut", after, how }] });
      expect({ after, client, server }).toEqual({ after, client: "connection-lost", server: "connection-lost" });
    }
  });

  it("at every byte of both is still a handshake where nothing is missing", async () => {
    expect(await underFaults({ aToB: [{ kind: "split", sizes: [1] }], bToA: [{ kind: "split", sizes: [1] }] })).toEqual({ client: "accepted", server: "accepted" });
  });

  it("by a socket's end is connection-lost too", async () => {
    for (const after of [0, 1, 5, 100, 300]) {
      let left = after;
      const tapped = await tappedPair(({ from, bytes }) => {
        if (from === "b") return bytes;
        const passing = bytes.subarray(0, left);
        left -= passing.length;
        return passing;
      });
      const server = outcome(asServer(tapped.b));
      const client = asClient(tapped.a);
      setImmediate(() => setImmediate(() => tapped.a.end()));
      expect(await server).toBe("connection-lost");
      await finish([tapped.a, tapped.b], [client]);
    }
  });
});

describe("a handshake with a wrong byte", () => {
  // Where a length was made longer the receiver waits for what never comes: then its deadline ends it.
  const failures = ["tls-failed", "tls-version", "tls-rejected", "alpn-mismatch", "certificate-invalid", "timeout", "connection-lost"];
  const sweep = async (count: number, fault: (at: number) => Parameters<typeof underFaults>[0]) => {
    const results = await Promise.all(every(count, 7).map(async (at) => ({ at, ...(await underFaults(fault(at), 500)) })));
    for (const { at, client, server } of results) {
      expect({ at, both: client === "accepted" && server === "accepted" }).toEqual({ at, both: false });
      for (const side of [client, server]) if (side !== "accepted") expect(failures).toContain(side);
    }
    return results;
  };

  it("of the client's fails at the server", async () => {
    for (const { at, server } of await sweep((await flights()).client - 8, (at) => ({ aToB: [{ kind: "corrupt", at, bits: 0x41 }] }))) {
      if (at < 300 || at > 360) expect({ at, server }).not.toEqual({ at, server: "accepted" }); // between them lies a change_cipher_spec, which says nothing
    }
  });

  it("of the server's fails at the client", async () => {
    await sweep((await flights()).server - 200, (at) => ({ bToA: [{ kind: "corrupt", at, bits: 0x41 }] }));
  });

  it("too many, doubled, or missing, fails as well", async () => {
    for (const direction of ["aToB", "bToA"] as const) {
      await sweep(420, (at) => ({ [direction]: [{ kind: "inject", at, bytes: Buffer.from("\x17\x03\x03\x00\x01x") }] }));
      await sweep(420, (at) => ({ [direction]: [{ kind: "duplicate", at, bytes: 3 }] }));
      await sweep(420, (at) => ({ [direction]: [{ kind: "drop", at, bytes: 2 }] }));
    }
  });
});

const alert = (level: number, description: number) => Buffer.from([21, 3, 3, 0, 2, level, description]);
const record = (type: number, ...body: readonly number[]) => Buffer.from([type, 3, 3, 0, body.length, ...body]);

describe.each(kinds)("a peer that speaks no TLS, over %s", (_kind, pair) => {
  const told = async (role: "client" | "server", said: Uint8Array | string) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const ours = outcome(role === "client" ? asClient(a) : asServer(a));
    b.write(said);
    const code = await ours;
    await finish([a, b], []);
    return code;
  };

  it.each([
    ["an XML stream", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "tls-failed", "tls-failed"],
    ["HTTP", "GET / HTTP/1.1\r\n\r\n", "tls-failed", "tls-failed"],
    ["zeros", Buffer.alloc(64), "tls-failed", "tls-failed"],
    ["0xff", Buffer.alloc(64, 0xff), "tls-failed", "tls-failed"],
    ["a record that is too long", Buffer.from([22, 3, 3, 0xff, 0xff, 1]), "tls-failed", "tls-failed"],
    ["encrypted data first of all", record(23, ...Array.from({ length: 40 }, (_, n) => n)), "tls-failed", "tls-failed"],
    ["a ClientHello that ends early", record(22, 1, 0, 0, 2, 3, 3), "tls-failed", "tls-failed"],
    ["a ServerHello that ends early", record(22, 2, 0, 0, 2, 3, 3), "tls-failed", "tls-failed"],
    ["the alert handshake_failure", alert(2, 40), "tls-rejected", "tls-failed"],
    ["the alert certificate_unknown", alert(2, 46), "tls-rejected", "tls-failed"],
    ["the alert certificate_required", alert(2, 116), "tls-rejected", "tls-failed"],
    ["the alert protocol_version", alert(2, 70), "tls-version", "tls-failed"],
    ["the alert no_application_protocol", alert(2, 120), "alpn-mismatch", "tls-failed"],
    ["the alert internal_error", alert(2, 80), "tls-failed", "tls-failed"],
    ["the alert unexpected_message", alert(2, 10), "tls-failed", "tls-failed"],
  ])("%s", async (_name, said, atClient, atServer) => {
    expect({ atClient: await told("client", said), atServer: await told("server", said) }).toEqual({ atClient, atServer });
  });

  it("whatever it says at random, and then ends, is an error of ours and nothing else", async () => {
    const saying = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.tuple(fc.constantFrom(20, 21, 22, 23), fc.uint8Array({ minLength: 1, maxLength: 200 })).map(([type, body]) => record(type, ...body)),
    );
    await fc.assert(
      fc.asyncProperty(saying, fc.constantFrom("client" as const, "server" as const), async (said, role) => {
        const [a, b] = await pair();
        b.on("error", () => undefined).resume();
        const ours = outcome(role === "client" ? asClient(a) : asServer(a));
        b.end(said);
        expect(["tls-failed", "tls-version", "tls-rejected", "alpn-mismatch", "connection-lost"]).toContain(await ours);
        await finish([a, b], []);
      }),
      { numRuns: 150 },
    );
  });
});
