import { generateKeyPairSync } from "node:crypto";
import { BalconyError, memoryStanzaNetwork } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { clone, type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { canonicalForm } from "../src/canonical.js";
import { strict } from "../src/compatibility.js";
import { type Keys, OfflineESessions, type OfflineMessage, type OfflineOptions, type OfflineStore, type Pep, type StoredOptions } from "../src/index.js";
import { nodeArithmetic, nodeCrypto, nodeSigner, rsaFromSpki } from "../src/node/index.js";
import { toBase64, utf8 } from "../src/octets.js";
import { readPublicKey, writePublicKey } from "../src/offline/public-key.js";
import { keys, sameKey, signers } from "./keys.js";
import { ALICE, BOB, side } from "./pair.js";

const NODE = "http://www.xmpp.org/extensions/xep-0187.html#ns";
const NS_PUBKEY = "urn:xmpp:pubkey:2";
const HOUR = 3_600_000;
const START = Date.parse("2026-06-01T12:00:00Z");
const alice = "alice@capulet.lit";

/** What a server publishes for its accounts. */
class MemoryPep {
  readonly nodes = new Map<string, Element>();
  /** What a server shows before it. */
  readonly more = new Map<string, readonly Element[]>();

  of(account: string): Pep {
    return {
      publish: (node, payload) => {
        this.nodes.set(`${account} ${node}`, payload);
        return Promise.resolve();
      },
      retract: (node) => {
        this.nodes.delete(`${account} ${node}`);
        return Promise.resolve();
      },
      items: (jid, node) => Promise.resolve([...(this.more.get(`${jid} ${node}`) ?? []), this.nodes.get(`${jid} ${node}`)].flatMap((item) => item ?? [])),
    };
  }
}

function memoryStore(): OfflineStore & { readonly all: readonly StoredOptions[] } {
  let all: readonly StoredOptions[] = [];
  return {
    get all() {
      return all;
    },
    list: () => Promise.resolve(all),
    change: (next) => {
      all = next(all);
      return Promise.resolve();
    },
  };
}

/** Alice has published and is away; what Bob sends to her waits in `stored`, as her server would keep it. */
async function away(more: { readonly alice?: Partial<OfflineOptions>; readonly bob?: Partial<OfflineOptions>; readonly lifetime?: number } = {}) {
  const network = memoryStanzaNetwork({ report: () => undefined });
  const pep = new MemoryPep();
  const store = memoryStore();
  const clock = { now: START };
  const errors: unknown[] = [];
  const heard: OfflineMessage[] = [];
  const end = (address: string, own: "alice" | "bob", options: Partial<OfflineOptions> = {}) =>
    new OfflineESessions(network.connect(address), {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      keys: keys(own),
      fromSpki: rsaFromSpki,
      pep: pep.of(address.split("/")[0] ?? ""),
      store: memoryStore(),
      groups: [14],
      clock: () => clock.now,
      onMessage: (message) => heard.push(message),
      report: (error) => errors.push(error),
      ...options,
    });
  const stored: Element[] = [];
  network.tap((stanza) => {
    stored.push(clone(stanza));
    return [];
  });
  const a = end(ALICE, "alice", { store, ...more.alice });
  const b = end(BOB, "bob", more.bob);
  await a.publishKey();
  await a.publish(more.lifetime ?? HOUR);
  /** What the server gives her when she is back. */
  const delivered = async (...stanzas: readonly Element[]): Promise<void> => {
    const before = heard.length + errors.length;
    for (const stanza of stanzas) {
      const copy = clone(stanza);
      copy.attrs.to = ALICE;
      network.inject(copy);
    }
    await expect.poll(() => heard.length + errors.length).toBe(before + stanzas.length);
  };
  return { network, pep, store, clock, errors, heard, stored, a, b, delivered };
}

const message = (text: string) => xml("message", { type: "chat" }, xml("body", {}, text));
const codes = (errors: readonly unknown[]) => errors.map((error) => (error instanceof BalconyError ? error.code : String(error)));

describe("messages to somebody who is away (XEP-0187)", () => {
  it("are opened when they are back, with who signed and when it was written, and show the servers nothing", async () => {
    const { a, b, delivered, errors, heard, pep, stored } = await away();
    await b.send(alice, message("Grüße"));
    await b.send(`${alice}/balcony`, message("gute Nacht"));
    await a.online();
    expect([...pep.nodes.keys()]).toEqual([`${alice} ${NS_PUBKEY}`]);
    await delivered(...stored);
    expect(heard.map(({ stanza }) => stanza.getChildText("body"))).toEqual(["Grüße", "gute Nacht"]);
    expect(heard[0]).toMatchObject({ from: BOB, created: "2026-06-01T12:00:00Z", stanza: { attrs: { from: BOB, to: ALICE } } });
    expect(heard[0]?.stanza.attrs.type).toBeUndefined();
    expect([sameKey(heard[0]?.key, signers.bob.publicKey), errors]).toEqual([true, []]);
    expect(stored.map(({ attrs }) => attrs.to)).toEqual([alice, alice]);
    expect(stored.join("")).not.toMatch(/Grüße|<body|no-store|Created/);
  });

  it("are opened once, however often they come, and after a restart, too", async () => {
    const { b, delivered, errors, heard, network, store, stored, a } = await away();
    await b.send(alice, message("once"));
    await delivered(...stored, ...stored);
    expect([heard.length, codes(errors)]).toEqual([1, ["stanza-unverified"]]);
    a.close();
    const again = new OfflineESessions(side(network, `${alice}/again`).channel, {
      ...{ crypto: nodeCrypto, arithmetic: nodeArithmetic, keys: keys("alice"), fromSpki: rsaFromSpki, pep: new MemoryPep().of(alice), groups: [14] },
      store,
      clock: () => START,
      onMessage: (one) => heard.push(one),
      report: (error) => errors.push(error),
    });
    const replayed = clone(stored[0] ?? xml("message"));
    replayed.attrs.to = `${alice}/again`;
    network.inject(replayed);
    await expect.poll(() => codes(errors)).toEqual(["stanza-unverified", "stanza-unverified"]);
    expect(heard.length).toBe(1);
    again.close();
  });

  it("are kept as taken before they are delivered: a crash loses one, and never gives it twice", async () => {
    const order: string[] = [];
    const store = memoryStore();
    const watched: OfflineStore = {
      list: store.list,
      change: async (next) => {
        await store.change(next);
        order.push("kept");
      },
    };
    const { b, network, stored } = await away({ alice: { store: watched, onMessage: () => order.push("delivered") } });
    await b.send(alice, message("x"));
    const copy = clone(stored[0] ?? xml("message"));
    copy.attrs.to = ALICE;
    network.inject(copy);
    await expect.poll(() => order).toEqual(["kept", "kept", "delivered"]);
    expect(store.all[0]?.seen).toHaveLength(1);
  });

  it("are neither sent nor opened when the options have expired", async () => {
    const { b, clock, delivered, errors, heard, stored } = await away();
    await b.send(alice, message("in time, and too late"));
    clock.now += HOUR + 1_000;
    await expect(b.send(alice, message("too late"))).rejects.toMatchObject({ code: "expired" });
    await delivered(...stored);
    expect([heard, codes(errors)]).toEqual([[], ["expired"]]);
  });

  it("cannot be opened by anybody once the secret halves are destroyed", async () => {
    const { a, b, delivered, errors, heard, store, stored } = await away();
    const [{ exponents = [] } = {}] = store.all;
    await b.send(alice, message("x"));
    await a.forget();
    await delivered(...stored);
    expect([heard, codes(errors), store.all, exponents.every(([, x]) => x.every((octet) => octet === 0))]).toEqual([[], ["unknown-session"], [], true]);
  });

  it("are sent to nobody whose key is not trusted, or who has published nothing for us", async () => {
    const refusing = await away({ bob: { keys: keys("bob", { trust: () => false }) } });
    await expect(refusing.b.send(alice, message("x"))).rejects.toMatchObject({ code: "not-trusted" });
    const { a, b, stored } = await away();
    await a.online();
    await expect(b.send(alice, message("x"))).rejects.toMatchObject({ code: "unsupported-peer" });
    await expect(b.send(alice, xml("iq", { type: "get" }))).rejects.toMatchObject({ code: "invalid-argument" });
    expect(stored).toEqual([]);
  });

  it("have nobody decide on a published key that has signed nothing", async () => {
    const asked: string[] = [];
    const trust: Keys["trust"] = (_, key) => asked.push(sameKey(key, signers.alice.publicKey) ? "alice" : "another") > 0;
    const { b, pep, stored } = await away({ bob: { keys: keys("bob", { trust }) } });
    const other = nodeSigner(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey).publicKey;
    pep.more.set(`${alice} ${NS_PUBKEY}`, [writePublicKey(nodeCrypto, { key: other, jid: alice, begin: START, end: START + HOUR })]);
    await b.send(alice, message("x"));
    expect([asked, stored.length]).toEqual([["alice"], 1]);
  });

  it("of somebody whose key is not trusted are not opened, and cost nobody else theirs", async () => {
    let trusting = false;
    const { b, delivered, errors, heard, stored } = await away({ alice: { keys: keys("alice", { trust: () => trusting }) } });
    await b.send(alice, message("x"));
    await delivered(...stored);
    expect([heard, codes(errors)]).toEqual([[], ["not-trusted"]]);
    trusting = true;
    await delivered(...stored);
    expect(heard).toHaveLength(1);
  });

  it("have fresh values each time that she goes", async () => {
    const { a, pep } = await away();
    const values = (): string => String(pep.nodes.get(`${alice} ${NODE}`));
    const before = values();
    await a.publish(HOUR);
    for (const name of ["my_nonce", "dhkeys"]) {
      const pattern = new RegExp(`${name}"[^>]*><value>([^<]+)`);
      expect(pattern.exec(before)?.[1]).toBeTruthy();
      expect(pattern.exec(values())?.[1]).not.toBe(pattern.exec(before)?.[1]);
    }
  });

  it("go past the sessions of those who are online", async () => {
    const { b, delivered, heard, network, stored } = await away();
    const present = side(network, "alice@capulet.lit/present");
    await b.send(alice, message("x"));
    await delivered(...stored);
    expect([heard.length, present.errors]).toEqual([1, []]);
  });
});

const value = (name: string, text: string) => (x: Element) => {
  for (const field of x.getChildren("field")) if (field.attrs.var === name) field.children = [xml("value", {}, text)];
};
const without = (name: string) => (x: Element) => {
  for (const field of x.getChildren("field")) if (field.attrs.var === name) x.remove(field);
};

/** Options that Alice really signs, whatever they say. */
async function published(change: (x: Element) => void, signed: boolean): Promise<string> {
  const { b, pep } = await away();
  const x = clone(pep.nodes.get(`${alice} ${NODE}`) ?? xml("x"));
  change(x);
  if (signed) value("signs", toBase64(await signers.alice.sign(utf8(canonicalForm(x, strict)))))(x);
  pep.nodes.set(`${alice} ${NODE}`, x);
  return await b.send(alice, message("x")).then(
    () => "sent",
    ({ code }) => code,
  );
}

const signed = (change: (x: Element) => void) => [change, true] as const;
const prime = nodeArithmetic.prime(14);
const last = Uint8Array.from(prime);
last[last.length - 1] = (last.at(-1) ?? 1) - 1;

malformedTable<readonly [change: (x: Element) => void, signed: boolean]>("what is published for those who send to somebody who is away", {
  rules: [
    { section: "XEP-0187 §3.1", text: "the options are signed by a key of hers, and have expires, nonce and an e for each group" },
    { section: "XEP-0187 §3.3", text: "no option in common, options that have expired, or an e out of range: nothing is sent" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: [() => undefined, false], code: "sent" },
    { name: "signed anew", breaks: [], input: signed(() => undefined), code: "sent" },
    { name: "another expiry, not signed", breaks: "XEP-0187 §3.1", input: [value("expires", "2026-06-02T12:00:00Z"), false], code: "not-trusted" },
    { name: "another e, not signed", breaks: "XEP-0187 §3.1", input: [value("dhkeys", toBase64(prime.subarray(1))), false], code: "not-trusted" },
    { name: "no signature", breaks: "XEP-0187 §3.1", input: [without("signs"), false], code: "esession-form" },
    { name: "a signature that is none", breaks: "XEP-0187 §3.1", input: [value("signs", toBase64(new Uint8Array(256))), false], code: "not-trusted" },
    { name: "no expiry", breaks: "XEP-0187 §3.1", input: signed(without("expires")), code: "esession-form" },
    { name: "an expiry that is no time", breaks: "XEP-0187 §3.1", input: signed(value("expires", "tomorrow")), code: "esession-form" },
    { name: "an expiry in two months", breaks: "XEP-0187 §3.1", input: signed(value("expires", "2026-08-01T12:00:00Z")), code: "esession-form" },
    { name: "no nonce", breaks: "XEP-0187 §3.1", input: signed(without("my_nonce")), code: "esession-form" },
    {
      name: "two values for one group",
      breaks: "XEP-0187 §3.1",
      input: signed(
        (x) =>
          void x
            .getChildren("field")
            .find(({ attrs }) => attrs.var === "dhkeys")
            ?.append(xml("value", {}, "AQID")),
      ),
      code: "esession-form",
    },
    { name: "no e", breaks: "XEP-0187 §3.1", input: signed(without("dhkeys")), code: "esession-form" },
    { name: "another FORM_TYPE", breaks: "XEP-0187 §3.1", input: signed(value("FORM_TYPE", "x")), code: "esession-form" },
    { name: "expired", breaks: "XEP-0187 §3.3", input: signed(value("expires", "2026-06-01T12:00:00Z")), code: "expired" },
    { name: "group 5 alone", breaks: "XEP-0187 §3.3", input: signed(value("modp", "5")), code: "esession-options" },
    { name: "no cipher that is known", breaks: "XEP-0187 §3.3", input: signed(value("crypt_algs", "twofish256-ctr")), code: "esession-options" },
    { name: "requests alone", breaks: "XEP-0187 §3.3", input: signed(value("stanzas", "iq")), code: "esession-options" },
    ...["AA==", "AQ==", toBase64(last), toBase64(prime)].map((e, index) => ({
      name: `e = ${["0", "1", "p − 1", "p"][index]}`,
      breaks: "XEP-0187 §3.3",
      input: signed(value("dhkeys", e)),
      code: "esession-check",
    })),
  ],
  run: ([change, resigned]) => published(change, resigned),
});

const inForm = (change: (x: Element) => void) => (stanza: Element) => {
  const x = stanza.getChild("init")?.getChild("x");
  if (x) change(x);
};

malformedTable<(stanza: Element) => void>("what comes for somebody who was away", {
  rules: [
    { section: "XEP-0187 §3.4", text: "the nonce is of options that were published; what was chosen is among them; 1 < d < p − 1; M_B and the signature match" },
    { section: "XEP-0187 §3.3", text: "one form, one encrypted stanza, and an end" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: () => undefined, code: "opened" },
    { name: "another nonce", breaks: "XEP-0187 §3.4", input: inForm(value("nonce", toBase64(new Uint8Array(16)))), code: "unknown-session" },
    ...["nonce", "my_nonce", "dhkeys", "counter", "identity", "mac"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0187 §3.4",
      input: inForm(without(name)),
      code: "esession-form",
    })),
    ...["modp", "crypt_algs", "hash_algs", "sign_algs", "security", "disclosure", "ver", "compress", "stanzas"].map((name) => ({
      name: `${name} was not published`,
      breaks: "XEP-0187 §3.4",
      input: inForm(value(name, "5")),
      code: "esession-options",
    })),
    ...["AA==", "AQ==", toBase64(last), toBase64(prime)].map((d, index) => ({
      name: `d = ${["0", "1", "p − 1", "p"][index]}`,
      breaks: "XEP-0187 §3.4",
      input: inForm(value("dhkeys", d)),
      code: "esession-check",
    })),
    ...["identity", "mac", "my_nonce"].map((name) => ({
      name: `another ${name}`,
      breaks: "XEP-0187 §3.4",
      input: inForm(value(name, toBase64(new Uint8Array(32).fill(7)))),
      code: "esession-check",
    })),
    { name: "another logging", breaks: "XEP-0187 §3.4", input: inForm(value("logging", "may")), code: "esession-check" },
    { name: "no end", breaks: "XEP-0187 §3.3", input: inForm(without("terminate")), code: "esession-options" },
    { name: "an end that says no", breaks: "XEP-0187 §3.3", input: inForm(value("terminate", "0")), code: "esession-options" },
    { name: "no encrypted stanza", breaks: "XEP-0187 §3.3", input: (stanza) => void stanza.remove("c"), code: "stanza-malformed" },
    { name: "two of them", breaks: "XEP-0187 §3.3", input: (stanza) => void stanza.append(clone(stanza.getChild("c") ?? xml("c"))), code: "stanza-malformed" },
    {
      name: "another one",
      breaks: "XEP-0187 §3.3",
      input: (stanza) => {
        const data = stanza.getChild("c")?.getChild("data");
        if (data) data.children = ["AAAA"];
      },
      code: "stanza-unverified",
    },
  ],
  run: async (change) => {
    const { b, delivered, errors, stored } = await away();
    await b.send(alice, message("x"));
    const [stanza = xml("message")] = stored;
    change(stanza);
    await delivered(stanza);
    return codes(errors)[0] ?? "opened";
  },
});

const pubkey = () => writePublicKey(nodeCrypto, { key: signers.alice.publicKey, jid: alice, begin: START, end: START + HOUR });
const spki =
  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA25/Y7oonF3+pRjZCk0cQlQFiUFvyMeUOnn01NLfqfBeT4xjahsxaYFPd+V8jIHtpO3nbkpfrBh5aLPCkqDzSUFvmLaVSIMUt085kcT/Yv72BUWUGaISt7swSNfictRbVZ0k8TbXUDLIAYWN8lsieNVxL13PS9pu3WNoORuKAV5RuzDS3djnjb6fti7fTwEUpQVwRrJXY6jNhv4c4zE3xPjm48gIlHbZrxuWNrXnKT6uwXnr6PJ6O3YspferJG1oA3kmOwm41yWDkalbKgkNZWeS+ahB/i9LIG+41CdekPpI0Kr0Ll9X7+zaPV6xzjlG8dYy7ZGm4eTL9STuWlPdL+wIDAQAB";
const text = (name: string, to: string) => (element: Element) => {
  for (const parent of [element, element.getChild("rsakey")]) {
    const child = parent?.getChild(name);
    if (child) child.children = [to];
  }
};
const withKey = (der: string) => (element: Element) => {
  element.remove("rsakey");
  element.append(xml("key", {}, der));
};

malformedTable<(element: Element) => void>("a public key as it is published", {
  rules: [
    { section: "XEP-0189 §3", text: "begin, end, jid and rsakey with modulus, publicExponent and print, each once" },
    { section: "XEP-0189 §3 b", text: "not valid before begin, nor after end" },
    { section: "XEP-0189 §3 c", text: "the fingerprint is of begin, end, jid, modulus and exponent" },
  ],
  rows: [
    { name: "nothing changed", breaks: [], input: () => undefined, code: "read" },
    { name: "the form of the examples", breaks: [], input: withKey(spki), code: "read" },
    {
      name: "numbers over several lines",
      breaks: [],
      input: (element) => text("modulus", (element.getChild("rsakey")?.getChildText("modulus") ?? "").replace(/(.{70})/g, "$1\n"))(element),
      code: "read",
    },
    ...["begin", "end", "jid", "rsakey"].map((name) => ({
      name: `no ${name}`,
      breaks: "XEP-0189 §3",
      input: (element: Element) => void element.remove(name),
      code: "key-unacceptable",
    })),
    { name: "two jid", breaks: "XEP-0189 §3", input: (element) => void element.append(xml("jid", {}, alice)), code: "key-unacceptable" },
    { name: "no modulus", breaks: "XEP-0189 §3", input: (element) => void element.getChild("rsakey")?.remove("modulus"), code: "key-unacceptable" },
    { name: "a modulus in hexadecimal", breaks: "XEP-0189 §3", input: text("modulus", "ff".repeat(256)), code: "key-unacceptable" },
    { name: "a modulus without end", breaks: "XEP-0189 §3", input: text("modulus", "9".repeat(2_501)), code: "key-unacceptable" },
    { name: "a short modulus", breaks: "XEP-0189 §3", input: text("modulus", "9".repeat(300)), code: "key-unacceptable" },
    { name: "an exponent of 1", breaks: "XEP-0189 §3", input: text("publicExponent", "1"), code: "key-unacceptable" },
    { name: "an elliptic curve's key", breaks: "XEP-0189 §3", input: withKey("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), code: "key-unacceptable" },
    { name: "somebody else's address", breaks: "XEP-0189 §3", input: (element) => withKeyOf(element, "tybalt@capulet.lit"), code: "address-mismatch" },
    { name: "a date that is none", breaks: "XEP-0189 §3 b", input: (element) => reprinted(element, { begin: "yesterday" }), code: "key-unacceptable" },
    { name: "an end before its begin", breaks: "XEP-0189 §3 b", input: (element) => reprinted(element, { end: "2026-01-01T00:00:00Z" }), code: "key-unacceptable" },
    { name: "not yet", breaks: "XEP-0189 §3 b", input: (element) => reprinted(element, { begin: "2026-06-01T12:00:01Z" }), code: "expired" },
    { name: "no more", breaks: "XEP-0189 §3 b", input: (element) => reprinted(element, { begin: "2026-05-01T12:00:00Z", end: "2026-06-01T11:59:59Z" }), code: "expired" },
    { name: "no fingerprint", breaks: "XEP-0189 §3 c", input: (element) => void element.getChild("rsakey")?.remove("print"), code: "key-unacceptable" },
    { name: "another fingerprint", breaks: "XEP-0189 §3 c", input: text("print", toBase64(new Uint8Array(32))), code: "key-unacceptable" },
    { name: "another end", breaks: "XEP-0189 §3 c", input: text("end", "2027-06-01T12:00:00Z"), code: "key-unacceptable" },
  ],
  run: (change) => {
    const element = pubkey();
    change(element);
    try {
      const key = readPublicKey(element, { crypto: nodeCrypto, jid: alice, now: START, fromSpki: rsaFromSpki });
      return key.modulus.length === 256 ? "read" : "another key";
    } catch (error) {
      return error instanceof BalconyError ? error.code : String(error);
    }
  },
});

/** Other dates or another address, with the fingerprint that goes with them. */
function reprinted(element: Element, { begin, end, jid }: { readonly begin?: string; readonly end?: string; readonly jid?: string }): void {
  if (begin) text("begin", begin)(element);
  if (end) text("end", end)(element);
  if (jid) text("jid", jid)(element);
  const rsakey = element.getChild("rsakey");
  const all = [element, element, element, rsakey, rsakey]
    .map((parent, index) => parent?.getChildText(["begin", "end", "jid", "modulus", "publicExponent"][index] ?? "") ?? "")
    .join("");
  text("print", Buffer.from(nodeCrypto.sha256(utf8(all))).toString("hex"))(element);
}

const withKeyOf = (element: Element, jid: string): void => reprinted(element, { jid });
