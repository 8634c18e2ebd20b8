import type { StanzaChannel } from "../stanza-channel.js";
import { type Case, firstFailure, type Test, turns, withinDeadline, withoutUnhandledRejections } from "./run.js";
import { answeringCases } from "./stanza-answering.js";
import { carryingCases } from "./stanza-carrying.js";
import type { StanzaContext, StanzaPair } from "./stanza-case.js";
import { closingCases, linkedCases } from "./stanza-closing.js";
import { strangerCases } from "./stanza-stranger.js";
import { waitingCases } from "./stanza-waiting.js";

export interface StanzaChannelComplianceOptions {
  /** Makes two channels that talk to each other. What handlers throw is not to end the process: give the channels a `report` that bears it. */
  readonly setup: () => Promise<StanzaPair>;
  /** Called once after each test, when the pair is closed. */
  readonly teardown?: () => Promise<void>;
  /** The runner's own: registers one test. */
  readonly test: Test;
  /** `apart` where one side can close without the other's knowing, as narrowed channels can. Default `together`. */
  readonly closing?: "together" | "apart";
  /** Makes a channel of somebody else, narrowed to `pair.a.self`, by the same wire. Given where `a` is narrowed from a channel that talks to many. */
  readonly stranger?: (pair: StanzaPair) => Promise<StanzaChannel>;
  /** Bytes of a big stanza. Default 100,000. */
  readonly size?: number;
  /** Milliseconds after which anything that is waited for counts as never coming. Default 20,000. */
  readonly timeout?: number;
}

const SIZE = 100_000;
const TIMEOUT = 20_000;

/** Registers a test for each promise that a StanzaChannel makes. Depends on no test runner: failures are errors thrown. */
export function stanzaChannelCompliance(options: StanzaChannelComplianceOptions): void {
  const { test, closing = "together", stranger } = options;
  for (const one of [...carryingCases, ...answeringCases, ...waitingCases, ...closingCases]) register(one, async () => ({}), options, test);
  if (closing === "together") for (const one of linkedCases) register(one, async () => ({}), options, test);
  if (stranger) for (const one of strangerCases) register(one, async (pair) => ({ stranger: await stranger(pair) }), options, test);
}

function register<More extends object>(one: Case<StanzaContext & More>, more: (pair: StanzaPair) => Promise<More>, options: StanzaChannelComplianceOptions, test: Test): void {
  const { setup, teardown, size = SIZE, timeout = TIMEOUT } = options;
  const within = withinDeadline(timeout);
  test(one.name, () =>
    withoutUnhandledRejections(async () => {
      const pair = await within(setup(), "setup() to make a pair");
      await firstFailure([
        async () => one.run({ ...pair, size, within, ...(await more(pair)) }),
        async () => {
          await within(Promise.all([pair.a.close(), pair.b.close()]), "both sides to close");
          await turns();
        },
        async () => teardown?.(),
      ]);
    }),
  );
}
