import type { Element } from "@balcony/xml";
import { type FieldSpec, type Form, single, writeForm } from "./form.js";
import { type Cipher, ciphers } from "./keys.js";
import { NS_BALCONY, NS_SSN } from "./namespaces.js";
import { toBase64 } from "./octets.js";

export type Setting = "deployed" | "strict";
export type Logging = "may" | "mustnot";
/** XEP-0116, "stanzas". */
export type StanzaKind = "message" | "presence" | "iq";

/** What we would have, each list in order of preference. */
export interface Parameters {
  readonly groups: readonly number[];
  readonly ciphers: readonly Cipher[];
  readonly logging: readonly Logging[];
  /** With another Balcony; anybody else gets `deployed`, unless only `strict` is listed. */
  readonly settings: readonly Setting[];
  /** Stanzas between re-keys, at least. */
  readonly rekeyFrequency: number;
  /** Do we offer and take our own form, in which whole stanzas are encrypted and the setting is negotiated? Without it we are to others like any client of 2007. */
  readonly wholeStanzas: boolean;
  /**
   * What may be encrypted with somebody else than a Balcony; messages always. Their kind, type and id are not protected: a server may make a request of a message, and give one request's answer
   * to another.
   */
  readonly stanzas: readonly StanzaKind[];
}

/** What was agreed. */
export interface Chosen {
  readonly group: number;
  readonly cipher: Cipher;
  readonly logging: Logging | undefined;
  readonly setting: Setting;
  /** Is the other side a Balcony? Then whole stanzas are encrypted, else only what is in a message. */
  readonly balcony: boolean;
  readonly rekeyFrequency: number;
  readonly stanzas: readonly StanzaKind[];
}

const NEVER = 4294967295;
const fixed: readonly (readonly [name: string, value: string])[] = [
  ["disclosure", "never"],
  ["security", "e2e"],
  ["hash_algs", "sha256"],
  ["compress", "none"],
  ["init_pubkey", "none"],
  ["resp_pubkey", "none"],
  ["ver", "1.0"],
  ["sas_algs", "sas28x5"],
];

/** XEP-0116, "ESession Request": the first form of a four-message negotiation. */
export function writeRequest(parameters: Parameters, nonce: Uint8Array, hashes: readonly Uint8Array[]): Element {
  return writeForm("form", [
    ["FORM_TYPE", [NS_SSN], "hidden"],
    ["accept", ["1"], "boolean"],
    ["logging", parameters.logging, "list-single"],
    ...fixed.map(([name, value]): FieldSpec => [name, [value], name === "disclosure" || name === "security" || name.endsWith("pubkey") ? "list-single" : "hidden"]),
    ["crypt_algs", parameters.ciphers, parameters.ciphers.length > 1 ? "list-single" : "hidden"],
    ["stanzas", parameters.stanzas, "list-multi"],
    ["rekey_freq", [String(parameters.rekeyFrequency)], "hidden"],
    ...(parameters.wholeStanzas ? [[NS_BALCONY, parameters.settings, "list-single"] as const] : []),
    ["my_nonce", [toBase64(nonce)], "hidden"],
    ["modp", parameters.groups.map(String), "list-single"],
    ["dhhashes", hashes.map(toBase64), "hidden"],
  ]);
}

/** Bob's choice among Alice's options, or the fields in which he finds none (XEP-0116, "ESession Rejection"). Alice's order counts. */
export function choose(form: Form, ours: Parameters): Chosen | { readonly refused: readonly string[] } {
  const refused: string[] = fixed.filter(([name, value]) => !(form.fields.get(name) ?? []).includes(value)).map(([name]) => name);
  const first = <T extends string>(name: string, taken: readonly T[]): T | undefined => {
    const found = (form.fields.get(name) ?? []).find((value): value is T => (taken as readonly string[]).includes(value));
    if (found === undefined) refused.push(name);
    return found;
  };
  const stanzas = ours.stanzas.filter((kind) => form.fields.get("stanzas")?.includes(kind));
  if (!stanzas.includes("message")) refused.push("stanzas");
  const group = first("modp", ours.groups.map(String));
  const cipher = first("crypt_algs", ours.ciphers);
  const theirLogging = loggingOf(form);
  const logging = theirLogging.find((value) => ours.logging.includes(value));
  if (theirLogging.length > 0 && !logging) refused.push(form.fields.has("logging") ? "logging" : "otr");
  const balcony = ours.wholeStanzas ? form.fields.get(NS_BALCONY) : undefined;
  const setting = balcony ? first(NS_BALCONY, ours.settings) : foreignSetting(ours);
  const asked = Number(form.fields.get("rekey_freq")?.[0] ?? NEVER);
  if (!Number.isInteger(asked) || asked < 1 || asked > NEVER) refused.push("rekey_freq");
  if (refused.length > 0 || group === undefined || cipher === undefined || setting === undefined) return { refused };
  return { group: Number(group), cipher, logging, setting, balcony: balcony !== undefined, rekeyFrequency: Math.max(asked, ours.rekeyFrequency), stanzas };
}

/** XEP-0116, "Response Form". */
export function writeResponse(chosen: Chosen, answered: Form, values: readonly (readonly [name: string, value: string])[]): Element {
  const type = chosen.setting === "deployed" ? "text-single" : undefined;
  const fields: readonly (readonly [name: string, value: string | readonly string[]])[] = [
    ["FORM_TYPE", NS_SSN],
    ["accept", chosen.setting === "deployed" ? "true" : "1"],
    ...(chosen.logging
      ? [[answered.fields.has("logging") ? "logging" : "otr", answered.fields.has("logging") ? chosen.logging : String(chosen.logging === "mustnot")] as const]
      : []),
    ...fixed,
    ["crypt_algs", chosen.cipher],
    ["stanzas", chosen.stanzas],
    ["rekey_freq", String(chosen.rekeyFrequency)],
    ...(chosen.balcony ? [[NS_BALCONY, chosen.setting] as const] : []),
    ["modp", String(chosen.group)],
    ...values,
  ];
  return writeForm(
    "submit",
    fields.map(([name, value]) => [name, [value].flat(), type && typeof value !== "string" && value.length > 1 ? "list-multi" : type]),
  );
}

/** Alice's check of what Bob has chosen (XEP-0116, "ESession Accept"): the fields in which it is none of what she offered. */
export function readChoice(form: Form, offered: Parameters): Chosen | { readonly refused: readonly string[] } {
  const refused: string[] = fixed.filter(([name, value]) => single(form, name) !== value).map(([name]) => name);
  const group = offered.groups.find((one) => String(one) === single(form, "modp"));
  if (group === undefined) refused.push("modp");
  const cipher = ciphers.find((one) => one === single(form, "crypt_algs") && offered.ciphers.includes(one));
  if (!cipher) refused.push("crypt_algs");
  const stanzas = offered.stanzas.filter((kind) => form.fields.get("stanzas")?.includes(kind));
  if (!stanzas.includes("message") || stanzas.length !== form.fields.get("stanzas")?.length) refused.push("stanzas");
  const [logging] = loggingOf(form);
  if (logging && !offered.logging.includes(logging)) refused.push("logging");
  const answer = offered.wholeStanzas ? single(form, NS_BALCONY) : undefined;
  const setting = answer === undefined ? foreignSetting(offered) : offered.settings.find((one) => one === answer);
  if (!setting) refused.push(NS_BALCONY);
  const rekeyFrequency = Number(single(form, "rekey_freq") ?? NEVER);
  if (!Number.isInteger(rekeyFrequency) || rekeyFrequency < offered.rekeyFrequency || rekeyFrequency > NEVER) refused.push("rekey_freq");
  if (refused.length > 0 || group === undefined || !cipher || !setting) return { refused };
  return { group, cipher, logging, setting, balcony: answer !== undefined, rekeyFrequency, stanzas };
}

/** `logging` (XEP-0155), or `otr` (XEP-0217), whose true means mustnot. */
function loggingOf(form: Form): Logging[] {
  const values = form.fields.get("logging") ?? (form.fields.get("otr") ?? []).map((value) => (value === "true" || value === "1" ? "mustnot" : "may"));
  return values.filter((value): value is Logging => value === "may" || value === "mustnot");
}

const foreignSetting = ({ settings }: Parameters): Setting => (settings.includes("deployed") ? "deployed" : "strict");
