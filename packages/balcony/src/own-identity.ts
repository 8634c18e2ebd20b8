import { createIdentity, exportIdentity, type Identity, importIdentity, readCertificate, renewIdentity } from "@balcony/tls";
import type { TrustStore } from "@balcony/trust";
import type { Jid } from "@balcony/xml";

/** Days before its end in which a certificate is renewed, on the same key. */
const RENEW_WITHIN = 30;
const DAY = 24 * 60 * 60 * 1000;

/**
 * The key and certificate of an own account as they are now: what another process changes, and what a long run outlives, is seen by the next stream. The same object while they are the same, as a TLS
 * context is made for each.
 */
export function currentIdentity(store: TrustStore, account: Jid): () => Promise<Identity> {
  let last: Identity | undefined;
  return async () => {
    const current = await ownIdentity(store, account);
    if (last === undefined || exportIdentity(current).certificate !== exportIdentity(last).certificate) last = current;
    return last;
  };
}

/** The key and certificate of an own account: kept, made where there is none, renewed in good time. Trust hangs on the key, so renewal changes nothing for peers. */
export async function ownIdentity(store: TrustStore, account: Jid): Promise<Identity> {
  const kept = importIdentity(await store.identity(account, async () => exportIdentity(createIdentity(account))));
  // What an authority has issued only that authority renews; it gives way to one of our own once it has ended.
  const within = readCertificate(kept.certificate).selfIssued ? RENEW_WITHIN * DAY : 0;
  if (kept.notAfter.getTime() - Date.now() > within) return kept;
  const renewed = renewIdentity(kept);
  await store.replaceCertificate(account, exportIdentity(renewed).certificate);
  return renewed;
}
