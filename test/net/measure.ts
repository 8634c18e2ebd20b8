import { Internet, SERVER } from "./internet.js";
import { type Namespace, removeStale } from "./namespaces.js";
import { type Choice, choices, type HouseholdName, households, type Pair } from "./pairs.js";
import { publicHost } from "./public-host.js";
import { type Outcome, RemoteHost } from "./remote-host.js";
import { type Kind, makeHousehold, makeSite } from "./sites.js";

/** Streams that are opened at once: they wait most of the time. */
const AT_ONCE = 8;
/** ms for one negotiation. */
const TIMEOUT = 60_000;

/** One stream of the table. */
export interface Measurement {
  readonly pair: string;
  readonly choice: Choice;
  /** Where the bytes went, without addresses: "s5b direct". Absent where there was no stream. */
  readonly path?: string;
  /** From `open()` until a stanza has come back, or until it failed. */
  readonly seconds: number;
  /** Where there was no stream: what was said, and what became of each candidate. */
  readonly why?: readonly string[];
}

/** How good a path is: directly, through a relay of bytes, through the servers' stanzas, not at all. */
export const grades = ["none", "server", "relay", "direct"] as const;
export type Grade = (typeof grades)[number];

export function grade({ path }: Pick<Measurement, "path">): Grade {
  if (path === undefined) return "none";
  if (path.startsWith("ibb")) return "server";
  return / (proxy|relay)$/.test(path) ? "relay" : "direct";
}

interface Cell {
  readonly pair: Pair;
  readonly choice: Choice;
}

/** Builds the lab, opens every stream of these pairs that is wanted, and takes the lab away again, whatever happens. */
export async function measure(
  pairs: readonly Pair[],
  { wanted, tell }: { readonly wanted: (pair: Pair, choice: Choice) => boolean; readonly tell: (measurement: Measurement, outcome: Outcome) => void },
): Promise<Measurement[]> {
  await removeStale();
  const lab = new Lab();
  const cells = pairs.flatMap((pair) => choices.map((choice) => ({ pair, choice }))).filter(({ pair, choice }) => wanted(pair, choice));
  try {
    await lab.build(pairs, cells);
    return await lab.run(cells, tell);
  } finally {
    await lab.remove();
  }
}

class Lab {
  readonly #hosts = new Map<string, RemoteHost>();
  readonly #namespaces: Namespace[] = [];
  #stopServer: () => Promise<void> = async () => undefined;

  async build(pairs: readonly Pair[], cells: readonly Cell[]): Promise<void> {
    const made = (namespace: Namespace): void => void this.#namespaces.push(namespace);
    const internet = await Internet.make(made);
    const server = await publicHost(internet);
    this.#stopServer = server.stop;
    const sites = new Map<string, Namespace>();
    for (const label of new Set(pairs.flatMap(({ hosts }) => (typeof hosts === "string" ? [] : labels(hosts))))) {
      sites.set(label, (await makeSite(internet, label.slice(0, -2) as Kind, label)).host);
    }
    for (const { hosts } of pairs) {
      if (typeof hosts !== "string") continue;
      const names = labels(hosts);
      const [a, b] = await makeHousehold(internet, households[hosts], names[0].slice(0, -2));
      sites.set(names[0], a.host).set(names[1], b.host);
    }
    await atOnce(4, [...sites], async ([label, namespace]) => {
      const host = new RemoteHost(namespace);
      this.#hosts.set(label, host);
      const wanted = new Set(cells.filter(({ pair }) => labels(pair.hosts).includes(label)).map(({ choice }) => choice));
      for (const choice of wanted)
        await host.login({ service: server.service, servers: server.servers, jid: address(label, choice), transports: choice === "all" ? undefined : [choice] });
    });
  }

  async run(cells: readonly Cell[], tell: (measurement: Measurement, outcome: Outcome) => void): Promise<Measurement[]> {
    const measured = new Array<Measurement>(cells.length);
    await atOnce(AT_ONCE, [...cells.entries()], async ([index, { pair, choice }]) => {
      const [a, b] = labels(pair.hosts);
      const outcome = await (this.#hosts.get(a) as RemoteHost).open({ jid: address(a, choice), peer: address(b, choice), timeout: TIMEOUT });
      measured[index] = summary(pair, choice, outcome);
      tell(measured[index], outcome);
    });
    return measured;
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(async (host) => await host.stop()));
    await this.#stopServer();
    for (const namespace of this.#namespaces.reverse()) await namespace.remove();
  }
}

/** Does this with each, no more than so many at once. */
async function atOnce<T>(most: number, all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** Short, as namespaces and accounts bear them. */
function labels(hosts: Pair["hosts"]): readonly [string, string] {
  if (typeof hosts !== "string") return [`${hosts[0]}-a`, `${hosts[1]}-b`];
  const house = `house${(Object.keys(households) as HouseholdName[]).indexOf(hosts)}`;
  return [`${house}-a`, `${house}-b`];
}

const address = (label: string, choice: Choice): string => `${label}@${SERVER.name}/${choice}`;

function summary({ title }: Pair, choice: Choice, { path, failure, ms, tried }: Outcome): Measurement {
  const seconds = Math.round(ms / 100) / 10;
  if (path !== undefined) return { pair: title, choice, path: kindOfPath(path), seconds };
  const steps = tried.flatMap(({ error }) => error ?? []);
  return { pair: title, choice, seconds, why: [...new Set([failure ?? "", ...steps])].map(withoutAddresses) };
}

/** "ibb via capulet.example" is "ibb", "s5b direct 192.0.2.7:51234" is "s5b direct". */
const kindOfPath = (path: string): string => (path.startsWith("ibb ") ? "ibb" : path.split(" ").slice(0, 2).join(" "));

/** What changes from run to run is left out. */
const withoutAddresses = (words: string): string => words.replace(/(\[[\da-f:]+\]|\d+(?:\.\d+){3})(:\d+)?/g, "ADDRESS").replace(/[\w-]+@[\w./-]+/g, "the peer");
