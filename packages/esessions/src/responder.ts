import { canonicalForm } from "./canonical.js";
import { opposite } from "./counter.js";
import { allOctets, type Form, flag, formError, octets, writeForm } from "./form.js";
import { inRange } from "./groups.js";
import { identityMac, openIdentity, sealIdentity } from "./identity.js";
import { finalSecret, sessionKeys, sharedSecret } from "./keys.js";
import { NS_SSN } from "./namespaces.js";
import {
  checkFailed,
  compatibilityOf,
  declined,
  type Effect,
  type Given,
  type NegotiationEvent,
  optionsRefused,
  reflected,
  retainedState,
  type Step,
  unexpected,
} from "./negotiation.js";
import { equal, minimal, toBase64, wipe } from "./octets.js";
import { type Chosen, choose, writeResponse } from "./parameters.js";
import { confirmedHash, findOffered, newRetainedSecret } from "./retained-secrets.js";
import { sas28x5 } from "./sas.js";

interface Request {
  readonly form: Form;
  readonly chosen: Chosen;
  readonly nonceA: Uint8Array;
  readonly commitment: Uint8Array;
  readonly exponent: Uint8Array;
}

interface Answered extends Request {
  readonly formB: string;
  readonly d: Uint8Array;
}

interface Completion {
  readonly form: Form;
  readonly e: Uint8Array;
  readonly identity: Uint8Array;
  readonly mac: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

export type ResponderState =
  | { readonly at: "idle" }
  | ({ readonly at: "computing-key" } & Request)
  | ({ readonly at: "answered" } & Answered)
  | ({ readonly at: "computing-secret"; readonly completion: Completion } & Answered)
  | { readonly at: "ended" };

/**
 * Bob in a four-message negotiation (XEP-0116 §4; XEP-0217 is a subset). Policy was asked before: nothing is computed for those it refuses.
 *
 * | state            | event                      | next             | effects                                                       |
 * |------------------|----------------------------|------------------|---------------------------------------------------------------|
 * | idle             | form, 3-message            | ended            | refuse feature-not-implemented with dhkeys                    |
 * | idle             | form, nothing in common    | ended            | refuse not-acceptable with the fields, `esession-options`     |
 * | idle             | form                       | computing-key    | compute d                                                     |
 * | computing-key    | computed                   | answered         | send form_B                                                   |
 * | answered         | result, accept=0           | ended            | failed `cancelled`                                            |
 * | answered         | result, He or e no good    | ended            | refuse feature-not-implemented, `esession-check`              |
 * | answered         | result                     | computing-secret | compute eʸ                                                    |
 * | computing-secret | computed, a check fails    | ended            | refuse feature-not-implemented, `esession-check`              |
 * | computing-secret | computed                   | ended            | send form_B2, established                                     |
 * | any other        | a form                     | ended            | refuse not-acceptable, failed `esession-form`                 |
 */
export function stepResponder(given: Given, state: ResponderState, event: NegotiationEvent): Step<ResponderState> {
  switch (state.at) {
    case "idle":
      if (event.kind !== "received" || event.form.type !== "form") break;
      return requested(given, event.form);
    case "computing-key":
      if (event.kind !== "computed") break;
      return answer(given, state, minimal(event.results[0] ?? new Uint8Array()));
    case "answered":
      if (event.kind !== "received" || event.wrapper !== "feature" || event.form.type !== "result") break;
      return completed(given, state, event.form);
    case "computing-secret":
      if (event.kind !== "computed") break;
      return verify(given, state, event.results[0] ?? new Uint8Array());
    case "ended":
      return { state, effects: [] };
  }
  return ended(unexpected(`A form came that makes no sense while the negotiation is ${state.at}.`));
}

const ended = (effects: readonly Effect[]): Step<ResponderState> => ({ state: { at: "ended" }, effects });

function requested(given: Given, form: Form): Step<ResponderState> {
  // XEP-0116, "ESession Rejection": 3-message negotiation between clients SHOULD NOT be.
  if (form.fields.has("dhkeys")) {
    const [, failed] = checkFailed("a three-message negotiation was asked for");
    return ended([{ kind: "refuse", condition: "feature-not-implemented", fields: ["dhkeys"] }, ...(failed ? [failed] : [])]);
  }
  const chosen = choose(form, given.parameters);
  if ("refused" in chosen) return ended(optionsRefused(chosen.refused));
  const nonceA = octets(form, "my_nonce", { from: 8, to: 64 });
  const commitments = allOctets(form, "dhhashes", { from: 32, to: 32 });
  const groups = form.fields.get("modp") ?? [];
  if (commitments.length !== groups.length) throw formError("dhhashes and modp differ in number");
  const commitment = commitments[groups.indexOf(String(chosen.group))];
  const exponent = given.exponents.get(chosen.group);
  if (!commitment || !exponent) throw formError("no hash for the chosen group");
  if (equal(nonceA, given.nonce)) return ended(reflected());
  return { state: { at: "computing-key", form, chosen, nonceA, commitment, exponent }, effects: [{ kind: "compute", powers: [{ group: chosen.group, exponent }] }] };
}

/** XEP-0116, "Response Form". */
function answer(given: Given, request: Extract<ResponderState, { at: "computing-key" }>, d: Uint8Array): Step<ResponderState> {
  const { chosen, nonceA } = request;
  const form = writeResponse(chosen, request.form, [
    ["my_nonce", toBase64(given.nonce)],
    ["dhkeys", toBase64(d)],
    ["counter", toBase64(given.counter)],
    ["nonce", toBase64(nonceA)],
  ]);
  const formB = canonicalForm(form, compatibilityOf(chosen.setting));
  return { state: { ...request, at: "answered", formB, d }, effects: [{ kind: "send", form, wrapper: "feature" }] };
}

function completed(given: Given, state: Extract<ResponderState, { at: "answered" }>, form: Form): Step<ResponderState> {
  const accepted = flag(form, "accept");
  if (accepted === false) return ended(declined("cancelled"));
  if (accepted === undefined) return ended(unexpected("The completion says neither yes nor no."));
  const { chosen, commitment, d, exponent } = state;
  const prime = given.prime(chosen.group);
  const completion: Completion = {
    form,
    e: minimal(octets(form, "dhkeys", { from: 1, to: prime.length })),
    identity: octets(form, "identity", { from: 32, to: 8192 }),
    mac: octets(form, "mac", { from: 32, to: 32 }),
    hashes: allOctets(form, "rshashes", { from: 32, to: 32 }),
  };
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), given.nonce)) return ended(checkFailed("the completion is of another negotiation"));
  if (!equal(given.crypto.sha256(completion.e), commitment)) return ended(checkFailed("e is not what He committed to"));
  if (!inRange(completion.e, prime)) return ended(checkFailed("e is out of range"));
  if (equal(completion.e, d)) return ended(reflected());
  return { state: { ...state, at: "computing-secret", completion }, effects: [{ kind: "compute", powers: [{ group: chosen.group, base: completion.e, exponent }] }] };
}

/** XEP-0116, "ESession Accept (Bob)". */
function verify(given: Given, state: Extract<ResponderState, { at: "computing-secret" }>, power: Uint8Array): Step<ResponderState> {
  const { counter, crypto, decoys, nonce, otherSecret, prime, secrets } = given;
  const { chosen, completion, d, exponent, formB, nonceA } = state;
  const compatibility = compatibilityOf(chosen.setting);
  const lengths = { cipher: chosen.cipher, compatibility };
  const k = sharedSecret(crypto, power);
  const provisional = sessionKeys(crypto, k, "Initiator", lengths);
  const opened = openIdentity(crypto, completion, { keys: provisional, counter, compatibility });
  if (!opened) return ended(checkFailed("M_A does not match"));
  const [formA, formA2] = [canonicalForm(state.form.element, compatibility), canonicalForm(completion.form.element, compatibility)];
  const macA = identityMac(crypto, provisional.sigma, { nonces: [nonce, nonceA], publicValue: completion.e, publicKey: "", forms: [formA, formA2] });
  if (!equal(macA, opened.plaintext)) return ended(checkFailed("mac_A does not match"));
  const shared = findOffered(crypto, secrets, nonceA, completion.hashes);
  const final = finalSecret(crypto, k, shared, otherSecret);
  wipe(k, provisional.cipher, provisional.mac, provisional.sigma);
  const [receiving, sending] = [sessionKeys(crypto, final, "Initiator", lengths), sessionKeys(crypto, final, "Responder", lengths)];
  const type = compatibility.responseTypes ? "text-single" : undefined;
  const spec = (name: string, value: string) => [name, [value], type] as const;
  const fields = [spec("FORM_TYPE", NS_SSN), spec("nonce", toBase64(nonceA)), spec("srshash", toBase64(shared ? confirmedHash(crypto, shared) : decoys[2]))];
  const formB2 = canonicalForm(writeForm("result", fields), compatibility);
  const macB = identityMac(crypto, sending.sigma, { nonces: [nonceA, nonce], publicValue: d, publicKey: "", forms: [formB, formB2] });
  const sealed = sealIdentity(crypto, macB, { keys: sending, counter: opposite(counter), compatibility });
  const form = writeForm("result", [...fields, spec("identity", toBase64(sealed.identity)), spec("mac", toBase64(sealed.mac))]);
  return ended([
    { kind: "send", form, wrapper: "init" },
    {
      kind: "established",
      outcome: {
        chosen,
        established: {
          ...lengths,
          prime: prime(chosen.group),
          sending,
          receiving,
          sendCounter: sealed.counter,
          receiveCounter: opened.counter,
          exponent,
          peerPublic: completion.e,
        },
        sas: sas28x5(crypto, completion.mac, formB),
        retained: retainedState(secrets, shared),
        shared,
        fresh: newRetainedSecret(crypto, final),
        finalSecret: final,
        transcript: { forms: [formA, formB, formA2, formB2], e: completion.e, d, nonceA, nonceB: nonce, counterA: counter },
      },
    },
  ]);
}
