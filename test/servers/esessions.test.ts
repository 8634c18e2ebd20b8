import { generateKeyPairSync } from "node:crypto";
import type { StanzaRouter } from "@balcony/channel";
import {
  type ESession,
  ESessions,
  type ESessionsOptions,
  type Identification,
  type Keys,
  keyFingerprint,
  type Messages,
  memorySecrets,
  type Parameters,
  type Signer,
} from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto, nodeSigner, nodeVerify } from "@balcony/esessions/node";
import { xml } from "@balcony/xml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { online } from "../rigs/bare-client.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

/** How the two identify themselves: initiator, responder. In three messages each has to. */
type Identified = readonly [initiator: Identification, responder: Identification];
const ciphers = ["aes128-ctr", "aes192-ctr", "aes256-ctr"] as const;
const methods = ["none", "key", "hash"] as const;
const identifications = (messages: Messages): Identified[] =>
  methods.flatMap((initiator) => methods.map((responder): Identified => [initiator, responder])).filter((pair) => messages === 4 || !pair.includes("none"));

const signers = [0, 1].map(() => nodeSigner(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey));

/** Everybody knows both keys, and has their own. */
const keysOf = (own: number): Keys => ({
  signer: signers[own] as Signer,
  verify: nodeVerify,
  find: (_, fingerprint) => Promise.resolve(signers.map(({ publicKey }) => publicKey).find((key) => Buffer.from(keyFingerprint(nodeCrypto, key)).equals(fingerprint))),
  trust: (_, key) => key.modulus.length === 256,
});

const rows = [14, 15, 16].flatMap((group) => ([4, 3] as const).flatMap((messages) => (["strict", "deployed"] as const).map((setting) => ({ group, messages, setting }))));

describe("ESessions over Prosody", () => {
  let server: RigServer;
  let channels: readonly StanzaRouter[];

  beforeAll(async () => {
    server = await prosody({ limits: "none" });
    channels = await Promise.all(["alice@alpha.test", "bob@beta.test"].map((jid) => online(server, jid)));
  });

  afterAll(async () => {
    for (const channel of channels ?? []) await channel.close();
    await server?.stop();
  });

  interface Combination {
    readonly parameters: Partial<Parameters>;
    readonly messages?: Messages;
    readonly identified?: Identified;
  }

  /** A session that the first has started with the second, and a stanza each way; both closed. */
  async function converse(from: StanzaRouter, to: StanzaRouter, { identified = ["none", "none"], messages = 4, parameters }: Combination): Promise<ESession> {
    const errors: unknown[] = [];
    let come: (session: ESession) => void = () => undefined;
    const incoming = new Promise<ESession>((resolve) => {
      come = resolve;
    });
    const [initiator, responder] = identified;
    const options = (own: number, identify: Identification, require: Identification): ESessionsOptions => ({
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      accept: () => true,
      report: (error) => errors.push(error),
      onSession: (session) => come(session),
      secrets: memorySecrets(),
      keys: keysOf(own),
      parameters: { ...parameters, messages: [messages], identify: [identify], require: [require] },
    });
    const [ours, theirs] = [new ESessions(from, options(0, initiator, responder)), new ESessions(to, options(1, responder, initiator))];
    const [a, b] = await Promise.all([ours.initiate(to.self, { messages }), incoming]);
    const heard = [a, b].map(
      (session) =>
        new Promise<string | null>((resolve) =>
          session.channel.onStanza(({ stanza }) => {
            resolve(stanza.getChildText("body"));
            return true;
          }),
        ),
    );
    a.deliver();
    b.deliver();
    await a.channel.send(xml("message", { type: "chat" }, xml("body", {}, "Grüße, gute Nacht")));
    await b.channel.send(xml("message", { type: "chat" }, xml("body", {}, "x".repeat(5_000))));
    expect(await Promise.all(heard)).toEqual(["x".repeat(5_000), "Grüße, gute Nacht"]);
    expect([a, b].map(({ security }) => security.peerKey !== undefined)).toEqual([responder !== "none", initiator !== "none"]);
    await ours.close();
    await theirs.close();
    expect(errors).toEqual([]);
    return a;
  }

  it.each(rows)(
    "completes in both roles with every cipher and identification: group $group, $messages messages, $setting",
    { timeout: 60_000 },
    async ({ group, messages, setting }) => {
      const [alice, bob] = channels as [StanzaRouter, StanzaRouter];
      for (const cipher of ciphers) {
        for (const identified of identifications(messages)) {
          const combination = { parameters: { groups: [group], ciphers: [cipher], settings: [setting] }, messages, identified };
          for (const { security } of [await converse(alice, bob, combination), await converse(bob, alice, combination)]) expect(security).toMatchObject({ group, cipher, setting });
        }
      }
    },
  );

  it.each([17, 18])("completes in both roles in group %i", async (group) => {
    const [alice, bob] = channels as [StanzaRouter, StanzaRouter];
    for (const { security } of [await converse(alice, bob, { parameters: { groups: [group] } }), await converse(bob, alice, { parameters: { groups: [group] } })]) {
      expect(security).toMatchObject({ group });
    }
  });
});
