import { ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { ibb } from "@balcony/transport-ibb";
import { type Element, xml } from "@balcony/xml";
import { client } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBots } from "../../interop/bots/bots.js";
import { Component } from "../../interop/bots/component.js";
import { component } from "../../interop/bots/hosting.js";
import { type Client, Line } from "../../interop/bots/line.js";
import { type LoggedIn, login, next } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

describe("the bots as a component of Prosody", () => {
  let server: RigServer;
  let bots: Awaited<ReturnType<typeof startBots>>;
  let alice: LoggedIn;
  const errors: unknown[] = [];
  const report = (error: unknown): void => void errors.push(error);

  beforeAll(async () => {
    server = await prosody({ limits: "none" });
    if (!server.component) throw new Error("The server takes no components.");
    bots = await startBots(await component({ host: "127.0.0.1", ...server.component, report }), { streams: { transports: [ibb()] }, parameters: { groups: [14] }, report });
    alice = await login({ service: server.service, jid: "alice@alpha.test", password: server.password });
  });

  afterAll(async () => {
    await alice?.logout();
    await bots?.close();
    await server?.stop();
    expect(errors).toEqual([]);
  });

  const said = async (count: number, to: string, text: string): Promise<string[]> => {
    const answers: string[] = [];
    const listener = (stanza: Element): void => {
      const body = stanza.name === "message" && stanza.attrs.type === "chat" ? stanza.getChildText("body") : undefined;
      if (body) answers.push(body);
    };
    alice.xmpp.on("stanza", listener);
    await alice.xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, text)));
    await expect.poll(() => answers.length, { timeout: 20_000 }).toBe(count);
    alice.xmpp.removeListener("stanza", listener);
    return answers;
  };

  it("explain themselves at their bare addresses, and answer for them", async () => {
    for (const name of ["xep155", "xep200", "xep201", "xep217", "streams", "streams-bad"]) expect((await said(1, `${name}@bots.alpha.test`, "help"))[0]).toMatch(/^I /);
    const info = await alice.xmpp.iqCaller.get(xml("query", "http://jabber.org/protocol/disco#info"), "xep217@bots.alpha.test");
    expect(info?.getChild("identity")?.attrs.type).toBe("bot");
    await expect(alice.xmpp.iqCaller.get(xml("query", "urn:example:unknown"), "nobody@bots.alpha.test")).rejects.toMatchObject({ condition: "service-unavailable" });
  });

  it("show themselves to whoever subscribes", async () => {
    const shown = new Promise<Element>((resolve) =>
      alice.xmpp.on("stanza", (stanza: Element) => void (stanza.name === "presence" && stanza.attrs.from === "streams@bots.alpha.test/bot" && resolve(stanza))),
    );
    await alice.xmpp.send(xml("presence"));
    await alice.xmpp.send(xml("presence", { to: "streams@bots.alpha.test", type: "subscribe" }));
    expect((await shown).getChild("c", "http://jabber.org/protocol/caps")).toBeDefined();
  });

  it("take and open streams, and break them", async () => {
    const session = await alice.e2e.open("streams@bots.alpha.test/bot");
    const heard = next<Element>(session, "stanza");
    await session.send(xml("message", {}, xml("body", {}, "Good night")));
    expect((await heard).getChildText("body")).toBe("You said: Good night");
    await session.close();
    expect((await said(2, "streams-bad@bots.alpha.test", "bad injection"))[1]).toMatch(/^Right: /);
  });

  it("negotiate wrongly, and hear that ours refuses it", async () => {
    const xmpp = client({ service: server.service, domain: "beta.test", username: "bob", password: server.password, resource: "x" });
    xmpp.on("error", () => undefined);
    const { channel } = new Line(xmpp as unknown as Client, "bob@beta.test/x", { others: "passed on", report });
    await xmpp.start();
    const sealing = new ESessions(channel, {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      secrets: memorySecrets(),
      parameters: { groups: [14], wholeStanzas: false },
      accept: () => true,
      onSession: (session) => session.deliver(),
      report: () => undefined,
    });
    const verdict = new Promise<string>((resolve) =>
      channel.onStanza(({ stanza }) => {
        const text = stanza.getChildText("body");
        if (text?.startsWith("Right") || text?.startsWith("Wrong")) resolve(text);
        return undefined;
      }),
    );
    await channel.send(xml("message", { to: "xep217@bots.alpha.test", type: "chat" }, xml("body", {}, "bad m_A")));
    expect(await verdict).toBe("Right: you refused a wrong m_A with <feature-not-implemented/> (XEP-0116 §4.7.1).");
    await sealing.close();
    xmpp.reconnect.stop();
    await xmpp.stop();
  });

  it("are not let in with another secret", async () => {
    const { component: where } = server;
    if (!where) throw new Error("no component");
    await expect(Component.connect({ host: "127.0.0.1", ...where, secret: "wrong", report })).rejects.toMatchObject({ code: "client-offline" });
    await expect(Component.connect({ host: "127.0.0.1", ...where, port: 1, report })).rejects.toMatchObject({ code: "client-offline" });
  });
});
