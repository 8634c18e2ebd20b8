import { createIdentity, exportIdentity, importIdentity, type PeerCertificate } from "@balcony/tls";
import { MOST_REPLACEMENTS, type PeerRecord, parseStatementUri, predecessorOf, type Statement, statementUri, type TrustStore } from "@balcony/trust";
import { type Jid, normalize } from "@balcony/xml";
import { ownIdentity } from "../own-identity.js";
import { sha256, signerOf, signStatement } from "./introductions.js";

/** A key of one's own that has retired, and the one in its place. SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
export interface Rotation {
  readonly from: string;
  readonly to: string;
}

/**
 * Makes a new key for an own account, in the place of the one that it has, which signs that: the statement stands in the new certificate (docs/xep-e2e-devices.md §7), so whoever has verified the old key
 * follows at the next stream, and neither person has anything to do. Whoever has not takes the new one as any other. Streams that stand keep the old key to their end; those that follow have the new one, in every process.
 * @param account bare
 * @throws what the store throws
 */
export async function rotateKey(store: TrustStore, account: Jid): Promise<Rotation> {
  await ownIdentity(store, account); // where there is none, one is made
  let rotation: Rotation | undefined;
  await store.changeIdentity(account, ({ certificate, privateKey }) => {
    const old = importIdentity({ certificate, privateKey });
    const fresh = createIdentity(account);
    const statement = statementUri(signStatement(old, { kind: "rotate", owner: account, subject: fresh.spki }));
    const uris = [...(old.uris ?? []), statement].slice(-MOST_REPLACEMENTS);
    rotation = { from: old.spki, to: fresh.spki };
    return exportIdentity(createIdentity(account, { privateKey: fresh.privateKey, uris })); // what an OpenPGP key has said of the old one is not said of this
  });
  if (!rotation) throw new Error("The store has changed nothing, and not failed.");
  return rotation;
}

/** Which known key of the peer's has, by what its certificate carries, been replaced by this one? Synchronous, for the inside of a TLS callback. What cannot be read or is not rightly signed says nothing. */
export function replacedBy(
  { spki, uris }: Pick<PeerCertificate, "spki" | "uris">,
  { now, owner, record }: { readonly owner: Jid; readonly record: PeerRecord | undefined; readonly now: number },
): string | undefined {
  if (uris.length === 0 || !record || record.devices.length === 0) return undefined;
  return predecessorOf(uris.slice(0, MOST_REPLACEMENTS).flatMap(statementIn), { now, owner, record, spki });
}

function statementIn(uri: string): readonly Statement[] {
  try {
    const signed = parseStatementUri(uri, { normalize, hash: sha256 });
    return signerOf(signed) === signed.statement.by ? [signed.statement] : [];
  } catch {
    return []; // some other name of theirs
  }
}
