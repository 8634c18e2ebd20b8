import { type Element, xml } from "@balcony/xml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";
import { type Relay, relayTo } from "../rigs/relay.js";

let server: RigServer;
let relay: Relay;
let alice: LoggedIn;
let bob: LoggedIn;

beforeAll(async () => {
  server = await prosody({ limits: "none" });
  relay = await relayTo(server.service);
  alice = await login({ service: relay.service, jid: "alice@alpha.test", password: server.password });
  bob = await login({ service: server.service, jid: "bob@beta.test", password: server.password });
});
afterAll(async () => {
  await alice?.logout();
  await bob?.logout();
  await relay?.stop();
  await server?.stop();
});

it("a stream lives through connections that break and are resumed, and loses nothing (XEP-0198 §5)", async () => {
  expect(alice.xmpp.streamManagement.enabled).toBe(true);
  alice.xmpp.reconnect.delay = 10;
  const [toBob, toAlice] = await streamBetween(alice, bob);
  const came: string[] = [];
  const all = new Promise<void>((resolve) =>
    toAlice.on("stanza", (stanza: Element) => {
      came.push(stanza.getChildText("body") ?? "");
      if (came.length === 30) resolve();
    }),
  );
  for (let round = 0; round < 3; round++) {
    const resumed = next(alice.xmpp.streamManagement, "resumed");
    for (let n = 0; n < 10; n++) void toBob.send(xml("message", {}, xml("body", {}, String(round * 10 + n))));
    relay.cut();
    await resumed;
  }
  await all;
  expect(came).toEqual(Array.from({ length: 30 }, (_, n) => String(n)));
  expect([toBob.status, toAlice.status]).toEqual(["online", "online"]);
  const over = next(toAlice, "close");
  await toBob.close();
  await over;
});
