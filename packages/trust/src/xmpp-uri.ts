import { BalconyError } from "@balcony/channel";
import type { BareJid } from "./record.js";

/** What follows a bare address in an `xmpp:` URI (RFC 5122 §2.2): a query type, and `name=value` pairs as they stand. */
export interface XmppUri {
  /** As it stands: `readBareAddress()` reads it. */
  readonly path: string;
  readonly type: string | undefined;
  readonly pairs: readonly string[];
}

/** Undefined for what is no `xmpp:` URI of a bare address with a query. */
export function splitXmppUri(text: string): XmppUri | undefined {
  const [, path, query = ""] = /^xmpp:([^?#/]+)\?([^#]*)$/iu.exec(text) ?? [];
  const [type, ...pairs] = query.split(";");
  return path === undefined ? undefined : { path, type, pairs };
}

/**
 * An address as it stands in a URI, in its normal form.
 * @param encoded percent-encoded
 * @param normalize @balcony/xml's
 * @throws `invalid-jid`, also for one with a resource
 */
export function readBareAddress(encoded: string, normalize: (address: string) => string): BareJid {
  try {
    const address = normalize(decodeURIComponent(encoded));
    if (!address.includes("/")) return address;
  } catch (error) {
    throw new BalconyError("invalid-jid", `An address in the URI is none: ${JSON.stringify(encoded)}.`, { phase: "trust", cause: error });
  }
  throw new BalconyError("invalid-jid", "A bare address is wanted, and the URI names a resource.", { phase: "trust" });
}
