import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, xml } from "@balcony/xml";
import type { Parameters } from "../src/index.js";
import { nodeArithmetic, nodeCrypto } from "../src/node/index.js";
import { leftPadded, minimal, toBase64 } from "../src/octets.js";
import { type Altered, type At, also, altered, type Change, field, value, without } from "./altered.js";
import { parameters } from "./machines.js";

/** Either side as XEP-0217 has it: one cipher, no keys, no re-keys, nothing of ours. */
const simplified: Parameters = { ...parameters, ciphers: ["aes128-ctr"], settings: ["deployed"], rekeyFrequency: 4294967295, wholeStanzas: false };
const fresh = (octets = 32): string => toBase64(nodeCrypto.random(octets));
const prime = nodeArithmetic.prime(14);
const last = prime.map((octet, index) => (index === prime.length - 1 ? octet - 1 : octet));
/** Values that are no public value, and what they are called. */
const outside: readonly (readonly [name: string, integer: Uint8Array])[] = [
  ["0", Uint8Array.of(0)],
  ["1", Uint8Array.of(1)],
  ["1 in as many octets as p", leftPadded(Uint8Array.of(1), prime.length)],
  ["p − 1", last],
  ["p", prime],
];
const hash = (integer: Uint8Array): string => toBase64(nodeCrypto.sha256(integer));

/** The code that whoever finds it out ends with, and what the other side is told. */
async function run(how: Altered): Promise<string> {
  try {
    const effects = await altered({ ...how, alice: { parameters: simplified, ...how.alice }, bob: { parameters: simplified, ...how.bob } });
    return effects
      .flatMap((effect) => {
        if (effect.kind === "established") return ["accepted"];
        if (effect.kind === "failed") return [effect.error.code];
        return effect.kind === "refuse" ? [effect.condition, ...effect.fields] : [];
      })
      .join(" ");
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
}

const at = (form: At, ...changes: readonly Change[]): Altered => ({
  changes: {
    [form]: (x: Element) => {
      for (const change of changes) change(x);
    },
  },
});

malformedTable("what outsiders can break in a simplified negotiation", {
  rules: [
    { section: "XEP-0217 §4.1", text: "the request has the ESession ID, and a hash of e for each group in their order" },
    { section: "XEP-0217 §4.2", text: "each fixed parameter has its value among its options; of the negotiable fields one option is supported" },
    { section: "XEP-0217 §4.3.2", text: "the response has Bob's ESession ID, which is not Alice's, d, the counter, and Alice's ID" },
    { section: "XEP-0217 §4.4.1", text: "what Bob has selected is acceptable; 1 < d < p − 1" },
    { section: "XEP-0217 §4.4.4", text: "the completion has Bob's ID, e, rshashes, identity and mac" },
    { section: "XEP-0217 §4.5.1", text: "SHA256(e) = He; 1 < e < p − 1" },
    { section: "XEP-0217 §4.5.2", text: "M_A and mac_A match" },
    { section: "XEP-0217 §4.5.5", text: "Bob's form has Alice's ID, srshash, identity and mac" },
    { section: "XEP-0217 §4.6.2", text: "M_B and mac_B match" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: { changes: {} }, code: "accepted" },
    {
      name: "other options beside the fixed ones",
      breaks: [],
      input: { changes: {}, alice: { parameters: { ...simplified, ciphers: ["aes256-ctr", "aes128-ctr"] } } },
      code: "accepted",
    },
    { name: "re-keys, which a full implementation offers", breaks: [], input: { changes: {}, alice: { parameters: { ...simplified, rekeyFrequency: 1 } } }, code: "accepted" },
    ...["my_nonce", "dhhashes"].map((name) => ({ name: `no ${name}`, breaks: "XEP-0217 §4.1", input: at("request", without(name)), code: "esession-form" })),
    { name: "an ESession ID that is not base64", breaks: "XEP-0217 §4.1", input: at("request", value("my_nonce", "an ID")), code: "esession-form" },
    { name: "a hash of 20 octets", breaks: "XEP-0217 §4.1", input: at("request", value("dhhashes", fresh(20))), code: "esession-form" },
    {
      name: "a group without its hash",
      breaks: "XEP-0217 §4.1",
      input: at("request", (form) => field(form, "modp").append(xml("option", {}, xml("value", {}, "2")))),
      code: "esession-form",
    },
    { name: "a hash without its group", breaks: "XEP-0217 §4.1", input: at("request", (form) => field(form, "dhhashes").append(xml("value", {}, fresh()))), code: "esession-form" },
    ...["crypt_algs", "hash_algs", "compress", "init_pubkey", "resp_pubkey", "sas_algs", "security", "disclosure"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0217 §4.2",
      input: at("request", value(name, "x")),
      code: `not-acceptable ${name} esession-options`,
    })),
    ...["modp", "stanzas", "ver"].flatMap((name) => [
      { name: `no ${name}`, breaks: "XEP-0217 §4.2", input: at("request", without(name)), code: `not-acceptable ${name} esession-options` },
      { name: `${name} of a kind that nobody knows`, breaks: "XEP-0217 §4.2", input: at("request", value(name, "x")), code: `not-acceptable ${name} esession-options` },
    ]),
    { name: "the versions of the text's example", breaks: "XEP-0217 §4.2", input: at("request", value("ver", "1.3")), code: "not-acceptable ver esession-options" },
    { name: "group and version", breaks: "XEP-0217 §4.2", input: at("request", value("modp", "5"), value("ver", "1.3")), code: "not-acceptable ver modp esession-options" },
    ...["my_nonce", "dhkeys", "counter", "nonce"].map((name) => ({ name: `no ${name}`, breaks: "XEP-0217 §4.3.2", input: at("response", without(name)), code: "esession-form" })),
    { name: "a counter of 8 octets", breaks: "XEP-0217 §4.3.2", input: at("response", value("counter", fresh(8))), code: "esession-form" },
    { name: "another ID of Alice's", breaks: "XEP-0217 §4.3.2", input: at("response", value("nonce", fresh(16))), code: "feature-not-implemented esession-check" },
    {
      name: "Alice's ID for Bob's",
      breaks: "XEP-0217 §4.3.2",
      input: at("response", (form) => value("my_nonce", field(form, "nonce").getChildText("value") ?? "")(form)),
      code: "feature-not-implemented reflection",
    },
    ...["crypt_algs", "hash_algs", "compress", "init_pubkey", "resp_pubkey", "sas_algs", "modp", "stanzas", "ver", "logging"].map((name) => ({
      name: `${name} was not offered`,
      breaks: "XEP-0217 §4.4.1",
      input: at("response", value(name, name === "logging" ? "may" : "x")),
      code: `not-acceptable ${name} esession-options`,
    })),
    ...outside.map(([name, d]) => ({
      name: `d = ${name}`,
      breaks: "XEP-0217 §4.4.1",
      input: at("response", value("dhkeys", toBase64(d))),
      code: "feature-not-implemented esession-check", // the deployed answer: the text has not-acceptable
    })),
    ...["nonce", "dhkeys", "rshashes", "identity", "mac"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0217 §4.4.4",
      input: at("completion", without(name)),
      code: "esession-form",
    })),
    { name: "another ID of Bob's", breaks: "XEP-0217 §4.4.4", input: at("completion", value("nonce", fresh(16))), code: "feature-not-implemented esession-check" },
    { name: "another e", breaks: "XEP-0217 §4.5.1", input: at("completion", value("dhkeys", fresh(255))), code: "feature-not-implemented esession-check" },
    ...outside.map(([name, e]) => ({
      name: `e = ${name}, as He says`,
      breaks: "XEP-0217 §4.5.1",
      input: { changes: { request: value("dhhashes", hash(minimal(e))), completion: value("dhkeys", toBase64(e)) } },
      code: "feature-not-implemented esession-check",
    })),
    ...["identity", "mac", "rshashes"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0217 §4.5.2",
      input: at("completion", value(name, fresh())),
      code: "feature-not-implemented esession-check",
    })),
    { name: "an offer that a server has altered", breaks: "XEP-0217 §4.5.2", input: at("request", also("x", "y")), code: "feature-not-implemented esession-check" },
    ...["nonce", "srshash", "identity", "mac"].map((name) => ({ name: `no ${name}`, breaks: "XEP-0217 §4.5.5", input: at("final", without(name)), code: "esession-form" })),
    { name: "another ID of Alice's in the last form", breaks: "XEP-0217 §4.5.5", input: at("final", value("nonce", fresh(16))), code: "feature-not-implemented esession-check" },
    ...["identity", "mac", "srshash"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0217 §4.6.2",
      input: at("final", value(name, fresh())),
      code: "feature-not-implemented esession-check",
    })),
    { name: "a response that a server has altered", breaks: "XEP-0217 §4.6.2", input: at("response", also("x", "y")), code: "feature-not-implemented esession-check" },
  ],
  run,
});
