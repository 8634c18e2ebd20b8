import { describe, expect, it } from "vitest";
import { asByteChannel } from "../src/as-byte-channel.js";
import { RecordBudget } from "../src/record-budget.js";
import { gone, rawClient, rawServer, reading, showing } from "./hostile/peers.js";
import { failure, juliet, kinds, securedPair, socketPair } from "./pairs.js";

describe("a key", () => {
  it("may encrypt 2²³ records, and any write takes at least one", async () => {
    for (const [, pair] of kinds) {
      const { client, server } = await securedPair(await pair());
      server.bytes.resume();
      expect(client.recordsLeft()).toBe(2 ** 23);
      await new Promise((resolve) => client.bytes.write("x", resolve));
      expect(client.recordsLeft()).toBe(2 ** 23 - 1);
      await new Promise((resolve) => client.bytes.write(Buffer.alloc(3 * 16_384 + 1), resolve));
      expect(client.recordsLeft()).toBe(2 ** 23 - 5);
      client.bytes.cork();
      for (const text of ["one", "two", "three"]) client.bytes.write(text);
      await new Promise((resolve) => {
        client.bytes.write("four", resolve);
        client.bytes.uncork();
      });
      expect(client.recordsLeft()).toBe(2 ** 23 - 6);
      expect(server.recordsLeft()).toBe(2 ** 23);
      client.bytes.destroy();
      server.bytes.destroy();
      await gone(client.bytes, server.bytes);
    }
  });

  it("that has encrypted as much as it may fails the write, and the channel with it", async () => {
    const [a, b] = await socketPair();
    const server = rawServer(b, showing(juliet));
    const client = rawClient(a, { minVersion: "TLSv1.3" });
    const budget = new RecordBudget(3);
    asByteChannel(client, a, budget);
    const { bytes } = reading(server);
    await new Promise((resolve) => client.once("secureConnect", resolve));
    for (const text of ["one ", "two ", "three"]) await new Promise((resolve) => client.write(text, resolve));
    const last = await new Promise<Error | null | undefined>((resolve) => client.write("four", resolve));
    expect(last).toMatchObject({ code: "tls-failed" });
    expect(await failure(client)).toBe("tls-failed");
    await gone(server, a, b);
    expect(bytes().toString()).toBe("one two three");
    expect(budget.left).toBe(0);
  });
});
