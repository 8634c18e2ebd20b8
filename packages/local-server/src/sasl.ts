import { timingSafeEqual } from "node:crypto";
import { bare, isFull, type Jid } from "@balcony/xml";
import { type Accounts, digest, hmac, type ScramHash } from "./accounts.js";
import { addressIn } from "./address.js";

/** Conditions of RFC 6120 §6.5 that this server gives. */
export type SaslCondition = "aborted" | "encryption-required" | "incorrect-encoding" | "invalid-authzid" | "invalid-mechanism" | "malformed-request" | "not-authorized";

/** What the server says next: a challenge and who reads the answer, the end with the account, or a failure. */
export type SaslStep =
  | { readonly is: "challenge"; readonly data: string; readonly next: SaslExchange }
  | { readonly is: "success"; readonly data: string | undefined; readonly account: Jid }
  | { readonly is: "failure"; readonly condition: SaslCondition };

/** Reads the client's next message, base64 already taken off. */
export type SaslExchange = (message: string) => SaslStep;

export interface SaslContext {
  readonly accounts: Accounts;
  /** The domain that the client's stream is for: user names are local parts in it. */
  readonly domain: string;
  /** The server's nonce: fresh, printable, without comma. */
  readonly nonce: string;
}

const failure = (condition: SaslCondition): SaslStep => ({ is: "failure", condition });

/** The account of a user name; undefined where it is no local part. */
function accountOf(username: string, domain: string): Jid | undefined {
  const account = addressIn(`${username}@${domain}`);
  return account !== undefined && !isFull(account) && account.endsWith(`@${domain}`) ? account : undefined;
}

/** RFC 6120 §6.3.8: an authorization identity may be given, but only one's own. */
const ownsIdentity = (authzid: string, account: Jid): boolean => addressIn(authzid) === account;

const sameText = (one: string, other: string): boolean => timingSafeEqual(digest("sha256", Buffer.from(one)), digest("sha256", Buffer.from(other)));

/** RFC 4616: authzid NUL authcid NUL passwd. */
function plain({ accounts, domain }: SaslContext): SaslExchange {
  return (message) => {
    const [authzid, username, password, ...rest] = message.split("\0");
    if (authzid === undefined || !username || !password || rest.length > 0) return failure("malformed-request");
    const account = accountOf(username, domain);
    const expected = account && accounts.passwordOf(account);
    if (account === undefined || expected === undefined || !sameText(password, expected)) return failure("not-authorized");
    if (authzid !== "" && !ownsIdentity(authzid, account)) return failure("invalid-authzid");
    return { is: "success", data: undefined, account };
  };
}

/** RFC 5802 §5.1: `=` and `,` come as `=3D` and `=2C`, and `=` as nothing else. */
function unescapeName(saslname: string): string | undefined {
  return /=(?!2C|3D)/.test(saslname) ? undefined : saslname.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** RFC 5802 §5 as the server, without channel binding. */
function scram(hash: ScramHash, context: SaslContext): SaslExchange {
  return (clientFirst) => {
    // `n` or `y`: this server offers no channel binding, so neither is a downgrade.
    const [, gs2, authzid, bareMessage, saslname, clientNonce] = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(clientFirst) ?? [];
    const username = saslname && unescapeName(saslname);
    if (gs2 === undefined || bareMessage === undefined || clientNonce === undefined || !username) return failure("malformed-request");
    const account = accountOf(username, context.domain);
    if (account === undefined) return failure("not-authorized");
    const ownName = authzid && unescapeName(authzid);
    if (authzid !== undefined && (!ownName || !ownsIdentity(ownName, account))) return failure("invalid-authzid");

    const keys = context.accounts.scramKeys(account, hash);
    const nonce = clientNonce + context.nonce;
    const serverFirst = `r=${nonce},s=${keys.salt.toString("base64")},i=${keys.iterations}`;
    const last: SaslExchange = (clientFinal) => {
      const [, withoutProof, binding, finalNonce, proof] = /^(c=([^,]+),r=([^,]+)(?:,[a-zA-Z]=[^,]*)*),p=([^,]+)$/.exec(clientFinal) ?? [];
      if (withoutProof === undefined || binding === undefined || proof === undefined) return failure("malformed-request");
      const authMessage = `${bareMessage},${serverFirst},${withoutProof}`;
      const signature = hmac(hash, keys.storedKey, authMessage);
      const given = Buffer.from(proof, "base64");
      if (given.length !== signature.length || finalNonce !== nonce || binding !== Buffer.from(gs2).toString("base64")) return failure("not-authorized");
      const clientKey = Buffer.from(given.map((byte, at) => byte ^ (signature[at] as number)));
      if (!timingSafeEqual(digest(hash, clientKey), keys.storedKey)) return failure("not-authorized");
      return { is: "success", data: `v=${hmac(hash, keys.serverKey, authMessage).toString("base64")}`, account: bare(account) };
    };
    return { is: "challenge", data: serverFirst, next: last };
  };
}

const mechanisms: Readonly<Record<string, (context: SaslContext) => SaslExchange>> = {
  "SCRAM-SHA-256": (context) => scram("sha256", context),
  "SCRAM-SHA-1": (context) => scram("sha1", context),
  PLAIN: plain,
};

/** Strongest first. */
export const mechanismNames: readonly string[] = Object.keys(mechanisms);

/** Begins an exchange; undefined where the mechanism is unknown. */
export function beginSasl(mechanism: string, context: SaslContext): SaslExchange | undefined {
  return Object.hasOwn(mechanisms, mechanism) ? mechanisms[mechanism]?.(context) : undefined;
}
