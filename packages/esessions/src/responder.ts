import { canonicalForm } from "./canonical.js";
import { opposite } from "./counter.js";
import type { RsaKey } from "./crypto.js";
import { allOctets, type FieldSpec, type Form, flag, formError, octets, required, writeForm } from "./form.js";
import { inRange } from "./groups.js";
import { type Check, type Checking, check, checked, type Proving, prove, proven } from "./identification.js";
import { openIdentity, type SealedIdentity } from "./identity.js";
import { finalSecret, sharedSecret } from "./keys.js";
import { NS_SSN } from "./namespaces.js";
import {
  type BothKeys,
  bothKeys,
  checkFailed,
  compatibilityOf,
  declined,
  fieldsUnknown,
  type Given,
  type NegotiationEvent,
  optionsRefused,
  reflected,
  type Step,
  unexpected,
} from "./negotiation.js";
import { equal, minimal, toBase64, wipe } from "./octets.js";
import { established } from "./outcome.js";
import { type Chosen, choose, type Messages, requestFields, writeResponse } from "./parameters.js";
import { confirmedHash, findOffered } from "./retained-secrets.js";

/** What Alice has asked for, and what of it was chosen. */
interface Request {
  readonly form: Form;
  readonly chosen: Chosen;
  readonly nonceA: Uint8Array;
  /** Four messages: He. */
  readonly commitment: Uint8Array | undefined;
  /** Three messages: e itself. */
  readonly e: Uint8Array | undefined;
  readonly exponent: Uint8Array;
}

/** What the two have computed together. */
interface Agreed {
  readonly k: Uint8Array;
  readonly keys: BothKeys;
}

/** Three messages: our last keys, before we show who we are. */
interface Identifying extends Request, Agreed {
  readonly e: Uint8Array;
  readonly d: Uint8Array;
  readonly fields: readonly FieldSpec[];
  readonly formB: string;
}

interface Answered extends Request {
  readonly d: Uint8Array;
  readonly formB: string;
  /** In three messages we have identified ourselves by now. */
  readonly early: (Agreed & { readonly counterB: Uint8Array }) | undefined;
}

interface Completion {
  readonly form: Form;
  readonly e: Uint8Array;
  readonly identityA: Omit<SealedIdentity, "counter">;
  /** Four messages only. */
  readonly hashes: readonly Uint8Array[];
}

/** Alice's last form, her identity opened. */
interface Completed extends Answered, Agreed {
  readonly completion: Completion;
  readonly formA: string;
  readonly formA2: string;
  readonly counterA: Uint8Array;
}

/** Four messages: the last form but for our identity. */
interface Finishing extends Completed {
  readonly peerKey: RsaKey | undefined;
  readonly final: Uint8Array;
  readonly finalKeys: BothKeys;
  readonly shared: Uint8Array | undefined;
  readonly fields: readonly FieldSpec[];
  readonly formB2: string;
}

export type ResponderState =
  | { readonly at: "idle" }
  | { readonly at: "computing-key"; readonly request: Request }
  | { readonly at: "signing-early"; readonly proving: Proving; readonly identifying: Identifying }
  | { readonly at: "answered"; readonly answered: Answered }
  | { readonly at: "computing-secret"; readonly answered: Answered; readonly completion: Completion }
  | { readonly at: "checking"; readonly checking: Checking; readonly completed: Completed }
  | { readonly at: "signing-late"; readonly proving: Proving; readonly finishing: Finishing }
  | { readonly at: "ended" };

/**
 * Bob in a negotiation of four messages (XEP-0116 §4; XEP-0217 is a subset), or of three (SIGMA-I). Policy was asked before: nothing is computed for those it refuses. Steps
 * marked with a method are left out where the identification is `none`.
 *
 * | state            | event                      | next             | effects                                                       |
 * |------------------|----------------------------|------------------|---------------------------------------------------------------|
 * | idle             | form, unknown and required | ended            | refuse feature-not-implemented with them, `esession-options`  |
 * | idle             | form, 3, not taken         | ended            | refuse feature-not-implemented with dhkeys, `esession-check`  |
 * | idle             | form, 4, not taken         | ended            | refuse feature-not-implemented with dhhashes, `esession-check`|
 * | idle             | form, nothing in common    | ended            | refuse not-acceptable with the fields, `esession-options`     |
 * | idle             | form, 3, e out of range    | ended            | refuse feature-not-implemented, `esession-check`              |
 * | idle             | form                       | computing-key    | compute d; in three messages also eʸ                          |
 * | computing-key    | computed (4)               | answered         | send form_B                                                   |
 * | computing-key    | computed (3)               | signing-early    | sign                                                          |
 * | signing-early    | signed                     | answered         | send form_B with identity and mac                             |
 * | answered         | result, accept=0           | ended            | failed `cancelled`                                            |
 * | answered         | result (4), He or e no good| ended            | refuse feature-not-implemented, `esession-check`              |
 * | answered         | result (4)                 | computing-secret | compute eʸ                                                    |
 * | answered         | result (3)                 | checking         | find Alice's key (hash), verify                               |
 * | computing-secret | computed                   | checking         | find Alice's key (hash), verify (key, hash)                   |
 * | checking         | found, verified (3)        | ended            | established                                                   |
 * | checking         | found, verified (4)        | signing-late     | sign (key, hash)                                              |
 * | signing-late     | signed                     | ended            | send form_B2, established                                     |
 * | any              | a check fails              | ended            | refuse feature-not-implemented, failed                        |
 * | any other        | a form                     | ended            | refuse not-acceptable, failed `esession-form`                 |
 */
export function stepResponder(given: Given, state: ResponderState, event: NegotiationEvent): Step<ResponderState> {
  switch (state.at) {
    case "idle":
      if (event.kind !== "received" || event.form.type !== "form") break;
      return requested(given, event.form);
    case "computing-key":
      if (event.kind !== "computed") break;
      return answer(given, state.request, event.results);
    case "signing-early":
      if (event.kind !== "signed") break;
      return identified(state.identifying, proven(given, state.proving, event.signature));
    case "answered":
      if (event.kind !== "received" || event.wrapper !== "feature" || event.form.type !== "result") break;
      return completed(given, state.answered, event.form);
    case "computing-secret": {
      if (event.kind !== "computed") break;
      const k = sharedSecret(given.crypto, event.results[0] ?? new Uint8Array());
      return open(given, { ...state.answered, k, keys: bothKeys(given.crypto, k, state.answered.chosen) }, state.completion);
    }
    case "checking": {
      const result = checked(given, state.checking, event);
      if (!result) break;
      return knowing(given, state.completed, result);
    }
    case "signing-late":
      if (event.kind !== "signed") break;
      return end(given, state.finishing, proven(given, state.proving, event.signature));
    case "ended":
      return { state, effects: [] };
  }
  return ended(unexpected(`A form came that makes no sense while the negotiation is ${state.at}.`));
}

const ended = (effects: Step<ResponderState>["effects"]): Step<ResponderState> => ({ state: { at: "ended" }, effects });

function requested(given: Given, form: Form): Step<ResponderState> {
  const unknown = required(form).filter((name) => !requestFields.includes(name));
  if (unknown.length > 0) return ended(fieldsUnknown(unknown));
  const messages: Messages = form.fields.has("dhkeys") ? 3 : 4;
  // XEP-0116, "ESession Rejection": 3-message negotiation between clients SHOULD NOT be.
  if (!given.parameters.messages.includes(messages)) {
    return ended(checkFailed(`a negotiation of ${messages} messages was asked for`, "feature-not-implemented", [messages === 3 ? "dhkeys" : "dhhashes"]));
  }
  const chosen = choose(form, given.parameters, messages);
  if ("refused" in chosen) return ended(optionsRefused(chosen.refused));
  if (form.fields.has("dhkeys") && form.fields.has("dhhashes")) throw formError("both dhkeys and dhhashes");
  const nonceA = octets(form, "my_nonce", { from: 8, to: 64 });
  const prime = given.prime(chosen.group);
  // In three messages the values of other groups than the chosen one may be longer than its prime: 1,024 octets are group 18's.
  const values = messages === 4 ? allOctets(form, "dhhashes", { from: 32, to: 32 }) : allOctets(form, "dhkeys", { from: 1, to: 1_024 });
  const groups = form.fields.get("modp") ?? [];
  if (values.length !== groups.length) throw formError(`${messages === 4 ? "dhhashes" : "dhkeys"} and modp differ in number`);
  const value = values[groups.indexOf(String(chosen.group))];
  const exponent = given.exponents.get(chosen.group);
  if (!value || !exponent) throw formError("no value for the chosen group");
  if (equal(nonceA, given.nonce)) return ended(reflected());
  const request = { form, chosen, nonceA, exponent };
  const power = { group: chosen.group, exponent };
  if (messages === 4) return { state: { at: "computing-key", request: { ...request, commitment: value, e: undefined } }, effects: [{ kind: "compute", powers: [power] }] };
  const e = minimal(value);
  if (!inRange(e, prime)) return ended(checkFailed("e is out of range"));
  return { state: { at: "computing-key", request: { ...request, commitment: undefined, e } }, effects: [{ kind: "compute", powers: [power, { ...power, base: e }] }] };
}

/** XEP-0116, "Response Form". */
function answer(given: Given, request: Request, [first, second]: readonly Uint8Array[]): Step<ResponderState> {
  const { chosen, e, form, nonceA } = request;
  const d = minimal(first ?? new Uint8Array());
  const fields = writeResponse(chosen, form, [
    ["my_nonce", toBase64(given.nonce)],
    ["dhkeys", toBase64(d)],
    ["counter", toBase64(given.counter)],
    ["nonce", toBase64(nonceA)],
  ]);
  const response = writeForm("submit", fields);
  const formB = canonicalForm(response, compatibilityOf(chosen.setting));
  if (e && second) return identify(given, { ...request, e, d, fields, formB }, second);
  return { state: { at: "answered", answered: { ...request, d, formB, early: undefined } }, effects: [{ kind: "send", form: response, wrapper: "feature" }] };
}

/** XEP-0116, "Hiding Bob's Identity", in three messages. */
function identify(given: Given, all: Omit<Identifying, keyof Agreed>, power: Uint8Array): Step<ResponderState> {
  const { counter, crypto, nonce } = given;
  const { chosen, d, e, formB, nonceA } = all;
  if (equal(d, e)) return ended(reflected());
  const k = sharedSecret(crypto, power);
  const identifying: Identifying = { ...all, k, keys: bothKeys(crypto, k, chosen) };
  const keys = identifying.keys.responder;
  const claim = { method: chosen.identification.responder, sigma: keys.sigma, input: { nonces: [nonceA, nonce], publicValue: d, forms: [formB] } } as const;
  const proof = prove(given, claim, { keys, counter: opposite(counter), compatibility: compatibilityOf(chosen.setting) });
  if ("proving" in proof) return { state: { at: "signing-early", proving: proof.proving, identifying }, effects: proof.effects };
  return identified(identifying, proof.sealed);
}

function identified({ fields, ...all }: Identifying, sealed: SealedIdentity): Step<ResponderState> {
  const form = writeForm("submit", [...fields, ...identityFields(all.chosen, sealed)]);
  return {
    state: { at: "answered", answered: { ...all, early: { k: all.k, keys: all.keys, counterB: sealed.counter } } },
    effects: [{ kind: "send", form, wrapper: "feature" }],
  };
}

function identityFields({ setting }: Chosen, { identity, mac }: SealedIdentity): readonly FieldSpec[] {
  const type = compatibilityOf(setting).responseTypes ? "text-single" : undefined;
  return [
    ["identity", [toBase64(identity)], type],
    ["mac", [toBase64(mac)], type],
  ];
}

function completed(given: Given, state: Answered, form: Form): Step<ResponderState> {
  const accepted = flag(form, "accept");
  if (accepted === false) return ended(declined("cancelled"));
  if (accepted === undefined) return ended(unexpected("The completion says neither yes nor no."));
  const { chosen, commitment, d, early, exponent } = state;
  const prime = given.prime(chosen.group);
  const completion: Completion = {
    form,
    e: state.e ?? minimal(octets(form, "dhkeys", { from: 1, to: prime.length })),
    identityA: { identity: octets(form, "identity", { from: 32, to: 8192 }), mac: octets(form, "mac", { from: 32, to: 32 }) },
    hashes: commitment ? allOctets(form, "rshashes", { from: 32, to: 32 }) : [],
  };
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), given.nonce)) return ended(checkFailed("the completion is of another negotiation"));
  if (early) return open(given, { ...state, ...early }, completion);
  if (!commitment || !equal(given.crypto.sha256(completion.e), commitment)) return ended(checkFailed("e is not what He committed to"));
  if (!inRange(completion.e, prime)) return ended(checkFailed("e is out of range"));
  if (equal(completion.e, d)) return ended(reflected());
  return {
    state: { at: "computing-secret", answered: state, completion },
    effects: [{ kind: "compute", powers: [{ group: chosen.group, base: completion.e, exponent }] }],
  };
}

/** XEP-0116, "ESession Accept (Bob)": "Verifying Alice's Identity". */
function open(given: Given, all: Answered & Agreed, completion: Completion): Step<ResponderState> {
  const { counter, crypto, nonce } = given;
  const { chosen, form, keys, nonceA } = all;
  const compatibility = compatibilityOf(chosen.setting);
  const opened = openIdentity(crypto, completion.identityA, { keys: keys.initiator, counter, compatibility });
  if (!opened) return ended(checkFailed("M_A does not match"));
  const [formA, formA2] = [canonicalForm(form.element, compatibility), canonicalForm(completion.form.element, compatibility)];
  const claim = {
    method: chosen.identification.initiator,
    sigma: keys.initiator.sigma,
    input: { nonces: [nonce, nonceA], publicValue: completion.e, forms: [formA, formA2] },
  } as const;
  return knowing(given, { ...all, completion, formA, formA2, counterA: opened.counter }, check(given, claim, opened.plaintext));
}

function knowing(given: Given, all: Completed, result: Check): Step<ResponderState> {
  if (result.kind === "refused") return ended(result.effects);
  if (result.kind === "checking") return { state: { at: "checking", checking: result.checking, completed: all }, effects: result.effects };
  if (!all.early) return finish(given, all, result.key);
  const { counterA, early, k, keys } = all;
  return ended([
    established(given, {
      ...held(given, all, ""),
      finalSecret: k,
      keys,
      counters: { sending: early.counterB, receiving: counterA },
      peerKey: result.key,
      terminates: flag(all.completion.form, "terminate") === true,
    }),
  ]);
}

/** XEP-0116, "Generating Bob's Final Session Keys" and "Sending Bob's Identity". */
function finish(given: Given, all: Completed, peerKey: RsaKey | undefined): Step<ResponderState> {
  const { counter, crypto, decoys, nonce, otherSecret, secrets } = given;
  const { chosen, completion, d, formB, k, keys, nonceA } = all;
  const compatibility = compatibilityOf(chosen.setting);
  const shared = findOffered(crypto, secrets, nonceA, completion.hashes);
  const final = finalSecret(crypto, k, shared, otherSecret);
  for (const { cipher, mac, sigma } of [keys.initiator, keys.responder]) wipe(cipher, mac, sigma);
  wipe(k);
  const finalKeys = bothKeys(crypto, final, chosen);
  const type = compatibility.responseTypes ? "text-single" : undefined;
  const fields: readonly FieldSpec[] = [
    ["FORM_TYPE", [NS_SSN], type],
    ["nonce", [toBase64(nonceA)], type],
    ["srshash", [toBase64(shared ? confirmedHash(crypto, shared) : decoys[2])], type],
  ];
  const formB2 = canonicalForm(writeForm("result", fields), compatibility);
  const claim = {
    method: chosen.identification.responder,
    sigma: finalKeys.responder.sigma,
    input: { nonces: [nonceA, nonce], publicValue: d, forms: [formB, formB2] },
  } as const;
  const finishing = { ...all, peerKey, final, finalKeys, shared, fields, formB2 };
  const proof = prove(given, claim, { keys: finalKeys.responder, counter: opposite(counter), compatibility });
  if ("proving" in proof) return { state: { at: "signing-late", proving: proof.proving, finishing }, effects: proof.effects };
  return end(given, finishing, proof.sealed);
}

function end(given: Given, all: Finishing, sealed: SealedIdentity): Step<ResponderState> {
  const { chosen, completion, counterA, fields, final, finalKeys, formB2, peerKey, shared } = all;
  return ended([
    { kind: "send", form: writeForm("result", [...fields, ...identityFields(chosen, sealed)]), wrapper: "init" },
    established(given, {
      ...held(given, all, formB2),
      finalSecret: final,
      keys: finalKeys,
      counters: { sending: sealed.counter, receiving: counterA },
      peerKey,
      confirmed: { macA: completion.identityA.mac, shared },
    }),
  ]);
}

/** What both ends have alike. */
function held({ counter, nonce }: Given, { chosen, completion, d, exponent, formA, formA2, formB, nonceA }: Completed, formB2: string) {
  return {
    role: "responder",
    chosen,
    exponent,
    peerPublic: completion.e,
    transcript: { forms: [formA, formB, formA2, formB2], e: completion.e, d, nonceA, nonceB: nonce, counterA: counter },
  } as const;
}
