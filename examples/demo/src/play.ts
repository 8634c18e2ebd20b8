import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalServer, startLocalServer } from "@balcony/local-server";
import type { Balcony, Security, Session } from "balcony";
import pc from "picocolors";
import { appear, askTime, NS_TIME, say } from "./lines.js";
import { login, type Person } from "./person.js";
import { keyOf, type Stage } from "./stage.js";

const tick = pc.green("✓");
/** What is said inside, none of which the server may see. */
const spoken = ["blessed moon", "inconstant", "orchard wall", "on the balcony", NS_TIME];

export interface Outcome {
  readonly ok: boolean;
  readonly protocol: string;
  readonly cipher: string;
  readonly path: string;
  /** Romeo's fingerprint. */
  readonly own: string;
  /** Juliet's. */
  readonly peer: string;
}

/** The whole play, with a server of its own, whose every stanza is looked at in the end. */
export async function play(on: Stage): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-demo-"));
  const relayed: string[] = [];
  const server = await startLocalServer({
    domains: ["montague.lit", "capulet.lit"],
    accounts: { "romeo@montague.lit": "orchard", "juliet@capulet.lit": "balcony" },
    tap: ({ xml: seen }) => relayed.push(seen),
  });
  try {
    return await scenes(on, server, folder, relayed);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

async function scenes(on: Stage, server: LocalServer, folder: string, relayed: readonly string[]): Promise<Outcome> {
  on.scene("Two people, and a server that neither of them trusts");
  const romeo = await login({ service: server.service, username: "romeo", domain: "montague.lit", password: "orchard", folder });
  const juliet = await login({ service: server.service, username: "juliet", domain: "capulet.lit", password: "balcony", folder });
  for (const { self } of [romeo, juliet]) on.tell("online", { jid: self }, `${tick} ${self} is online`);
  try {
    const before = relayed.length;
    const [toJuliet, toRomeo] = await opening(on, romeo, juliet);
    await talking(on, toJuliet, toRomeo);
    await closing(on, toJuliet, toRomeo);
    const leaked = lookedAt(on, relayed.slice(before));
    const { protocol, cipher, path, own, peer } = toJuliet.security;
    if (leaked.length === 0)
      on.say(`
Next: ${pc.bold("examples/01-open")} is the code, ${pc.bold("examples/cli")} the command for your accounts.
`);
    return { ok: leaked.length === 0, protocol, cipher, path, own: own.fingerprint, peer: peer?.fingerprint ?? "" };
  } finally {
    await romeo.logout();
    await juliet.logout();
  }
}

async function opening(on: Stage, romeo: Person, juliet: Person): Promise<readonly [Session, Session]> {
  on.scene(`Romeo opens a stream to ${juliet.self}`);
  const answered = nextSession(juliet.e2e);
  answered.catch(() => undefined); // where open() fails, too, that is what is told
  const toJuliet = await romeo.e2e.open(juliet.self, {
    onProgress: ({ phase, state, text }) => {
      if (state === "begin") on.tell("progress", { phase, text }, `· ${text}`);
    },
  });
  const toRomeo = await answered;
  tellSecurity(on, toJuliet.security);
  return [toJuliet, toRomeo];
}

function tellSecurity(on: Stage, { alerts: _, own, peer, ...security }: Security): void {
  on.tell("open", { ...security }, `${tick} ${security.protocol}, ${security.cipher}, ${security.path}`);
  on.tell("fingerprint", { of: "romeo@montague.lit", fingerprint: own.fingerprint }, keyOf("romeo", own.fingerprint));
  if (peer) on.tell("fingerprint", { of: "juliet@capulet.lit", fingerprint: peer.fingerprint }, keyOf("juliet", peer.fingerprint));
  on.tell("trust", { trust: security.trust, firstUse: security.firstUse }, `${security.trust}: keys never seen before, remembered from now on`);
}

async function talking(on: Stage, toJuliet: Session, toRomeo: Session): Promise<void> {
  on.scene("What they say, inside");
  const romeo = { name: "romeo", session: toJuliet };
  const juliet = { name: "juliet", session: toRomeo };
  await say(on, romeo, juliet, "Lady, by yonder blessed moon I vow");
  await say(on, juliet, romeo, "O, swear not by the moon, th' inconstant moon");
  await appear(on, romeo, juliet, "climbing the orchard wall");
  await appear(on, juliet, romeo, "on the balcony");
  await askTime(on, romeo, juliet);
  await askTime(on, juliet, romeo);
}

async function closing(on: Stage, toJuliet: Session, toRomeo: Session): Promise<void> {
  on.scene("It is closed");
  const closed = new Promise<void>((resolve) => toRomeo.once("close", resolve));
  await toJuliet.close();
  await closed;
  on.tell("close", { status: [toJuliet.status, toRomeo.status] }, `${tick} both sides have ended the stream, and the Jingle session`);
}

/** What of the spoken words the server has seen: none, one hopes. */
function lookedAt(on: Stage, seen: readonly string[]): readonly string[] {
  on.scene("What the server saw of it");
  const blocks = decoded(seen);
  const leaked = spoken.filter((words) => blocks.includes(words) || seen.some((stanza) => stanza.includes(words)));
  const samples = [seen.find((stanza) => stanza.includes("session-initiate")), seen.filter((stanza) => stanza.includes("<data")).at(-1)];
  on.show(samples.filter((sample) => sample !== undefined));
  const size = seen.reduce((bytes, stanza) => bytes + Buffer.byteLength(stanza), 0);
  const verdict =
    leaked.length === 0
      ? `${tick} ${seen.length} stanzas, ${size} bytes: Jingle, and base64 of TLS records.\n  None of the words above is in them.`
      : pc.red(`✗ the server has seen: ${leaked.join(", ")}`);
  on.tell("server-saw", { stanzas: seen.length, bytes: size, leaked }, verdict);
  return leaked;
}

function nextSession(e2e: Balcony): Promise<Session> {
  return new Promise((resolve, reject) => {
    e2e.once("session", resolve);
    e2e.once("error", reject);
  });
}

/** What base64 in the stanzas decodes to: were it not encrypted, the words would be in there. */
function decoded(stanzas: readonly string[]): string {
  return stanzas.flatMap((stanza) => [...stanza.matchAll(/<data[^>]*>([^<]*)</g)].map(([, base64]) => Buffer.from(base64 ?? "", "base64").toString("latin1"))).join("");
}
