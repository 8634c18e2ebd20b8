import type { StanzaChannel } from "@balcony/channel";
import type { AddressPolicy } from "@balcony/jingle";
import { bare, domainOf, isFull, type Jid } from "@balcony/xml";
import { serverFeatures } from "./disco.js";
import type { Federation, Findings, Outcome, Peer, Service } from "./findings.js";
import { gateway } from "./gateway.js";
import { inBand } from "./in-band.js";
import { peerResource, roundTrip } from "./peer.js";
import { isFound, type ProbeProgress, type Probing, probe } from "./probe.js";
import { proxies } from "./proxies.js";
import { serverSecurity } from "./server-security.js";
import { services } from "./services.js";

export interface ExamineOptions {
  /** Where our server is, if DNS does not tell: `xmpp://host:port`, `xmpps://…`, `ws://…` or `wss://…`. */
  readonly service?: string | undefined;
  /** Whom a stream is meant for: a full address, or a bare one together with `resources`. */
  readonly peer?: Jid | undefined;
  /** Finds the devices of a bare address. Without it, nothing but the peer's server is looked at. */
  readonly resources?: ((account: Jid, wait: { readonly timeout: number; readonly signal: AbortSignal }) => Promise<readonly Jid[]>) | undefined;
  /** STUN and TURN servers beside those that our server names. */
  readonly servers?: readonly Service[] | undefined;
  /** Connects to servers on this very machine: for tests. */
  readonly dangerouslyUseLoopback?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each probe as it begins, with what it waits for and for how long at most, and as it ends. */
  readonly onProgress?: ((progress: ProbeProgress) => void) | undefined;
}

/** ms for each probe; docs/limits.md */
const DEADLINES = { server: 10_000, features: 8_000, proxies: 20_000, services: 8_000, nat: 12_000, gateway: 6_000, peer: 10_000, roundTrip: 8_000, inBand: 25_000 } as const;
const MOST_SERVERS = 8;
const MOST_RESOURCES = 8;

/**
 * Finds out what this network and our server offer for streams, by trying it. Probes run side by side, but the one of what the server carries in-band, which comes last and alone.
 * Shows our IP address to our own server, to the STUN and TURN servers and proxies that it names, and to the peer's server; to the peer nothing but that we ask.
 * @param wide the client's connection
 * @throws what the signal was aborted with, and nothing else: a probe that fails says why in its place
 */
export async function examine(wide: StanzaChannel, options: ExamineOptions = {}): Promise<Findings> {
  const { self } = wide;
  const domain = domainOf(self);
  const probing: Probing = { signal: options.signal ?? new AbortController().signal, onProgress: options.onProgress ?? (() => undefined) };
  const addresses: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: options.dangerouslyUseLoopback };
  const run = <T>(name: keyof typeof DEADLINES, waitingFor: string, work: (wait: { readonly timeout: number; readonly signal: AbortSignal }) => Promise<T>): Promise<Outcome<T>> =>
    probe(probing, { name, waitingFor, timeout: DEADLINES[name] }, async (signal) => await work({ timeout: DEADLINES[name], signal }));

  const relays = run("services", `${domain} to name STUN and TURN servers`, async (wait) => await services(wide, wait));
  const network = relays.then(async (named) => await examineNetwork([...(isFound(named) ? named.found : []), ...(options.servers ?? [])], addresses, probing, run));
  const [server, features, proxied, named, { stun, turn, translated }, mapped, peer, federation] = await Promise.all([
    run("server", `${domain} to say how it secures connections`, async ({ signal }) => await serverSecurity({ domain, as: "client", service: options.service }, signal)),
    run("features", `${domain} to say what it can`, async (wait) => await serverFeatures(wide, wait)),
    run("proxies", `${domain} to name its proxies`, async ({ signal }) => await proxies(wide, addresses, { ...probing, signal })),
    relays,
    network,
    run("gateway", "a router to map a port", async (wait) => await gateway(wait)),
    options.peer === undefined ? undefined : run("peer", `${options.peer} to say what it supports`, async (wait) => await examinePeer(wide, options.peer ?? "", options, wait)),
    options.peer === undefined || domainOf(options.peer) === domain ? undefined : examineFederation(wide, domainOf(options.peer), run),
  ]);
  // Alone, since it is time that is measured, and whatever the server holds back it holds back from all of us.
  const carried = await run("inBand", `blocks through ${domain} to ourselves`, async (wait) => await inBand(wide, wait));
  return {
    self,
    server,
    features,
    inBand: carried,
    proxies: proxied,
    services: isFound(named) ? { ...named, found: named.found.map(withoutPassword) } : named,
    stun: stun.map((one) => ({ ...one, service: withoutPassword(one.service) })),
    turn: turn.map((one) => ({ ...one, service: withoutPassword(one.service) })),
    nat: translated,
    gateway: mapped,
    ...(peer && { peer }),
    ...(federation && { federation }),
  };
}

/** Findings are shown and passed on. */
const withoutPassword = ({ password: _, ...service }: Service): Service => service;

type Run = <T>(name: keyof typeof DEADLINES, waitingFor: string, work: (wait: { readonly timeout: number; readonly signal: AbortSignal }) => Promise<T>) => Promise<Outcome<T>>;

async function examineNetwork(all: readonly Service[], addresses: AddressPolicy, probing: Probing, run: Run) {
  // The codec of STUN is large, and only loaded by whoever has a network examined.
  const [{ nat }, { stunServer, turnServer }] = await Promise.all([import("./nat.js"), import("./stun-servers.js")]);
  const known = all.slice(0, MOST_SERVERS);
  const isTurn = ({ type }: Service): boolean => type.startsWith("turn");
  // Whatever relays also says where it sees us.
  const asked = known.filter((service) => !isTurn(service));
  const udp = known.filter(({ transport, type }) => transport === "udp" && !type.endsWith("s"));
  const [stun, turn, translated] = await Promise.all([
    Promise.all(asked.map(async (service) => await stunServer(service, addresses, probing))),
    Promise.all(known.filter(isTurn).map(async (service) => await turnServer(service, addresses, probing))),
    run("nat", "STUN servers to show how UDP is translated", async ({ signal }) => await nat(udp, addresses, signal)),
  ]);
  return { stun, turn, translated };
}

async function examinePeer(wide: StanzaChannel, peer: Jid, { resources }: ExamineOptions, wait: { readonly timeout: number; readonly signal: AbortSignal }): Promise<Peer> {
  const found = isFull(peer) ? [peer] : ((await resources?.(bare(peer), wait)) ?? []);
  const answers = await Promise.allSettled(found.slice(0, MOST_RESOURCES).map(async (address) => await peerResource(wide, address, wait)));
  const able = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const [refused] = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as Error] : []));
  if (able.length === 0 && refused) throw refused;
  return { resources: able };
}

async function examineFederation(wide: StanzaChannel, domain: string, run: Run): Promise<Federation> {
  const [security, answered] = await Promise.all([
    run("server", `${domain} to say how it secures connections of other servers`, async ({ signal }) => await serverSecurity({ domain, as: "server" }, signal)),
    run("roundTrip", `${domain} to answer through our server`, async (wait) => await roundTrip(wide, domain, wait)),
  ]);
  return { domain, security, roundTrip: answered };
}
