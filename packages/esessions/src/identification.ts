import { BalconyError } from "@balcony/channel";
import type { RsaKey } from "./crypto.js";
import { type IdentityInput, identityMac, type SealedIdentity, type Sealing, sealIdentity } from "./identity.js";
import { type Identification, keyValue, readIdentity, unacceptable, writeIdentity } from "./key-value.js";
import { answer, checkFailed, type Effect, type Given, type NegotiationEvent, refusedBy } from "./negotiation.js";
import { equal } from "./octets.js";

/** What one side proves: that whoever has this SIGMA key and, if the method says so, this key pair, has said all this. */
export interface Claim {
  readonly method: Identification;
  readonly sigma: Uint8Array;
  readonly input: Omit<IdentityInput, "publicKey">;
}

/** Our own claim while it is signed. */
export interface Proving {
  readonly method: "key" | "hash";
  readonly key: RsaKey;
  readonly sealing: Sealing;
}

export type Proof = { readonly sealed: SealedIdentity } | { readonly proving: Proving; readonly effects: readonly Effect[] };

/** XEP-0116, "Hiding Bob's Identity": without a key the MAC itself is what is encrypted; else the key and its signature of the MAC. */
export function prove({ crypto, publicKey }: Given, { input, method, sigma }: Claim, sealing: Sealing): Proof {
  if (method === "none") return { sealed: sealIdentity(crypto, identityMac(crypto, sigma, { ...input, publicKey: "" }), sealing) };
  if (!publicKey) throw new Error("An identification by key was agreed on, and there is none.");
  const data = identityMac(crypto, sigma, { ...input, publicKey: keyValue(publicKey) });
  return { proving: { method, key: publicKey, sealing }, effects: [{ kind: "sign", data }] };
}

/** The same, once the signature is there. */
export function proven({ crypto }: Given, { key, method, sealing }: Proving, signature: Uint8Array): SealedIdentity {
  return sealIdentity(crypto, writeIdentity(crypto, method, key, signature), sealing);
}

/** The other side's claim while it is looked into. */
export type Checking = { readonly at: "finding"; readonly claim: Claim; readonly signature: Uint8Array } | { readonly at: "verifying"; readonly key: RsaKey };

export type Check =
  | { readonly kind: "identified"; readonly key: RsaKey | undefined }
  | { readonly kind: "refused"; readonly effects: readonly Effect[] }
  | { readonly kind: "checking"; readonly checking: Checking; readonly effects: readonly Effect[] };

const refused = (effects: readonly Effect[]): Check => ({ kind: "refused", effects });

/** XEP-0116, "Verifying Bob's Identity". @param plaintext the identity, decrypted; its own MAC was right */
export function check(given: Given, claim: Claim, plaintext: Uint8Array): Check {
  const { crypto } = given;
  const { input, method, sigma } = claim;
  if (method === "none") {
    const mac = identityMac(crypto, sigma, { ...input, publicKey: "" });
    return equal(mac, plaintext) ? { kind: "identified", key: undefined } : refused(checkFailed("the identity's MAC does not match"));
  }
  const shown = readIdentity(method, plaintext);
  if (!shown) return refused(checkFailed("the identity cannot be read"));
  const { fingerprint, key, signature } = shown;
  if (fingerprint) return { kind: "checking", checking: { at: "finding", claim, signature }, effects: [{ kind: "find", fingerprint }] };
  if (!key) return refused(checkFailed("the identity shows no key"));
  return verify(given, claim, key, signature);
}

/** @param covered the normalised `<KeyValue/>` as the other side has it */
function verify({ crypto, publicKey }: Given, { input, sigma }: Claim, { rsa, covered }: { readonly rsa: RsaKey; readonly covered: string }, signature: Uint8Array): Check {
  const fault = unacceptable(rsa);
  if (fault) return refused(refusedBy("key-unacceptable", `The other side's key is not accepted: ${fault}.`));
  // Only a relay of our own words would show our own key.
  if (publicKey && equal(publicKey.modulus, rsa.modulus)) return refused(refusedBy("reflection", "The other side shows our own key."));
  const data = identityMac(crypto, sigma, { ...input, publicKey: covered });
  return { kind: "checking", checking: { at: "verifying", key: rsa }, effects: [{ kind: "verify", key: rsa, data, signature }] };
}

/** What the driver found out; undefined for an event that is none of this. */
export function checked(given: Given, checking: Checking, event: NegotiationEvent): Check | undefined {
  if (checking.at === "finding" && event.kind === "found") {
    // XEP-0116: "If she cannot find a copy of the public key then Alice MUST terminate the ESession."
    if (!event.key) return refused(refusedBy("not-trusted", "The other side names a key by its fingerprint, and we do not have it.", { hint: "Ask for the key itself (`key`)." }));
    return verify(given, checking.claim, { rsa: event.key, covered: keyValue(event.key) }, checking.signature);
  }
  if (checking.at === "verifying" && event.kind === "verified") {
    if (event.verdict === "trusted") return { kind: "identified", key: checking.key };
    if (event.verdict === "distrusted") return refused([...answer("feature-not-implemented"), { kind: "failed", error: event.reason }]);
    return refused(checkFailed("the signature is not by the key that is shown"));
  }
  return undefined;
}

/** Why a key is refused, where whoever decides gives no reason. */
export const keyRefused = (): BalconyError => new BalconyError("not-trusted", "The other side's key was not accepted.", { phase: "negotiate" });
