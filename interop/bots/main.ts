import { Command, Option } from "commander";
import { WebSocket } from "ws";
import { names, startBots } from "./bots.js";
import { component, embedded } from "./hosting.js";

if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none

interface Given {
  readonly component?: string;
  readonly domain?: string;
  readonly port: number;
  readonly visitor: readonly string[];
  readonly patience: number;
  readonly setting: "deployed" | "strict";
}

const program = new Command("bots")
  .description("Bots for implementers: send one a chat message that says help.")
  .option("--component <host:port>", "be a component (XEP-0114) of a server; the secret is read from BALCONY_BOTS_SECRET")
  .option("--domain <domain>", "the component's domain")
  .option("--port <port>", "of the embedded server, which is used without --component", Number, 5222)
  .option("--visitor <name:password...>", "accounts on the embedded server for those who come to see the bots", ["romeo:romeo", "juliet:juliet"])
  .option("--patience <seconds>", "how long a client may take for what it does by itself", Number, 30)
  .addOption(new Option("--setting <setting>", "of encrypted sessions: as deployed, or by the XEP's letter").choices(["deployed", "strict"]).default("deployed"));
program.parse();
const given = program.opts<Given>();
const report = (error: unknown): void => console.error(error instanceof Error ? error.message : error);

const hosting = given.component === undefined ? await embeddedHosting() : await componentHosting(given.component);
const bots = await startBots(hosting, {
  patience: given.patience * 1_000,
  parameters: { settings: [given.setting] },
  streams: { dangerouslyUseLoopback: given.component === undefined },
  report,
});
console.log(`The bots are online: ${hosting.reached}. Send one a chat message that says help.`);
for (const [name, what] of Object.entries(names)) console.log(`  ${`${name}@${hosting.domain}`.padEnd(14 + hosting.domain.length)} ${what}`);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(1);
    stopping = true;
    bots.close().then(() => process.exit(0), report);
  });
}

async function embeddedHosting() {
  const visitors = Object.fromEntries(given.visitor.map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)]));
  return await embedded({ names: Object.keys(names), visitors, port: given.port });
}

async function componentHosting(address: string) {
  const [host = "", port = "5347"] = address.split(":");
  const secret = process.env.BALCONY_BOTS_SECRET;
  if (given.domain === undefined || secret === undefined) return program.error("A component needs --domain, and its secret in BALCONY_BOTS_SECRET.");
  return await component({ host, port: Number(port), domain: given.domain, secret, report });
}
