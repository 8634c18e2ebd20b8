import type { LogPreference, TransportName } from "balcony";
import { type Command, InvalidArgumentError, Option } from "commander";
import envPaths from "env-paths";

/** Options of every command that needs an account and the store. */
export interface CommonOptions {
  readonly json: boolean;
  readonly account?: string;
  readonly data: string;
  readonly passphraseFile?: string;
}

/** Options of every command that goes online. Times are in seconds. */
export interface OnlineOptions extends CommonOptions {
  readonly service?: string;
  readonly websocket?: string;
  readonly resource?: string;
  readonly passwordFile?: string;
  readonly timeout: number;
  readonly verbose: boolean;
  readonly insecurePlaintextServer: boolean;
  readonly insecureAnyServerCertificate: boolean;
}

export interface DoctorOptions extends OnlineOptions {
  readonly stun: readonly string[];
}

/** When an ESession becomes a stream, once the peer's client has them. */
export type UpgradePolicy = "ask" | "always" | "never";

/** Options of every command that has streams. */
export interface StreamOptions extends OnlineOptions {
  readonly keepalive: number;
  readonly relayOnly: boolean;
  readonly directOnly: boolean;
  readonly transports?: readonly TransportName[];
  readonly stun: readonly string[];
  readonly log?: LogPreference;
  readonly streamsOnly: boolean;
  readonly esessionKey: boolean;
  readonly upgrade: UpgradePolicy;
  readonly insecureLoopback: boolean;
  readonly mapPorts: boolean;
  readonly anchors?: string;
  readonly jsonInput?: boolean;
}

export function withCommonOptions(command: Command): Command {
  return command
    .option("--json", "one event a line on stdout, as JSON, and nothing else there", false)
    .option("--account <jid>", "which of your accounts; not needed where there is one")
    .option("--data <folder>", "where keys, trust and accounts are kept", process.env.BALCONY_DATA ?? envPaths("balcony", { suffix: "" }).data)
    .option("--passphrase-file <file>", "the passphrase of keys and stored password: the file's first line");
}

export function withOnlineOptions(command: Command): Command {
  return withCommonOptions(command)
    .addOption(
      new Option("--service <url>", "the server, if it does not follow from the account: xmpps://host:5223 or xmpp://host:5222")
        .argParser(url("xmpp:", "xmpps:"))
        .conflicts("websocket"),
    )
    .addOption(new Option("--websocket <url>", "the server's WebSocket: wss://host/xmpp-websocket").argParser(url("ws:", "wss:")))
    .option("--resource <name>", "the last part of your full address; random where it is not given")
    .option("--password-file <file>", "the account's password: the file's first line")
    .option("--timeout <seconds>", "how long each step of connecting may take", seconds, 30)
    .option("--verbose", "tell every step", false)
    .option("--insecure-plaintext-server", "DANGEROUS, for test servers: send the password without TLS", false)
    .option("--insecure-any-server-certificate", "DANGEROUS, for test servers: take any certificate", false);
}

export const withDoctorOptions = (command: Command): Command => withStunOption(withOnlineOptions(command));

const withStunOption = (command: Command): Command =>
  command.option("--stun <url>", "a STUN server that tells what your address is to the outside: stun:host:port; may be given again", stun, []);

export function withStreamOptions(command: Command): Command {
  return withStunOption(withOnlineOptions(command))
    .option("--keepalive <seconds>", "silence after which the peer is asked whether it is there; it has half as long to answer", seconds, 60)
    .addOption(
      new Option("--relay-only", "only paths on which nobody learns your IP address: proxies of your server, and the server itself").default(false).conflicts("directOnly"),
    )
    .addOption(new Option("--direct-only", "only paths from machine to machine; whoever gets a stream learns your IP address").default(false))
    .option("--anchors <file>", "authorities, in PEM, whose certificates you take for whose a key is")
    .option("--transports <list>", "which ways to try, in this order: some of s5b,ice-tcp,webrtc,ibb, which is the default", transports)
    .addOption(
      new Option("--log <preference>", "may a transcript be kept of what is said? It is told to the other side; without it: may, and you are asked where they want none").choices([
        "may",
        "mustnot",
      ]),
    )
    .option("--streams-only", "no ESessions with clients that know no end-to-end streams", false)
    .option("--esession-key", "in an ESession with a client that is no Balcony show an RSA key of your own, and ask for theirs", false)
    .addOption(
      new Option("--upgrade <when>", "does an ESession become a stream once their client has them? ask tells you, and waits for /upgrade")
        .choices(["ask", "always", "never"])
        .default("ask"),
    )
    .option("--json-input", "with --json: stdin has one JSON object a line, messages and answers, instead of lines of text")
    .option("--map-ports", "have the router lead others to us while a direct path is looked for, by UPnP or NAT-PMP", false)
    .option("--insecure-loopback", "DANGEROUS, for tests: offer addresses of this very machine, and connect to them", false);
}

// Not taken from the library, of which nothing is loaded before a command is called.
const knownTransports: Readonly<Record<TransportName, true>> = { s5b: true, "ice-tcp": true, webrtc: true, ibb: true };

/** In the order in which they are tried. */
function transports(text: string): TransportName[] {
  const names = text.split(",");
  const [unknown] = names.filter((name) => !Object.hasOwn(knownTransports, name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${JSON.stringify(unknown)} is none of ${Object.keys(knownTransports).join(",")}.`);
  return names as TransportName[];
}

function stun(text: string, others: readonly string[]): string[] {
  if (!/^stun:[^?]+$/.test(text)) throw new InvalidArgumentError("It looks like stun:stun.capulet.lit:3478.");
  return [...others, text];
}

export function days(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 400)) throw new InvalidArgumentError("It takes days, from 1 to 400.");
  return value;
}

export function daysAway(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 30)) throw new InvalidArgumentError("It takes days, more than 0 and at most 30.");
  return value;
}

export function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400)) throw new InvalidArgumentError("It takes seconds, more than 0 and at most 86400.");
  return value;
}

const url =
  (...protocols: readonly string[]) =>
  (text: string): string => {
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) throw new InvalidArgumentError(`It begins with ${protocols.join("// or ")}//.`);
    return text;
  };
