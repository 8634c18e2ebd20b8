import { StanzaRouter } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets, type Parameters } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { type Element, normalize, xml } from "@balcony/xml";
import { client } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prosody, type RigServer } from "../rigs/prosody.js";

/** An account online without Balcony's facade, its connection a StanzaChannel. */
async function online(server: RigServer, jid: string) {
  const [username, domain] = jid.split("@") as [string, string];
  const xmpp = client({ service: server.service, domain, username, password: server.password });
  xmpp.on("error", () => undefined);
  const started = await xmpp.start();
  const channel = new StanzaRouter({
    self: normalize(String(started)),
    transmit: async (stanza) => void (await xmpp.send(stanza)),
    shutdown: async () => {
      xmpp.reconnect.stop();
      await xmpp.stop();
    },
    report: () => undefined,
  });
  xmpp.on("stanza", (stanza: Element) => void channel.receive(stanza, normalize(stanza.attrs.from ?? String(started))));
  return channel;
}

const everything: Partial<Parameters>[] = [14, 15, 16].flatMap((group) =>
  (["aes128-ctr", "aes192-ctr", "aes256-ctr"] as const).flatMap((cipher) =>
    (["strict", "deployed"] as const).map((setting) => ({ groups: [group], ciphers: [cipher], settings: [setting] })),
  ),
);

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

  /** A session that the first has started with the second, and a stanza each way; both closed. */
  async function converse(from: StanzaRouter, to: StanzaRouter, parameters: Partial<Parameters>): Promise<ESession> {
    const errors: unknown[] = [];
    let come: (session: ESession) => void = () => undefined;
    const incoming = new Promise<ESession>((resolve) => {
      come = resolve;
    });
    const options = {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      accept: () => true,
      report: (error: unknown) => errors.push(error),
      onSession: (session: ESession) => come(session),
    };
    const [ours, theirs] = [new ESessions(from, { ...options, secrets: memorySecrets(), parameters }), new ESessions(to, { ...options, secrets: memorySecrets(), parameters })];
    const [a, b] = await Promise.all([ours.initiate(to.self), incoming]);
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
    await ours.close();
    await theirs.close();
    expect(errors).toEqual([]);
    return a;
  }

  it.each([...everything, { groups: [17] }, { groups: [18] }])("completes in both roles: %j", async (parameters) => {
    const [alice, bob] = channels as [StanzaRouter, StanzaRouter];
    expect((await converse(alice, bob, parameters)).security).toMatchObject({ group: parameters.groups?.[0] });
    expect((await converse(bob, alice, parameters)).security).toMatchObject({ group: parameters.groups?.[0] });
  });
});
