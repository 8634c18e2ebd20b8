import { BalconyError } from "@balcony/channel";
import { domainOf, type Element, isFull, type Jid, normalize } from "@balcony/xml";
import type { ServerLimits } from "./limits.js";
import type { SharedRoster } from "./roster.js";
import type { Throttle } from "./throttle.js";

/** One element that the server read or wrote, or a stream's header or end. Logins are among them. */
export interface TapEvent {
  readonly direction: "in" | "out";
  /** The client's full JID; undefined until it has one. */
  readonly session: Jid | undefined;
  readonly xml: string;
}

export interface InterfereContext {
  /** `in`: come from this client, about to be routed, its `from` already stamped. `out`: about to be written to this client. */
  readonly direction: "in" | "out";
  /** The client's full JID. */
  readonly session: Jid;
}

/** What a hostile server does with a stanza: the stanza as it is or altered, another one, several, or `undefined` to drop it. Each call has a copy of its own. */
export type Interfere = (stanza: Element, context: InterfereContext) => Element | readonly Element[] | undefined;

export interface LocalServerOptions {
  /** All served by one process, with routing among them. The proxy's address is made of the first. */
  readonly domains: readonly string[];
  /** Passwords by bare JID. */
  readonly accounts: Readonly<Record<string, string>>;
  /** Iterations of SCRAM's hash. Default 1, since passwords lie beside it in clear and @xmpp/client takes 250 ms for 4,096, which some other clients insist on (RFC 7677 §4). */
  readonly scramIterations?: number | undefined;
  /** Default `127.0.0.1`; anything but a loopback address is refused. */
  readonly host?: string | undefined;
  /** Listens on addresses that others can reach, with a server that has none of the defences this needs. */
  readonly dangerouslyListenBeyondLoopback?: boolean | undefined;
  /** TCP port of XMPP. Default 0: one that is free. */
  readonly port?: number | undefined;
  /** PEM key and certificate, or a certificate made at the start. Where given, TLS is required before login over TCP. Default: no TLS. */
  readonly starttls?: { readonly key: string; readonly cert: string } | "self-signed" | undefined;
  /** Also serve XMPP over WebSocket, on a port of its own. Default true. */
  readonly webSocket?: boolean | undefined;
  /** Also serve a SOCKS5 bytestreams proxy at `proxy.` + the first domain. Default true. */
  readonly proxy65?: boolean | undefined;
  /** Accounts that see each other's presence, as if subscribed both ways. Default false: all are strangers. */
  readonly sharedRoster?: SharedRoster | undefined;
  /** Sees everything the server reads and writes. */
  readonly tap?: ((event: TapEvent) => void) | undefined;
  readonly interfere?: Interfere | undefined;
  /** Reads each TCP client no faster than this. */
  readonly throttle?: Throttle | undefined;
  /** Milliseconds that every stanza spends in the server before it is written. For demos. Default 0. */
  readonly latency?: number | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
}

const loopback = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** Throws `invalid-argument` for an address that others can reach. */
export function assertLoopback({ host = "127.0.0.1", dangerouslyListenBeyondLoopback = false }: LocalServerOptions): string {
  if (loopback.test(host) || dangerouslyListenBeyondLoopback) return host;
  throw new BalconyError("invalid-argument", `The local server listens on loopback alone, and ${host} is not.`, {
    hint: "It is made for tests and demos. For anything else run Prosody or ejabberd.",
  });
}

/** An address that the caller gave, in normal form. Throws `invalid-jid`. */
export function addressOption(address: string): Jid {
  try {
    return normalize(address);
  } catch (error) {
    throw new BalconyError("invalid-jid", `${address} is no XMPP address.`, { cause: error });
  }
}

/** Throws `invalid-jid`, or `invalid-argument` where it is more than a domain. */
export function domainOption(domain: string): string {
  const address = addressOption(domain);
  if (domainOf(address) !== address) throw new BalconyError("invalid-argument", `${domain} is not a domain alone.`);
  return address;
}

/** Throws `invalid-jid`, or `invalid-argument` where it is no bare JID of one of the domains. */
export function accountOption(account: string, domains: readonly string[]): Jid {
  const address = addressOption(account);
  if (isFull(address) || !address.includes("@") || !domains.includes(domainOf(address)))
    throw new BalconyError("invalid-argument", `${account} is no account of ${domains.join(" or ")}.`);
  return address;
}

/** Throws `invalid-argument` where nothing would ever pass. */
export function throttleOption(throttle: Throttle): Throttle {
  if (throttle.bytesPerSecond >= 1 && throttle.burst >= 1) return throttle;
  throw new BalconyError("invalid-argument", "A throttle lets at least one byte through, at once and in a second.");
}
