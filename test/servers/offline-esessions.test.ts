import { generateKeyPairSync } from "node:crypto";
import type { StanzaRouter } from "@balcony/channel";
import { type Keys, OfflineESessions, type OfflineMessage, type OfflineStore, pepOver, type StoredOptions } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto, nodeSigner, nodeVerify, rsaFromSpki } from "@balcony/esessions/node";
import { type Element, xml } from "@balcony/xml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { online } from "../rigs/bare-client.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

const ALICE = "alice@alpha.test";
const BOB = "bob@beta.test";
const CAROL = "carol@beta.test";
const OPTIONS = "http://www.xmpp.org/extensions/xep-0187.html#ns";
const NS_PUBKEY = "urn:xmpp:pubkey:2";

let server: RigServer;
const channels: StanzaRouter[] = [];

async function enter(jid: string): Promise<StanzaRouter> {
  const channel = await online(server, jid);
  channels.push(channel);
  return channel;
}

beforeAll(async () => {
  server = await prosody({ limits: "none" });
});

afterAll(async () => {
  for (const channel of channels) await channel.close();
  await server?.stop();
});

function memoryStore(): OfflineStore {
  let all: readonly StoredOptions[] = [];
  return {
    list: () => Promise.resolve(all),
    change: (next) => {
      all = next(all);
      return Promise.resolve();
    },
  };
}

/** A person, wherever they are logged in: their key and what they have published are the same. */
function person() {
  const signer = nodeSigner(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  const keys: Keys = { signer, verify: nodeVerify, find: () => Promise.resolve(undefined), trust: () => true };
  const store = memoryStore();
  const heard: OfflineMessage[] = [];
  const errors: unknown[] = [];
  const on = (channel: StanzaRouter): OfflineESessions =>
    new OfflineESessions(channel, {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      keys,
      fromSpki: rsaFromSpki,
      pep: pepOver(channel),
      store,
      groups: [14],
      onMessage: (message) => heard.push(message),
      report: (error) => errors.push(error),
    });
  return { on, heard, errors };
}

/** The next stanza that fits. */
function comes(channel: StanzaRouter, fits: (stanza: Element, from: string) => boolean): Promise<Element> {
  return new Promise((resolve) => {
    const unsubscribe = channel.onStanza(({ stanza, from }) => {
      if (!fits(stanza, from)) return undefined;
      unsubscribe();
      resolve(stanza);
      return undefined;
    });
  });
}

const body = (text: string) => xml("message", { type: "chat" }, xml("body", {}, text));
const bodies = (heard: readonly OfflineMessage[]) => heard.map(({ stanza }) => stanza.getChildText("body"));
/** What our server has taken of us by then it has done. */
const settled = async (channel: StanzaRouter) => void (await channel.request(xml("iq", { type: "get", to: "beta.test" }, xml("ping", "urn:xmpp:ping"))));

it("what is sent to somebody who is away, by what she has published over PEP, is opened when she is back, and once", async () => {
  const [alice, bob, carol] = [person(), person(), person()];
  const [here, bobs, carols] = [await enter(ALICE), await enter(BOB), await enter(CAROL)];
  for (const channel of [here, bobs]) await channel.send(xml("presence"));
  const asked = comes(here, (stanza, from) => stanza.attrs.type === "subscribe" && from === BOB);
  await bobs.send(xml("presence", { to: ALICE, type: "subscribe" }));
  await asked;
  const subscribed = comes(bobs, (stanza, from) => stanza.attrs.type === undefined && from === here.self);
  await here.send(xml("presence", { to: BOB, type: "subscribed" }));
  await subscribed;

  const [bobOffline, carolOffline] = [bob.on(bobs), carol.on(carols)];
  await bobOffline.publishKey();
  const before = alice.on(here);
  await before.publishKey();
  await before.publish();
  await before.publish(); // fresh values, in the same node
  before.close();
  await here.close();

  await bobOffline.send(ALICE, body("Grüße"));
  await bobOffline.send(ALICE, body("gute Nacht"));
  await settled(bobs);
  // Who is not subscribed sees the key, and nothing by which a message could be sent.
  expect(await pepOver(carols).items(ALICE, NS_PUBKEY)).toHaveLength(1);
  expect(await pepOver(carols).items(ALICE, OPTIONS)).toEqual([]);
  await expect(carolOffline.send(ALICE, body("x"))).rejects.toMatchObject({ code: "unsupported-peer" });

  const back = await enter(ALICE);
  const wire: Element[] = [];
  back.onStanza(({ stanza }) => void wire.push(stanza));
  const again = alice.on(back);
  await again.online();
  await back.send(xml("presence"));
  await expect.poll(() => bodies(alice.heard), { timeout: 30_000 }).toEqual(["Grüße", "gute Nacht"]);
  expect(alice.heard.map(({ from }) => from)).toEqual([bobs.self, bobs.self]);
  expect(wire.filter(({ name }) => name === "message").join("")).toMatch(/<c .*urn:xmpp:delay/);
  expect(wire.join("")).not.toMatch(/Grüße|<body|Created/);
  expect(await pepOver(bobs).items(ALICE, OPTIONS)).toEqual([]);
  await expect(bobOffline.send(ALICE, body("too late"))).rejects.toMatchObject({ code: "unsupported-peer" });
  await again.forget();
  expect([alice.errors, bob.errors]).toEqual([[], []]);
});

it("a node that is there with another access model is made anew, so that nobody sees more than is meant", async () => {
  const [here, bobs] = [await enter(CAROL), await enter(BOB)];
  const [own, other] = [pepOver(here), pepOver(bobs)];
  await own.publish(OPTIONS, xml("x", "jabber:x:data"), "open");
  expect(await other.items(CAROL, OPTIONS)).toHaveLength(1);
  await own.publish(OPTIONS, xml("x", "jabber:x:data"), "presence");
  expect(await other.items(CAROL, OPTIONS)).toEqual([]);
  expect(await own.items(CAROL, OPTIONS)).toHaveLength(1);
});
