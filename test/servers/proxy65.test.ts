import { createHash, randomBytes } from "node:crypto";
import { s5b } from "@balcony/transport-s5b";
import { type Session, type Transport, xml } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ejabberd } from "../rigs/ejabberd.js";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

const digest = (text: string | null): string =>
  createHash("sha256")
    .update(text ?? "")
    .digest("hex");

describe.each([
  { title: "Prosody", start: () => prosody({ limits: "none" }), people: ["alice@alpha.test", "bob@alpha.test", "bob@beta.test"], proxy: "proxy.alpha.test" },
  { title: "ejabberd", start: () => ejabberd({ limits: "none" }), people: ["alice@ej1.test", "bob@ej1.test", "bob@ej2.test"], proxy: "proxy.ej1.test" },
] as const)("the SOCKS5 proxy of $title", ({ start, people, proxy }) => {
  let server: RigServer;
  let alice: LoggedIn;
  let bob: LoggedIn;
  let sessions: readonly [Session, Session];

  beforeAll(async () => {
    server = await start();
    // Strangers to each other: nothing but relays of their own server is offered, found by disco, and there is no other transport.
    const options = { transports: ["s5b"], dangerouslyUseLoopback: true } as const;
    alice = await login({ service: server.service, jid: people[0], password: server.password, options });
    bob = await login({ service: server.service, jid: people[1], password: server.password, options });
    sessions = await streamBetween(alice, bob);
  });

  afterAll(async () => {
    await alice?.logout();
    await bob?.logout();
    await server?.stop();
  });

  it("is found by disco, and carries TLS", () => {
    for (const { security } of sessions) {
      expect(security).toMatchObject({ protocol: "TLSv1.3", transport: "urn:xmpp:jingle:transports:s5b:1", path: expect.stringMatching(new RegExp(`^s5b proxy ${proxy}$`)) });
    }
  });

  it("carries stanzas of 200 kB whole, both ways", async () => {
    const text = randomBytes(150_000).toString("base64");
    for (const [from, to] of [sessions, [sessions[1], sessions[0]]] as const) {
      const heard = next<{ getChildText(name: string): string | null }>(to, "stanza");
      await from.send(xml("message", {}, xml("body", {}, text)));
      expect(digest((await heard).getChildText("body"))).toBe(digest(text));
    }
  });

  it("serves a peer of another domain, who may be shown an address, too", async () => {
    const inner = s5b();
    const relays: Transport = { ...inner, attempt: (context) => inner.attempt({ ...context, reach: "relayed" }) };
    const options = { transports: [relays], dangerouslyUseLoopback: true, policy: { showAddress: () => true } };
    const far = await login({ service: server.service, jid: people[2], password: server.password, options });
    const near = await login({ service: server.service, jid: people[0], password: server.password, options });
    try {
      for (const { security } of await streamBetween(far, near)) expect(security.path).toMatch(/^s5b proxy proxy\./);
    } finally {
      await Promise.all([near.logout(), far.logout()]);
    }
  });

  it("carries a second stream beside the first, and either ends without the other", async () => {
    const [again, far] = await streamBetween(bob, alice);
    const closed = next(far, "close");
    await again.close();
    await closed;
    expect(sessions.map(({ status }) => status)).toEqual(["online", "online"]);
  });
});
