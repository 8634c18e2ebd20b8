import { text } from "node:stream/consumers";
import { BalconyError } from "@balcony/channel";
import { bare } from "@balcony/xml";
import { type Balcony, type BalconyOptions, xml } from "balcony";
import { tellKey } from "./away.js";
import { address, goOnline, noStreams } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onInterrupt } from "./interrupt.js";
import type { OnlineOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable, sendable } from "./printable.js";
import { tellClosing } from "./run.js";
import { askText, canAsk } from "./secrets.js";

const DAY = 24 * 60 * 60_000;

export interface AwayOptions extends OnlineOptions {
  readonly days: number;
}

/** `balcony away`: until the next command goes online, those who see our presence can send to us. */
export async function awayCommand(options: AwayOptions): Promise<void> {
  await online(options, async ({ e2e, output, self }) => {
    const lifetime = options.days * DAY;
    await e2e.publishAway({ lifetime });
    const expires = new Date(Date.now() + lifetime).toISOString();
    const account = bare(self);
    output.tell(
      { event: "away", account, expires },
      `until ${expires.slice(0, 10)} your contacts can leave messages by: balcony send ${printable(account)}\nYou get them with whatever command goes online next.`,
      "done",
    );
  });
}

/** `balcony send JID`: leaves a message for somebody who is away. */
export async function sendCommand(typed: string, options: OnlineOptions): Promise<void> {
  const peer = bare(address(typed));
  const body = canAsk() ? await askText(`What shall ${printable(peer)} read?`, "") : (await text(process.stdin)).replace(/\r?\n$/, "");
  if (body === "") throw new UsageError("There is nothing to send.");
  await online(options, async ({ e2e, output }) => {
    const key = await e2e.sendAway(peer, xml("message", { type: "chat" }, xml("body", {}, sendable(body))));
    output.tell({ event: "sent", peer, ...key }, `left for ${printable(peer)}; nobody says that it was read`, "done");
    tellKey(key, output, peer);
  });
}

interface Inside {
  readonly e2e: Balcony;
  readonly self: string;
  readonly output: Output;
}

/** Goes online for one thing. Nobody opens anything to us meanwhile. */
async function online(options: OnlineOptions, work: (inside: Inside) => Promise<void>): Promise<void> {
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  const e2e: BalconyOptions = { policy: { fallback: () => true, accept: () => false } };
  const stopped = new Promise<never>((_, reject) => {
    interrupt.signal.addEventListener("abort", () => reject(new BalconyError("aborted", "Interrupted.")), { once: true });
  });
  stopped.catch(() => undefined); // raced below
  try {
    const here = await goOnline({ ...noStreams, ...options }, output, { signal: interrupt.signal, e2e });
    try {
      await Promise.race([work({ e2e: here.e2e, self: here.self, output }), stopped]);
    } finally {
      await here.close();
    }
  } finally {
    interrupt.release();
  }
}
