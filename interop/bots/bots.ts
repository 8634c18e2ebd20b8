import { notMine } from "@balcony/channel";
import type { Parameters } from "@balcony/esessions";
import { ibb } from "@balcony/transport-ibb";
import { TrustStore } from "@balcony/trust";
import { xml } from "@balcony/xml";
import { type BalconyOptions, balcony } from "balcony";
import { encryptionBot } from "./encryption-bot.js";
import type { Hosting } from "./hosting.js";
import { Line } from "./line.js";
import { negotiationBot } from "./negotiation-bot.js";
import { sessionBot } from "./session-bot.js";
import { badStreamBot, streamBot, tamperingUnder } from "./stream-bot.js";
import { threadBot } from "./thread-bot.js";

const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
const NS_ESESSIONS = ["http://www.xmpp.org/extensions/xep-0116.html#ns", "http://www.xmpp.org/extensions/xep-0200.html#ns"];
const NS_NEGOTIATION = ["urn:xmpp:ssn", "http://jabber.org/protocol/feature-neg"];

/** The bots' names, and what each is for. */
export const names = {
  xep155: "stanza sessions (XEP-0155)",
  xep200: "stanza encryption (XEP-0200)",
  xep201: "threads (XEP-0201)",
  xep217: "negotiation of encrypted sessions (XEP-0116, XEP-0217)",
  streams: "end-to-end streams (XEP-0246, XEP-0247)",
  "streams-bad": "the same, breaking rules",
} as const;

export interface BotsOptions {
  /** Milliseconds to wait for what a client does by itself. Default 30,000. */
  readonly patience?: number;
  /** Of ESessions. */
  readonly parameters?: Partial<Parameters>;
  /** Of end-to-end streams. */
  readonly streams?: Pick<BalconyOptions, "transports" | "dangerouslyUseLoopback">;
  readonly report: (error: unknown) => void;
}

/** Brings all bots online. */
export async function startBots(hosting: Hosting, { parameters = {}, patience = 30_000, report, streams = {} }: BotsOptions): Promise<{ close(): Promise<void> }> {
  const ending: (() => Promise<void>)[] = [];
  const plain = async (name: keyof typeof names, features: readonly string[], bot: (line: Line) => { close(): Promise<void> } | undefined): Promise<void> => {
    const hosted = hosting.host(name);
    const line = new Line(hosted.client, hosted.self, { others: "refused", report });
    answerDisco(line, name, features);
    const running = bot(line);
    await hosted.start();
    ending.push(async () => {
      await running?.close();
      await hosted.stop();
    });
  };
  const streaming = async (name: "streams" | "streams-bad", options: BalconyOptions): Promise<void> => {
    const hosted = hosting.host(name);
    const tampering = tamperingUnder(hosted.client);
    const e2e = await balcony(hosted.client, { store: await TrustStore.inMemory(), policy: { allow: () => true }, ...options });
    e2e.on("error", report);
    const line = new Line(hosted.client, hosted.self, { others: "passed on", report });
    if (name === "streams") streamBot(line, e2e, { patience, report });
    else badStreamBot(line, e2e, tampering, { patience, report });
    const ready = new Promise((resolve) => e2e.once("ready", resolve));
    await hosted.start();
    await ready;
    ending.push(async () => {
      await e2e.close();
      await hosted.stop();
    });
  };
  // As any client of 2007: our own form, in which whole stanzas are encrypted, is for two Balconies.
  const foreign: Partial<Parameters> = { wholeStanzas: false, stanzas: ["message", "presence", "iq"], ...parameters };
  await plain("xep155", NS_NEGOTIATION, (line) => void sessionBot(line, { patience, report }));
  await plain("xep200", [...NS_NEGOTIATION, ...NS_ESESSIONS], (line) => encryptionBot(line, { patience, report, parameters: foreign }));
  await plain("xep201", [], (line) => void threadBot(line, report));
  await plain("xep217", [...NS_NEGOTIATION, ...NS_ESESSIONS], (line) => negotiationBot(line, { patience, report, parameters: foreign }));
  await streaming("streams", streams);
  await streaming("streams-bad", { ...streams, transports: [ibb()], secure: "starttls" });
  return {
    close: async () => {
      for (const end of ending.splice(0)) await end();
      await hosting.close();
    },
  };
}

function answerDisco(line: Line, name: keyof typeof names, features: readonly string[]): void {
  line.channel.onRequest({ type: "get", name: "query", xmlns: NS_DISCO_INFO }, ({ payload }) => {
    if (payload.attrs.node !== undefined) return notMine;
    // A peer whose capabilities lack roster item exchange is taken by clients in use for one with an older normalisation.
    const all = [NS_DISCO_INFO, ...features, ...(features.length > 0 ? ["http://jabber.org/protocol/rosterx"] : [])];
    return xml(
      "query",
      NS_DISCO_INFO,
      xml("identity", { category: "client", type: "bot", name: `${name}: ${names[name]}` }),
      all.map((feature) => xml("feature", { var: feature })),
    );
  });
}
