import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrustStore } from "@balcony/trust";
import { type AwayMessage, xml } from "balcony";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balcony, events } from "../../examples/cli/test/running.js";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

const ALICE = "alice@alpha.test";
const BOB = "bob@beta.test";
const CAROL = "carol@beta.test";

let server: RigServer;
let folder: string;
const present = new Set<LoggedIn>();

beforeAll(async () => {
  server = await prosody({ limits: "none" });
  folder = await mkdtemp(join(tmpdir(), "balcony-away-"));
});

afterAll(async () => {
  for (const person of present) await person.logout();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Somebody whose keys outlive their being away. */
async function enter(jid: string): Promise<LoggedIn> {
  const store = await TrustStore.open({ folder: join(folder, jid) });
  const person = await login({ service: server.service, jid, password: server.password, options: { store, policy: { fallback: () => true } } });
  present.add(person);
  return person;
}

async function leave(person: LoggedIn): Promise<void> {
  present.delete(person);
  await person.logout();
}

/** The first sees from now on when the other is there. */
async function subscribe(from: LoggedIn, to: LoggedIn): Promise<void> {
  const [account, other] = [from.self, to.self].map((jid) => jid.split("/")[0] as string);
  const comes = (person: LoggedIn, fits: (from: string | undefined, type: string | undefined) => boolean): Promise<void> =>
    new Promise((resolve) => person.xmpp.on("stanza", ({ attrs, name }) => void (name === "presence" && fits(attrs.from, attrs.type) && resolve())));
  const asked = comes(to, (sender, type) => type === "subscribe" && sender === account);
  await from.xmpp.send(xml("presence", { to: other, type: "subscribe" }));
  await asked;
  const shown = comes(from, (sender, type) => type === undefined && sender === to.self);
  await to.xmpp.send(xml("presence", { to: account, type: "subscribed" }));
  await shown;
}

const body = (text: string) => xml("message", { type: "chat" }, xml("body", {}, text));

it("who has published before going away gets what was sent meanwhile, by those whom a verified device vouches for", async () => {
  const [alice, bob, carol] = [await enter(ALICE), await enter(BOB), await enter(CAROL)];
  for (const { xmpp } of [alice, bob, carol]) await xmpp.send(xml("presence"));
  await subscribe(bob, alice);
  await subscribe(carol, alice);
  await expect(bob.e2e.sendAway(ALICE, body("x"))).rejects.toMatchObject({ code: "unsupported-peer" });

  await alice.e2e.publishAway();
  const [first, second] = await streamBetween(bob, alice);
  await bob.e2e.store.setVerified(BOB, ALICE, first.security.peer?.fingerprint ?? "", "fingerprint");
  await alice.e2e.store.setVerified(ALICE, BOB, second.security.peer?.fingerprint ?? "", "fingerprint");
  await carol.e2e.store.setVerified(CAROL, ALICE, first.security.peer?.fingerprint ?? "", "fingerprint");
  await first.close();
  const again = await bob.e2e.open(alice.self);
  const vouched = ({ e2e }: LoggedIn, account: string, peer: string) => e2e.store.show(account, peer)?.devices.filter(({ verified }) => verified?.how === "vouched").length;
  await expect.poll(() => [vouched(alice, ALICE, BOB), vouched(bob, BOB, ALICE)], { timeout: 30_000 }).toEqual([1, 1]);
  await again.close();
  await leave(alice);

  expect(await bob.e2e.sendAway(`${ALICE}/nowhere`, body("Grüße"))).toMatchObject({ trust: "verified", verified: { how: "vouched" }, firstUse: false, alerts: [] });
  // Carol has verified Alice's device, which has told her of no other key: it may be the server's.
  await expect(carol.e2e.sendAway(ALICE, body("x"))).rejects.toMatchObject({ code: "key-changed" });

  const back = await enter(ALICE);
  const heard = next<AwayMessage>(back.e2e, "away");
  await back.xmpp.send(xml("presence"));
  const { peer, stanza, ...said } = await heard;
  expect([peer, stanza.getChildText("body"), stanza.attrs.from]).toEqual([bob.self, "Grüße", bob.self]);
  expect(said).toMatchObject({ trust: "verified", verified: { how: "vouched" }, created: expect.stringMatching(/^\d{4}-/) });
  await expect(bob.e2e.sendAway(ALICE, body("x"))).rejects.toMatchObject({ code: "unsupported-peer" });
  expect(back.e2e.store.sealing(ALICE).away).toHaveLength(1);
  await back.e2e.forgetAway();
  expect(back.e2e.store.sealing(ALICE).away).toEqual([]);
  expect([back.errors, bob.errors, carol.errors]).toEqual([[], [], []]);
});

it("by the command: away, send, and whatever goes online next", async () => {
  const [juliet, romeo] = ["alice@beta.test", "bob@alpha.test"];
  const [hers, his] = [await enter(juliet), await enter(romeo)];
  for (const { xmpp } of [hers, his]) await xmpp.send(xml("presence"));
  await subscribe(his, hers);
  for (const person of [hers, his]) await leave(person);

  await writeFile(join(folder, "password"), `${server.password}\n`);
  const as = (who: string) => ["--data", join(folder, `${who} by command`), "--password-file", join(folder, "password"), "--insecure-plaintext-server"];
  for (const who of [juliet, romeo]) expect((await balcony("login", who, ...as(who), "--service", server.service).ended).code).toBe(0);
  const leaveWord = async (text: string) => {
    const sending = balcony("send", juliet, "--json", ...as(romeo));
    sending.child.stdin.end(text);
    const { code, stdout } = await sending.ended;
    return [code, events(stdout).find(({ event }) => event === "sent" || event === "error")] as const;
  };
  expect(await leaveWord("too early")).toMatchObject([4, { code: "unsupported-peer" }]);
  const going = await balcony("away", "--days", "2", "--json", ...as(juliet)).ended;
  expect([going.code, events(going.stdout).find(({ event }) => event === "away")]).toMatchObject([0, { account: juliet }]);
  expect(await leaveWord("wherefore\n")).toMatchObject([0, { event: "sent", trust: "unverified", firstUse: true }]);
  expect(await leaveWord("art thou")).toMatchObject([0, { event: "sent", trust: "unverified", firstUse: false }]);
  const back = await balcony("listen", "--json", ...as(juliet)).until('"event":"listening"');
  const told = back.events().filter(({ event }) => event === "away-message");
  expect(told).toMatchObject([
    { body: "wherefore", trust: "unverified", firstUse: true },
    { body: "art thou", trust: "unverified", firstUse: false },
  ]);
  back.child.kill("SIGINT");
  expect((await back.ended).code).toBe(0);
  const store = await TrustStore.open({ folder: join(folder, `${juliet} by command`) });
  expect(store.sealing(juliet).away).toEqual([]);
  await store.close();
  expect(await leaveWord("too late")).toMatchObject([4, { code: "unsupported-peer" }]);
  const nothing = balcony("send", juliet, ...as(romeo));
  nothing.child.stdin.end();
  expect((await nothing.ended).code).toBe(2);
});
