import { bare, type Jid } from "@balcony/xml";
import type { ExtraAttribute } from "@balcony/xml-stream";
import type { Context } from "./context.js";

/** Said in the stream's header, inside TLS: docs/xep-e2e-openpgp.md. */
const NS_OPENPGP = "urn:xmpp:balcony:openpgp:0";

/** What our own OpenPGP key says of this device, in base64. */
export const statedStatement = (statement: string): ExtraAttribute => ({ xmlns: NS_OPENPGP, name: "statement", value: statement });

/** What the peer's header holds of the kind. */
export const statementIn = (extra: ReadonlyMap<string, string>): string | undefined => extra.get(`{${NS_OPENPGP}}statement`);

/** May what the peer shows once the stream stands change the decision on its key? Then it is made there. */
export const mayBeSettledByOpenPgp = ({ openpgp, store }: Pick<Context, "openpgp" | "store">, { peer, self }: { readonly peer: Jid; readonly self: Jid }): boolean =>
  openpgp !== undefined && (store.show(bare(self), bare(peer))?.openpgp ?? []).length > 0;
