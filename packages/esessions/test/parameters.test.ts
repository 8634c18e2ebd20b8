import type { Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { type Form, readForm, writeForm } from "../src/form.js";
import type { Parameters } from "../src/index.js";
import { RSA_SHA256 } from "../src/key-value.js";
import { asNamed, type Chosen, choose, loggingAs, loggingOf, readChoice, requestFields, writeRequest, writeResponse } from "../src/parameters.js";

const BALCONY = "urn:xmpp:balcony:esessions:0";
const NEVER = 4294967295;
const parameters: Parameters = {
  groups: [14, 15],
  ciphers: ["aes256-ctr", "aes128-ctr"],
  logging: ["mustnot", "may"],
  settings: ["strict", "deployed"],
  rekeyFrequency: 100,
  messages: [3, 4],
  identify: ["none", "key", "hash"],
  require: ["hash", "key", "none"],
  wholeStanzas: true,
  stanzas: ["message", "presence", "iq"],
};
const plain: Parameters = {
  ...parameters,
  groups: [14],
  ciphers: ["aes256-ctr"],
  logging: ["mustnot"],
  identify: ["none"],
  require: ["none"],
  wholeStanzas: false,
  stanzas: ["message"],
};

/** A form, a line a field: `name type = values`, options in brackets. */
const lines = (form: Element): string[] =>
  form.getChildren("field").map((field) => {
    const options = field.getChildren("option").map((option) => option.getChildText("value"));
    const values = field.getChildren("value").map((value) => value.getText());
    return `${[field.attrs.var, field.attrs.type].flatMap((part) => part ?? []).join(" ")} = ${options.length > 0 ? `[${options.join(", ")}]` : values.join(", ")}`;
  });

type Fields = Readonly<Record<string, readonly string[] | undefined>>;
const formOf = (type: "form" | "submit", fields: Fields): Form =>
  readForm(
    writeForm(
      type,
      Object.entries(fields).flatMap(([name, values]) => (values ? [[name, values] as const] : [])),
    ),
  );
const fixed: Fields = {
  FORM_TYPE: ["urn:xmpp:ssn"],
  disclosure: ["never"],
  security: ["e2e"],
  hash_algs: ["sha256"],
  compress: ["none"],
  ver: ["1.0"],
  sas_algs: ["sas28x5"],
};

describe("what Alice offers (XEP-0116 §4.3)", () => {
  it("is each option in her order, the kinds of field as the text has them", () => {
    expect(lines(writeRequest(parameters, 4, Uint8Array.of(1, 2, 3), [Uint8Array.of(0), Uint8Array.of(1)]))).toEqual([
      "FORM_TYPE hidden = urn:xmpp:ssn",
      "accept boolean = 1",
      "logging list-single = [mustnot, may]",
      "disclosure list-single = [never]",
      "security list-single = [e2e]",
      "hash_algs hidden = sha256",
      "compress hidden = none",
      "ver hidden = 1.0",
      "sas_algs hidden = sas28x5",
      "init_pubkey list-single = [none, key, hash]",
      "resp_pubkey list-single = [hash, key, none]",
      `sign_algs list-single = [${RSA_SHA256}]`,
      "crypt_algs list-single = [aes256-ctr, aes128-ctr]",
      "stanzas list-multi = [message, presence, iq]",
      "rekey_freq hidden = 100",
      `${BALCONY} list-single = [strict, deployed]`,
      "my_nonce hidden = AQID",
      "modp list-single = [14, 15]",
      "dhhashes hidden = AA==, AQ==",
    ]);
  });

  it("has e itself in three messages, no short string, and nobody unidentified", () => {
    const three = lines(writeRequest(parameters, 3, Uint8Array.of(1), [Uint8Array.of(5)]));
    expect(three).toEqual(expect.arrayContaining(["init_pubkey list-single = [key, hash]", "resp_pubkey list-single = [hash, key]", "dhkeys hidden = BQ=="]));
    expect(three.filter((line) => /^(?:sas_algs|dhhashes)/.test(line))).toEqual([]);
  });

  it("names no signatures where nobody is identified, and nothing of ours where that is off", () => {
    const offered = writeRequest(plain, 4, Uint8Array.of(1), [Uint8Array.of(5)]);
    expect(offered.attrs.type).toBe("form");
    expect(lines(offered)).toContain("crypt_algs hidden = aes256-ctr");
    expect(lines(offered).filter((line) => /^(?:sign_algs|urn:)/.test(line))).toEqual([]);
    for (const keyed of [{ identify: ["none", "key"] }, { require: ["hash"] }] as const) {
      expect(lines(writeRequest({ ...plain, ...keyed }, 4, Uint8Array.of(1), []))).toContain(`sign_algs list-single = [${RSA_SHA256}]`);
    }
  });
});

it("every field of an offer is known to whoever gets it, by either of its names", () => {
  const names = ([3, 4] as const).flatMap((messages) => writeRequest(parameters, messages, Uint8Array.of(1), []).getChildren("field"));
  expect([...requestFields].sort()).toEqual([...new Set([...names.map(({ attrs }) => attrs.var), "otr", "disclose"])].sort());
});

const offer: Fields = {
  ...fixed,
  logging: ["mustnot", "may"],
  init_pubkey: ["none", "key", "hash"],
  resp_pubkey: ["none", "key", "hash"],
  sign_algs: [RSA_SHA256],
  crypt_algs: ["aes192-ctr", "aes128-ctr", "aes256-ctr"],
  stanzas: ["iq", "message", "presence"],
  rekey_freq: ["50"],
  [BALCONY]: ["deployed", "strict"],
  modp: ["5", "15", "14"],
};

describe("what Bob chooses (XEP-0116 §4.4)", () => {
  const chosen = (fields: Fields, ours: Parameters = parameters, messages: 3 | 4 = 4) => choose(formOf("form", { ...offer, ...fields }), ours, messages);

  it("is the first of Alice's options that he takes; how she identifies herself goes by his order", () => {
    expect(chosen({})).toEqual({
      messages: 4,
      identification: { initiator: "hash", responder: "none" },
      group: 15,
      cipher: "aes128-ctr",
      logging: "mustnot",
      setting: "deployed",
      balcony: true,
      rekeyFrequency: 100,
      stanzas: ["message", "presence", "iq"],
    } satisfies Chosen);
  });

  it.each<[string, Fields, Partial<Parameters>, Partial<Chosen>]>([
    ["a group of hers that is not his first", { modp: ["15", "14"] }, { groups: [14] }, { group: 14 }],
    ["a cipher of hers that is not his first", { crypt_algs: ["aes128-ctr", "aes256-ctr"] }, {}, { cipher: "aes128-ctr" }],
    ["what both may encrypt, in his order", { stanzas: ["iq", "message"] }, {}, { stanzas: ["message", "iq"] }],
    ["what both may encrypt, and no more", {}, { stanzas: ["message"] }, { stanzas: ["message"] }],
    ["a fixed option behind another", { security: ["none", "e2e"], ver: ["1.1", "1.0"], sas_algs: ["x", "sas28x5"] }, {}, { group: 15 }],
    ["disclosure by its name in XEP-0116", { disclosure: undefined, disclose: ["never"] }, {}, { group: 15 }],
    ["no logging where she does not ask", { logging: undefined }, {}, { logging: undefined }],
    ["logging that he takes and she would", { logging: ["may", "mustnot"] }, { logging: ["mustnot"] }, { logging: "mustnot" }],
    ["logging in her order", { logging: ["may", "mustnot"] }, {}, { logging: "may" }],
    ["logging by the name in XEP-0217", { logging: undefined, otr: ["true"] }, {}, { logging: "mustnot" }],
    ["no otr as a transcript", { logging: undefined, otr: ["false", "true"] }, {}, { logging: "may" }],
    ["the setting of the deployed for anybody else", { [BALCONY]: undefined }, {}, { balcony: false, setting: "deployed" }],
    ["the letter for anybody else where he takes no other", { [BALCONY]: undefined }, { settings: ["strict"] }, { balcony: false, setting: "strict" }],
    ["nothing of ours where that is off", { [BALCONY]: ["strict"] }, { wholeStanzas: false }, { balcony: false, setting: "deployed" }],
    ["the setting in her order", { [BALCONY]: ["strict", "deployed"] }, {}, { balcony: true, setting: "strict" }],
    ["a setting that he takes", {}, { settings: ["strict"] }, { balcony: true, setting: "strict" }],
    ["as few re-keys as she asks for", { rekey_freq: ["101"] }, {}, { rekeyFrequency: 101 }],
    ["no re-keys where she does not say", { rekey_freq: undefined }, {}, { rekeyFrequency: NEVER }],
    ["no re-keys where she says so", { rekey_freq: [String(NEVER)] }, {}, { rekeyFrequency: NEVER }],
    ["re-keys after each stanza", { rekey_freq: ["1"] }, { rekeyFrequency: 1 }, { rekeyFrequency: 1 }],
    [
      "nobody identified, and no signatures",
      { sign_algs: undefined, init_pubkey: ["none"], resp_pubkey: ["none"] },
      {},
      { identification: { initiator: "none", responder: "none" } },
    ],
    ["how he identifies himself by her order", { resp_pubkey: ["hash", "key"] }, {}, { identification: { initiator: "hash", responder: "hash" } }],
  ])("may be %s", (_, fields, ours, expected) => {
    expect(chosen(fields, { ...parameters, ...ours })).toMatchObject(expected);
    expect(chosen(fields, { ...parameters, ...ours })).not.toHaveProperty("refused");
  });

  it("has nobody unidentified in three messages, and asks for no short string", () => {
    expect(chosen({ sas_algs: undefined }, parameters, 3)).toMatchObject({ messages: 3, identification: { initiator: "hash", responder: "key" } });
    expect(chosen({ init_pubkey: ["none"], resp_pubkey: ["none"] }, parameters, 3)).toEqual({ refused: ["init_pubkey", "resp_pubkey"] });
  });

  it.each<[readonly string[], Fields, Partial<Parameters>?]>([
    ...Object.keys(fixed)
      .filter((name) => name !== "FORM_TYPE")
      .flatMap((name): [readonly string[], Fields][] => [
        [[name], { [name]: ["x"] }],
        [[name], { [name]: undefined }],
      ]),
    [["disclosure"], { disclosure: ["x"], disclose: ["never"] }],
    [["disclose"], { disclosure: undefined, disclose: ["x"] }],
    [["modp"], { modp: ["1", "2", "5"] }],
    [["modp"], { modp: undefined }],
    [["crypt_algs"], { crypt_algs: ["blowfish-ctr"] }],
    [["stanzas"], { stanzas: ["presence", "iq"] }],
    [["stanzas"], { stanzas: undefined }],
    [["init_pubkey"], { init_pubkey: ["none"] }, { require: ["key"] }],
    [["resp_pubkey"], { resp_pubkey: ["key"] }, { identify: ["none"] }],
    [["sign_algs"], { sign_algs: undefined }],
    [["sign_algs"], { sign_algs: ["http://www.w3.org/2000/09/xmldsig#rsa-sha1"], init_pubkey: ["none"], resp_pubkey: ["key"] }],
    [["logging"], { logging: ["x"] }],
    [["logging"], { logging: ["may"] }, { logging: ["mustnot"] }],
    [["otr"], { logging: undefined, otr: ["false"] }, { logging: ["mustnot"] }],
    [["otr"], { logging: undefined, otr: [] }],
    [[BALCONY], { [BALCONY]: ["x"] }],
    ...["0", "-1", "1.5", "x", "4294967296", "Infinity"].map((frequency): [readonly string[], Fields] => [["rekey_freq"], { rekey_freq: [frequency] }]),
    [["ver", "stanzas", "modp", "rekey_freq"], { ver: ["2"], stanzas: ["iq"], modp: ["1"], rekey_freq: ["0"] }],
  ])("is refused with the fields in which nothing is in common: %j (%#)", (refused, fields, ours) => {
    expect(chosen(fields, { ...parameters, ...ours })).toEqual({ refused });
  });
});

const agreed: Chosen = {
  messages: 4,
  identification: { initiator: "hash", responder: "none" },
  group: 15,
  cipher: "aes128-ctr",
  logging: "mustnot",
  setting: "strict",
  balcony: true,
  rekeyFrequency: 100,
  stanzas: ["message", "iq"],
};

describe("what Bob answers (XEP-0116 §4.5)", () => {
  const answered = formOf("form", offer);
  const written = (chosen: Chosen, request = answered) => lines(writeForm("submit", writeResponse(chosen, request, [["my_nonce", "AQID"]])));

  it("is each choice, by the letter without types", () => {
    expect(written(agreed)).toEqual([
      "FORM_TYPE = urn:xmpp:ssn",
      "accept = 1",
      "logging = mustnot",
      "disclosure = never",
      "security = e2e",
      "hash_algs = sha256",
      "compress = none",
      "ver = 1.0",
      "sas_algs = sas28x5",
      "init_pubkey = hash",
      "resp_pubkey = none",
      `sign_algs = ${RSA_SHA256}`,
      "crypt_algs = aes128-ctr",
      "stanzas = message, iq",
      "rekey_freq = 100",
      `${BALCONY} = strict`,
      "modp = 15",
      "my_nonce = AQID",
    ]);
  });

  it("is as the deployed write it: `true`, and text-single wherever there is one value", () => {
    const all = writeForm("submit", writeResponse({ ...agreed, setting: "deployed" }, answered, [["my_nonce", "AQID"]]));
    expect(lines(all).slice(0, 3)).toEqual(["FORM_TYPE text-single = urn:xmpp:ssn", "accept text-single = true", "logging text-single = mustnot"]);
    expect(lines(all).filter((line) => !line.includes(" text-single ="))).toEqual(["stanzas list-multi = [message, iq]"]);
    const alone = writeForm("submit", writeResponse({ ...agreed, setting: "deployed", stanzas: ["message"] }, answered, []));
    expect(lines(alone)).toContain("stanzas text-single = message");
  });

  it("leaves out what was not asked, and calls the rest what Alice called it", () => {
    const request = formOf("form", { ...offer, logging: undefined, otr: ["true"], disclosure: undefined, disclose: ["never"] });
    const all = written({ ...agreed, balcony: false, identification: { initiator: "none", responder: "none" } }, request);
    expect(all.slice(2, 4)).toEqual(["otr = true", "disclose = never"]);
    expect(all.filter((line) => /^(?:sign_algs|urn:)/.test(line))).toEqual([]);
    expect(written({ ...agreed, logging: undefined }).filter((line) => line.startsWith("logging"))).toEqual([]);
    expect(written({ ...agreed, messages: 3 }).filter((line) => line.startsWith("sas_algs"))).toEqual([]);
    expect(written({ ...agreed, identification: { initiator: "none", responder: "key" } })).toContain(`sign_algs = ${RSA_SHA256}`);
  });
});

describe("what Alice takes for an answer (XEP-0116 §4.6)", () => {
  const answer: Fields = {
    ...fixed,
    logging: ["mustnot"],
    init_pubkey: ["key"],
    resp_pubkey: ["hash"],
    sign_algs: [RSA_SHA256],
    crypt_algs: ["aes128-ctr"],
    stanzas: ["message", "iq"],
    rekey_freq: ["100"],
    [BALCONY]: ["strict"],
    modp: ["15"],
  };
  const read = (fields: Fields, offered: Parameters = parameters, messages: 3 | 4 = 4) => readChoice(formOf("submit", { ...answer, ...fields }), offered, messages);

  it("is one of her options in each field", () => {
    expect(read({})).toEqual({ ...agreed, identification: { initiator: "key", responder: "hash" } });
  });

  it.each<[string, Fields, Partial<Parameters>, Partial<Chosen>]>([
    ["nothing on logging", { logging: undefined }, {}, { logging: undefined }],
    ["logging by the name in XEP-0217", { logging: undefined, otr: ["1"] }, {}, { logging: "mustnot" }],
    ["disclosure by its name in XEP-0116", { disclosure: undefined, disclose: ["never"] }, {}, { group: 15 }],
    ["rarer re-keys", { rekey_freq: ["101"] }, {}, { rekeyFrequency: 101 }],
    ["no re-keys at all", { rekey_freq: undefined }, {}, { rekeyFrequency: NEVER }],
    ["no re-keys in so many words", { rekey_freq: [String(NEVER)] }, {}, { rekeyFrequency: NEVER }],
    ["nothing of ours", { [BALCONY]: undefined }, {}, { balcony: false, setting: "deployed" }],
    ["nothing of ours where we hold to the letter", { [BALCONY]: undefined }, { settings: ["strict"] }, { balcony: false, setting: "strict" }],
    ["something of ours that we did not offer", { [BALCONY]: ["strict"] }, { wholeStanzas: false }, { balcony: false, setting: "deployed" }],
    [
      "no signatures where nobody is identified",
      { sign_algs: undefined, init_pubkey: ["none"], resp_pubkey: ["none"] },
      {},
      { identification: { initiator: "none", responder: "none" } },
    ],
  ])("may be %s", (_, fields, offered, expected) => {
    expect(read(fields, { ...parameters, ...offered })).toMatchObject(expected);
    expect(read(fields, { ...parameters, ...offered })).not.toHaveProperty("refused");
  });

  it("is without a short string in three messages, and nobody is unidentified", () => {
    expect(read({ sas_algs: undefined }, parameters, 3)).toMatchObject({ messages: 3 });
    expect(read({ init_pubkey: ["none"], resp_pubkey: ["none"] }, parameters, 3)).toEqual({ refused: ["init_pubkey", "resp_pubkey"] });
  });

  it.each<[readonly string[], Fields, Partial<Parameters>?]>([
    ...Object.keys(fixed)
      .filter((name) => name !== "FORM_TYPE")
      .flatMap((name): [readonly string[], Fields][] => [
        [[name], { [name]: ["x"] }],
        [[name], { [name]: undefined }],
      ]),
    [["modp"], { modp: ["16"] }],
    [["modp"], { modp: undefined }],
    [["crypt_algs"], { crypt_algs: ["aes192-ctr"] }],
    [["stanzas"], { stanzas: ["iq"] }],
    [["stanzas"], { stanzas: ["message", "iq"] }, { stanzas: ["message"] }],
    [["stanzas"], { stanzas: undefined }],
    [["init_pubkey"], { init_pubkey: ["hash"] }, { identify: ["key"] }],
    [["resp_pubkey"], { resp_pubkey: ["none"] }, { require: ["key"] }],
    [["sign_algs"], { sign_algs: undefined }],
    [["sign_algs"], { sign_algs: ["x"], init_pubkey: ["none"] }],
    [["sign_algs"], { sign_algs: ["x"], resp_pubkey: ["none"] }],
    [["logging"], { logging: ["may"] }, { logging: ["mustnot"] }],
    [["otr"], { logging: undefined, otr: ["0"] }, { logging: ["mustnot"] }],
    [["disclose"], { disclosure: undefined, disclose: ["x"] }],
    [[BALCONY], { [BALCONY]: ["x"] }],
    [[BALCONY], { [BALCONY]: ["strict"] }, { settings: ["deployed"] }],
    ...["99", "0", "100.5", "x", "4294967296"].map((frequency): [readonly string[], Fields] => [["rekey_freq"], { rekey_freq: [frequency] }]),
  ])("is refused with the fields in which it is none of hers: %j (%#)", (refused, fields, offered) => {
    expect(read(fields, { ...parameters, ...offered })).toEqual({ refused });
  });

  it.each(["modp", "crypt_algs", "ver", "rekey_freq", BALCONY])("is no form with two values in %s", (name) => {
    expect(() => read({ [name]: ["1", "2"] })).toThrow(expect.objectContaining({ code: "esession-form" }));
  });
});

describe("fields that the texts call by two names", () => {
  it("are called as they came, and by XEP-0155 where both are there, or neither", () => {
    const named = (fields: Fields, name: string) => asNamed(formOf("form", { FORM_TYPE: fixed.FORM_TYPE, ...fields }), name);
    expect([named({ otr: ["1"] }, "logging"), named({ otr: ["1"], logging: ["may"] }, "logging"), named({}, "logging")]).toEqual(["otr", "logging", "logging"]);
    expect([named({ disclose: ["x"] }, "disclosure"), named({ otr: ["x"] }, "disclosure"), named({ otr: ["x"] }, "ver")]).toEqual(["disclose", "disclosure", "ver"]);
  });

  it("say the same of logging", () => {
    const said = (fields: Fields) => loggingOf(formOf("form", { FORM_TYPE: fixed.FORM_TYPE, ...fields }));
    expect(said({ logging: ["may", "x", "mustnot"] })).toEqual(["may", "mustnot"]);
    expect(said({ otr: ["true", "1", "false", "0"] })).toEqual(["mustnot", "mustnot", "may", "may"]);
    expect([said({ logging: ["may"], otr: ["true"] }), said({})]).toEqual([["may"], []]);
    expect([loggingAs("otr", "mustnot"), loggingAs("otr", "may"), loggingAs("logging", "may")]).toEqual([
      ["otr", "true"],
      ["otr", "false"],
      ["logging", "may"],
    ]);
  });
});
