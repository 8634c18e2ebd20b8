import { Buffer } from "node:buffer";
import { normalizeDomain } from "./domain.js";
import { JidError, type JidFault } from "./jid-error.js";
import { opaqueString, usernameCaseMapped } from "./precis.js";

/** An XMPP address in normal form (RFC 7622): compare two of them with `===`. */
export type Jid = string;

/** The parts of an address in normal form. */
export interface JidParts {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
}

// RFC 7622 §3.1: each part, after all mapping and as UTF-8.
const PART_BYTES = 1023;
// Nothing that mapping could still bring within that is longer than this; what is, is not worth mapping.
const LONGEST = 4 * 4 * PART_BYTES;

// What needs no mapping: most addresses, by far. No label of such a domain can be empty, be an A-label or begin or end with a hyphen.
const plain =
  /^(?:[a-z0-9!#$%()*+,\-.;=?[\\\]^_`{|}~]{1,1023}@)?(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){0,7}(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\/[ -~]{1,1023})?$/;

/** Brings an address to its one normal form (RFC 7622). Throws JidError where it is no address. */
export function normalize(address: string): Jid {
  if (plain.test(address)) return address;
  const { local, domain, resource } = parseJid(address);
  return `${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`;
}

/** Takes an address apart (RFC 7622 §3.1) and brings its parts to their normal form. Throws JidError where it is no address. */
export function parseJid(address: string): JidParts {
  if (address.length > LONGEST) throw tooLong();
  const slash = address.indexOf("/");
  const account = slash < 0 ? address : address.slice(0, slash);
  const at = account.indexOf("@");
  return {
    local: at < 0 ? undefined : localpart(account.slice(0, at)),
    domain: bounded(normalizeDomain(account.slice(at + 1))),
    resource: slash < 0 ? undefined : resourcepart(address.slice(slash + 1)),
  };
}

function localpart(text: string): string {
  const local = usernameCaseMapped(nonEmpty(text, "localpart"), "localpart");
  // RFC 7622 §3.3.1: these are none, also where a full-width form was mapped to one.
  if (/["&'/:<>@]/.test(local)) throw new JidError("localpart", "holds one of \" & ' / : < > @");
  return bounded(local);
}

function resourcepart(text: string): string {
  return bounded(opaqueString(nonEmpty(text, "resourcepart"), "resourcepart"));
}

function nonEmpty(text: string, fault: JidFault): string {
  if (text === "") throw new JidError(fault, "is empty");
  return text;
}

function bounded(part: string): string {
  if (part.length > PART_BYTES || Buffer.byteLength(part) > PART_BYTES) throw tooLong();
  return part;
}

function tooLong(): JidError {
  return new JidError("length", `a part is longer than ${PART_BYTES} bytes`);
}

/** The bare form of an address in normal form. */
export function bare(address: Jid): Jid {
  const slash = address.indexOf("/");
  return slash < 0 ? address : address.slice(0, slash);
}

/** The domain of an address in normal form. */
export function domainOf(address: Jid): string {
  const account = bare(address);
  return account.slice(account.indexOf("@") + 1);
}

/** Has this address a resource? */
export function isFull(address: Jid): boolean {
  return address.includes("/");
}
