import { type MemoryStanzaNetwork, memoryStanzaNetwork, type StanzaRouter } from "@balcony/channel";
import type { InitiateOptions, Keys, Parameters } from "../src/index.js";
import { type ESession, ESessions, type ESessionsOptions, memorySecrets } from "../src/index.js";
import { nodeArithmetic, nodeCrypto } from "../src/node/index.js";

export const ALICE = "alice@capulet.lit/balcony";
export const BOB = "bob@montague.lit/orchard";

/** One side with everything in memory. */
export interface Side {
  readonly channel: StanzaRouter;
  readonly sessions: ESessions;
  readonly errors: unknown[];
  /** Resolves with the next session that the other side starts. */
  incoming(): Promise<ESession>;
}

export function side(network: MemoryStanzaNetwork, address: string, options: Partial<ESessionsOptions> = {}): Side {
  const channel = network.connect(address);
  const errors: unknown[] = [];
  const come: ESession[] = [];
  const waiting: ((session: ESession) => void)[] = [];
  const sessions = new ESessions(channel, {
    crypto: nodeCrypto,
    arithmetic: nodeArithmetic,
    secrets: memorySecrets(),
    accept: () => true,
    report: (error) => errors.push(error),
    onSession: (session) => {
      const next = waiting.shift();
      if (next) next(session);
      else come.push(session);
    },
    ...options,
  });
  return {
    channel,
    sessions,
    errors,
    incoming: () => {
      const session = come.shift();
      return session ? Promise.resolve(session) : new Promise((resolve) => waiting.push(resolve));
    },
  };
}

interface PairOptions {
  readonly alice?: Partial<Parameters>;
  readonly bob?: Partial<Parameters>;
  readonly keys?: { readonly alice: Keys; readonly bob: Keys };
  readonly initiate?: InitiateOptions;
}

/** Two sides, and a session that Alice has started. */
export async function sessionPair({ alice: hers, bob: his, initiate, keys }: PairOptions = {}) {
  const network = memoryStanzaNetwork({ report: () => undefined });
  const alice = side(network, ALICE, { parameters: { groups: [14], ...hers }, ...(keys && { keys: keys.alice }) });
  const bob = side(network, BOB, { parameters: { groups: [14], ...his }, ...(keys && { keys: keys.bob }) });
  const [a, b] = await Promise.all([alice.sessions.initiate(BOB, initiate), bob.incoming()]);
  a.deliver();
  b.deliver();
  return { network, alice, bob, a, b };
}
