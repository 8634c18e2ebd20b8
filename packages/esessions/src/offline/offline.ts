import { BalconyError, randomId, readAddress, type StanzaChannel, type Unsubscribe } from "@balcony/channel";
import { bare, childElements, clone, type Element, isFull, type Jid, type Limits, parseElement, serialize, xml } from "@balcony/xml";
import { canonicalForm } from "../canonical.js";
import { strict } from "../compatibility.js";
import { opposite } from "../counter.js";
import type { Arithmetic, Crypto, RsaKey } from "../crypto.js";
import { readEncrypted } from "../encrypted-content.js";
import { formIn, isOffline, wrapForm } from "../envelope.js";
import { flag, octets, readForm, writeForm } from "../form.js";
import { defaultGroups, inRange } from "../groups.js";
import { check, checked, prove, proven } from "../identification.js";
import { openIdentity, type SealedIdentity } from "../identity.js";
import { type Cipher, ciphers, sharedSecret } from "../keys.js";
import { NS_CLIENT, NS_ENCRYPTED } from "../namespaces.js";
import type { Keys } from "../negotiating.js";
import { type BothKeys, bothKeys, type Effect, type Given, type NegotiationEvent } from "../negotiation.js";
import { concat, equal, minimal, toBase64, utf8, wipe } from "../octets.js";
import { type Chosen, type Logging, readChoice, writeResponse } from "../parameters.js";
import { StanzaCipher } from "../stanza-cipher.js";
import { offlineParameters, readOptions, withKeys, writeOptions } from "./options.js";
import type { Pep } from "./pep.js";
import { dateTime, NS_PUBKEY, readPublicKey, writePublicKey } from "./public-key.js";

/** XEP-0187: for those who are subscribed to our presence. */
const NODE = "http://www.xmpp.org/extensions/xep-0187.html#ns";
const NS_SHIM = "http://jabber.org/protocol/shim";
const WEEK = 7 * 24 * 60 * 60_000;
const YEAR = 365 * 24 * 60 * 60_000;
/** Sessions that may be opened with one set of options: each is remembered until they expire. */
const MOST_SEEN = 4_096;

/** The secret half of options that were published: to be kept as the private keys are. */
export interface StoredOptions {
  readonly nonce: Uint8Array;
  /** x, by group. */
  readonly exponents: readonly (readonly [group: number, exponent: Uint8Array])[];
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** SHA-256 of each d that a session was opened with: none is opened twice. */
  readonly seen: readonly Uint8Array[];
}

/** Where they lie. */
export interface OfflineStore {
  list(): Promise<readonly StoredOptions[]>;
  /** Resolves once it is kept. Another process may have changed them: what is given to `next` is what is there now. */
  change(next: (all: readonly StoredOptions[]) => readonly StoredOptions[]): Promise<void>;
}

/** A message that was sent while we were away. */
export interface OfflineMessage {
  /** Content alone, addressed by `from`; its type is not protected, and not told. */
  readonly stanza: Element;
  readonly from: Jid;
  /** The key that signed. */
  readonly key: RsaKey;
  /** When it was encrypted, by its sender's word (XEP-0187, "Created"), as it was written. */
  readonly created: string | undefined;
}

export interface OfflineOptions {
  readonly crypto: Crypto;
  readonly arithmetic: Arithmetic;
  readonly keys: Keys;
  /** Reads a SubjectPublicKeyInfo; undefined for what is none of an RSA key. */
  readonly fromSpki: (der: Uint8Array) => RsaKey | undefined;
  readonly pep: Pep;
  readonly store: OfflineStore;
  readonly onMessage: (message: OfflineMessage) => void;
  /** Who gets no answer either way is told of here. */
  readonly report: (error: unknown) => void;
  readonly groups?: readonly number[];
  readonly ciphers?: readonly Cipher[];
  readonly logging?: readonly Logging[];
  readonly limits?: Partial<Limits>;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

/**
 * Messages to somebody who is not there, and from whoever was there while we were not (XEP-0187, with keys published by XEP-0189). Each message is a session of its own, which ends with
 * it: a fresh d, a signature, and nothing that anybody has to remember. What it does not give docs/esessions.md says.
 */
export class OfflineESessions {
  readonly #channel: StanzaChannel;
  readonly #options: OfflineOptions;
  readonly #clock: () => number;
  readonly #unsubscribe: Unsubscribe;
  /** One message after the other: of two with the same d the second must find the first. */
  #queue: Promise<void> = Promise.resolve();

  constructor(channel: StanzaChannel, options: OfflineOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.#unsubscribe = channel.onStanza(({ stanza, from }) => this.#received(stanza, from));
  }

  /** Publishes our public key for everybody (XEP-0189). @param validity milliseconds; a year by default */
  async publishKey(validity: number = YEAR): Promise<void> {
    const { crypto, keys, pep } = this.#options;
    const now = this.#clock();
    await pep.publish(NS_PUBKEY, writePublicKey(crypto, { key: keys.signer.publicKey, jid: bare(this.#channel.self), begin: now, end: now + validity }), "open");
  }

  /**
   * Before we go: whoever is subscribed to our presence can send to us until `online()`, and for so long. Fresh values each time.
   * @param lifetime milliseconds until they expire, 30 days at most; a week by default
   */
  async publish(lifetime: number = WEEK): Promise<void> {
    const { arithmetic, crypto, keys, pep, store } = this.#options;
    const groups = this.#options.groups ?? defaultGroups;
    const exponents = groups.map((group): readonly [number, Uint8Array] => {
      const exponent = crypto.random(64);
      exponent[0] = (exponent[0] ?? 0) | 0x80;
      return [group, exponent];
    });
    const values = (await arithmetic.powers(exponents.map(([group, exponent]) => ({ group, exponent })))).map(minimal);
    const expires = Math.floor((this.#clock() + lifetime) / 1_000) * 1_000;
    const nonce = crypto.random(16);
    const form = await writeOptions(this.#parameters(groups), { expires, nonce, values }, (data) => keys.signer.sign(data));
    const now = this.#clock();
    await store.change((all) => [...all.filter((one) => one.expires > now), { nonce, exponents, expires, seen: [] }]); // kept before anybody can use them
    await pep.publish(NODE, form, "presence");
  }

  /** We are back: nobody is to send us anything by these options any more. What was sent meanwhile can be opened until `forget()`, or until they expire. */
  async online(): Promise<void> {
    await this.#options.pep.retract(NODE);
  }

  /** What the server had stored has come: the secret halves are destroyed, and nothing that was sent with them can be opened again, by anybody. */
  async forget(): Promise<void> {
    await this.#queue; // what has come is opened first
    await this.#options.store.change((all) => {
      for (const { exponents } of all) wipe(...exponents.map(([, exponent]) => exponent));
      return [];
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  #parameters(groups: readonly number[]) {
    const { ciphers: taken = ciphers, logging = ["mustnot", "may"] } = this.#options;
    return offlineParameters(groups, { ciphers: taken, logging });
  }

  /**
   * Sends one message to somebody who is away.
   * @param peer bare, or full, which then is made bare
   * @returns the key that has signed what they have published
   * @throws `unsupported-peer` where nothing is published for us; `not-trusted`, `expired`, `esession-options`, `esession-check`, `esession-form`, and what `keys.trust` throws
   */
  async send(peer: Jid, message: Element): Promise<RsaKey> {
    const { arithmetic, keys, pep } = this.#options;
    const to = bare(readAddress(peer));
    if (message.name !== "message") throw new BalconyError("invalid-argument", `Only messages are sent to somebody who is away, and this is <${message.name}/>.`);
    const [published] = await pep.items(to, NODE);
    if (!published?.is("x", "jabber:x:data")) {
      throw new BalconyError("unsupported-peer", `${to} has published nothing by which messages could be encrypted while they are away.`, { peer: to });
    }
    const parameters = this.#parameters(this.#options.groups ?? defaultGroups);
    const read = await readOptions(published, {
      keys: await this.#publishedKeys(to),
      now: this.#clock(),
      parameters,
      prime: (group) => arithmetic.prime(group),
      verify: keys.verify,
    });
    // Of all that a server shows only the one that has signed is anybody's business.
    if (!(await keys.trust(to, read.key)))
      throw new BalconyError("not-trusted", `What ${to} has published is signed by a key that was not accepted.`, { phase: "trust", peer: to });
    await this.#channel.send(await this.#sealed(to, message, read));
    return read.key;
  }

  /** The keys that an address has published, whosever they are. */
  async #publishedKeys(jid: Jid): Promise<readonly RsaKey[]> {
    const { crypto, fromSpki, pep, report } = this.#options;
    const published: RsaKey[] = [];
    for (const item of await pep.items(jid, NS_PUBKEY)) {
      try {
        if (item.is("pubkey", NS_PUBKEY)) published.push(readPublicKey(item, { crypto, fromSpki, jid, now: this.#clock() }));
      } catch (error) {
        report(error);
      }
    }
    return published;
  }

  /** XEP-0187: Bob's form, and the one stanza that goes with it. */
  async #sealed(to: Jid, message: Element, { chosen, e, form, nonceA }: Awaited<ReturnType<typeof readOptions>>): Promise<Element> {
    const { arithmetic, crypto, keys } = this.#options;
    const { group } = chosen;
    const exponent = crypto.random(64);
    exponent[0] = (exponent[0] ?? 0) | 0x80;
    const [d = new Uint8Array(), power = new Uint8Array()] = (
      await arithmetic.powers([
        { group, exponent },
        { group, base: e, exponent },
      ])
    ).map(minimal);
    wipe(exponent);
    const given = { ...this.#given(), nonce: crypto.random(16), counter: crypto.random(16) };
    const k = sharedSecret(crypto, power);
    const both = bothKeys(crypto, k, chosen);
    wipe(k);
    const fields = writeResponse(chosen, form, [
      ["my_nonce", toBase64(given.nonce)],
      ["dhkeys", toBase64(d)],
      ["counter", toBase64(given.counter)],
      ["nonce", toBase64(nonceA)],
      ["terminate", "1"],
    ]).filter(([name]) => !["accept", "init_pubkey", "resp_pubkey"].includes(name));
    const formB = canonicalForm(writeForm("submit", fields), strict);
    const claim = { method: "key", sigma: both.responder.sigma, input: { nonces: [nonceA, given.nonce], publicValue: d, forms: [formB] } } as const;
    const proof = prove(given, claim, { keys: both.responder, counter: opposite(given.counter), compatibility: strict });
    const sealed = "sealed" in proof ? proof.sealed : proven(given, proof.proving, await keys.signer.sign(dataOf(proof.effects)));
    const c = cipherOf(crypto, chosen, { both, role: "responder", counter: sealed.counter, prime: arithmetic.prime(group) }).seal(this.#content(message));
    const answer = writeForm("submit", [...fields, ["identity", [toBase64(sealed.identity)]], ["mac", [toBase64(sealed.mac)]]]);
    const hint = (name: string): Element => xml(name, "urn:xmpp:hints");
    return xml(
      "message",
      { to },
      xml("thread", {}, randomId()),
      wrapForm(answer, "init"),
      c,
      xml("private", "urn:xmpp:carbons:2"),
      hint("no-copy"),
      hint("no-permanent-store"),
      hint("store"),
    );
  }

  #content(message: Element): string {
    const headers = xml("headers", NS_SHIM, xml("header", { name: "Created" }, dateTime(this.#clock())));
    const children = childElements(message).filter((child) => child.getName() !== "thread" && !child.is("headers", NS_SHIM));
    return [...children, headers].map((child) => serialize(clone(child), { parentNamespace: NS_CLIENT })).join("");
  }

  #given(): Given {
    const { arithmetic, crypto, keys } = this.#options;
    const none = new Uint8Array();
    return {
      crypto,
      parameters: this.#parameters(this.#options.groups ?? defaultGroups),
      prime: (group) => arithmetic.prime(group),
      nonce: none,
      exponents: new Map(),
      counter: none,
      decoys: [none, none, none],
      secrets: [],
      publicKey: keys.signer.publicKey,
    };
  }

  #received(stanza: Element, from: Jid): boolean | undefined {
    if (!isOffline(stanza)) return undefined;
    if (!isFull(from) || stanza.attrs.type === "error") return true;
    const work = async (): Promise<void> => this.#options.onMessage(await this.#open(stanza, from));
    // XEP-0187: whatever is wrong with it, its sender is told nothing.
    this.#queue = this.#queue.then(work).catch(this.#options.report);
    return true;
  }

  /** XEP-0187, "Accepting an Offline ESession". */
  async #open(stanza: Element, from: Jid): Promise<OfflineMessage> {
    const { arithmetic, crypto, limits, store } = this.#options;
    const found = formIn(stanza);
    const [c, second] = stanza.getChildren("c", NS_ENCRYPTED);
    if (!found || !c || second) throw new BalconyError("stanza-malformed", "An offline ESession is one form and one encrypted stanza.", { phase: "negotiate", peer: from });
    const form = withKeys(readForm(found.form));
    if (flag(form, "terminate") !== true)
      throw new BalconyError("esession-options", "Only single messages are taken from an offline ESession.", { phase: "negotiate", peer: from });
    const nonceA = octets(form, "nonce", { from: 1, to: 64 });
    const stored = (await store.list()).find(({ nonce }) => equal(nonce, nonceA));
    if (!stored) throw new BalconyError("unknown-session", "A message is encrypted with options that are not ours, or were destroyed.", { phase: "negotiate", peer: from });
    if (stored.expires <= this.#clock()) throw new BalconyError("expired", "A message came by options that have expired: it was not opened.", { phase: "negotiate", peer: from });
    const chosen = readChoice(form, this.#parameters(stored.exponents.map(([group]) => group)), 3);
    if ("refused" in chosen) throw new BalconyError("esession-options", `Not what was published: ${chosen.refused.join(", ")}.`, { phase: "negotiate", peer: from });
    const prime = arithmetic.prime(chosen.group);
    const d = minimal(octets(form, "dhkeys", { from: 1, to: prime.length }));
    if (!inRange(d, prime)) throw failed("d is out of range");
    const print = crypto.sha256(d);
    if (isSeen(stored, print)) throw replayed(from);
    const identity = { identity: octets(form, "identity", { from: 32, to: 8192 }), mac: octets(form, "mac", { from: 32, to: 32 }) };
    const [nonceB, counterA] = [octets(form, "my_nonce", { from: 8, to: 64 }), octets(form, "counter", { from: 16, to: 16 })];
    const exponent = stored.exponents.find(([group]) => group === chosen.group)?.[1] ?? new Uint8Array();
    const [power = new Uint8Array()] = await arithmetic.powers([{ group: chosen.group, base: d, exponent }]);
    const k = sharedSecret(crypto, power);
    const both = bothKeys(crypto, k, chosen);
    wipe(k);
    const opened = openIdentity(crypto, identity, { keys: both.responder, counter: opposite(counterA), compatibility: strict });
    if (!opened) throw failed("M_B does not match");
    const claim = { method: "key", sigma: both.responder.sigma, input: { nonces: [nonceA, nonceB], publicValue: d, forms: [canonicalForm(found.form, strict)] } } as const;
    const key = await this.#identified(claim, opened.plaintext, from);
    const cipher = cipherOf(crypto, chosen, { both, role: "initiator", counter: opened.counter, prime });
    const { plaintext } = cipher.open(readEncrypted(c));
    cipher.wipe();
    await this.#burn(stored, print, from);
    const content = plaintext ?? new Uint8Array();
    const message = parseElement(concat(utf8(`<message xmlns='${NS_CLIENT}'>`), content, utf8("</message>")), limits);
    const headers = message.getChild("headers", NS_SHIM)?.getChildren("header") ?? [];
    message.attrs.from = from;
    message.attrs.to = this.#channel.self;
    return { stanza: message, from, key, created: headers.find(({ attrs }) => attrs.name === "Created")?.getText() };
  }

  /** Kept before anything is delivered: after a crash it is lost, and never there twice. */
  async #burn(stored: StoredOptions, print: Uint8Array, from: Jid): Promise<void> {
    let outcome: BalconyError | undefined;
    await this.#options.store.change((all) =>
      all.map((one) => {
        if (!equal(one.nonce, stored.nonce)) return one;
        outcome = isSeen(one, print) ? replayed(from) : one.seen.length >= MOST_SEEN ? tooMany(from) : undefined;
        return outcome ? one : { ...one, seen: [...one.seen, print] };
      }),
    );
    if (outcome) throw outcome;
  }

  async #identified(claim: Parameters<typeof check>[1], plaintext: Uint8Array, from: Jid): Promise<RsaKey> {
    const { keys } = this.#options;
    const given = this.#given();
    const result = check(given, claim, plaintext);
    if (result.kind === "refused") throw errorOf(result.effects);
    const [effect] = result.kind === "checking" ? result.effects : [];
    if (result.kind !== "checking" || effect?.kind !== "verify") throw failed("the identity shows no key");
    const valid = await keys.verify(effect.key, effect.data, effect.signature);
    const event: NegotiationEvent = valid ? { kind: "verified", verdict: "trusted" } : { kind: "verified", verdict: "forged" };
    const verified = checked(given, result.checking, event);
    if (verified?.kind !== "identified" || !verified.key) throw errorOf(verified?.kind === "refused" ? verified.effects : []);
    if (!(await keys.trust(from, verified.key)))
      throw new BalconyError("not-trusted", `A message of ${from} is signed by a key that was not accepted.`, { phase: "trust", peer: from });
    return verified.key;
  }
}

interface Ends {
  readonly both: BothKeys;
  readonly role: "initiator" | "responder";
  /** Behind Bob's identity. */
  readonly counter: SealedIdentity["counter"];
  readonly prime: Uint8Array;
}

/** Bob's direction alone is used: Alice says nothing. */
function cipherOf(crypto: Crypto, { cipher }: Chosen, { both, counter, prime, role }: Ends): StanzaCipher {
  const [sending, receiving] = role === "responder" ? [both.responder, both.initiator] : [both.initiator, both.responder];
  return new StanzaCipher(crypto, {
    cipher,
    compatibility: strict,
    prime,
    sending,
    receiving,
    sendCounter: counter,
    receiveCounter: counter,
    exponent: new Uint8Array(),
    peerPublic: new Uint8Array(),
  });
}

const isSeen = ({ seen }: StoredOptions, print: Uint8Array): boolean => seen.some((one) => equal(one, print));

const failed = (what: string): BalconyError => new BalconyError("esession-check", `An offline ESession failed a check: ${what}.`, { phase: "negotiate" });

const replayed = (peer: Jid): BalconyError =>
  new BalconyError("stanza-unverified", "A message of an offline ESession came for a second time: it was not opened.", { phase: "negotiate", peer });

const tooMany = (peer: Jid): BalconyError => new BalconyError("resource-constraint", `More than ${MOST_SEEN} messages came by the same options.`, { phase: "negotiate", peer });

function errorOf(effects: readonly Effect[]): BalconyError {
  const found = effects.find((effect) => effect.kind === "failed");
  return found?.error ?? failed("the identity");
}

function dataOf(effects: readonly Effect[]): Uint8Array {
  const found = effects.find((effect) => effect.kind === "sign");
  if (!found) throw new Error("nothing to sign");
  return found.data;
}
