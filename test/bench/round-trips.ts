// From open() to the first stanza that arrives encrypted, counted in round trips: how much later it comes for each that signalling, or the direct path, takes longer.
import { setTimeout } from "node:timers/promises";
import { startLocalServer } from "@balcony/local-server";
import { type TransportName, xml } from "balcony";
import { cables } from "../rigs/cables.js";
import { login } from "../rigs/login.js";
import { delayingRelay } from "./delaying-relay.js";
import { type Row, report } from "./row.js";

/** ms of one round trip from client to client. */
const ROUND_TRIP = 400;
/** ms without a stanza, after which those who have logged in have asked their servers for all that they ask at login. */
const QUIET = 150;

const NS_JINGLE = "urn:xmpp:jingle:1";
const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";

type Secure = "starttls" | "xtls";

/** What is waited for, by the protocols themselves (README.md derives it). */
interface Required {
  readonly signalling: number;
  readonly direct: number;
}

interface Way {
  readonly name: string;
  readonly transport: TransportName;
  readonly paths: "direct" | "relayed";
  readonly required: Readonly<Record<Secure, Required>>;
}

const ways: readonly Way[] = [
  { name: "IBB", transport: "ibb", paths: "relayed", required: { starttls: { signalling: 6.5, direct: 0 }, xtls: { signalling: 4.5, direct: 0 } } },
  { name: "S5B direct", transport: "s5b", paths: "direct", required: { starttls: { signalling: 1.5, direct: 7.5 }, xtls: { signalling: 1.5, direct: 5.5 } } },
  { name: "S5B proxy", transport: "s5b", paths: "relayed", required: { starttls: { signalling: 2, direct: 7.5 }, xtls: { signalling: 2, direct: 5.5 } } },
  { name: "ICE-TCP", transport: "ice-tcp", paths: "direct", required: { starttls: { signalling: 1, direct: 7.5 }, xtls: { signalling: 1, direct: 5.5 } } },
  { name: "WebRTC", transport: "webrtc", paths: "direct", required: { starttls: { signalling: 1, direct: 9 }, xtls: { signalling: 1, direct: 7 } } },
];

/** ms from open() to the first stanza at the other end. Everybody has just logged in: nothing is known of the other that could be remembered. */
async function first({ transport, paths }: Way, secure: Secure, late: { readonly signalling: number; readonly direct: number }): Promise<number> {
  // Through a proxy there are four hops to the other client and back.
  const wires = await cables({ delay: late.direct / (paths === "direct" ? 2 : 4) });
  let last = performance.now();
  const server = await startLocalServer({
    tap: () => {
      last = performance.now();
    },
    domains: ["montague.lit", "capulet.lit"],
    accounts: { "romeo@montague.lit": "secret", "juliet@capulet.lit": "secret" },
    interfere: (stanza, { direction }) => {
      const transport = stanza.getChild("jingle", NS_JINGLE)?.getChild("content")?.getChild("transport");
      if (transport && paths === "direct" && direction === "in") wires.through(transport);
      const proxy = stanza.getChild("query", NS_BYTESTREAMS);
      if (proxy && paths === "relayed" && direction === "out") wires.through(proxy);
      return stanza;
    },
  });
  const relays = await Promise.all([0, 1].map(async () => await delayingRelay(Number(new URL(server.service).port), 0)));
  const options = { transports: [transport], paths, secure, dangerouslyUseLoopback: true };
  const people = await Promise.all(
    ["romeo@montague.lit", "juliet@capulet.lit"].map(
      async (jid, index) => await login({ service: `xmpp://127.0.0.1:${relays[index]?.port}`, jid, password: "secret", options: { ...options } }),
    ),
  );
  const [romeo, juliet] = people;
  if (!romeo || !juliet) throw new Error("nobody is there");
  while (performance.now() - last < QUIET) await setTimeout(QUIET / 3);
  for (const relay of relays) relay.delay = late.signalling / 4; // four hops to the other client and back
  const heard = new Promise<number>((resolve) => juliet.e2e.once("session", (session) => session.on("stanza", () => resolve(performance.now()))));
  const start = performance.now();
  const session = await romeo.e2e.open(juliet.self);
  await session.send(xml("message", {}, xml("body", {}, "Wherefore art thou?")));
  const took = (await heard) - start;
  for (const relay of relays) relay.delay = 0;
  await Promise.all(people.map(async (person) => await person.logout()));
  for (const relay of relays) relay.close();
  await wires.stop();
  await server.stop();
  return took;
}

const rows: Row[] = [];
for (const way of ways) {
  for (const secure of ["starttls", "xtls"] as const) {
    const none = await undelayed(way, secure);
    for (const part of ["signalling", "direct"] as const) {
      const required = way.required[secure][part];
      if (part === "direct" && way.transport === "ibb") continue;
      const trips = ((await first(way, secure, { signalling: 0, direct: 0, [part]: ROUND_TRIP })) - none) / ROUND_TRIP;
      if (process.env.BENCH_VERBOSE) process.stderr.write(`${way.name} ${secure} ${part} ${trips.toFixed(2)} (without delay ${none.toFixed(0)} ms)\n`);
      rows.push(trip(`First stanza by ${way.name}, ${secure === "xtls" ? "XTLS" : "STARTTLS"}: ${part}`, trips, required));
    }
  }
}
report(rows);
process.exit();

/** The least of some, the first of which compiles everything. */
async function undelayed(way: Way, secure: Secure): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4; round++) least = Math.min(least, await first(way, secure, { signalling: 0, direct: 0 }));
  return least;
}

/** Counted in halves: what a computer takes is none. At most one more than required. */
function trip(name: string, trips: number, required: number): Row {
  const value = Math.round(trips * 2) / 2;
  return { name, value, unit: "trips", baseline: required, ratio: null, required: required + 1, atMost: true, ok: value <= required + 1 };
}
