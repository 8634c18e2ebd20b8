import { once } from "node:events";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { contextOf } from "../../src/context.js";
import { createIdentity, renewIdentity } from "../../src/index.js";
import { asClient, asServer, juliet, kinds, romeo, securedPair } from "../pairs.js";
import { gone } from "./peers.js";

const CONTEXT = new Uint8Array([1, 2, 3]);

it("an identity has one context for all its streams, and a renewed identity one of its own", () => {
  expect(contextOf(juliet)).toBe(contextOf(juliet));
  expect(contextOf(renewIdentity(juliet)).secureContext).not.toBe(contextOf(juliet).secureContext);
});

it("a thousand streams stand side by side under one identity, and all go", async () => {
  const pair = kinds[0][1];
  const ends: Duplex[] = [];
  for (let count = 0; count < 500; count++) {
    const { client, server } = await securedPair(await pair());
    ends.push(client.bytes, server.bytes);
    expect(client.ownCertificate).toBe(contextOf(romeo).certificate);
  }
  expect(ends.length).toBe(1000);
  for (const end of ends) end.destroy();
  await gone(...ends);
});

describe.each(kinds)("a secured stream, over %s", (_kind, pair) => {
  it("exports the same keying material at both ends, other for another label, context, length or stream", async () => {
    const [first, second] = [await securedPair(await pair()), await securedPair(await pair())];
    const at = ({ client, server }: typeof first, length: number, label: string, context: Uint8Array) => {
      const [mine, theirs] = [client, server].map((side) => Buffer.from(side.exportKeyingMaterial(length, label, context)).toString("hex"));
      expect(mine).toBe(theirs);
      return mine;
    };
    const all = [
      at(first, 32, "EXPERIMENTAL-balcony-test", CONTEXT),
      at(first, 32, "EXPERIMENTAL-balcony-other", CONTEXT),
      at(first, 32, "EXPERIMENTAL-balcony-test", new Uint8Array([1, 2, 4])),
      at(first, 32, "EXPERIMENTAL-balcony-test", new Uint8Array()),
      at(first, 48, "EXPERIMENTAL-balcony-test", CONTEXT)?.slice(0, 64),
      at(second, 32, "EXPERIMENTAL-balcony-test", CONTEXT),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((hex) => hex?.length === 64)).toBe(true);
    const ends = [first, second].flatMap(({ client, server }) => [client.bytes.resume(), server.bytes.resume()]);
    for (const end of ends) end.destroy();
    await gone(...ends);
    expect(() => first.client.exportKeyingMaterial(32, "EXPERIMENTAL-balcony-test", CONTEXT)).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("shows each end the other's certificate, and its own", async () => {
    const { client, server } = await securedPair(await pair());
    expect(client.peerCertificate).toEqual(server.ownCertificate);
    expect(server.peerCertificate).toEqual(client.ownCertificate);
    expect([client.peerCertificate.xmppAddresses, server.peerCertificate.xmppAddresses]).toEqual([["juliet@capulet.lit"], ["romeo@montague.lit"]]);
    expect([client.protocol, client.cipher]).toEqual([server.protocol, server.cipher]);
    for (const { bytes } of [client, server]) bytes.resume().destroy();
    await gone(client.bytes, server.bytes);
  });

  it.each(["P-384", "P-521", "Ed25519"] as const)("stands between keys of the type %s", async (keyType) => {
    const identity = createIdentity("tybalt@capulet.lit", { keyType });
    const [a, b] = await pair();
    const [client, server] = await Promise.all([asClient(a, { identity }), asServer(b)]);
    expect(server.peerCertificate).toMatchObject({ keyType, spki: identity.spki });
    server.bytes.write("hello");
    expect(String((await once(client.bytes, "data"))[0])).toBe("hello");
    for (const { bytes } of [client, server]) bytes.resume().destroy();
    await gone(client.bytes, server.bytes);
  });
});
