import { canonicalForm } from "./canonical.js";
import { opposite } from "./counter.js";
import { allOctets, flag, octets, writeForm } from "./form.js";
import { inRange } from "./groups.js";
import { identityMac, openIdentity, type SealedIdentity, sealIdentity } from "./identity.js";
import { finalSecret, sessionKeys, sharedSecret } from "./keys.js";
import { NS_SSN } from "./namespaces.js";
import { checkFailed, compatibilityOf, declined, type Given, type NegotiationEvent, optionsRefused, reflected, retainedState, type Step, unexpected } from "./negotiation.js";
import { equal, minimal, toBase64, wipe } from "./octets.js";
import { type Chosen, readChoice, writeRequest } from "./parameters.js";
import { candidates, findConfirmed, newRetainedSecret, offeredHash } from "./retained-secrets.js";
import { sas28x5 } from "./sas.js";

interface Response {
  readonly chosen: Chosen;
  readonly formB: string;
  readonly nonceB: Uint8Array;
  readonly counterA: Uint8Array;
  readonly d: Uint8Array;
  readonly e: Uint8Array;
  readonly exponent: Uint8Array;
}

export type InitiatorState =
  | { readonly at: "idle" }
  | { readonly at: "computing-offer" }
  | { readonly at: "offered"; readonly request: Parameters<typeof canonicalForm>[0]; readonly publicValues: ReadonlyMap<number, Uint8Array> }
  | { readonly at: "computing-secret"; readonly request: Parameters<typeof canonicalForm>[0]; readonly response: Response }
  | { readonly at: "proven"; readonly response: Response; readonly k: Uint8Array; readonly sealed: SealedIdentity; readonly formA: string; readonly formA2: string }
  | { readonly at: "ended" };

/**
 * Alice in a four-message negotiation (XEP-0116 §4; XEP-0217 is a subset).
 *
 * | state            | event                | next              | effects                                            |
 * |------------------|----------------------|-------------------|----------------------------------------------------|
 * | idle             | start                | computing-offer   | compute e for each group                           |
 * | computing-offer  | computed             | offered           | send form_A with each He                           |
 * | offered          | submit, accept=0     | ended             | failed `declined`                                  |
 * | offered          | submit, bad choice   | ended             | refuse not-acceptable, failed `esession-options`   |
 * | offered          | submit, d no good    | ended             | refuse, failed `esession-check` or `reflection`    |
 * | offered          | submit               | computing-secret  | compute dˣ                                         |
 * | computing-secret | computed             | proven            | send form_A2 with e, rshashes, identity, mac       |
 * | proven           | init, a check fails  | ended             | refuse feature-not-implemented, `esession-check`   |
 * | proven           | init                 | ended             | established                                        |
 * | any other        | a form               | ended             | refuse not-acceptable, failed `esession-form`      |
 *
 * A form that cannot be read throws `esession-form`; the driver answers it likewise.
 */
export function stepInitiator(given: Given, state: InitiatorState, event: NegotiationEvent): Step<InitiatorState> {
  switch (state.at) {
    case "idle":
      if (event.kind !== "start") break;
      return { state: { at: "computing-offer" }, effects: [{ kind: "compute", powers: given.parameters.groups.map((group) => ({ group, exponent: exponentOf(given, group) })) }] };
    case "computing-offer":
      if (event.kind !== "computed") break;
      return offer(given, event.results);
    case "offered":
      if (event.kind !== "received" || event.wrapper !== "feature" || event.form.type !== "submit") break;
      return answered(given, state, event.form);
    case "computing-secret":
      if (event.kind !== "computed") break;
      return prove(given, state, event.results[0] ?? new Uint8Array());
    case "proven":
      if (event.kind !== "received" || event.wrapper !== "init") break;
      return complete(given, state, event.form);
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

function offer({ crypto, nonce, parameters }: Given, results: readonly Uint8Array[]): Step<InitiatorState> {
  const publicValues = new Map(parameters.groups.map((group, index) => [group, minimal(results[index] ?? new Uint8Array())] as const));
  const hashes = [...publicValues.values()].map((e) => crypto.sha256(e));
  const request = writeRequest(parameters, nonce, hashes);
  return { state: { at: "offered", request, publicValues }, effects: [{ kind: "send", form: request, wrapper: "feature" }] };
}

function answered(given: Given, { request, publicValues }: Extract<InitiatorState, { at: "offered" }>, form: Parameters<typeof flag>[0]): Step<InitiatorState> {
  const accepted = flag(form, "accept");
  if (accepted === false) return ended(declined("declined"));
  if (accepted === undefined) return ended(unexpected("The answer says neither yes nor no."));
  const chosen = readChoice(form, given.parameters);
  if ("refused" in chosen) return ended(optionsRefused(chosen.refused));
  const compatibility = compatibilityOf(chosen.setting);
  const prime = given.prime(chosen.group);
  const d = minimal(octets(form, "dhkeys", { from: 1, to: prime.length }));
  const nonceB = octets(form, "my_nonce", { from: 8, to: 64 });
  const counterA = octets(form, "counter", { from: 16, to: 16 });
  const e = publicValues.get(chosen.group) ?? new Uint8Array();
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), given.nonce)) return ended(checkFailed("the answer is to another request"));
  if (!inRange(d, prime)) return ended(checkFailed("d is out of range", compatibility.badKeyAnswer));
  if (equal(d, e) || equal(nonceB, given.nonce)) return ended(reflected());
  const exponent = exponentOf(given, chosen.group);
  const response = { chosen, formB: canonicalForm(form.element, compatibility), nonceB, counterA, d, e, exponent };
  return { state: { at: "computing-secret", request, response }, effects: [{ kind: "compute", powers: [{ group: chosen.group, base: d, exponent }] }] };
}

/** XEP-0116, "Hiding Alice's Identity" and "Sending Alice's Identity". */
function prove({ crypto, decoys, nonce, secrets }: Given, { request, response }: Extract<InitiatorState, { at: "computing-secret" }>, power: Uint8Array): Step<InitiatorState> {
  const { chosen, counterA, e, nonceB } = response;
  const compatibility = compatibilityOf(chosen.setting);
  const k = sharedSecret(crypto, power);
  const keys = sessionKeys(crypto, k, "Initiator", { cipher: chosen.cipher, compatibility });
  const type = compatibility.responseTypes ? "text-single" : undefined;
  // At least two random ones among them, so that their number tells nothing.
  const hashes = [...candidates(secrets).map((secret) => offeredHash(crypto, nonce, secret)), decoys[0], decoys[1]];
  const fields = [
    ["FORM_TYPE", [NS_SSN], type],
    ["accept", ["1"], type],
    ["nonce", [toBase64(nonceB)], type],
    ["rshashes", hashes.map(toBase64).sort(), "hidden"],
    ["dhkeys", [toBase64(e)], type],
  ] as const;
  const formA = canonicalForm(request, compatibility);
  const formA2 = canonicalForm(writeForm("result", fields), compatibility);
  const mac = identityMac(crypto, keys.sigma, { nonces: [nonceB, nonce], publicValue: e, publicKey: "", forms: [formA, formA2] });
  const sealed = sealIdentity(crypto, mac, { keys, counter: counterA, compatibility });
  wipe(keys.cipher, keys.mac, keys.sigma);
  const form = writeForm("result", [...fields, ["identity", [toBase64(sealed.identity)], type], ["mac", [toBase64(sealed.mac)], type]]);
  return { state: { at: "proven", response, k, sealed, formA, formA2 }, effects: [{ kind: "send", form, wrapper: "feature" }] };
}

/** XEP-0116, "Final Steps (Alice)". */
function complete(given: Given, { response, k, sealed, formA, formA2 }: Extract<InitiatorState, { at: "proven" }>, form: Parameters<typeof flag>[0]): Step<InitiatorState> {
  const { crypto, nonce, otherSecret, prime, secrets } = given;
  const { chosen, counterA, d, e, exponent, formB, nonceB } = response;
  const compatibility = compatibilityOf(chosen.setting);
  const lengths = { cipher: chosen.cipher, compatibility };
  if (!equal(octets(form, "nonce", { from: 1, to: 64 }), nonce)) return ended(checkFailed("the last form is of another negotiation"));
  const [hash = new Uint8Array()] = allOctets(form, "srshash", { from: 32, to: 32 });
  const theirs = { identity: octets(form, "identity", { from: 32, to: 8192 }), mac: octets(form, "mac", { from: 32, to: 32 }) };
  const shared = findConfirmed(crypto, secrets, hash);
  const final = finalSecret(crypto, k, shared, otherSecret);
  wipe(k);
  const [sending, receiving] = [sessionKeys(crypto, final, "Initiator", lengths), sessionKeys(crypto, final, "Responder", lengths)];
  const opened = openIdentity(crypto, theirs, { keys: receiving, counter: opposite(counterA), compatibility });
  if (!opened) return ended(checkFailed("M_B does not match"));
  const formB2 = canonicalForm(form.element, compatibility);
  const mac = identityMac(crypto, receiving.sigma, { nonces: [nonce, nonceB], publicValue: d, publicKey: "", forms: [formB, formB2] });
  if (!equal(mac, opened.plaintext)) return ended(checkFailed("mac_B does not match"));
  return ended([
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
          peerPublic: d,
        },
        sas: sas28x5(crypto, sealed.mac, formB),
        retained: retainedState(secrets, shared),
        shared,
        fresh: newRetainedSecret(crypto, final),
        finalSecret: final,
        transcript: { forms: [formA, formB, formA2, formB2], e, d, nonceA: nonce, nonceB, counterA },
      },
    },
  ]);
}
