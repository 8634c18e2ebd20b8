import { startLocalServer } from "@balcony/local-server";
import { TrustStore } from "@balcony/trust";
import { client } from "@xmpp/client";
import { afterEach, expect, it } from "vitest";
import { type Balcony, type BalconyOptions, balcony, type Session, xml } from "../src/index.js";

type Server = Awaited<ReturnType<typeof startLocalServer>>;
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function startServer(): Promise<Server> {
  const server = await startLocalServer({ domains: ["montague.lit", "capulet.lit"], accounts: { "romeo@montague.lit": "orchard", "juliet@capulet.lit": "balcony" } });
  undo.push(() => server.stop());
  return server;
}

async function login(server: Server, jid: string, password: string, options: BalconyOptions = {}): Promise<{ e2e: Balcony; self: string }> {
  const [username, domain] = jid.split("@") as [string, string];
  const xmpp = client({ service: server.service, domain, username, password });
  const e2e = await balcony(xmpp, { store: await TrustStore.inMemory(), policy: { allow: () => true }, ...options });
  e2e.on("error", (error) => console.error("E2E", jid, error));
  const ready = new Promise<string>((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  const self = await ready;
  undo.push(async () => {
    await e2e.close();
    xmpp.reconnect.stop();
    await xmpp.stop();
  });
  return { e2e, self };
}

it("opens a stream, says a thing both ways, closes", async () => {
  const server = await startServer();
  const romeo = await login(server, "romeo@montague.lit", "orchard");
  const juliet = await login(server, "juliet@capulet.lit", "balcony");
  const answered = new Promise<Session>((resolve) => juliet.e2e.once("session", resolve));
  const steps: string[] = [];
  const toJuliet = await romeo.e2e.open(juliet.self, { onProgress: ({ phase, state }) => steps.push(`${phase} ${state}`) });
  const toRomeo = await answered;
  const heard = new Promise<string | null>((resolve) => toRomeo.once("stanza", (stanza) => resolve(stanza.getChildText("body"))));
  await toJuliet.send(xml("message", {}, xml("body", {}, "Good night")));
  expect(await heard).toBe("Good night");
  const closed = new Promise<void>((resolve) => toRomeo.once("close", resolve));
  await toJuliet.close();
  await closed;
  expect(steps.filter((step) => step.endsWith("begin"))).toEqual(["discover", "negotiate", "starttls", "trust", "stream", "compare", "store"].map((phase) => `${phase} begin`));
  expect([toJuliet.status, toRomeo.status]).toEqual(["offline", "offline"]);
});

it("closes at once where both close at once", async () => {
  const server = await startServer();
  const romeo = await login(server, "romeo@montague.lit", "orchard");
  const juliet = await login(server, "juliet@capulet.lit", "balcony");
  const answered = new Promise<Session>((resolve) => juliet.e2e.once("session", resolve));
  const toJuliet = await romeo.e2e.open(juliet.self);
  const toRomeo = await answered;
  await Promise.all([toJuliet.close(), toRomeo.close()]);
  expect([toJuliet.status, toRomeo.status]).toEqual(["offline", "offline"]);
});
