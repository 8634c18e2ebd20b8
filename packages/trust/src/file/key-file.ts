import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import type { AwaySecret, Contents, RetainedSecret, SealingKeys, StoredIdentity } from "../storage.js";
import { type Kdf, kdfFields, type PassphraseKeys, readKdf, sameKdf } from "./passphrase.js";
import { corrupt, count, entries, fields, list, oneOf, parseJson, text } from "./shape.js";
import { checkHeader, checkMac, renderSigned, tampered } from "./signed-json.js";

/** keys.json once it is unlocked. */
export interface KeyFile {
  /** The generation of trust.json that was last written: an older one beside this file has been rolled back. */
  readonly generation: number;
  /** 32 bytes: the key of trust.json's MAC. */
  readonly macKey: Uint8Array;
  readonly identities: Contents["identities"];
  readonly secrets: NonNullable<Contents["secrets"]>;
  readonly sealing: NonNullable<Contents["sealing"]>;
}

/** How keys.json is kept: under a passphrase's keys, or in the clear. */
export type Protection = PassphraseKeys | "file";

/** Version 2 has what ESessions need and leave; what version 1 wrote is read as it is, and the next change writes version 2. */
const header = { format: "balcony-keys", version: 2, oldest: 1 } as const;
const { format, version: current } = header;
const HEX_32 = /^[0-9a-f]{64}$/u;
const HEX = /^(?:[0-9a-f]{2})+$/u;

/** What kind of protection a keys.json names; nothing of it is believed yet. Throws `store-corrupt`, `store-version`. */
export function readProtection(file: string): Kdf | "file" {
  checkHeader(file, header);
  const found = entries(parseJson(file, "keys.json"), "keys.json");
  return oneOf(found.get("protection"), "protection", ["file", "passphrase"]) === "file" ? "file" : readKdf(found.get("kdf"));
}

export function renderKeys(keys: KeyFile, protection: Protection): string {
  const content = {
    generation: keys.generation,
    macKey: Buffer.from(keys.macKey).toString("hex"),
    identities: Object.fromEntries(keys.identities),
    secrets: Object.fromEntries([...keys.secrets].map(([account, ofAccount]) => [account, Object.fromEntries([...ofAccount].map(([peer, all]) => [peer, all.map(writeSecret)]))])),
    ...(keys.sealing.size > 0 && { sealing: Object.fromEntries([...keys.sealing].map(([account, { away, rsa }]) => [account, { rsa, away: away?.map(writeAway) }])) }),
  };
  if (protection === "file") return renderSigned(header, { protection, content }, keys.macKey);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", protection.seal, nonce);
  const outside = { format, version: current, protection: "passphrase", kdf: kdfFields(protection.kdf) };
  cipher.setAAD(Buffer.from(JSON.stringify(outside)));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content), "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${JSON.stringify({ ...outside, nonce: nonce.toString("hex"), sealed: sealed.toString("base64") }, null, 2)}\n`;
}

/** @throws `store-corrupt`, `store-version`, `store-tampered`, and `store-passphrase` where the protection is none that this store was opened with */
export function readKeys(file: string, protection: Protection): KeyFile {
  const named = readProtection(file);
  if (protection === "file") {
    if (named !== "file") throw new BalconyError("store-passphrase", "The trust store has a passphrase.", { phase: "store" });
    return readOpen(file);
  }
  // A store of somebody else's making, put in place of the one with a passphrase, must not pass for it.
  if (named === "file")
    throw new BalconyError("store-passphrase", "The trust store has no passphrase, and one was given.", {
      phase: "store",
      hint: "Open it without, or begin anew in another folder.",
    });
  if (!sameKdf(named, protection.kdf)) throw tampered("keys.json was made with another passphrase, or another salt");
  return readSealed(file, protection);
}

function readOpen(file: string): KeyFile {
  const { content } = fields(parseJson(file, "keys.json"), "keys.json", ["format", "version", "protection", "content", "mac"]);
  const keys = readContent(content);
  checkMac(file, keys.macKey);
  return keys;
}

function readSealed(file: string, { kdf, seal }: PassphraseKeys): KeyFile {
  const found = fields(parseJson(file, "keys.json"), "keys.json", ["format", "version", "protection", "kdf", "nonce", "sealed"]);
  const nonce = Buffer.from(text(found.nonce, "nonce", /^[0-9a-f]{24}$/u), "hex");
  const sealed = Buffer.from(text(found.sealed, "sealed", /^[A-Za-z0-9+/]{44,}={0,2}$/u), "base64");
  if (sealed.toString("base64") !== found.sealed) throw corrupt("sealed is not strict base64");
  const decipher = createDecipheriv("aes-256-gcm", seal, nonce, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(JSON.stringify({ format, version: found.version, protection: "passphrase", kdf: kdfFields(kdf) })));
  decipher.setAuthTag(sealed.subarray(-16));
  let content: string;
  try {
    content = decipher.update(sealed.subarray(0, -16), undefined, "utf8") + decipher.final("utf8");
  } catch (error) {
    throw new BalconyError("store-tampered", "The trust store cannot be believed: keys.json is not what Balcony wrote.", { phase: "store", cause: error });
  }
  return readContent(parseJson(content, "keys.json"));
}

function readContent(value: unknown): KeyFile {
  const { generation, macKey, identities, sealing, secrets } = fields(value, "the content of keys.json", ["generation", "macKey", "identities", "secrets?", "sealing?"]);
  const read = new Map<string, StoredIdentity>();
  for (const [account, identity] of entries(identities, "identities")) {
    const { certificate, openpgp, privateKey } = fields(identity, account, ["certificate", "privateKey", "openpgp?"]);
    read.set(account, {
      certificate: text(certificate, `${account}: certificate`),
      privateKey: text(privateKey, `${account}: private key`),
      ...(openpgp !== undefined && { openpgp: text(openpgp, `${account}: OpenPGP statement`) }),
    });
  }
  return {
    generation: count(generation, "generation"),
    macKey: Buffer.from(text(macKey, "macKey", HEX_32), "hex"),
    identities: read,
    secrets: readSecrets(secrets ?? {}),
    sealing: new Map([...entries(sealing ?? {}, "sealing")].map(([account, found]) => [account, readSealing(found, `sealing of ${account}`)])),
  };
}

const writeSecret = ({ current: now, previous }: RetainedSecret): object => ({ current: hex(now), ...(previous && { previous: hex(previous) }) });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function readSecrets(value: unknown): KeyFile["secrets"] {
  const secrets = new Map<string, ReadonlyMap<string, readonly RetainedSecret[]>>();
  for (const [account, ofAccount] of entries(value, "secrets")) {
    const peers = [...entries(ofAccount, `secrets of ${account}`)].map(([peer, all]) => [peer, list(all, `secrets with ${peer}`).map((one) => readSecret(one, peer))] as const);
    secrets.set(account, new Map(peers));
  }
  return secrets;
}

function readSecret(value: unknown, peer: string): RetainedSecret {
  const where = `a secret with ${peer}`;
  const found = fields(value, where, ["current", "previous?"]);
  const octets = (field: unknown): Uint8Array => Buffer.from(text(field, where, HEX_32), "hex");
  return { current: octets(found.current), ...(found.previous !== undefined && { previous: octets(found.previous) }) };
}

const writeAway = ({ expires, exponents, nonce, seen }: AwaySecret): object => ({
  nonce: hex(nonce),
  exponents: exponents.map(([group, exponent]) => ({ group, exponent: hex(exponent) })),
  expires,
  seen: seen.map(hex),
});

function readSealing(value: unknown, where: string): SealingKeys {
  const { away, rsa } = fields(value, where, ["rsa?", "away?"]);
  return {
    ...(rsa !== undefined && { rsa: text(rsa, `${where}: RSA key`) }),
    ...(away !== undefined && { away: list(away, where).map((one) => readAway(one, where)) }),
  };
}

function readAway(value: unknown, where: string): AwaySecret {
  const { expires, exponents, nonce, seen } = fields(value, where, ["nonce", "exponents", "expires", "seen"]);
  const octets = (field: unknown): Uint8Array => Buffer.from(text(field, where, HEX), "hex");
  return {
    nonce: octets(nonce),
    exponents: list(exponents, where).map((one) => {
      const { exponent, group } = fields(one, where, ["group", "exponent"]);
      return [count(group, where), octets(exponent)] as const;
    }),
    expires: count(expires, where),
    seen: list(seen, where).map(octets),
  };
}

export function newKeys(): KeyFile {
  return { generation: 0, macKey: randomBytes(32), identities: new Map(), secrets: new Map(), sealing: new Map() };
}
