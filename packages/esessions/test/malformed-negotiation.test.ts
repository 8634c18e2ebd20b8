import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { clone, type Element, xml } from "@balcony/xml";
import { nodeArithmetic } from "../src/node/index.js";
import { leftPadded, toBase64 } from "../src/octets.js";
import { given, machine, sent } from "./machines.js";

type At = "request" | "response" | "completion" | "final";
interface Input {
  readonly at: At;
  readonly change: (form: Element) => void;
}

const field = (form: Element, name: string): Element => {
  const found = form.getChildren("field").find(({ attrs }) => attrs.var === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};
const value = (name: string, text: string) => (form: Element) => {
  field(form, name).children = [xml("value", {}, text)];
};
const without = (name: string) => (form: Element) => void form.remove(field(form, name));
const twice = (name: string) => (form: Element) => form.append(clone(field(form, name)));
const two = (name: string) => (form: Element) => field(form, name).append(xml("value", {}, "x"));
const prime = nodeArithmetic.prime(14);
const beside = (difference: number): string => {
  const octets = Uint8Array.from(prime);
  octets[octets.length - 1] = (octets.at(-1) ?? 0) + difference;
  return toBase64(octets);
};
const fresh = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");

/** A whole negotiation with one form changed on its way; the code that its receiver ends with. */
async function run({ at, change }: Input): Promise<string> {
  const [alice, bob] = [machine("initiator", given()), machine("responder", given())];
  const passed = (now: At, form: Element): Element => {
    const copy = clone(form);
    if (now === at) change(copy);
    return copy;
  };
  try {
    let effects = await alice.start();
    for (const [now, receiver] of [
      ["request", bob],
      ["response", alice],
      ["completion", bob],
      ["final", alice],
    ] as const) {
      effects = await receiver.take(passed(now, sent(effects)), now === "final" ? "init" : "feature");
      const failed = effects.find((effect) => effect.kind === "failed");
      if (failed) return failed.error.code;
    }
    return "accepted";
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
}

const fixedFields = ["disclosure", "security", "hash_algs", "compress", "init_pubkey", "resp_pubkey", "ver", "sas_algs"];

malformedTable("what outsiders can break in a negotiation", {
  rules: [
    { section: "XEP-0004 §3.2", text: "fields have a var, and each var once" },
    { section: "XEP-0155 §4.1", text: "FORM_TYPE is urn:xmpp:ssn; accept is boolean" },
    { section: "XEP-0116 §4.3", text: "the request has nonce and one hash for each group" },
    { section: "XEP-0116 §4.4", text: "the options have one in common in each field" },
    { section: "XEP-0116 §4.5", text: "the response chooses among them, has nonce, d, counter, and our nonce" },
    { section: "XEP-0116 §4.6.1", text: "1 < d < p − 1" },
    { section: "XEP-0116 §4.6.4", text: "the completion has nonce, e, rshashes, identity and mac" },
    { section: "XEP-0116 §4.7.1", text: "SHA256(e) = He, 1 < e < p − 1, M_A and mac_A match" },
    { section: "XEP-0116 §4.8", text: "the last form has nonce, srshash, identity and mac, and M_B and mac_B match" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: { at: "final", change: () => undefined }, code: "accepted" },
    { name: "a field without var", breaks: "XEP-0004 §3.2", input: { at: "request", change: (form) => form.append(xml("field", {})) }, code: "esession-form" },
    { name: "two my_nonce", breaks: "XEP-0004 §3.2", input: { at: "request", change: twice("my_nonce") }, code: "esession-form" },
    {
      name: "fields without end",
      breaks: "XEP-0004 §3.2",
      input: { at: "request", change: (form) => form.append(...Array.from({ length: 60 }, (_, index) => xml("field", { var: `x${index}` }))) },
      code: "esession-form",
    },
    { name: "another FORM_TYPE", breaks: "XEP-0155 §4.1", input: { at: "response", change: value("FORM_TYPE", "x") }, code: "esession-form" },
    { name: "accept is neither", breaks: "XEP-0155 §4.1", input: { at: "response", change: value("accept", "maybe") }, code: "esession-form" },
    { name: "no accept in the response", breaks: "XEP-0155 §4.1", input: { at: "response", change: without("accept") }, code: "esession-form" },
    { name: "accept=0 in the response", breaks: [], input: { at: "response", change: value("accept", "0") }, code: "declined" },
    { name: "accept=0 in the completion", breaks: [], input: { at: "completion", change: value("accept", "0") }, code: "cancelled" },
    { name: "no accept in the completion", breaks: "XEP-0155 §4.1", input: { at: "completion", change: without("accept") }, code: "esession-form" },
    { name: "no my_nonce", breaks: "XEP-0116 §4.3", input: { at: "request", change: without("my_nonce") }, code: "esession-form" },
    { name: "a nonce of 3 octets", breaks: "XEP-0116 §4.3", input: { at: "request", change: value("my_nonce", "AAAA") }, code: "esession-form" },
    { name: "dhhashes not base64", breaks: "XEP-0116 §4.3", input: { at: "request", change: value("dhhashes", "!") }, code: "esession-form" },
    {
      name: "more hashes than groups",
      breaks: "XEP-0116 §4.3",
      input: { at: "request", change: (form) => field(form, "dhhashes").append(xml("value", {}, fresh())) },
      code: "esession-form",
    },
    ...["modp", "crypt_algs", "stanzas", "logging", ...fixedFields].map((name) => ({
      name: `nothing known in ${name}`,
      breaks: "XEP-0116 §4.4",
      input: { at: "request" as const, change: value(name, "unknown") },
      code: name === "logging" ? "esession-check" : "esession-options",
    })),
    ...[1, 2, 5].map((group) => ({
      name: `group ${group} alone`,
      breaks: "XEP-0116 §4.4",
      input: { at: "request" as const, change: value("modp", String(group)) },
      code: "esession-options",
    })),
    { name: "rekey_freq of 0", breaks: "XEP-0116 §4.4", input: { at: "request", change: value("rekey_freq", "0") }, code: "esession-options" },
    { name: "a three-message request", breaks: "XEP-0116 §4.4", input: { at: "request", change: (form) => form.append(xml("field", { var: "dhkeys" })) }, code: "esession-check" },
    ...["modp", "crypt_algs", "stanzas", ...fixedFields].map((name) => ({
      name: `${name} was not offered`,
      breaks: "XEP-0116 §4.5",
      input: { at: "response" as const, change: value(name, "5") },
      code: "esession-options",
    })),
    { name: "rekey_freq below ours", breaks: "XEP-0116 §4.5", input: { at: "response", change: value("rekey_freq", "1") }, code: "esession-options" },
    { name: "two ciphers chosen", breaks: "XEP-0116 §4.5", input: { at: "response", change: two("crypt_algs") }, code: "esession-form" },
    { name: "no dhkeys", breaks: "XEP-0116 §4.5", input: { at: "response", change: without("dhkeys") }, code: "esession-form" },
    { name: "a counter of 3 octets", breaks: "XEP-0116 §4.5", input: { at: "response", change: value("counter", "AAAA") }, code: "esession-form" },
    { name: "another nonce of ours", breaks: "XEP-0116 §4.5", input: { at: "response", change: value("nonce", fresh()) }, code: "esession-check" },
    { name: "d longer than p", breaks: "XEP-0116 §4.6.1", input: { at: "response", change: value("dhkeys", toBase64(leftPadded(prime, 300))) }, code: "esession-form" },
    ...["AA==", "AQ==", beside(-1), beside(0)].map((d, index) => ({
      name: `d = ${["0", "1", "p − 1", "p"][index]}`,
      breaks: "XEP-0116 §4.6.1",
      input: { at: "response" as const, change: value("dhkeys", d) },
      code: "esession-check",
    })),
    ...["dhkeys", "rshashes", "identity", "mac", "nonce"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0116 §4.6.4",
      input: { at: "completion" as const, change: without(name) },
      code: "esession-form",
    })),
    { name: "another nonce of Bob's", breaks: "XEP-0116 §4.6.4", input: { at: "completion", change: value("nonce", fresh()) }, code: "esession-check" },
    ...["AA==", "AQ==", beside(-1), beside(0), fresh()].map((e, index) => ({
      name: `e = ${["0", "1", "p − 1", "p", "another"][index]}`,
      breaks: "XEP-0116 §4.7.1",
      input: { at: "completion" as const, change: value("dhkeys", e) },
      code: "esession-check",
    })),
    ...["identity", "mac", "rshashes"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0116 §4.7.1",
      input: { at: "completion" as const, change: value(name, fresh()) },
      code: "esession-check",
    })),
    ...["srshash", "identity", "mac", "nonce"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0116 §4.8",
      input: { at: "final" as const, change: without(name) },
      code: "esession-form",
    })),
    ...["srshash", "identity", "mac", "nonce"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0116 §4.8",
      input: { at: "final" as const, change: value(name, fresh()) },
      code: "esession-check",
    })),
  ],
  run,
});
