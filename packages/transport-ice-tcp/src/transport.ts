import { BalconyError, stanzaError } from "@balcony/channel";
import { addressRefusal, type Connection, type IceServer, type Transport, type TransportAttempt, type TransportContext } from "@balcony/jingle";
import type { Element } from "@balcony/xml";
import type { Agent, AgentTimes } from "./agent.js";
import { CANDIDATE_LIMIT, type Credentials, type Description, NS_ICE, readTransport, writeTransport } from "./candidate.js";
import type { Gathering, StunServer } from "./gather.js";

export interface IceTcpOptions {
  /** STUN servers to ask over TCP for server reflexive candidates, beside those of the context. Default none. */
  readonly stun?: readonly StunServer[];
  /** ms; see AgentTimes. */
  readonly times?: Partial<AgentTimes>;
}

/** ICE-TCP as a Jingle transport (XEP-0371 with RFC 6544's candidates). UDP candidates in it are ignored. */
export function iceTcp(options: IceTcpOptions = {}): Transport {
  return {
    namespace: NS_ICE,
    reaches: ["direct"],
    check: (offer) => void readTransport(offer),
    prepare: ({ servers }) => void servers(),
    attempt: (context) => new IceTcpAttempt(context, options),
  };
}

/** What of these servers can be asked over TCP where we are seen from. */
function stunServers({ urls }: IceServer): StunServer[] {
  return [urls].flat().flatMap((url) => {
    const [, host, port = "3478"] = /^stun:(\[[0-9a-f:.]+\]|[^:?]+)(?::(\d+))?(?:\?transport=tcp)?$/i.exec(url) ?? [];
    return host === undefined ? [] : [{ host: host.replace(/^\[|\]$/g, ""), port: Number(port) }];
  });
}

class IceTcpAttempt implements TransportAttempt {
  #agent: Agent | undefined;
  #gathering: Gathering | undefined;
  #remote: Credentials | undefined;
  #count = 0;
  /** What the peer said before our side had begun. */
  #early: Description[] = [];
  #over = false;

  constructor(
    private readonly context: TransportContext,
    private readonly options: IceTcpOptions,
  ) {}

  async offer(): Promise<Element> {
    return await this.#begin();
  }

  async answer(offer: Element): Promise<Element> {
    const description = this.#read(offer);
    if (!description.credentials) throw stanzaError("bad-request", { text: "ufrag and pwd are missing" });
    this.#remote = description.credentials;
    this.#add(description);
    return await this.#begin();
  }

  accepted(answer: Element): void {
    const description = this.#read(answer);
    if (!description.credentials) throw stanzaError("bad-request", { text: "ufrag and pwd are missing" });
    this.#remote = description.credentials;
    this.#add(description);
  }

  info(transport: Element): void {
    const description = this.#read(transport);
    const { credentials } = description;
    if (credentials && this.#remote && (credentials.ufrag !== this.#remote.ufrag || credentials.pwd !== this.#remote.pwd)) {
      throw stanzaError("feature-not-implemented", { text: "no ICE restart" });
    }
    this.#remote ??= credentials;
    this.#add(description);
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const agent = this.#started;
    const stop = () => this.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) stop();
      const { bytes, remote } = await agent.run();
      return { bytes, path: `ice-tcp ${remote.type} ${remote.ip.includes(":") ? `[${remote.ip}]` : remote.ip}:${remote.port}` };
    } finally {
      signal.removeEventListener("abort", stop);
      this.abort();
    }
  }

  abort(): void {
    this.#over = true;
    this.#agent?.stop();
    this.#gathering?.stop();
  }

  get #started(): Agent {
    if (!this.#agent) throw new BalconyError("internal", "Nothing is agreed yet.");
    return this.#agent;
  }

  /** Our credentials and host candidates; what takes longer follows by transport-info. */
  async #begin(): Promise<Element> {
    const { addresses, role, progress } = this.context;
    if (addresses.paths === "relayed") throw new BalconyError("failed-transport", "ICE-TCP has no relay, and this peer may not learn our addresses.");
    // The codec is large and only needed here: whoever never uses ICE-TCP does not load it.
    const [{ Agent, defaultTimes }, { Gathering, ownAddresses }] = await Promise.all([import("./agent.js"), import("./gather.js")]);
    const times = { ...defaultTimes, ...this.options.times };
    const agent = new Agent({ controlling: role === "initiator", times, progress });
    const gathering = new Gathering((socket, local) => agent.accept(socket, local));
    this.#agent = agent;
    this.#gathering = gathering;
    const own = ownAddresses(addresses);
    const hosts = await gathering.hosts(own);
    if (this.#over) {
      this.abort(); // once more, for what has come since
      throw new BalconyError("closed", "The transport's time is over.");
    }
    for (const description of this.#early.splice(0)) this.#tell(agent, description);
    for (const candidate of hosts) agent.addLocal(candidate);
    void this.#trickle(agent, gathering, own, times.check);
    return writeTransport(agent.credentials, hosts, { complete: false });
  }

  async #trickle(agent: Agent, gathering: Gathering, own: readonly string[], timeout: number): Promise<void> {
    const { sendInfo, progress } = this.context;
    const servers = [...(this.options.stun ?? []), ...((await this.context.servers?.()) ?? []).flatMap(stunServers)];
    const asked = servers.flatMap((server, at) =>
      own.flatMap((ip, index) => {
        const asking = { timeout, preference: 8191 - index };
        // One server is enough to learn a port's address by, and each further candidate is a pair more for every one of the peer's.
        return [gathering.reflexive(ip, server, asking), ...(at === 0 ? [gathering.simultaneous(ip, server, asking)] : [])];
      }),
    );
    const found = await Promise.allSettled(asked);
    const reflexive = found.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
    if (this.#over) return;
    for (const one of found) if (one.status === "rejected") progress("ice-tcp: no server reflexive candidate", one.reason as Error);
    for (const candidate of reflexive) agent.addLocal(candidate);
    agent.complete("local");
    // The session hears of a refusal by itself, and what was to be said is of no use any more once it is over.
    await sendInfo(writeTransport(agent.credentials, reflexive, { complete: true })).catch(() => undefined);
  }

  #read(transport: Element): Description {
    const description = readTransport(transport);
    const { credentials, candidates } = description;
    const own = this.#agent?.credentials;
    // Our own words sent back: our checks would then answer themselves.
    if (own && (credentials?.ufrag === own.ufrag || credentials?.pwd === own.pwd)) throw stanzaError("bad-request", { text: "ufrag or pwd are ours" });
    if (this.#count + candidates.length > CANDIDATE_LIMIT) throw stanzaError("resource-constraint", { text: `more than ${CANDIDATE_LIMIT} candidates` });
    return description;
  }

  #add(description: Description): void {
    this.#count += description.candidates.length;
    if (this.#agent) this.#tell(this.#agent, description);
    else this.#early.push(description);
  }

  #tell(agent: Agent, { candidates, complete }: Description): void {
    if (this.#remote) agent.setRemote(this.#remote);
    for (const candidate of candidates) {
      const { ip, port, type, tcptype } = candidate;
      const refused = candidate.type === "relay" && this.context.addresses.paths === "direct" ? "only direct paths are wanted" : addressRefusal(ip, this.context.addresses);
      // An active candidate is never connected to, and shows that somebody may come.
      if (tcptype === "active" || refused === undefined) agent.addRemote(candidate);
      else this.context.progress(`ice-tcp: ${ip}:${port} (${type} ${tcptype}) is not tried`, new BalconyError("failed-transport", refused));
    }
    if (complete) agent.complete("remote");
  }
}
