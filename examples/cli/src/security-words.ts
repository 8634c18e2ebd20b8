import type { SealedSecurity, Security, Session } from "balcony";
import { onLines } from "./fingerprint-lines.js";
import type { Mark } from "./output.js";
import { printable } from "./printable.js";

type Line = readonly [words: string, mark: Mark];

/** What a person has to know at the start: whether the key is verified, and if not, what to compare. */
export function describeSecurity({ peer, restricted, security }: Session): readonly Line[] {
  const called: readonly Line[] = security.petname === undefined ? [] : [[`this is ${printable(security.petname)}, as you have called this key`, "note"]];
  return security.protocol === "ESession" ? [...called, ...describeFallback(security), ...describeKey(peer, security)] : [...called, ...describeKey(peer, security, restricted)];
}

/** That it is less than a stream, in plain words. */
function describeFallback({ esession }: SealedSecurity): readonly Line[] {
  return [
    ["their client knows no end-to-end streams: this is an ESession, stanza by stanza through both servers", "warning"],
    ["the servers can end it, and see when you write and how much (docs/esessions.md)", "note"],
    ...(esession.logging === "may" ? [["their client may keep what you write", "warning"] as const] : []),
  ];
}

function describeKey(peer: string, security: Security, restricted = false): readonly Line[] {
  if (security.verified?.how === "vouched") return [["verified: a device of theirs that you have verified vouches for this key", "done"]];
  if (security.verified?.how === "code") return [["verified: you both had the same code", "done"]];
  if (security.verified?.how === "ca") return [["verified: an authority that you trust has issued their certificate", "done"]];
  if (security.verified?.how === "openpgp") return [[`verified: their OpenPGP key ${security.verified.openpgp?.slice(-16)}, which you trust, has signed this device`, "done"]];
  if (security.trust === "verified") return [["verified: you have compared this key with its owner", "done"]];
  const account = printable(peer.split("/")[0] ?? peer);
  if (!security.peer) return describeKeyless(security);
  if (restricted)
    return [
      [`nothing can be said yet: the two of you, you and ${account}, have to verify each other first`, "warning"],
      ...labelled("their key", security.peer.fingerprint),
      ["Type /verify: you both see the same symbols, and compare them by voice", "note"],
    ];
  const shown = security.protocol === "ESession" ? security.esession.keyValues?.peer : undefined;
  if (shown !== undefined)
    return [
      [security.firstUse ? "not verified: a key never seen before, remembered from now on" : "not verified: the same key as last time, never compared", "warning"],
      ...labelled("their key", security.peer.fingerprint),
      ...labelled("they see it", shown),
      [`Compare what their client shows, by another way, then: balcony trust verify ${account}`, "note"],
    ];
  return [
    [security.firstUse ? "not verified: a key never seen before, remembered from now on" : "not verified: the same key as last time, never compared", "warning"],
    ...labelled("their key", security.peer.fingerprint),
    ["To find out, both of you, whether somebody is between you, type /verify.", "note"],
    [`Or compare the key: balcony trust verify ${account}`, "note"],
  ];
}

/** What a person has to know of transcripts: nothing, where both sides said the same. */
export function describeLogging({ agreed, ours, theirs }: Session["logging"]): readonly Line[] {
  if (theirs === undefined) return ours === "mustnot" ? [["their program does not say whether it keeps a record of what you say", "warning"]] : [];
  if (ours === theirs || agreed === undefined) return [];
  return [[ours === "mustnot" ? "they might have kept a record of what you say, and have agreed to keep none" : "you have agreed to keep no record of what you say", "done"]];
}

const kept = ({ agreed, theirs }: Session["logging"]): string =>
  theirs === undefined ? "their program does not say" : agreed === "mustnot" ? "nobody keeps one" : "both may keep one";

/** A client without a key: there is nothing to verify, and five characters that must not pass for it. */
function describeKeyless(security: Security): readonly Line[] {
  if (security.protocol !== "ESession") return [];
  const { retained, sas } = security.esession;
  return [
    ["not verified, and cannot be: their client has no key that could be compared", "warning"],
    ...(retained === "matched" ? [["the same other side as last time, whoever that was", "note"] as const] : []),
    ...(sas === undefined ? [] : [[`their screen may show ${sas} too; that proves nothing: whoever is between you can make both the same`, "note"] as const]),
  ];
}

/** All that is known, for an information screen. */
export function describeAll({ logging, peer, security }: Session): readonly Line[] {
  return [
    ...(security.petname === undefined ? [] : [[`who         ${printable(security.petname)}`, "note"] as const]),
    [`with        ${printable(peer)}`, "note"],
    [`encrypted   ${security.protocol}, ${security.cipher}`, "note"],
    [`carried by  ${printable(security.path)}`, "note"],
    [`trust       ${security.verified ? `verified (${security.verified.how}, ${security.verified.at.slice(0, 10)})` : "not verified"}`, "note"],
    [`record      ${kept(logging)}`, "note"],
    ...(security.peer ? labelled("their key", security.peer.fingerprint) : [["their key   none", "note"] as const]),
    ...labelled("your key", security.own.fingerprint),
    ...(security.protocol === "ESession" && security.esession.keyValues?.own !== undefined ? labelled("they see it", security.esession.keyValues.own) : []),
  ];
}

function labelled(label: string, fingerprint: string): readonly Line[] {
  return onLines(fingerprint).map((line, index): Line => [`${(index === 0 ? label : "").padEnd(12)}${line}`, "note"]);
}

export function describeAlert(alert: Session["security"]["alerts"][number]): string {
  switch (alert.kind) {
    case "same-key":
      return `the same key is known for ${alert.owners.map(({ peer }) => printable(peer)).join(", ")}: one of them may be somebody else`;
    case "new-key":
      return "they have shown other keys before: a new device, or somebody else";
    case "unverified-beside-verified":
      return "you have verified another key of theirs, and not this one";
    case "attestation-lost":
      return "an authority that you trust, or their OpenPGP key, vouched for this key once, and does not now";
    case "openpgp":
      return `what is shown as a statement of their OpenPGP key counts for nothing: ${printable(alert.why)}`;
    case "certificate":
      return `no authority that you trust vouches for their key: ${printable(alert.why)}`;
    case "path-altered":
      return `a server between you has changed by which path you connect (${printable(alert.what.join("; "))}): what you say is encrypted all the same`;
    case "differed":
      return `with this very key you saw other symbols than they did, on ${alert.at.slice(0, 10)}: somebody may be between you`;
    case "secret-missing":
      return "the secret that your last ESession with them has left is not there: another client of theirs, or somebody else";
    case "key-missing":
      return "they have shown keys before, and now show none: another client of theirs, or somebody else";
  }
}
