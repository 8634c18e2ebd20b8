import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { readForm, writeForm } from "../src/form.js";
import type { RsaKey } from "../src/index.js";
import { type InitiatorState, stepInitiator } from "../src/initiator.js";
import type { Effect, NegotiationEvent, Outcome } from "../src/negotiation.js";
import { nodeArithmetic, nodeCrypto } from "../src/node/index.js";
import { toBase64 } from "../src/octets.js";
import { type ResponderState, stepResponder } from "../src/responder.js";
import { type Altered, also, altered, field, value, without } from "./altered.js";
import { signers } from "./keys.js";
import { given, machine, parameters, sent } from "./machines.js";

const hex = (octets: Uint8Array | undefined): string | undefined => octets && Buffer.from(octets).toString("hex");
const fresh = (octets = 32): string => toBase64(nodeCrypto.random(octets));
const change = (name: string) => value(name, fresh());
const deployed = { parameters: { ...parameters, settings: ["deployed" as const] } };

/** What a machine does, in its order: whom it tells what, and how it ends. */
const done = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => {
    if (effect.kind === "refuse") return ["refuse", effect.condition, ...effect.fields].join(" ");
    return effect.kind === "failed" ? `${effect.error.code}: ${effect.error.message}` : effect.kind;
  });
const failed = (what: string): string => `esession-check: The ESession's negotiation failed a check: ${what}.`;
const check = (what: string): string[] => ["refuse feature-not-implemented", failed(what)];
const reflected = ["refuse feature-not-implemented", "reflection: The other side sent our own value back."];

/** What is sent by one who has the same exponent as the other. */
const exponent = (): Uint8Array => Uint8Array.from({ length: 64 }, () => 0x81);
const same = () => ({ exponents: new Map([[14, exponent()]]) });
const [theSame = new Uint8Array()] = await nodeArithmetic.powers([{ group: 14, exponent: exponent() }]);
const nonce = (): Uint8Array => new Uint8Array(16).fill(7);

describe("what the other side is told of a form that is refused, and what whoever asked hears", () => {
  it.each<[string, Altered, readonly string[]]>([
    [
      "fields that are required and unknown",
      { changes: { request: (form) => ["language", "x"].forEach((name) => void also(name, xml("required"))(form)) } },
      ["refuse feature-not-implemented language x", "esession-options: The other side requires what is not known here: language, x."],
    ],
    [
      "three messages, which we do not take",
      { messages: 3, changes: {}, bob: { parameters } },
      ["refuse feature-not-implemented dhkeys", failed("a negotiation of 3 messages was asked for")],
    ],
    [
      "four, where we take three",
      { changes: {}, bob: { parameters: { ...parameters, messages: [3] } } },
      ["refuse feature-not-implemented dhhashes", failed("a negotiation of 4 messages was asked for")],
    ],
    [
      "nothing in common",
      { changes: { request: (form) => ["ver", "modp"].forEach((name) => void value(name, "x")(form)) } },
      ["refuse not-acceptable ver modp", "esession-options: No option in common for: ver, modp."],
    ],
    ["e = 1 in three messages", { messages: 3, changes: { request: value("dhkeys", "AQ==") } }, check("e is out of range")],
    ["our own nonce in the request", { changes: {}, alice: { nonce: nonce() }, bob: { nonce: nonce() } }, reflected],
    ["our own e for d", { changes: {}, alice: same(), bob: same() }, reflected],
    ["our own d for e, in three messages", { messages: 3, changes: {}, alice: same(), bob: same() }, reflected],
    ["our own d for e", { changes: { request: value("dhhashes", toBase64(nodeCrypto.sha256(theSame))), completion: value("dhkeys", toBase64(theSame)) }, bob: same() }, reflected],
    ["our own nonce in the answer", { changes: { response: value("my_nonce", toBase64(nonce())) }, alice: { nonce: nonce() } }, reflected],
    [
      "an option that we did not offer",
      { changes: { response: value("crypt_algs", "x") } },
      ["refuse not-acceptable crypt_algs", "esession-options: No option in common for: crypt_algs."],
    ],
    ["an answer to another request", { changes: { response: change("nonce") } }, check("the answer is to another request")],
    ["d = 1, by the letter", { changes: { response: value("dhkeys", "AQ==") } }, ["refuse not-acceptable", failed("d is out of range")]],
    ["d = 1, as deployed", { changes: { response: value("dhkeys", "AQ==") }, alice: deployed, bob: deployed }, check("d is out of range")],
    ["no", { changes: { response: value("accept", "0") } }, ["declined: The other side declined the ESession."]],
    ["neither yes nor no", { changes: { response: without("accept") } }, ["refuse not-acceptable", "esession-form: The answer says neither yes nor no."]],
    ["m_B in the answer", { messages: 3, changes: { response: change("mac") } }, check("M_B does not match")],
    ["a completion of another negotiation", { changes: { completion: change("nonce") } }, check("the completion is of another negotiation")],
    ["a completion that says no", { changes: { completion: value("accept", "0") } }, ["cancelled: The other side cancelled the ESession."]],
    ["one that says neither", { changes: { completion: without("accept") } }, ["refuse not-acceptable", "esession-form: The completion says neither yes nor no."]],
    ["another e", { changes: { completion: change("dhkeys") } }, check("e is not what He committed to")],
    [
      "e = 1, that He commits to",
      { changes: { request: value("dhhashes", toBase64(nodeCrypto.sha256(Uint8Array.of(1)))), completion: value("dhkeys", "AQ==") } },
      check("e is out of range"),
    ],
    ["m_A", { changes: { completion: change("mac") } }, check("M_A does not match")],
    ["a form that m_A does not cover", { changes: { completion: also("x", "y") } }, check("the identity's MAC does not match")],
    ["a last form of another negotiation", { changes: { final: change("nonce") } }, check("the last form is of another negotiation")],
    ["m_B in the last form", { changes: { final: change("mac") } }, check("M_B does not match")],
    ["a last form that m_B does not cover", { changes: { final: also("x", "y") } }, check("the identity's MAC does not match")],
    ["a secret that was agreed outside, and is another", { changes: {}, bob: { otherSecret: Uint8Array.of(1) } }, check("M_B does not match")],
    ["a form that the signature does not cover", { messages: 3, changes: { completion: also("x", "y") } }, check("the signature is not by the key that is shown")],
    [
      "a signature by another key",
      { messages: 3, changes: {}, keys: { bob: { signer: { publicKey: signers.bob.publicKey, sign: signers.alice.sign } } } },
      check("the signature is not by the key that is shown"),
    ],
    ["our own key", { messages: 3, changes: {}, bob: { publicKey: signers.alice.publicKey } }, ["refuse feature-not-implemented", "reflection: The other side shows our own key."]],
    [
      "a key that is too short",
      { messages: 3, changes: {}, bob: { publicKey: { ...signers.bob.publicKey, modulus: signers.bob.publicKey.modulus.subarray(0, 128) } } },
      ["refuse feature-not-implemented", "key-unacceptable: The other side's key is not accepted: a modulus of 1024 bits."],
    ],
  ])("%s", async (_, how, expected) => {
    expect(done(await altered(how))).toEqual(expected);
  });

  it("a fingerprint whose key nobody has, and how there would be one", async () => {
    const hashed = { parameters: { ...parameters, identify: ["hash" as const], require: ["hash" as const] } };
    const effects = await altered({ changes: {}, alice: hashed, bob: hashed, keys: { bob: { find: () => Promise.resolve(undefined) } } });
    expect(done(effects)).toEqual(["refuse feature-not-implemented", "not-trusted: The other side names a key by its fingerprint, and we do not have it."]);
    expect(effects.at(-1)).toMatchObject({ error: { hint: "Ask for the key itself (`key`).", phase: "negotiate" } });
  });
});

const submit = () => writeForm("submit", [["FORM_TYPE", ["urn:xmpp:ssn"]]]);
const received = (form: Element, wrapper: "feature" | "init" = "feature"): NegotiationEvent => ({ kind: "received", form: readForm(form), wrapper });
const of = (type: "form" | "submit" | "result", fields: readonly (readonly [string, readonly string[]])[] = []) => writeForm(type, [["FORM_TYPE", ["urn:xmpp:ssn"]], ...fields]);
const senseless = (at: string): string[] => ["refuse not-acceptable", `esession-form: A form came that makes no sense while the negotiation is ${at}.`];

/** Each state in which a machine waits, and what it waits for there. */
type Waiting<State> = readonly { readonly state: State; readonly event: NegotiationEvent }[];

/** A negotiation of two machines, told step by step: which states each has waited in. */
async function passed(messages: 3 | 4, methods: "none" | "key" | "hash") {
  const by = { ...parameters, identify: [methods], require: [methods], messages: [messages] };
  const [mine, his] = (["alice", "bob"] as const).map((name) => given({ parameters: by, publicKey: signers[name].publicKey })) as [
    ReturnType<typeof given>,
    ReturnType<typeof given>,
  ];
  const initiator: { state: InitiatorState; event: NegotiationEvent }[] = [];
  const responder: { state: ResponderState; event: NegotiationEvent }[] = [];
  let [a, b]: [InitiatorState, ResponderState] = [{ at: "idle" }, { at: "idle" }];
  const outcomes: Extract<Effect, { kind: "established" }>[] = [];
  const answer = async (effect: Effect, own: "alice" | "bob"): Promise<NegotiationEvent | undefined> => {
    const other: RsaKey = signers[own === "alice" ? "bob" : "alice"].publicKey;
    if (effect.kind === "compute") return { kind: "computed", results: await nodeArithmetic.powers(effect.powers) };
    if (effect.kind === "sign") return { kind: "signed", signature: await signers[own].sign(effect.data) };
    if (effect.kind === "find") return { kind: "found", key: other };
    return effect.kind === "verify" ? { kind: "verified", verdict: "trusted" } : undefined;
  };
  const feed = async (own: "alice" | "bob", event: NegotiationEvent): Promise<void> => {
    let effects: readonly Effect[];
    if (own === "alice") {
      initiator.push({ state: a, event });
      ({ state: a, effects } = stepInitiator(mine, a, event));
    } else {
      responder.push({ state: b, event });
      ({ state: b, effects } = stepResponder(his, b, event));
    }
    for (const effect of effects) {
      if (effect.kind === "established") outcomes.push(effect);
      else if (effect.kind === "send") await feed(own === "alice" ? "bob" : "alice", received(effect.form, effect.wrapper));
      else {
        const next = await answer(effect, own);
        if (next) await feed(own, next);
      }
    }
  };
  await feed("alice", { kind: "start", messages });
  return { mine, his, initiator: initiator as Waiting<InitiatorState>, responder: responder as Waiting<ResponderState>, outcomes, ends: [a.at, b.at] };
}

describe("the states of a negotiation", () => {
  const cases = ([4, 3] as const)
    .flatMap((messages) => (["none", "key", "hash"] as const).map((method) => [messages, method] as const))
    .filter(([messages, method]) => messages === 4 || method !== "none");

  it.each(cases)("are gone through in their order, and each takes what it waits for alone (%i messages, %s)", async (messages, method) => {
    const { ends, his, initiator, mine, outcomes, responder } = await passed(messages, method);
    const looked = method === "none" ? [] : method === "hash" ? 2 : 1;
    const times = (at: string): string[] => (looked === 2 ? [at, at] : looked === 1 ? [at] : []);
    const signing = (at: string): string[] => (method === "none" ? [] : [at]);
    expect(initiator.map(({ state }) => state.at)).toEqual(
      messages === 4
        ? ["idle", "computing-offer", "offered", "computing-secret", ...signing("signing"), "proven", ...times("checking-late")]
        : ["idle", "computing-offer", "offered", "computing-secret", ...times("checking-early"), "signing"],
    );
    expect(responder.map(({ state }) => state.at)).toEqual(
      messages === 4
        ? ["idle", "computing-key", "answered", "computing-secret", ...times("checking"), ...signing("signing-late")]
        : ["idle", "computing-key", "signing-early", "answered", ...times("checking")],
    );
    expect([ends, outcomes.length]).toEqual([["ended", "ended"], 2]);
    const events: NegotiationEvent[] = [
      { kind: "start", messages: 4 },
      { kind: "computed", results: [] },
      { kind: "signed", signature: new Uint8Array(256) },
      { kind: "found", key: undefined },
      { kind: "verified", verdict: "trusted" },
      ...(["form", "submit", "result"] as const).map((type) => received(of(type))),
      received(of("submit"), "init"),
      received(of("result"), "init"),
    ];
    /** What a state waits for is what it was given; a form that it waits for is one of that type, so wrapped. */
    const alike = (one: NegotiationEvent, other: NegotiationEvent): boolean =>
      one.kind === other.kind &&
      (one.kind !== "received" || other.kind !== "received" || (one.wrapper === other.wrapper && (one.wrapper === "init" || one.form.type === other.form.type)));
    for (const { state, event } of initiator) {
      for (const other of events.filter((one) => !alike(one, event))) {
        expect([state.at, done(stepInitiator(mine, state, other).effects)]).toEqual([state.at, senseless(state.at)]);
      }
      const cancelled = received(of("result", [["accept", ["0"]]]));
      expect(done(stepInitiator(mine, state, cancelled).effects)).toEqual(["cancelled: The other side cancelled the ESession."]);
    }
    for (const { state, event } of responder) {
      for (const other of events.filter((one) => !alike(one, event) && !(state.at === "idle" && one.kind === "received" && one.form.type === "form"))) {
        expect([state.at, done(stepResponder(his, state, other).effects)]).toEqual([state.at, senseless(state.at)]);
      }
    }
  });

  it("end, and nothing that comes then means anything", () => {
    const ended = { at: "ended" } as const;
    for (const event of [received(of("form")), received(submit(), "init"), { kind: "computed", results: [] } as const]) {
      expect([stepInitiator(given(), ended, event), stepResponder(given(), ended, event)]).toEqual([
        { state: ended, effects: [] },
        { state: ended, effects: [] },
      ]);
    }
  });

  it.each(cases)("leave both with the same, each in its place (%i messages, %s)", async (messages, method) => {
    const { mine, his, outcomes } = await passed(messages, method);
    const [a, b] = [
      outcomes.find(({ outcome }) => outcome.established.exponent === mine.exponents.get(14)),
      outcomes.find(({ outcome }) => outcome.established.exponent === his.exponents.get(14)),
    ].map((found) => found?.outcome);
    if (!a || !b) throw new Error("one of them has no session");
    const { established: alice } = a;
    const { established: bob } = b;
    expect([alice.sending, alice.receiving, alice.sendCounter, alice.receiveCounter].map(flat)).toEqual(
      [bob.receiving, bob.sending, bob.receiveCounter, bob.sendCounter].map(flat),
    );
    expect(flat(alice.sending)).not.toEqual(flat(alice.receiving));
    expect([hex(alice.peerPublic), hex(bob.peerPublic)]).toEqual([hex(b.transcript.d), hex(a.transcript.e)]);
    expect([alice.prime, bob.prime].map(hex)).toEqual([hex(nodeArithmetic.prime(14)), hex(nodeArithmetic.prime(14))]);
    expect(said(a.transcript)).toEqual(said(b.transcript));
    expect([a.transcript.nonceA, a.transcript.nonceB, a.transcript.counterA].map(hex)).toEqual([mine.nonce, his.nonce, his.counter].map(hex));
    expect(a.transcript.forms.map((form) => form !== "")).toEqual([true, true, true, messages === 4]);
    expect([a.chosen, hex(a.finalSecret), a.sas, hex(a.fresh), a.retained, a.shared]).toEqual([b.chosen, hex(b.finalSecret), b.sas, hex(b.fresh), "none", undefined]);
    expect([a.sas === undefined, a.fresh === undefined]).toEqual([messages === 3, messages === 3]);
    expect([a.peerKey, b.peerKey]).toEqual(method === "none" ? [undefined, undefined] : [signers.bob.publicKey, signers.alice.publicKey]);
    expect([a.terminates, b.terminates]).toEqual([undefined, undefined]);
  });
});

const said = ({ counterA, d, e, forms, nonceA, nonceB }: Outcome["transcript"]): unknown[] => [...forms, ...[e, d, nonceA, nonceB, counterA].map(hex)];

/** Octets, or keys, to be compared. */
const flat = (held: object): (string | undefined)[] => (held instanceof Uint8Array ? [hex(held)] : Object.values(held).map((octets: Uint8Array) => hex(octets)));

describe("what is kept from one negotiation to the next, and what is shown of it", () => {
  const secret = (octet: number): Uint8Array => new Uint8Array(32).fill(octet);
  const values = (form: Element, name: string): (string | null)[] =>
    field(form, name)
      .getChildren("value")
      .map((one) => one.getText());

  it.each([
    ["the last one", [{ current: secret(1) }], [{ current: secret(2) }, { current: secret(1) }], "matched", "matched"],
    ["the one before, which Bob still has", [{ current: secret(3), previous: secret(1) }], [{ current: secret(1) }], "matched", "matched"],
    ["the one before, which Alice still has", [{ current: secret(1) }], [{ current: secret(3), previous: secret(1) }], "matched", "matched"],
    ["none in common", [{ current: secret(1) }], [{ current: secret(2) }], "missing", "missing"],
    ["none at Alice's", [], [{ current: secret(2) }], "none", "missing"],
    ["none at Bob's", [{ current: secret(1) }], [], "missing", "none"],
  ])("%s", async (_, hers, his, atAlice, atBob) => {
    const [alice, bob] = [machine("initiator", given({ secrets: hers })), machine("responder", given({ secrets: his }))];
    const completion = sent(await alice.take(sent(await bob.take(sent(await alice.start())))));
    const hashes = values(completion, "rshashes");
    expect(hashes).toHaveLength(2 + hers.flatMap(({ current, ...more }) => [current, ...Object.values(more)]).length);
    expect([...hashes].sort()).toEqual(hashes); // their order tells nothing
    const last = await bob.take(completion);
    const ends = [...(await alice.take(sent(last), "init")), ...last].flatMap((effect) => (effect.kind === "established" ? [effect.outcome] : []));
    expect(ends.map(({ retained }) => retained)).toEqual([atAlice, atBob]);
    expect(ends.map(({ shared }) => hex(shared))).toEqual(atAlice === "matched" ? [hex(secret(1)), hex(secret(1))] : [undefined, undefined]);
    expect(ends[0] && hex(ends[0].finalSecret)).toBe(ends[1] && hex(ends[1].finalSecret));
  });

  it("random values stand where there are none, so that nobody can tell", async () => {
    const [mine, his] = [given(), given()];
    const [alice, bob] = [machine("initiator", mine), machine("responder", his)];
    const completion = sent(await alice.take(sent(await bob.take(sent(await alice.start())))));
    expect(values(completion, "rshashes")).toEqual([mine.decoys[0], mine.decoys[1]].map(toBase64).sort());
    expect(values(sent(await bob.take(completion)), "srshash")).toEqual([toBase64(his.decoys[2])]);
  });

  it("what K was is wiped where the final one takes its place", async () => {
    const bob = machine("responder");
    const alice = machine("initiator");
    const completion = sent(await alice.take(sent(await bob.take(sent(await alice.start())))));
    const { state } = alice;
    if (state.at !== "proven") throw new Error(state.at);
    const { k, keys } = state.proven as { readonly k: Uint8Array; readonly keys: Readonly<Record<"initiator" | "responder", object>> };
    expect([flat(keys.initiator), flat(keys.responder)]).toEqual([Array(3).fill("00".repeat(32)), Array(3).fill("00".repeat(32))]);
    expect(hex(k)).not.toBe("00".repeat(32));
    await alice.take(sent(await bob.take(completion)), "init");
    expect(hex(k)).toBe("00".repeat(32));
  });
});

describe("how the forms of an answer are typed (XEP-0116, as deployed)", () => {
  const types = (form: Element): string[] => form.getChildren("field").map(({ attrs }) => `${attrs.var} ${attrs.type ?? "-"}`);

  it.each(["deployed", "strict"] as const)("%s", async (setting) => {
    const by = given({ parameters: { ...parameters, settings: [setting] } });
    const [alice, bob] = [machine("initiator", by), machine("responder", given({ parameters: { ...parameters, settings: [setting] } }))];
    const type = setting === "deployed" ? "text-single" : "-";
    const completion = sent(await alice.take(sent(await bob.take(sent(await alice.start())))));
    expect(types(completion)).toEqual(["FORM_TYPE", "accept", "nonce", "rshashes", "dhkeys", "identity", "mac"].map((name) => `${name} ${name === "rshashes" ? "hidden" : type}`));
    expect(types(sent(await bob.take(completion)))).toEqual(["FORM_TYPE", "nonce", "srshash", "identity", "mac"].map((name) => `${name} ${type}`));
  });

  it("and the last of three says that it is the end, where it is", async () => {
    const by = { ...parameters, identify: ["key" as const], require: ["key" as const], messages: [3 as const] };
    for (const terminates of [true, false]) {
      const effects = await altered({ messages: 3, changes: {}, alice: { parameters: by, publicKey: signers.alice.publicKey, terminates } });
      const [outcome] = effects.flatMap((effect) => (effect.kind === "established" ? [effect.outcome] : []));
      expect(outcome?.terminates).toBe(terminates || undefined);
    }
  });
});

it("a machine that was given no exponent for a group, or no key to show, says so: its driver is at fault", async () => {
  expect(() => stepInitiator(given({ exponents: new Map() }), { at: "idle" }, { kind: "start", messages: 4 })).toThrow("no exponent was drawn for group 14");
  await expect(altered({ changes: {}, bob: { exponents: new Map() } })).rejects.toThrow(BalconyError);
  const keyed = { ...parameters, identify: ["key" as const], require: ["key" as const] };
  await expect(altered({ changes: {}, alice: { parameters: keyed, publicKey: undefined }, bob: { parameters: keyed } })).rejects.toThrow("there is none");
});
