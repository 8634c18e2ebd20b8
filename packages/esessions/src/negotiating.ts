import { BalconyError, readStanzaError } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Arithmetic, RsaKey, Signer, Verify } from "./crypto.js";
import { envelope, formIn, no, refusal, wrapForm } from "./envelope.js";
import { readForm } from "./form.js";
import { keyRefused } from "./identification.js";
import { NS_ENCRYPTED } from "./namespaces.js";
import type { Effect, Given, NegotiationEvent, Outcome } from "./negotiation.js";
import { wipe } from "./octets.js";
import type { Messages } from "./parameters.js";

/** RSA keys: our own, and who is to say whose the others are. */
export interface Keys {
  /** Needed for every identification but `none`. */
  readonly signer: Signer;
  readonly verify: Verify;
  /** A key of this peer by its fingerprint, SHA-256 of the normalised `<KeyValue/>` (XEP-0116, `hash`). */
  readonly find: (peer: Jid, fingerprint: Uint8Array) => Promise<RsaKey | undefined>;
  /**
   * Is this the peer's key? It has signed by then. May ask the person, within the time of the negotiation; what it throws (`key-changed`, say) is what the negotiation fails with,
   * and `false` is `not-trusted`.
   */
  readonly trust: (peer: Jid, key: RsaKey) => boolean | Promise<boolean>;
}

/** A negotiation under way. */
export interface Negotiation {
  readonly thread: string;
  /** Known from the start if they asked; else from the first answer on: the resource that answers is the one (XEP-0155 §4.2). */
  peer: Jid | undefined;
  readonly account: Jid;
  readonly receive: (message: Element, from: Jid) => void;
  /** Ends it from our side: nothing comes of it any more. */
  readonly abandon: (error: BalconyError) => void;
}

export interface NegotiationOptions<Result> {
  readonly thread: string;
  readonly account: Jid;
  readonly peer?: Jid;
  /** Whom the first form goes to, or came from. */
  readonly address: Jid;
  readonly given: Given;
  readonly step: (event: NegotiationEvent) => readonly Effect[];
  readonly begin: { readonly messages: Messages } | Element;
  readonly arithmetic: Arithmetic;
  readonly keys: Keys | undefined;
  readonly send: (stanza: Element) => Promise<void>;
  /**
   * Both sides agree. Registers at once, with the encrypted stanzas that have come already, and resolves once what must outlive a crash is kept; only then does the last form
   * leave: what the peer sends next must find the session, and a crash must find the secret.
   */
  readonly establish: (peer: Jid, outcome: Outcome, early: readonly Element[]) => Promise<Result>;
  /** What is encrypted beside the last form, in its stanza. */
  readonly beside?: ((result: Result) => Element) | undefined;
  readonly done: (result: Result) => void;
  readonly failed: (error: BalconyError) => void;
}

/** Encrypted stanzas that may come while an identity is looked into: whoever has sent the last form goes on at once. */
const MOST_EARLY = 256;

/** Runs a machine: performs its effects in their order, and gives it what comes in one after the other. */
export function negotiate<Result>(run: NegotiationOptions<Result>): Negotiation {
  const { account, arithmetic, begin, beside, done, establish, failed, given, keys, send, step, thread } = run;
  const early: Element[] = [];
  let last: Element | undefined;
  let finished = false;
  const address = (): Jid => negotiation.peer ?? run.address;
  const fail = (error: unknown): void => {
    if (finished) return;
    finished = true;
    for (const exponent of given.exponents.values()) wipe(exponent);
    failed(error instanceof BalconyError ? error : new BalconyError("internal", String(error), { phase: "negotiate", cause: error }));
  };
  const answer = async (effect: Effect): Promise<NegotiationEvent | undefined> => {
    if (effect.kind === "compute") return { kind: "computed", results: await arithmetic.powers(effect.powers) };
    if (effect.kind === "sign") return { kind: "signed", signature: await known(keys).signer.sign(effect.data) };
    if (effect.kind === "find") return { kind: "found", key: await known(keys).find(address(), effect.fingerprint) };
    if (effect.kind === "verify") return await verified(known(keys), address(), effect);
    return undefined;
  };
  const perform = async (effects: readonly Effect[]): Promise<void> => {
    if (finished) return;
    const established = effects.find((effect) => effect.kind === "established");
    const result = established && (await establish(address(), established.outcome, early.splice(0)));
    for (const effect of effects) {
      if (effect.kind === "send") await send(envelope(address(), thread, wrapForm(effect.form, effect.wrapper), ...(result !== undefined && beside ? [beside(result)] : [])));
      else if (effect.kind === "refuse" && last) await send(refusal(address(), thread, last, effect.condition, effect.fields));
      else if (effect.kind === "failed") fail(effect.error);
      else {
        const event = await answer(effect);
        if (event && !finished) await perform(step(event));
      }
    }
    if (result !== undefined && !finished) {
      finished = true;
      done(result);
    }
  };
  const take = async (message: Element): Promise<void> => {
    if (finished) return;
    if (message.attrs.type === "error") throw readStanzaError(message);
    const found = formIn(message);
    if (!found) return; // something else on this thread
    last = found.form;
    try {
      await perform(step({ kind: "received", form: readForm(found.form), wrapper: found.wrapper }));
    } catch (error) {
      if (error instanceof BalconyError && error.code === "esession-form") await send(refusal(address(), thread, found.form, "not-acceptable", []));
      throw error;
    }
  };
  let queue: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): void => {
    queue = queue.then(work).catch(fail);
  };
  const negotiation: Negotiation = {
    thread,
    account,
    peer: run.peer,
    receive: (message, from) => {
      negotiation.peer ??= from;
      if (message.getChild("c", NS_ENCRYPTED) && message.attrs.type !== "error" && !finished) early.push(message);
      if (early.length > MOST_EARLY) fail(new BalconyError("resource-constraint", "Too many encrypted stanzas came before the negotiation was complete.", { phase: "negotiate" }));
      inTurn(() => take(message));
    },
    abandon: (error) => {
      if (finished) return;
      const { peer } = negotiation;
      // XEP-0155, "Completing or Canceling the Negotiation": who has been answered says so; else nobody waits.
      if (peer !== undefined && "messages" in begin) send(envelope(peer, thread, wrapForm(no("result"), "feature"))).catch(() => undefined); // it may be the connection that has gone
      fail(error);
    },
  };
  inTurn(() => ("messages" in begin ? perform(step({ kind: "start", messages: begin.messages })) : take(begin)));
  return negotiation;
}

async function verified(keys: Keys, peer: Jid, { data, key, signature }: Extract<Effect, { kind: "verify" }>): Promise<NegotiationEvent> {
  if (!(await keys.verify(key, data, signature))) return { kind: "verified", verdict: "forged" };
  try {
    return (await keys.trust(peer, key)) ? { kind: "verified", verdict: "trusted" } : { kind: "verified", verdict: "distrusted", reason: keyRefused() };
  } catch (error) {
    if (error instanceof BalconyError) return { kind: "verified", verdict: "distrusted", reason: error };
    throw error;
  }
}

function known(keys: Keys | undefined): Keys {
  if (!keys) throw new BalconyError("internal", "A key was asked for, and no keys are there.", { phase: "negotiate" });
  return keys;
}
