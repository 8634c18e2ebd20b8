import jidModule from "@xmpp/jid";

/** An address as @xmpp/client's own objects have it. Compare addresses as strings in normal form, never these. */
export interface JID {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
  bare(): JID;
  toString(): string;
}

/** @xmpp/jid's own parser, for the fields that users of @xmpp/client know. */
export function jid(address: string): JID {
  return jidModule(address) as JID;
}
