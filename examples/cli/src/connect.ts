import { readFile } from "node:fs/promises";
import { BalconyError, withDeadline } from "@balcony/channel";
import type { TrustStore } from "@balcony/trust";
import { openPgp } from "@balcony/trust-openpgp";
import { bare, JidError, normalize } from "@balcony/xml";
import { type Client, client } from "@xmpp/client";
import { type Balcony, type BalconyOptions, balcony, xml } from "balcony";
import { WebSocket } from "ws";
import { type Account, accountOf, openPassword } from "./accounts.js";
import { collectAway, tellAway } from "./away.js";
import { ServerError, UsageError } from "./exit-codes.js";
import { type OpenKeys, openKeys } from "./keys.js";
import { loggingPolicy } from "./logging.js";
import type { OnlineOptions, StreamOptions } from "./options.js";
import type { Output } from "./output.js";
import { printable } from "./printable.js";
import { askSecret, secretFrom } from "./secrets.js";

/** Milliseconds for streams and server to close. */
const CLOSING = 15_000;

/** An account that is online, with its streams. */
export interface Online {
  readonly e2e: Balcony;
  /** Our full address. */
  readonly self: string;
  /** Where the server is, if that does not follow from the address. */
  readonly service: string | undefined;
  /** Closes every stream, then goes offline. */
  close(): Promise<void>;
}

/** Of a command that goes online and has no streams. */
export const noStreams = {
  keepalive: 60,
  relayOnly: false,
  directOnly: false,
  mapPorts: false,
  streamsOnly: true,
  esessionKey: false,
  upgrade: "never",
  insecureLoopback: false,
  stun: [],
} as const;

/** Logs in with the account that is meant, and makes streams possible. */
export async function goOnline(options: StreamOptions, output: Output, rest: { readonly signal: AbortSignal; readonly e2e: BalconyOptions }): Promise<Online> {
  const account = await accountOf(options.data, options.account === undefined ? undefined : bare(address(options.account)));
  const keys = await openKeys(options, output);
  try {
    const password = await passwordOf(options, account, keys);
    const service = options.service ?? options.websocket ?? account.service;
    const paths = options.relayOnly ? "relayed" : options.directOnly ? "direct" : "any";
    const keepalive = { interval: options.keepalive * 1000, deadline: options.keepalive * 500 };
    return await connect({
      ...options,
      jid: account.jid,
      password,
      store: keys.store,
      service,
      output,
      signal: rest.signal,
      e2e: {
        keepalive,
        paths,
        ...(options.transports && { transports: options.transports }),
        servers: options.stun.map((urls) => ({ urls })),
        dangerouslyUseLoopback: options.insecureLoopback,
        mapPorts: options.mapPorts,
        ...(options.esessionKey && { esessions: { identify: ["key", "none"], require: ["key", "hash", "none"] } as const }),
        trust: { openpgp: openPgp, ...(await anchorsIn(options)) },
        ...rest.e2e,
        policy: { ...loggingPolicy(options, output), ...rest.e2e.policy },
      },
    });
  } catch (error) {
    await keys.store.close();
    throw error;
  }
}

async function anchorsIn({ anchors: file }: StreamOptions): Promise<{ readonly anchors?: string }> {
  if (file === undefined) return {};
  const anchors = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UsageError(`The trust anchors in ${file} cannot be read.`, { cause });
  });
  return { anchors };
}

/** An address as a person has typed it, in normal form. */
export function address(typed: string): string {
  try {
    return normalize(typed);
  } catch (error) {
    if (error instanceof JidError) throw new UsageError(`${JSON.stringify(typed)} is no XMPP address. It looks like romeo@montague.lit.`, { cause: error });
    throw error;
  }
}

async function passwordOf({ passwordFile }: OnlineOptions, { jid, password }: Account, { passphrase }: OpenKeys): Promise<string> {
  if (passwordFile !== undefined) return await secretFrom(passwordFile);
  if (password && passphrase !== undefined) return await openPassword(password, passphrase);
  return await askSecret(`Password of ${jid}`, "Use --password-file.");
}

export interface ConnectOptions {
  readonly jid: string;
  readonly password: string;
  readonly store: TrustStore;
  readonly service: string | undefined;
  readonly resource?: string;
  readonly timeout: number;
  readonly insecurePlaintextServer: boolean;
  readonly insecureAnyServerCertificate: boolean;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly e2e?: BalconyOptions;
}

export async function connect(options: ConnectOptions): Promise<Online> {
  const { jid, output, store } = options;
  const timeout = options.timeout * 1000;
  const domain = jid.slice(jid.indexOf("@") + 1);
  if (options.insecureAnyServerCertificate) acceptAnyServerCertificate(output);
  if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none
  const service = options.service ?? domain;
  const xmpp = makeClient(options, { domain, service });
  const e2e = await balcony(xmpp, { ...options.e2e, store, timeouts: { negotiation: timeout, discovery: timeout, ...options.e2e?.timeouts } });
  output.tell({ event: "connecting", account: jid, service, deadline: timeout }, `logging in as ${jid} (at most ${options.timeout} s)`, "step");
  const self = await start(xmpp, e2e, { domain, timeout, signal: options.signal });
  e2e.on("away", (message) => tellAway(message, output));
  await xmpp.send(xml("presence"));
  output.tell({ event: "online", address: self }, `online as ${printable(self)}`, "done");
  if (store.sealing(jid).away?.length) await collectAway(e2e, async () => await xmpp.iqCaller.get(xml("ping", "urn:xmpp:ping"), domain));
  const unfollow = followConnection(xmpp, e2e, output);
  return {
    e2e,
    self,
    service: options.service,
    close: async () => {
      unfollow();
      const closing = async (): Promise<void> => {
        await e2e.close();
        xmpp.reconnect.stop();
        await xmpp.stop();
      };
      // Whatever happens here, how the command ends is settled already.
      await withDeadline(closing(), { timeout: CLOSING, waitingFor: "streams and server to close" }).catch((error: unknown) => output.fail(error));
    },
  };
}

function makeClient(options: ConnectOptions, { domain, service }: { readonly domain: string; readonly service: string }): Client {
  const { insecurePlaintextServer, jid, password, resource } = options;
  const username = jid.slice(0, jid.indexOf("@"));
  const xmpp: Client = client({
    service,
    domain,
    username,
    ...(resource !== undefined && { resource }),
    credentials: async (authenticate, mechanisms) => {
      // @xmpp/client logs in without TLS where a server offers none, and whoever sits in between can see to that.
      if (!xmpp.isSecure() && !insecurePlaintextServer) {
        throw new ServerError(
          `The server of ${domain} offers no TLS: your password would go in the clear.`,
          "Use another server, or --insecure-plaintext-server with a test server.",
        );
      }
      const mechanism = mechanisms.find((name) => name.startsWith("SCRAM-")) ?? mechanisms[0];
      if (mechanism === undefined) throw new ServerError(`The server of ${domain} offers no way to log in that we know.`, undefined);
      await authenticate({ username, password }, mechanism);
    },
  });
  return xmpp;
}

async function start(xmpp: Client, e2e: Balcony, wait: { readonly domain: string; readonly timeout: number; readonly signal: AbortSignal }): Promise<string> {
  const { domain, signal, timeout } = wait;
  let fail: (error: unknown) => void = () => undefined;
  const ready = new Promise<string>((resolve, reject) => {
    fail = reject;
    e2e.once("ready", resolve);
  });
  xmpp.on("error", fail); // it stays: @xmpp/client's errors without a listener end the process
  e2e.once("error", fail);
  try {
    return await withDeadline(
      Promise.all([ready, xmpp.start()]).then(([self]) => self),
      { timeout, signal, waitingFor: `the server of ${domain} to let us in` },
    );
  } catch (error) {
    xmpp.reconnect.stop();
    await e2e.close();
    await xmpp.stop().catch(() => undefined); // it may never have started; what went wrong is told below
    throw serverError(error, domain);
  } finally {
    e2e.off("error", fail);
  }
}

/** @xmpp/client connects again by itself; its new connection has to be told that we are there. */
function followConnection(xmpp: Client, e2e: Balcony, output: Output): () => void {
  const broke = (): void => output.tell({ event: "disconnected" }, "the connection to the server broke; connecting again", "warning");
  xmpp.on("disconnect", broke);
  e2e.on("ready", (self) => {
    output.tell({ event: "online", address: self }, `online again as ${printable(self)}`, "done");
    xmpp.send(xml("presence")).catch((error: unknown) => output.fail(error));
  });
  return () => xmpp.removeListener("disconnect", broke);
}

function serverError(error: unknown, domain: string): Error {
  if (error instanceof ServerError || (error instanceof BalconyError && error.code !== "timeout")) return error;
  const { condition, code, message } = error as { condition?: string; code?: string; message?: string };
  const cause = { cause: error };
  if (condition === "not-authorized") return new ServerError("The server does not take this password.", "Run `balcony login` again.", cause);
  if (code === "ECONNREFUSED" || code === "ENOTFOUND") return new ServerError(`The server of ${domain} cannot be reached (${code}).`, "Give its address with --service.", cause);
  return new ServerError(code === "timeout" ? (message ?? "") : `The server of ${domain} did not let us in: ${condition ?? message ?? String(error)}`, undefined, cause);
}

function acceptAnyServerCertificate(output: Output): void {
  process.removeAllListeners("warning"); // Node's own, which our own words stand for
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  output.tell({ event: "warning", code: "any-server-certificate" }, "any certificate is taken for the server: your password can be stolen", "warning");
}
