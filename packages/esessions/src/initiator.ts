import { canonicalForm } from "./canonical.js";
import { opposite } from "./counter.js";
import type { RsaKey } from "./crypto.js";
import { allOctets, type FieldSpec, type Form, flag, octets, writeForm } from "./form.js";
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
  type Given,
  type NegotiationEvent,
  optionsRefused,
  reflected,
  type Step,
  unexpected,
} from "./negotiation.js";
import { equal, minimal, toBase64, wipe } from "./octets.js";
import { established } from "./outcome.js";
import { type Chosen, type Messages, readChoice, writeRequest } from "./parameters.js";
import { candidates, findConfirmed, offeredHash } from "./retained-secrets.js";

/** What Bob has chosen and sent. */
interface Response {
  readonly chosen: Chosen;
  readonly formA: string;
  readonly formB: string;
  readonly nonceB: Uint8Array;
  readonly counterA: Uint8Array;
  readonly d: Uint8Array;
  readonly e: Uint8Array;
  readonly exponent: Uint8Array;
  /** ID_B and M_B: here in three messages, with the last form in four. */
  readonly identityB: Omit<SealedIdentity, "counter"> | undefined;
}

/** With the keys that K gives; in three messages they are the last ones. */
interface Agreed extends Response {
  readonly k: Uint8Array;
  readonly keys: BothKeys;
}

/** In three messages, once Bob is known. */
interface Known {
  readonly peerKey: RsaKey | undefined;
  readonly counterB: Uint8Array;
}

/** Alice's last form but for her identity. */
interface Completing extends Agreed {
  readonly known: Known | undefined;
  readonly fields: readonly FieldSpec[];
  readonly formA2: string;
}

interface Proven extends Completing {
  readonly sealed: SealedIdentity;
}

/** In four messages, once Bob's last form is there. */
interface Finished extends Proven {
  readonly formB2: string;
  readonly final: Uint8Array;
  readonly finalKeys: BothKeys;
  readonly shared: Uint8Array | undefined;
}

export type InitiatorState =
  | { readonly at: "idle" }
  | { readonly at: "computing-offer"; readonly messages: Messages }
  | { readonly at: "offered"; readonly messages: Messages; readonly request: Parameters<typeof canonicalForm>[0]; readonly publicValues: ReadonlyMap<number, Uint8Array> }
  | { readonly at: "computing-secret"; readonly response: Response }
  | { readonly at: "checking-early"; readonly checking: Checking; readonly agreed: Agreed; readonly counterB: Uint8Array }
  | { readonly at: "signing"; readonly proving: Proving; readonly completing: Completing }
  | { readonly at: "proven"; readonly proven: Proven }
  | { readonly at: "checking-late"; readonly checking: Checking; readonly finished: Finished; readonly counterB: Uint8Array }
  | { readonly at: "ended" };

/**
 * Alice in a negotiation of four messages (XEP-0116 §4; XEP-0217 is a subset), or of three (SIGMA-I). Steps marked with a method are left out where the identification is `none`.
 *
 * | state            | event                | next              | effects                                             |
 * |------------------|----------------------|-------------------|-----------------------------------------------------|
 * | idle             | start                | computing-offer   | compute e for each group                            |
 * | computing-offer  | computed             | offered           | send form_A, with each He (4), each e (3)           |
 * | offered          | submit, accept=0     | ended             | failed `declined`                                   |
 * | offered          | submit, bad choice   | ended             | refuse not-acceptable, failed `esession-options`    |
 * | offered          | submit, d no good    | ended             | refuse, failed `esession-check` or `reflection`     |
 * | offered          | submit               | computing-secret  | compute dˣ                                          |
 * | computing-secret | computed (3)         | checking-early    | find Bob's key (hash), verify (key, hash)           |
 * | checking-early   | found, verified (3)  | signing           | sign (key, hash)                                    |
 * | computing-secret | computed (4)         | signing           | sign (key, hash)                                    |
 * | signing          | signed (3)           | ended             | send form_A2 with identity, mac; established        |
 * | signing          | signed (4)           | proven            | send form_A2 with e, rshashes, identity, mac        |
 * | proven           | init (4)             | checking-late     | find Bob's key (hash), verify (key, hash)           |
 * | checking-late    | found, verified (4)  | ended             | established                                         |
 * | any              | a check fails        | ended             | refuse feature-not-implemented, failed              |
 * | any other        | a form               | ended             | refuse not-acceptable, failed `esession-form`       |
 *
 * A form that cannot be read throws `esession-form`; the driver answers it likewise.
 */
export function stepInitiator(given: Given, state: InitiatorState, event: NegotiationEvent): Step<InitiatorState> {
  switch (state.at) {
    case "idle":
      if (event.kind !== "start") break;
      return {
        state: { at: "computing-offer", messages: event.messages },
        effects: [{ kind: "compute", powers: given.parameters.groups.map((group) => ({ group, exponent: exponentOf(given, group) })) }],
      };
    case "computing-offer":
      if (event.kind !== "computed") break;
      return offer(given, state.messages, event.results);
    case "offered":
      if (event.kind !== "received" || event.wrapper !== "feature" || event.form.type !== "submit") break;
      return answered(given, state, event.form);
    case "computing-secret":
      if (event.kind !== "computed") break;
      return agreed(given, state.response, event.results[0] ?? new Uint8Array());
    case "checking-early": {
      const result = checked(given, state.checking, event);
      if (!result) break;
      return knowing(given, state.agreed, state.counterB, result);
    }
    case "signing":
      if (event.kind !== "signed") break;
      return sendProof(given, { ...state.completing, sealed: proven(given, state.proving, event.signature) });
    case "proven":
      if (event.kind !== "received" || event.wrapper !== "init") break;
      return finish(given, state.proven, event.form);
    case "checking-late": {
      const result = checked(given, state.checking, event);
      if (!result) break;
      return finished(given, state.finished, state.counterB, result);
    }
    case "ended":
      return { state, effects: [] };
  }
  if (event.kind === "received" && event.form.type === "result" && flag(event.form, "accept") === false) return ended(declined("cancelled"));
  return ended(unexpected(`A form came that makes no sense while the negotiation is ${state.at}.`));
}

const ended = (effects: Step<InitiatorState>["effects"]): Step<InitiatorState> => ({ state: { at: "ended" }, effects });

function exponentOf({ exponents }: Given, group: number): Uint8Array {
  const exponent = exponents.get(group);
  if (!exponent) throw new Error(`no exponent was drawn for group ${group}`);
  return exponent;
}

function offer({ crypto, nonce, parameters }: Given, messages: Messages, results: readonly Uint8Array[]): Step<InitiatorState> {
  const publicValues = new Map(parameters.groups.map((group, index) => [group, minimal(results[index] ?? new Uint8Array())] as const));
  const values = [...publicValues.values()];
  const request = writeRequest(parameters, messages, nonce, messages === 4 ? values.map((e) => crypto.sha256(e)) : values);
  return { state: { at: "offered", messages, request, publicValues }, effects: [{ kind: "send", form: request, wrapper: "feature" }] };
}

const identityIn = (form: Form): Omit<SealedIdentity, "counter"> => ({
  identity: octets(form, "identity", { from: 32, to: 8192 }),
  mac: octets(form, "mac", { from: 32, to: 32 }),
});

function answered(given: Given, { messages, publicValues, request }: Extract<InitiatorState, { at: "offered" }>, form: Form): Step<InitiatorState> {
  const accepted = flag(form, "accept");
  if (accepted === false) return ended(declined("declined"));
  if (accepted === undefined) return ended(unexpected("The answer says neither yes nor no."));
  const chosen = readChoice(form, given.parameters, messages);
  if ("refused" in chosen) return ended(optionsRefused(chosen.refused));
  const compatibility = compatibilityOf(chosen.setting);
  const prime = given.prime(chosen.group);
  const d = minimal(octets(form, "dhkeys", { from: 1, to: prime.length }));
  const nonceB = octets(form, "my_nonce", { from: 8, to: 64 });
  const counterA = octets(form, "counter", { from: 16, to: 16 });
  const e = publicValues.get(chosen.group) ?? new Uint8Array();
  const identityB = messages === 3 ? identityIn(form) : undefined;
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), given.nonce)) return ended(checkFailed("the answer is to another request"));
  if (!inRange(d, prime)) return ended(checkFailed("d is out of range", compatibility.badKeyAnswer));
  if (equal(d, e) || equal(nonceB, given.nonce)) return ended(reflected());
  const exponent = exponentOf(given, chosen.group);
  const forms = { formA: canonicalForm(request, compatibility), formB: canonicalForm(form.element, compatibility) };
  return {
    state: { at: "computing-secret", response: { chosen, ...forms, nonceB, counterA, d, e, exponent, identityB } },
    effects: [{ kind: "compute", powers: [{ group: chosen.group, base: d, exponent }] }],
  };
}

/** XEP-0116, "Diffie-Hellman Preparation (Alice)"; in three messages also "Verifying Bob's Identity". */
function agreed(given: Given, response: Response, power: Uint8Array): Step<InitiatorState> {
  const { crypto, nonce } = given;
  const { chosen, counterA, d, formB, identityB, nonceB } = response;
  const k = sharedSecret(crypto, power);
  const all: Agreed = { ...response, k, keys: bothKeys(crypto, k, chosen) };
  if (!identityB) return complete(given, all, undefined);
  const opened = openIdentity(crypto, identityB, { keys: all.keys.responder, counter: opposite(counterA), compatibility: compatibilityOf(chosen.setting) });
  if (!opened) return ended(checkFailed("M_B does not match"));
  const claim = { method: chosen.identification.responder, sigma: all.keys.responder.sigma, input: { nonces: [nonce, nonceB], publicValue: d, forms: [formB] } } as const;
  return knowing(given, all, opened.counter, check(given, claim, opened.plaintext));
}

function knowing(given: Given, all: Agreed, counterB: Uint8Array, result: Check): Step<InitiatorState> {
  if (result.kind === "refused") return ended(result.effects);
  if (result.kind === "checking") return { state: { at: "checking-early", checking: result.checking, agreed: all, counterB }, effects: result.effects };
  return complete(given, all, { peerKey: result.key, counterB });
}

/** XEP-0116, "Hiding Alice's Identity" and "Sending Alice's Identity". */
function complete(given: Given, all: Agreed, known: Known | undefined): Step<InitiatorState> {
  const { crypto, decoys, nonce, secrets } = given;
  const { chosen, counterA, e, formA, keys, nonceB } = all;
  const compatibility = compatibilityOf(chosen.setting);
  const type = compatibility.responseTypes ? "text-single" : undefined;
  // At least two random ones among them, so that their number tells nothing.
  const hashes = [...candidates(secrets).map((secret) => offeredHash(crypto, nonce, secret)), decoys[0], decoys[1]];
  const fields: readonly FieldSpec[] = [
    ["FORM_TYPE", [NS_SSN], type],
    ["accept", ["1"], type],
    ["nonce", [toBase64(nonceB)], type],
    ...(known
      ? given.terminates
        ? [["terminate", ["1"], type] as const]
        : []
      : ([
          ["rshashes", hashes.map(toBase64).sort(), "hidden"],
          ["dhkeys", [toBase64(e)], type],
        ] as const)),
  ];
  const completing = { ...all, known, fields, formA2: canonicalForm(writeForm("result", fields), compatibility) };
  const claim = {
    method: chosen.identification.initiator,
    sigma: keys.initiator.sigma,
    input: { nonces: [nonceB, nonce], publicValue: e, forms: [formA, completing.formA2] },
  } as const;
  const proof = prove(given, claim, { keys: keys.initiator, counter: counterA, compatibility });
  if ("proving" in proof) return { state: { at: "signing", proving: proof.proving, completing }, effects: proof.effects };
  return sendProof(given, { ...completing, sealed: proof.sealed });
}

function sendProof(given: Given, all: Proven): Step<InitiatorState> {
  const { chosen, fields, k, keys, known, sealed } = all;
  const type = compatibilityOf(chosen.setting).responseTypes ? "text-single" : undefined;
  const form = writeForm("result", [...fields, ["identity", [toBase64(sealed.identity)], type], ["mac", [toBase64(sealed.mac)], type]]);
  const sending = { kind: "send", form, wrapper: "feature" } as const;
  if (!known) {
    wipeKeys(keys);
    return { state: { at: "proven", proven: all }, effects: [sending] };
  }
  return ended([
    sending,
    established(given, {
      ...end(given, all, ""),
      finalSecret: k,
      keys,
      counters: { sending: sealed.counter, receiving: known.counterB },
      peerKey: known.peerKey,
    }),
  ]);
}

/** XEP-0116, "Final Steps (Alice)". */
function finish(given: Given, all: Proven, form: Form): Step<InitiatorState> {
  const { crypto, nonce, otherSecret, secrets } = given;
  const { chosen, counterA, d, formB, k, nonceB } = all;
  const compatibility = compatibilityOf(chosen.setting);
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), nonce)) return ended(checkFailed("the last form is of another negotiation"));
  const [hash = new Uint8Array()] = allOctets(form, "srshash", { from: 32, to: 32 });
  const theirs = identityIn(form);
  const shared = findConfirmed(crypto, secrets, hash);
  const final = finalSecret(crypto, k, shared, otherSecret);
  wipe(k);
  const finalKeys = bothKeys(crypto, final, chosen);
  const opened = openIdentity(crypto, theirs, { keys: finalKeys.responder, counter: opposite(counterA), compatibility });
  if (!opened) return ended(checkFailed("M_B does not match"));
  const formB2 = canonicalForm(form.element, compatibility);
  const claim = {
    method: chosen.identification.responder,
    sigma: finalKeys.responder.sigma,
    input: { nonces: [nonce, nonceB], publicValue: d, forms: [formB, formB2] },
  } as const;
  return finished(given, { ...all, formB2, final, finalKeys, shared }, opened.counter, check(given, claim, opened.plaintext));
}

function finished(given: Given, all: Finished, counterB: Uint8Array, result: Check): Step<InitiatorState> {
  if (result.kind === "refused") return ended(result.effects);
  if (result.kind === "checking") return { state: { at: "checking-late", checking: result.checking, finished: all, counterB }, effects: result.effects };
  const { final, finalKeys, formB2, sealed, shared } = all;
  return ended([
    established(given, {
      ...end(given, all, formB2),
      finalSecret: final,
      keys: finalKeys,
      counters: { sending: sealed.counter, receiving: counterB },
      peerKey: result.key,
      confirmed: { macA: sealed.mac, shared },
    }),
  ]);
}

/** What both ends have alike. */
function end({ nonce }: Given, { chosen, counterA, d, e, exponent, formA, formA2, formB, nonceB }: Proven, formB2: string) {
  return {
    role: "initiator",
    chosen,
    exponent,
    peerPublic: d,
    transcript: { forms: [formA, formB, formA2, formB2], e, d, nonceA: nonce, nonceB, counterA },
  } as const;
}

function wipeKeys({ initiator, responder }: BothKeys): void {
  for (const { cipher, mac, sigma } of [initiator, responder]) wipe(cipher, mac, sigma);
}
