import type { Element } from "@balcony/xml";
import { type FieldSpec, type Form, single, writeForm } from "./form.js";
import { type Identification, RSA_SHA256 } from "./key-value.js";
import type { Cipher } from "./keys.js";
import { NS_BALCONY, NS_SSN } from "./namespaces.js";
import { toBase64 } from "./octets.js";

export type Setting = "deployed" | "strict";
export type Logging = "may" | "mustnot";
/** XEP-0116, "stanzas". */
export type StanzaKind = "message" | "presence" | "iq";
/**
 * Messages in a negotiation. Four is for two people's clients; three shows the responder's identity to whoever asks for it, and is for services that everybody knows (XEP-0116 §4).
 */
export type Messages = 3 | 4;

/** What we would have, each list in order of preference. */
export interface Parameters {
  readonly groups: readonly number[];
  readonly ciphers: readonly Cipher[];
  readonly logging: readonly Logging[];
  /** With another Balcony; anybody else gets `deployed`, unless only `strict` is listed. */
  readonly settings: readonly Setting[];
  /** Stanzas between re-keys, at least. */
  readonly rekeyFrequency: number;
  /** Which negotiations we take. What we begin is said when we begin it. */
  readonly messages: readonly Messages[];
  /** How we may identify ourselves, in order of preference. Never `none` in three messages. */
  readonly identify: readonly Identification[];
  /** How the other side may identify itself, in order of preference. Without `none` nobody gets a session without a key. */
  readonly require: readonly Identification[];
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
  readonly messages: Messages;
  readonly identification: { readonly initiator: Identification; readonly responder: Identification };
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
  ["ver", "1.0"],
];
const SAS: readonly [name: string, value: string] = ["sas_algs", "sas28x5"];

/** The fields that have one value for us. XEP-0116: a three-message negotiation has no SAS. */
const fixedIn = (messages: Messages) => (messages === 4 ? [...fixed, SAS] : fixed);

/** XEP-0116: "'none' MUST NOT be specified with 3-message negotiation." */
const possible = (methods: readonly Identification[], messages: Messages): Identification[] => methods.filter((method) => messages === 4 || method !== "none");

/** XEP-0116, "ESession Request": the first form. @param values for each group its hash in four messages, e itself in three */
export function writeRequest(parameters: Parameters, messages: Messages, nonce: Uint8Array, values: readonly Uint8Array[]): Element {
  const [own, theirs] = [possible(parameters.identify, messages), possible(parameters.require, messages)];
  const signed = [...own, ...theirs].some((method) => method !== "none");
  return writeForm("form", [
    ["FORM_TYPE", [NS_SSN], "hidden"],
    ["accept", ["1"], "boolean"],
    ["logging", parameters.logging, "list-single"],
    ...fixedIn(messages).map(([name, value]): FieldSpec => [name, [value], name === "disclosure" || name === "security" ? "list-single" : "hidden"]),
    ["init_pubkey", own, "list-single"],
    ["resp_pubkey", theirs, "list-single"],
    ...(signed ? [["sign_algs", [RSA_SHA256], "list-single"] as const] : []),
    ["crypt_algs", parameters.ciphers, parameters.ciphers.length > 1 ? "list-single" : "hidden"],
    ["stanzas", parameters.stanzas, "list-multi"],
    ["rekey_freq", [String(parameters.rekeyFrequency)], "hidden"],
    ...(parameters.wholeStanzas ? [[NS_BALCONY, parameters.settings, "list-single"] as const] : []),
    ["my_nonce", [toBase64(nonce)], "hidden"],
    ["modp", parameters.groups.map(String), "list-single"],
    [messages === 4 ? "dhhashes" : "dhkeys", values.map(toBase64), "hidden"],
  ]);
}

/** The fields of a request that mean something here, by every name that the texts have for them. */
export const requestFields: readonly string[] = [
  ...["FORM_TYPE", "accept", "logging", "otr", "disclosure", "disclose", "security", "hash_algs", "compress", "ver", "sas_algs"],
  ...["init_pubkey", "resp_pubkey", "sign_algs", "crypt_algs", "stanzas", "rekey_freq", NS_BALCONY, "my_nonce", "modp", "dhhashes", "dhkeys"],
];

/**
 * Bob's choice among Alice's options, or the fields in which he finds none (XEP-0116, "ESession Rejection"). Alice's order counts, but in how she is to identify herself: there
 * it is his.
 */
export function choose(form: Form, ours: Parameters, messages: Messages): Chosen | { readonly refused: readonly string[] } {
  const options = (name: string): readonly string[] => form.fields.get(asNamed(form, name)) ?? [];
  const refused: string[] = fixedIn(messages)
    .filter(([name, value]) => !options(name).includes(value))
    .map(([name]) => asNamed(form, name));
  const first = <T extends string>(name: string, taken: readonly T[]): T | undefined => {
    const found = options(name).find((value): value is T => (taken as readonly string[]).includes(value));
    if (found === undefined) refused.push(name);
    return found;
  };
  const stanzas = ours.stanzas.filter((kind) => form.fields.get("stanzas")?.includes(kind));
  if (!stanzas.includes("message")) refused.push("stanzas");
  const group = first("modp", ours.groups.map(String));
  const cipher = first("crypt_algs", ours.ciphers);
  const initiator = possible(ours.require, messages).find((method) => options("init_pubkey").includes(method));
  if (!initiator) refused.push("init_pubkey");
  const responder = first("resp_pubkey", possible(ours.identify, messages));
  if (initiator && responder && signs({ initiator, responder })) first("sign_algs", [RSA_SHA256]);
  const logging = loggingOf(form).find((value) => ours.logging.includes(value));
  if (form.fields.has(asNamed(form, "logging")) && !logging) refused.push(asNamed(form, "logging"));
  const balcony = ours.wholeStanzas ? form.fields.get(NS_BALCONY) : undefined;
  const setting = balcony ? first(NS_BALCONY, ours.settings) : foreignSetting(ours);
  const asked = Number(form.fields.get("rekey_freq")?.[0] ?? NEVER);
  if (!Number.isInteger(asked) || asked < 1 || asked > NEVER) refused.push("rekey_freq");
  if (refused.length > 0 || group === undefined || cipher === undefined || setting === undefined || !initiator || !responder) return { refused };
  return {
    messages,
    identification: { initiator, responder },
    group: Number(group),
    cipher,
    logging,
    setting,
    balcony: balcony !== undefined,
    rekeyFrequency: Math.max(asked, ours.rekeyFrequency),
    stanzas,
  };
}

/** XEP-0116, "Response Form". */
export function writeResponse(chosen: Chosen, answered: Form, values: readonly (readonly [name: string, value: string])[]): FieldSpec[] {
  const type = chosen.setting === "deployed" ? "text-single" : undefined;
  const fields: readonly (readonly [name: string, value: string | readonly string[]])[] = [
    ["FORM_TYPE", NS_SSN],
    ["accept", chosen.setting === "deployed" ? "true" : "1"],
    ...(chosen.logging ? [loggingAs(asNamed(answered, "logging"), chosen.logging)] : []),
    ...fixedIn(chosen.messages).map(([name, value]) => [asNamed(answered, name), value] as const),
    ["init_pubkey", chosen.identification.initiator],
    ["resp_pubkey", chosen.identification.responder],
    ...(signs(chosen.identification) ? [["sign_algs", RSA_SHA256] as const] : []),
    ["crypt_algs", chosen.cipher],
    ["stanzas", chosen.stanzas],
    ["rekey_freq", String(chosen.rekeyFrequency)],
    ...(chosen.balcony ? [[NS_BALCONY, chosen.setting] as const] : []),
    ["modp", String(chosen.group)],
    ...values,
  ];
  return fields.map(([name, value]) => [name, [value].flat(), type && typeof value !== "string" && value.length > 1 ? "list-multi" : type]);
}

/** Alice's check of what Bob has chosen (XEP-0116, "ESession Accept"): the fields in which it is none of what she offered. */
export function readChoice(form: Form, offered: Parameters, messages: Messages): Chosen | { readonly refused: readonly string[] } {
  const refused: string[] = fixedIn(messages)
    .filter(([name, value]) => single(form, asNamed(form, name)) !== value)
    .map(([name]) => asNamed(form, name));
  const chosen = <T extends string>(name: string, from: readonly T[]): T | undefined => {
    const value = single(form, name);
    const found = from.find((one) => one === value);
    if (found === undefined) refused.push(name);
    return found;
  };
  const group = chosen("modp", offered.groups.map(String));
  const cipher = chosen("crypt_algs", offered.ciphers);
  const stanzas = offered.stanzas.filter((kind) => form.fields.get("stanzas")?.includes(kind));
  if (!stanzas.includes("message") || stanzas.length !== form.fields.get("stanzas")?.length) refused.push("stanzas");
  const initiator = chosen("init_pubkey", possible(offered.identify, messages));
  const responder = chosen("resp_pubkey", possible(offered.require, messages));
  if (initiator && responder && signs({ initiator, responder })) chosen("sign_algs", [RSA_SHA256]);
  const [logging] = loggingOf(form);
  if (logging && !offered.logging.includes(logging)) refused.push(asNamed(form, "logging"));
  const answer = offered.wholeStanzas ? single(form, NS_BALCONY) : undefined;
  const setting = answer === undefined ? foreignSetting(offered) : chosen(NS_BALCONY, offered.settings);
  const rekeyFrequency = Number(single(form, "rekey_freq") ?? NEVER);
  if (!Number.isInteger(rekeyFrequency) || rekeyFrequency < offered.rekeyFrequency || rekeyFrequency > NEVER) refused.push("rekey_freq");
  if (refused.length > 0 || group === undefined || !cipher || !setting || !initiator || !responder) return { refused };
  return { messages, identification: { initiator, responder }, group: Number(group), cipher, logging, setting, balcony: answer !== undefined, rekeyFrequency, stanzas };
}

const signs = ({ initiator, responder }: Chosen["identification"]): boolean => initiator !== "none" || responder !== "none";

/** What XEP-0155 calls `logging` is `otr` in XEP-0217 and 0200, and its `disclosure` is `disclose` in XEP-0116's text: each is read by either name, and answered by the same. */
const OTHER_NAMES: Readonly<Record<string, string>> = { logging: "otr", disclosure: "disclose" };

export function asNamed({ fields }: Form, name: string): string {
  const other = OTHER_NAMES[name];
  return other !== undefined && !fields.has(name) && fields.has(other) ? other : name;
}

/** What a form says of logging, whatever it calls it: `otr=true` means mustnot. */
export function loggingOf(form: Form): Logging[] {
  const values = form.fields.get("logging") ?? (form.fields.get("otr") ?? []).map((value) => (value === "true" || value === "1" ? "mustnot" : "may"));
  return values.filter((value): value is Logging => value === "may" || value === "mustnot");
}

export const loggingAs = (name: string, logging: Logging): readonly [name: string, value: string] => [name, name === "otr" ? String(logging === "mustnot") : logging];

const foreignSetting = ({ settings }: Parameters): Setting => (settings.includes("deployed") ? "deployed" : "strict");
