// ESessions: what negotiation costs beyond its arithmetic, and stanzas of 200 bytes encrypted and decrypted. One side's share, both ends in this process.
import { createDiffieHellmanGroup, DiffieHellman } from "node:crypto";
import { StanzaRouter } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { xml } from "@balcony/xml";
import { interleaved, perSecond } from "./interleaved.js";
import { atLeast, atMost, report } from "./row.js";

const NEGOTIATIONS = 100;
const COUNT = 20_000;
const ROUNDS = 5;
const REQUIRED = 20_000;

/** A wire that costs nothing: what is measured is the session's own work. */
function wire(): readonly [StanzaRouter, StanzaRouter] {
  const [a, b] = ["alice@capulet.lit/balcony", "bob@montague.lit/orchard"];
  const end = (self: string, from: () => StanzaRouter, to: () => StanzaRouter): StanzaRouter =>
    new StanzaRouter({
      self,
      transmit: (stanza) => {
        queueMicrotask(() => to().receive(stanza, from().self));
        return Promise.resolve();
      },
      shutdown: () => Promise.resolve(),
      report: (error) => {
        throw error;
      },
    });
  const near: StanzaRouter = end(
    a,
    () => near,
    () => far,
  );
  const far: StanzaRouter = end(
    b,
    () => far,
    () => near,
  );
  return [near, far];
}

const [nearWire, farWire] = wire();
let come: (session: ESession) => void = () => undefined;
const options = {
  crypto: nodeCrypto,
  arithmetic: nodeArithmetic,
  accept: () => true,
  onSession: (session: ESession) => come(session),
  report: (error: unknown) => {
    throw error;
  },
  parameters: { groups: [14] },
};
const alice = new ESessions(nearWire, { ...options, secrets: memorySecrets() });
new ESessions(farWire, { ...options, secrets: memorySecrets() });

async function pair(): Promise<readonly [ESession, ESession]> {
  const incoming = new Promise<ESession>((resolve) => {
    come = resolve;
  });
  const both = await Promise.all([alice.initiate("bob@montague.lit/orchard"), incoming]);
  for (const session of both) session.deliver();
  return both;
}

/** Milliseconds of one side for a whole negotiation: half of what both take. */
async function negotiation(): Promise<number> {
  const start = performance.now();
  const made: ESession[] = [];
  for (let index = 0; index < NEGOTIATIONS; index++) made.push((await pair())[0]);
  const each = (performance.now() - start) / NEGOTIATIONS / 2;
  for (const session of made) await session.close();
  return each;
}

/** The same two exponentiations by node:crypto alone. */
async function bareArithmetic(): Promise<number> {
  const side = () => {
    const exponent = nodeCrypto.random(64);
    exponent[0] = (exponent[0] ?? 0) | 0x80;
    const dh = createDiffieHellmanGroup("modp14");
    (DiffieHellman.prototype.setPrivateKey as (key: Uint8Array) => void).call(dh, exponent);
    return { dh, publicValue: dh.generateKeys() };
  };
  const other = side().publicValue;
  const start = performance.now();
  for (let index = 0; index < NEGOTIATIONS; index++) side().dh.computeSecret(other);
  return (performance.now() - start) / NEGOTIATIONS;
}

const stanza = xml("message", { type: "chat" }, xml("body", {}, "x".repeat(151)));

const [near, far] = await pair();
async function stanzas(): Promise<number> {
  let finish: () => void = () => undefined;
  let left = COUNT;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const unsubscribe = far.channel.onStanza(() => {
    if (--left === 0) finish();
    return true;
  });
  const start = performance.now();
  for (let index = 0; index < COUNT; index++) await near.channel.send(stanza);
  await done;
  unsubscribe();
  return perSecond(COUNT, start);
}

const figures = await interleaved(ROUNDS, { negotiation, bareArithmetic, stanzas });
report([
  atMost("ESession negotiated, group 14, one side", 3, { unit: "ms", values: figures.negotiation, baselines: figures.bareArithmetic }),
  atLeast("ESession stanzas of 200 bytes, encrypted and decrypted", 1, {
    unit: "stanzas/s",
    values: figures.stanzas,
    baselines: figures.stanzas.map(() => REQUIRED),
  }),
]);
await near.close();
