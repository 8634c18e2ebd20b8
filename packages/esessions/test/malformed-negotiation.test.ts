import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { clone, type Element, xml } from "@balcony/xml";
import { keyValue, readIdentity } from "../src/key-value.js";
import { nodeArithmetic } from "../src/node/index.js";
import { leftPadded, toBase64 } from "../src/octets.js";
import { type At, also, altered, type Change, field, value, without } from "./altered.js";
import { signers } from "./keys.js";

interface Input {
  readonly at: At;
  readonly change: Change;
  readonly messages?: 3 | 4;
}

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
async function run({ at, change, messages }: Input): Promise<string> {
  try {
    const effects = await altered({ changes: { [at]: change }, ...(messages && { messages }) });
    const failed = effects.find((effect) => effect.kind === "failed");
    return failed?.error.code ?? (effects.some((effect) => effect.kind === "established") ? "accepted" : "no end");
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
}

const shownKey = keyValue(signers.alice.publicKey);
const signature = `<SignatureValue>${fresh()}</SignatureValue>`;

const fixedFields = ["disclosure", "security", "hash_algs", "compress", "init_pubkey", "resp_pubkey", "ver", "sas_algs"];

malformedTable("what outsiders can break in a negotiation", {
  rules: [
    { section: "XEP-0004 §3.2", text: "fields have a var, and each var once" },
    { section: "XEP-0155 §4.1", text: "FORM_TYPE is urn:xmpp:ssn; accept is boolean" },
    { section: "XEP-0155 §4.3", text: "no required field is unknown" },
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
    ...["language", "urn:example:x"].map((name) => ({
      name: `${name} is required, and nobody knows it`,
      breaks: "XEP-0155 §4.3",
      input: { at: "request" as const, change: also(name, xml("required"), xml("option", {}, xml("value", {}, "it"))) },
      code: "esession-options",
    })),
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
      code: "esession-options",
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

const three = (at: At, change: (form: Element) => void): Input => ({ at, change, messages: 3 });

malformedTable("what outsiders can break in a negotiation of three messages", {
  rules: [
    { section: "XEP-0116 §4.3", text: "the request has nonce and e for each group, no hashes, and no identification `none`" },
    { section: "XEP-0116 §4.5.1", text: "1 < e < p − 1" },
    { section: "XEP-0116 §4.5", text: "the response has d, nonces, counter, identity and mac, and says how Alice is to identify herself" },
    { section: "XEP-0116 §4.6", text: "1 < d < p − 1; M_B and Bob's signature match" },
    { section: "XEP-0116 §4.6.4", text: "the completion has nonce, identity and mac" },
    { section: "XEP-0116 §4.7.1", text: "M_A and Alice's signature match" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: three("completion", () => undefined), code: "accepted" },
    { name: "no my_nonce", breaks: "XEP-0116 §4.3", input: three("request", without("my_nonce")), code: "esession-form" },
    { name: "hashes, too", breaks: "XEP-0116 §4.3", input: three("request", also("dhhashes", fresh())), code: "esession-form" },
    { name: "dhkeys not base64", breaks: "XEP-0116 §4.3", input: three("request", value("dhkeys", "!")), code: "esession-form" },
    { name: "an e longer than any group", breaks: "XEP-0116 §4.3", input: three("request", value("dhkeys", toBase64(new Uint8Array(1_025).fill(1)))), code: "esession-form" },
    { name: "more keys than groups", breaks: "XEP-0116 §4.3", input: three("request", (form) => field(form, "dhkeys").append(xml("value", {}, fresh()))), code: "esession-form" },
    { name: "no way for Alice to be identified", breaks: "XEP-0116 §4.3", input: three("request", value("init_pubkey", "none")), code: "esession-options" },
    { name: "no way for Bob to be identified", breaks: "XEP-0116 §4.3", input: three("request", value("resp_pubkey", "none")), code: "esession-options" },
    {
      name: "no signature algorithm that is known",
      breaks: "XEP-0116 §4.3",
      input: three("request", value("sign_algs", "http://www.w3.org/2000/09/xmldsig#dsa-sha256")),
      code: "esession-options",
    },
    { name: "no signature algorithm", breaks: "XEP-0116 §4.3", input: three("request", without("sign_algs")), code: "esession-options" },
    ...["AA==", "AQ==", beside(-1), beside(0)].map((e, index) => ({
      name: `e = ${["0", "1", "p − 1", "p"][index]}`,
      breaks: "XEP-0116 §4.5.1",
      input: three("request", value("dhkeys", e)),
      code: "esession-check",
    })),
    ...["my_nonce", "dhkeys", "counter", "nonce", "identity", "mac"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0116 §4.5",
      input: three("response", without(name)),
      code: "esession-form",
    })),
    ...["init_pubkey", "resp_pubkey"].flatMap((name) =>
      ["none", "hash"].map((method) => ({
        name: `${name} ${method}, which was not offered`,
        breaks: "XEP-0116 §4.5",
        input: three("response", value(name, method)),
        code: "esession-options",
      })),
    ),
    { name: "another signature algorithm", breaks: "XEP-0116 §4.5", input: three("response", value("sign_algs", "rsa")), code: "esession-options" },
    { name: "another nonce of ours", breaks: "XEP-0116 §4.5", input: three("response", value("nonce", fresh())), code: "esession-check" },
    ...["AA==", "AQ==", beside(-1), beside(0)].map((d, index) => ({
      name: `d = ${["0", "1", "p − 1", "p"][index]}`,
      breaks: "XEP-0116 §4.6",
      input: three("response", value("dhkeys", d)),
      code: "esession-check",
    })),
    ...["identity", "mac", "my_nonce"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0116 §4.6",
      input: three("response", value(name, fresh())),
      code: "esession-check",
    })),
    { name: "another counter", breaks: "XEP-0116 §4.6", input: three("response", value("counter", toBase64(new Uint8Array(16).fill(7)))), code: "esession-check" },
    ...["nonce", "identity", "mac", "accept"].map((name) => ({ name: `no ${name}`, breaks: "XEP-0116 §4.6.4", input: three("completion", without(name)), code: "esession-form" })),
    { name: "another nonce of Bob's", breaks: "XEP-0116 §4.6.4", input: three("completion", value("nonce", fresh())), code: "esession-check" },
    { name: "accept=0", breaks: [], input: three("completion", value("accept", "0")), code: "cancelled" },
    ...["identity", "mac"].map((name) => ({ name: `another ${name}`, breaks: "XEP-0116 §4.7.1", input: three("completion", value(name, fresh())), code: "esession-check" })),
    { name: "a field that Alice did not send", breaks: "XEP-0116 §4.7.1", input: three("completion", also("x", "y")), code: "esession-check" },
  ],
  run,
});

malformedTable("what is shown as an identity by key or hash", {
  rules: [
    { section: "XEP-0116 §4.5.4", text: "pubKey is a <KeyValue/>, or with `hash` a <fingerprint/>; <SignatureValue/> follows" },
    { section: "XML Signature §4.4.2.2", text: "an RSAKeyValue is a Modulus and an Exponent, in base64" },
  ],
  rows: [
    { name: "a key and its signature", breaks: [], input: ["key", `${shownKey}${signature}`], code: "read" },
    {
      name: "the same with the namespace of XML Signature",
      breaks: [],
      input: ["key", `${shownKey}${signature}`.replace("<KeyValue>", "<KeyValue xmlns='http://www.w3.org/2000/09/xmldsig#'>")],
      code: "read",
    },
    { name: "padding behind", breaks: [], input: ["key", `${shownKey}${signature}     `], code: "read" },
    { name: "a fingerprint", breaks: [], input: ["hash", `<fingerprint>${fresh()}</fingerprint>${signature}`], code: "read" },
    { name: "a fingerprint that is not wrapped", breaks: [], input: ["hash", `${fresh()}${signature}`], code: "read" },
    { name: "nothing", breaks: "XEP-0116 §4.5.4", input: ["key", ""], code: "unread" },
    { name: "no XML", breaks: "XEP-0116 §4.5.4", input: ["key", `<KeyValue>${signature}`], code: "unread" },
    { name: "a key alone", breaks: "XEP-0116 §4.5.4", input: ["key", shownKey], code: "unread" },
    { name: "a signature alone", breaks: "XEP-0116 §4.5.4", input: ["key", signature], code: "unread" },
    { name: "two signatures", breaks: "XEP-0116 §4.5.4", input: ["key", `${shownKey}${signature}${signature}`], code: "unread" },
    { name: "the signature first", breaks: "XEP-0116 §4.5.4", input: ["key", `${signature}${shownKey}`], code: "unread" },
    { name: "a signature that is not base64", breaks: "XEP-0116 §4.5.4", input: ["key", `${shownKey}<SignatureValue>!</SignatureValue>`], code: "unread" },
    { name: "a fingerprint for a key", breaks: "XEP-0116 §4.5.4", input: ["key", `<fingerprint>${fresh()}</fingerprint>${signature}`], code: "unread" },
    { name: "a key for a fingerprint", breaks: "XEP-0116 §4.5.4", input: ["hash", `${shownKey}${signature}`], code: "unread" },
    { name: "a short fingerprint", breaks: "XEP-0116 §4.5.4", input: ["hash", `<fingerprint>AAAA</fingerprint>${signature}`], code: "unread" },
    { name: "a short fingerprint, not wrapped", breaks: "XEP-0116 §4.5.4", input: ["hash", `AAAA${signature}`], code: "unread" },
    { name: "a fingerprint of another kind", breaks: "XEP-0116 §4.5.4", input: ["hash", `<print>${fresh()}</print>${signature}`], code: "unread" },
    { name: "not wrapped, and two signatures", breaks: "XEP-0116 §4.5.4", input: ["hash", `${fresh()}${signature}${signature}`], code: "unread" },
    { name: "a DOCTYPE", breaks: "XEP-0116 §4.5.4", input: ["key", `<!DOCTYPE x>${shownKey}${signature}`], code: "unread" },
    { name: "a DSA key", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replaceAll("RSA", "DSA")}${signature}`], code: "unread" },
    { name: "two keys", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replace("</RSAKeyValue>", "</RSAKeyValue><RSAKeyValue/>")}${signature}`], code: "unread" },
    { name: "no exponent", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replace(/<Exponent>.*<.Exponent>/, "")}${signature}`], code: "unread" },
    { name: "an empty exponent", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replace(/<Exponent>.*<.Exponent>/, "<Exponent/>")}${signature}`], code: "unread" },
    { name: "an element in the modulus", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replace("<Modulus>", "<Modulus><x/>")}${signature}`], code: "unread" },
    { name: "a modulus that is not base64", breaks: "XML Signature §4.4.2.2", input: ["key", `${shownKey.replace("<Modulus>", "<Modulus>!")}${signature}`], code: "unread" },
  ],
  run: ([method, text]: readonly ["key" | "hash", string]) => Promise.resolve(readIdentity(method, Buffer.from(text)) ? "read" : "unread"),
});
