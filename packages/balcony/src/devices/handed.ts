import { BalconyError } from "@balcony/channel";
import { checkStatement, type Device, parseStatementUri, type SignedStatement, type Statement, statementUri, type TrustStore } from "@balcony/trust";
import { type Jid, normalize } from "@balcony/xml";
import { ownIdentity } from "../own-identity.js";
import { heed, sha256, signerOf, signStatement } from "./introductions.js";

/**
 * Says something of a key over the signature of this device, as a URI for a file, a mail or a QR code: to another device of our own about a contact's key, or to contacts about another key of ours.
 * docs/xep-e2e-devices.md, section 6
 * @param account our own bare address
 * @param said `owner`: whose key it is; `audience`: for whom, where it is for one person alone
 */
export async function exportStatement(store: TrustStore, account: Jid, said: Pick<Statement, "kind" | "owner" | "subject" | "audience">): Promise<string> {
  return statementUri(signStatement(await ownIdentity(store, account), said));
}

/** Reads such a URI. Nothing of it is believed yet: show the person what it says. Throws `invalid-argument`, `invalid-jid`. */
export function readStatementUri(text: string): SignedStatement {
  return parseStatementUri(text, { normalize, hash: sha256 });
}

/**
 * Has the store heed what a person has handed in.
 * @returns the key as it is kept now; undefined for one that was revoked and is not known
 * @throws `statement-invalid` where it is not rightly signed, not for us, or too old; `not-trusted` where its signer is not verified by a person; `key-revoked`, `too-many-devices`, `key-unacceptable`, and
 * what the store throws
 */
export async function importStatement(store: TrustStore, account: Jid, signed: SignedStatement): Promise<Device | undefined> {
  const { statement } = signed;
  checkStatement(statement, { account, signedBy: signerOf(signed), now: Date.now() });
  const { by, kind, owner, signer, subject } = statement;
  const own = await ownIdentity(store, account);
  if (subject === own.spki) throw new BalconyError("statement-invalid", "This is about the key of this very device.", { phase: "trust" });
  // What this device has exported itself, before its memory of it was lost.
  if (signer === account && by === own.spki && kind === "vouch") return await store.setVerified(account, owner, subject, "imported");
  if (signer === account && by === own.spki && kind === "revoke") return await store.revoke(account, owner, subject);
  return await heed(store, account, statement);
}
