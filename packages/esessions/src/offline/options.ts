import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { canonicalForm } from "../canonical.js";
import { strict } from "../compatibility.js";
import type { RsaKey, Verify } from "../crypto.js";
import { allOctets, type Form, formError, octets, readForm, single } from "../form.js";
import { inRange } from "../groups.js";
import { minimal, toBase64, utf8 } from "../octets.js";
import { type Chosen, choose, type Parameters, writeRequest } from "../parameters.js";
import { dateTime, readDateTime } from "./public-key.js";

/** Days for which options may be good: an attacker who has the keys behind them may show them for so long. */
const LONGEST = 30 * 24 * 60 * 60_000;

/** What an offline ESession is, whatever else a client does: by the letter, with keys on both sides, and only what is in a message. */
export const offlineParameters = (groups: readonly number[], { ciphers, logging }: Pick<Parameters, "ciphers" | "logging">): Parameters => ({
  groups,
  ciphers,
  logging,
  settings: ["strict"],
  rekeyFrequency: 1,
  messages: [3],
  identify: ["key"],
  require: ["key"],
  wholeStanzas: false,
  stanzas: ["message"],
});

/** XEP-0187: "pubkey" and "accept" are left out; what pubkey stands for is `key`. */
const LEFT_OUT = ["accept", "init_pubkey", "resp_pubkey"];
const field = (name: string, ...values: readonly string[]): Element =>
  xml(
    "field",
    { var: name },
    values.map((value) => xml("value", {}, value)),
  );

/** As if both had said how they identify themselves. */
export const withKeys = (form: Form): Form => ({ ...form, fields: new Map([...form.fields, ["init_pubkey", ["key"]], ["resp_pubkey", ["key"]]]) });

/** Leaves out the fields that an offline ESession does not have. */
function offlineForm(form: Element): Element {
  for (const one of form.getChildren("field")) if (LEFT_OUT.includes(one.attrs.var ?? "")) form.remove(one);
  return form;
}

/** XEP-0187, "Publishing ESession Options". @param expires milliseconds since 1970 @param sign our key's signature */
export async function writeOptions(
  parameters: Parameters,
  { expires, nonce, values }: { readonly expires: number; readonly nonce: Uint8Array; readonly values: readonly Uint8Array[] },
  sign: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<Element> {
  const form = offlineForm(writeRequest(parameters, 3, nonce, values));
  form.append(field("expires", dateTime(expires)));
  form.append(field("signs", toBase64(await sign(utf8(canonicalForm(form, strict))))));
  return form;
}

/** What Bob takes of Alice's options. */
export interface ReadOptions {
  readonly form: Form;
  readonly chosen: Chosen;
  readonly nonceA: Uint8Array;
  readonly e: Uint8Array;
  readonly key: RsaKey;
}

interface Reading {
  readonly parameters: Parameters;
  readonly prime: (group: number) => Uint8Array;
  readonly now: number;
  readonly verify: Verify;
  /** Those that the other side has published. */
  readonly keys: readonly RsaKey[];
}

/**
 * XEP-0187, "Establishing an ESession Without Negotiation": Bob's checks, the signature first. Nothing of what is not signed is acted on.
 * @throws `esession-form`, `esession-check`, `esession-options`, `expired`, `not-trusted`
 */
export async function readOptions(x: Element, { keys, now, parameters, prime, verify }: Reading): Promise<ReadOptions> {
  const form = withKeys(readForm(x));
  const covered = utf8(canonicalForm(x, strict));
  const signatures = allOctets(form, "signs", { from: 256, to: 1_024 });
  const key = await signer(keys, signatures, (one, signature) => verify(one, covered, signature));
  if (!key) throw new BalconyError("not-trusted", "The published options are signed by no key that this peer has published.", { phase: "negotiate" });
  const expires = readDateTime(single(form, "expires") ?? "");
  if (Number.isNaN(expires)) throw formError("expires is no DateTime");
  if (expires <= now) throw new BalconyError("expired", "The published options have expired: nothing can be sent until the peer is online.", { phase: "negotiate" });
  if (expires > now + LONGEST) throw formError("expires is more than 30 days ahead");
  const chosen = choose(form, parameters, 3);
  if ("refused" in chosen) throw new BalconyError("esession-options", `No option in common for: ${chosen.refused.join(", ")}.`, { phase: "negotiate" });
  const values = allOctets(form, "dhkeys", { from: 1, to: 1_024 });
  const groups = form.fields.get("modp") ?? [];
  const value = values[groups.indexOf(String(chosen.group))];
  if (values.length !== groups.length || !value) throw formError("dhkeys and modp differ in number");
  const e = minimal(value);
  if (!inRange(e, prime(chosen.group))) throw new BalconyError("esession-check", "The published e is out of range.", { phase: "negotiate" });
  return { form, chosen, nonceA: octets(form, "my_nonce", { from: 8, to: 64 }), e, key };
}

async function signer(keys: readonly RsaKey[], signatures: readonly Uint8Array[], verify: (key: RsaKey, signature: Uint8Array) => Promise<boolean>): Promise<RsaKey | undefined> {
  for (const key of keys) for (const signature of signatures.slice(0, 4)) if (await verify(key, signature)) return key;
  return undefined;
}
