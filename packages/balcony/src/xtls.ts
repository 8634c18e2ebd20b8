import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { BalconyError, stanzaError, withDeadline } from "@balcony/channel";
import type { Session as JingleSession, Security } from "@balcony/jingle";
import { type Identity, type PeerCertificate, type Secured, type SecureOptions, secure } from "@balcony/tls";
import { childElements, type Element, xml } from "@balcony/xml";

/** TLS at once on the transport, as agreed in the Jingle offer and its answer: two round trips and the plain phase less than STARTTLS. */
export const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";

/** How TLS is begun. `auto`: XTLS with peers whose key is known, where both sides have it; STARTTLS at first contact, and wherever XTLS was not agreed. */
export type Secure = "auto" | "starttls" | "xtls";

export const xtlsSecurity: Security = {
  namespace: NS_XTLS,
  check: (security) => void announcedIn(security),
};

/** Is XTLS to be offered, or taken, by what is known of the peer? */
export function wantsXtls(choice: Secure, { spoken, pinned }: { readonly spoken: boolean; readonly pinned: boolean }): boolean {
  return spoken && (choice === "xtls" || (choice === "auto" && pinned));
}

/** Our `<security/>`: the certificate that the handshake will show. */
export function xtlsElement({ fingerprint }: Identity): Element {
  return xml("security", NS_XTLS, xml("fingerprint", { algo: "sha-256" }, fingerprint), xml("method", { name: "x509" }));
}

/** Does a `<security/>` leave it open to authenticate by certificates? Unknown methods are ignored; where none is named, a fingerprint names one. */
export function knowsX509(security: Element | undefined): boolean {
  if (security?.getNS() !== NS_XTLS) return false;
  const methods = childElements(security).filter((child) => child.getName() === "method");
  return methods.length === 0 ? announcedIn(security).length > 0 : methods.some(({ attrs }) => attrs.name === "x509");
}

/**
 * Both sides have sent `<security/>`: what comes first on the transport is TLS.
 * @throws `security-error` where the peer's leaves no room for certificates
 */
export function agreedOnXtls({ localSecurity, remoteSecurity }: JingleSession): boolean {
  if (localSecurity === undefined || remoteSecurity === undefined) return false;
  if (!knowsX509(remoteSecurity)) throw new BalconyError("security-error", "The peer accepts TLS at once, and names no method that we have.");
  return true;
}

interface Announced {
  readonly hash: "sha256" | "sha1";
  /** Lower-case hex. */
  readonly digest: string;
}

const hashes: Readonly<Record<string, Announced["hash"]>> = { "sha-256": "sha256", sha256: "sha256", "sha-1": "sha1", sha1: "sha1" };
const lengths = { sha256: 64, sha1: 40 } as const;

/**
 * The fingerprints that a `<security/>` announces. They are written in any case, with colons or without, and without `algo` where the length tells it: all of that is in use.
 * A hash that is not known is ignored. Throws the stanza error `bad-request` for one that is no hash.
 */
function announcedIn(security: Element): Announced[] {
  return childElements(security)
    .filter((child) => child.getName() === "fingerprint")
    .flatMap((element) => {
      const digest = element.getText().replaceAll(/[\s:]/g, "").toLowerCase();
      const { algo } = element.attrs;
      const hash = algo === undefined ? (["sha256", "sha1"] as const).find((known) => lengths[known] === digest.length) : hashes[algo.toLowerCase()];
      if (hash === undefined && algo !== undefined) return [];
      if (hash === undefined || digest.length !== lengths[hash] || !/^[0-9a-f]+$/.test(digest)) throw stanzaError("bad-request", { text: "a fingerprint is no hash" });
      return [{ hash, digest }];
    });
}

/**
 * A fingerprint in signalling is a hint alone, since servers can write it; one that is not the handshake's certificate is fatal all the same.
 * @throws `fingerprint-mismatch`
 */
export function checkAnnounced(security: Element | undefined, { der }: PeerCertificate): void {
  if (!security) return;
  for (const { hash, digest } of announcedIn(security)) {
    if (createHash(hash).update(der).digest("hex") === digest) continue;
    throw new BalconyError("fingerprint-mismatch", "The certificate is not the one that signalling announced.");
  }
}

/**
 * TLS at once. The client speaks first, so the server's side demands 0x16, a handshake record; what the client hears must be TLS, too.
 * @throws `security-error` where the other side began otherwise, and what `secure` throws
 */
export async function xtls(bytes: Duplex, options: SecureOptions): Promise<Secured> {
  const { role, signal, timeout = TIMEOUT } = options;
  const begun = performance.now();
  if (role === "server") {
    try {
      const first = await withDeadline(peek(bytes), { timeout, signal, waitingFor: "the TLS handshake" });
      if (first !== undefined && first !== HANDSHAKE) throw otherwise("TLS was agreed on in signalling, and something else came.");
    } catch (error) {
      bytes.destroy();
      throw error;
    }
  }
  try {
    return await secure(bytes, { ...options, timeout: Math.max(1, timeout - (performance.now() - begun)) });
  } catch (error) {
    const { cause } = error as Error;
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_SSL_WRONG_VERSION_NUMBER")
      throw otherwise("TLS was agreed on in signalling, and something else came.", error);
    throw error;
  }
}

/**
 * Runs an exchange of XML whose first byte must be `<` or white space.
 * @throws `security-error` where the other side began otherwise, with TLS for example: somebody took `<security/>` out of one copy of the signalling
 */
export async function demandingXml<T>(bytes: Duplex, exchange: () => Promise<T>): Promise<T> {
  let first: number | undefined;
  const look = (chunk: Uint8Array): void => {
    first ??= chunk[0];
    if (first !== undefined) bytes.off("data", look);
  };
  bytes.on("data", look); // flows from the next turn on: whoever reads is added in this one
  try {
    return await exchange();
  } catch (error) {
    const begunAsXml = first === undefined || XML_BEGINS.includes(first);
    throw begunAsXml ? error : otherwise("XML was agreed on in signalling, and something else came.", error);
  } finally {
    bytes.off("data", look);
  }
}

const TIMEOUT = 15_000;
const HANDSHAKE = 0x16;
const XML_BEGINS: readonly number[] = [0x3c, 0x20, 0x09, 0x0a, 0x0d];

function otherwise(message: string, cause?: unknown): BalconyError {
  return new BalconyError("security-error", message, { cause, hint: "A server may have changed the offer or its answer on the way." });
}

/** The first byte, given back. Undefined where the bytes end before: `secure` then says so. */
function peek(bytes: Duplex): Promise<number | undefined> {
  return new Promise((resolve) => {
    const done = (first: number | undefined): void => {
      bytes.off("readable", look).off("end", over).off("close", over).off("error", over);
      resolve(first);
    };
    const over = (): void => done(undefined);
    const look = (): void => {
      const chunk = bytes.read() as Buffer | null;
      if (chunk === null || chunk.length === 0) return;
      bytes.unshift(chunk);
      done(chunk[0]);
    };
    bytes.on("readable", look).once("end", over).once("close", over).once("error", over);
    if (bytes.destroyed) over();
    else look();
  });
}
