import { ibb } from "@balcony/transport-ibb";
import { TrustStore } from "@balcony/trust";
import { client } from "@xmpp/client";
import { type Balcony, type BalconyOptions, balcony, type Session } from "balcony";
import { WebSocket } from "ws";

if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none

export interface LoginOptions {
  readonly service: string;
  /** Bare JID. */
  readonly jid: string;
  readonly password: string;
  readonly resource?: string;
  readonly options?: BalconyOptions;
}

export interface LoggedIn {
  readonly xmpp: ReturnType<typeof client>;
  readonly e2e: Balcony;
  /** Full JID. */
  readonly self: string;
  /** What went wrong that nobody waited for. */
  readonly errors: Error[];
  logout(): Promise<void>;
}

/** An account that is online, takes streams from everybody, and keeps its keys in memory. */
export async function login({ service, jid, password, resource, options = {} }: LoginOptions): Promise<LoggedIn> {
  const [username, domain] = jid.split("@") as [string, string];
  const xmpp = client({ service, domain, username, password, ...(resource !== undefined && { resource }) });
  const store = options.store ?? (await TrustStore.inMemory());
  const e2e = await balcony(xmpp, { ...inBand(options), ...options, store, policy: { allow: () => true, ...options.policy } });
  const errors: Error[] = [];
  e2e.on("error", (error) => errors.push(error));
  xmpp.on("error", () => undefined); // what its sockets say when a server or network is taken away
  const ready = new Promise<string>((resolve) => e2e.once("ready", resolve));
  const reconnected = lastAttempt(xmpp);
  await xmpp.start();
  return {
    xmpp,
    e2e,
    self: await ready,
    errors,
    logout: async () => {
      await e2e.close();
      xmpp.reconnect.stop();
      await reconnected();
      await xmpp.stop();
    },
  };
}

/** Waits for the reconnecting that is under way: `stop()` forgets the next attempt, not the one that has begun, whose deadline would outlive the test. */
function lastAttempt({ reconnect: reconnecting }: ReturnType<typeof client>): () => Promise<unknown> {
  let last: Promise<unknown> = Promise.resolve();
  const reconnect = reconnecting.reconnect.bind(reconnecting);
  reconnecting.reconnect = async () => {
    const attempt = reconnect();
    last = Promise.allSettled([attempt]);
    await attempt;
  };
  return async () => await last;
}

/** Tests stay on loopback: where they do not ask for it by its name, only what the server carries does. */
function inBand({ dangerouslyUseLoopback }: BalconyOptions): Pick<BalconyOptions, "transports"> {
  return dangerouslyUseLoopback ? {} : { transports: [ibb()] };
}

/** A stream between the two, seen from both ends. */
export async function streamBetween(from: LoggedIn, to: LoggedIn): Promise<readonly [Session, Session]> {
  const answered = new Promise<Session>((resolve) => to.e2e.once("session", resolve));
  const opened = await from.e2e.open(to.self);
  return [opened, await answered];
}

/** The next thing that an emitter says. */
export function next<T>(emitter: { once(event: string, listener: (value: T) => void): unknown }, event: string): Promise<T> {
  return new Promise((resolve) => emitter.once(event, resolve));
}
