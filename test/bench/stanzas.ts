// Stanzas of 200 bytes: through a stream of ours, through the same parser and TLS without it, and through a real Prosody by @xmpp/client alone. Both ends in this process.
import type { Socket } from "node:net";
import { type Element, StreamParser, serialize, xml } from "@balcony/xml";
import { client } from "@xmpp/client";
import { prosody, type RigServer } from "../rigs/prosody.js";
import { interleaved, perSecond } from "./interleaved.js";
import { type Pair, securedPair, socketPairs, streamPair } from "./pairs.js";
import { atLeast, forInformation, report } from "./row.js";

const COUNT = 120_000;
const COUNT_PROSODY = 8_000;
const ROUNDS = 5;
const SIZE = 200;
/** What our writer gives to TLS at once, and how much may wait. */
const PIECE = 16 * 1024;

const NS_CLIENT = "jabber:client";
const HEADER = `<?xml version='1.0'?><stream:stream xmlns='${NS_CLIENT}' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`;
const around = { parentNamespace: NS_CLIENT, parentPrefixes: ["stream"] };

// headline: what Prosody neither archives nor copies, which is much faster than what it does.
const message = (text: string, to?: string): Element => xml("message", { type: "headline", to }, xml("body", {}, text));
const sized = (to?: string): Element => message("x".repeat(SIZE + 1 - message("x", to).toString().length), to);
const elements = Array.from({ length: 100 }, () => sized());
const nth = (index: number): Element => elements[index % elements.length] as Element;

/** Resolves when called so many times. */
function countdown(count: number): { readonly done: Promise<void>; readonly one: () => void } {
  let left = count;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { done, one: () => (--left === 0 ? finish() : undefined) };
}

async function throughStream(near: Awaited<ReturnType<typeof streamPair>>[0], far: typeof near): Promise<number> {
  const { done, one } = countdown(COUNT);
  const unsubscribe = far.onStanza(() => {
    one();
    return true;
  });
  const start = performance.now();
  for (let index = 0; index < COUNT; index++) await near.send(nth(index));
  await done;
  unsubscribe();
  return perSecond(COUNT, start);
}

/** What a program would do that has the parser and TLS and nothing else: it writes `textOf` each stanza, gathered in pieces as large as ours. */
function bare([near, far]: Pair<Socket>, textOf: (index: number) => string): () => Promise<number> {
  let heard: () => void = () => undefined;
  const parser = new StreamParser({ open: () => undefined, element: () => heard(), close: () => undefined });
  far.on("data", (chunk: Uint8Array) => parser.write(chunk));
  near.write(HEADER);
  return async () => {
    const { done, one } = countdown(COUNT);
    heard = one;
    const start = performance.now();
    let gathered = "";
    for (let index = 0; index < COUNT; index++) {
      gathered += textOf(index);
      if (gathered.length < PIECE) continue;
      const piece = gathered;
      gathered = "";
      await new Promise<void>((resolve, reject) => near.write(piece, (error) => (error ? reject(error) : resolve())));
    }
    near.write(gathered);
    await done;
    return perSecond(COUNT, start);
  };
}

async function throughProsody(server: RigServer): Promise<{ readonly run: () => Promise<number>; readonly stop: () => Promise<void> }> {
  const [sender, receiver] = await Promise.all(server.accounts.slice(0, 2).map(async (account) => await online(server, account)));
  if (!sender || !receiver) throw new Error("two accounts");
  let heard: () => void = () => undefined;
  receiver.on("stanza", () => heard());
  const batch = Array.from({ length: 100 }, () => sized(String(receiver.jid)));
  const run = async (): Promise<number> => {
    const { done, one } = countdown(COUNT_PROSODY);
    heard = one;
    const start = performance.now();
    for (let sent = 0; sent < COUNT_PROSODY; sent += batch.length) await sender.sendMany(batch); // one write each: the fastest it has
    await done;
    return perSecond(COUNT_PROSODY, start);
  };
  return { run, stop: async () => void (await Promise.all([sender, receiver].map(logout))) };
}

async function online(server: RigServer, account: string): Promise<ReturnType<typeof client>> {
  const [username, domain] = account.split("@") as [string, string];
  const xmpp = client({ service: server.service, domain, username, password: server.password });
  await xmpp.start();
  await xmpp.send(xml("presence"));
  return xmpp;
}

async function logout(xmpp: ReturnType<typeof client>): Promise<void> {
  xmpp.reconnect.stop();
  await xmpp.stop();
}

const server = await prosody({ limits: "none" });
const sockets = await socketPairs();
const pair = async () => await securedPair(await sockets.pair());
const [near, far] = await streamPair(await pair());
const prosodys = await throughProsody(server);
const texts = elements.map((element) => serialize(element, around));

const rounds = await interleaved(ROUNDS, {
  stream: async () => await throughStream(near, far),
  elements: bare(await pair(), (index) => serialize(nth(index), around)),
  texts: bare(await pair(), (index) => texts[index % texts.length] as string),
  prosody: prosodys.run,
});
await prosodys.stop();
await server.stop();
const unit = "/s";
report([
  atLeast("200-byte stanzas, against @xmpp/client through Prosody", 5, { unit, values: rounds.stream, baselines: rounds.prosody }),
  atLeast("… against the same parser and TLS alone", 0.7, { unit, values: rounds.stream, baselines: rounds.elements }),
  forInformation("… and written from texts made before", { unit, values: rounds.stream, baselines: rounds.texts }),
]);
process.exit(); // sockets and all
