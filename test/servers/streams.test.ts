import { randomBytes } from "node:crypto";
import { type Session, xml } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ejabberd } from "../rigs/ejabberd.js";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { federatedProsodys, prosody, type RigServer } from "../rigs/prosody.js";

interface Case {
  readonly title: string;
  readonly start: () => Promise<readonly [RigServer, RigServer]>;
  /** Addresses of the two who talk. */
  readonly people: readonly [string, string];
  readonly over?: "webSocket";
  /** Bytes of text that are sent through. */
  readonly size: number;
}

const alone = async (server: Promise<RigServer>): Promise<readonly [RigServer, RigServer]> => {
  const one = await server;
  return [one, one];
};

// A throttled server lets few bytes through: ejabberd's stock shaper 3,000 a second after a burst of 20,000.
const cases: readonly Case[] = [
  { title: "Prosody, TCP", start: () => alone(prosody({ limits: "none" })), people: ["alice@alpha.test", "bob@beta.test"], size: 200_000 },
  { title: "Prosody, WebSocket", start: () => alone(prosody({ limits: "none" })), people: ["alice@alpha.test", "bob@beta.test"], over: "webSocket", size: 200_000 },
  { title: "Prosody with its stock limits", start: () => alone(prosody({ limits: "stock" })), people: ["alice@alpha.test", "bob@beta.test"], size: 60_000 },
  { title: "ejabberd, TCP", start: () => alone(ejabberd({ limits: "none" })), people: ["alice@ej1.test", "bob@ej2.test"], size: 200_000 },
  { title: "ejabberd, WebSocket", start: () => alone(ejabberd({ limits: "none" })), people: ["alice@ej1.test", "bob@ej2.test"], over: "webSocket", size: 200_000 },
  { title: "ejabberd with its stock limits", start: () => alone(ejabberd({ limits: "stock" })), people: ["alice@ej1.test", "bob@ej2.test"], size: 24_000 },
  { title: "two Prosodys, federated", start: async () => await federatedProsodys(["127.0.2.1", "127.0.2.2"]), people: ["alice@127.0.2.1", "bob@127.0.2.2"], size: 200_000 },
];

describe.each(cases)("$title", ({ start, people, over, size }) => {
  let servers: readonly [RigServer, RigServer];
  let alice: LoggedIn;
  let bob: LoggedIn;
  let toBob: Session;
  let toAlice: Session;

  beforeAll(async () => {
    servers = await start();
    // Federation wants certificates, and the clients are offered STARTTLS with the same self-made ones.
    if (servers[0] !== servers[1]) process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    const service = (server: RigServer): string => (over === "webSocket" ? (server.webSocket ?? "") : server.service);
    alice = await login({ service: service(servers[0]), jid: people[0], password: servers[0].password });
    bob = await login({ service: service(servers[1]), jid: people[1], password: servers[1].password });
    [toBob, toAlice] = await streamBetween(alice, bob);
  });

  afterAll(async () => {
    await alice?.logout();
    await bob?.logout();
    for (const server of new Set(servers)) await server.stop();
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  });

  it("stands on TLS 1.3, with each other's keys", () => {
    expect(toBob.security).toMatchObject({ protocol: "TLSv1.3", trust: "unverified", firstUse: true });
    expect(toBob.security.peer).toEqual(toAlice.security.own);
    expect(toBob.security.own).toEqual(toAlice.security.peer);
    expect(toBob.security.path).toMatch(/^ibb via /);
  });

  it("carries messages and presence both ways, with the sender's full address on them", async () => {
    for (const [from, to, who] of [
      [toBob, toAlice, alice.self],
      [toAlice, toBob, bob.self],
    ] as const) {
      const heard = next<ReturnType<typeof xml>>(to, "stanza");
      await from.send(xml("message", { type: "chat" }, xml("body", {}, "Grüße ☕ <&>")));
      const message = await heard;
      expect([message.attrs.from, message.getChildText("body")]).toEqual([who, "Grüße ☕ <&>"]);
      const seen = next<ReturnType<typeof xml>>(to, "stanza");
      await from.send(xml("presence", {}, xml("show", {}, "away")));
      expect((await seen).getChildText("show")).toBe("away");
    }
  });

  it("answers IQs both ways", async () => {
    for (const [from, to] of [
      [toBob, toAlice],
      [toAlice, toBob],
    ] as const) {
      to.iqCallee.get("urn:example:question", "question", ({ element }) => xml("question", "urn:example:question", `${element.getText()}!`));
      const answer = await from.iqCaller.get(xml("question", "urn:example:question", "why"));
      expect(answer?.getText()).toBe("why!");
      await expect(from.iqCaller.get(xml("nothing", "urn:example:nothing"))).rejects.toMatchObject({ code: "stanza-error", condition: "service-unavailable" });
    }
  });

  it("carries much, whole and in order", async () => {
    const parts = Array.from({ length: Math.ceil(size / 3000) }, () => randomBytes(1500).toString("hex"));
    const came: string[] = [];
    const all = new Promise<void>((resolve) =>
      toAlice.on("stanza", (stanza) => {
        came.push(stanza.getChildText("body") ?? "");
        if (came.length === parts.length) resolve();
      }),
    );
    await toBob.sendMany(parts.map((part) => xml("message", {}, xml("body", {}, part))));
    await all;
    toAlice.removeAllListeners("stanza");
    expect(came).toEqual(parts);
  });

  it("knows the peer at the next stream, and has many at once", async () => {
    const [second, far] = await streamBetween(alice, bob);
    expect(second.security).toMatchObject({ firstUse: false, peer: toBob.security.peer });
    const heard = next<ReturnType<typeof xml>>(far, "stanza");
    await second.send(xml("message", {}, xml("body", {}, "the second one")));
    expect((await heard).getChildText("body")).toBe("the second one");
    const over = next(far, "close");
    await second.close();
    await over;
    expect([toBob.status, toAlice.status]).toEqual(["online", "online"]);
  });

  it("closes on both sides, and nothing went wrong", async () => {
    const over = next(toAlice, "close");
    await toBob.close();
    await over;
    expect([alice.errors, bob.errors]).toEqual([[], []]);
    expect([alice.e2e.sessions.size, bob.e2e.sessions.size]).toEqual([0, 0]);
  });
});
