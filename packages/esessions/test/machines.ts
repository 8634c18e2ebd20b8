import type { Element } from "@balcony/xml";
import { readForm } from "../src/form.js";
import type { Keys, Messages, Parameters } from "../src/index.js";
import { type InitiatorState, stepInitiator } from "../src/initiator.js";
import type { Effect, Given, NegotiationEvent } from "../src/negotiation.js";
import { nodeArithmetic, nodeCrypto } from "../src/node/index.js";
import { type ResponderState, stepResponder } from "../src/responder.js";

export const parameters: Parameters = {
  groups: [14],
  ciphers: ["aes256-ctr"],
  logging: ["mustnot"],
  settings: ["strict"],
  rekeyFrequency: 100,
  messages: [4],
  identify: ["none"],
  require: ["none"],
  wholeStanzas: true,
  stanzas: ["message"],
};

export function given(more: Partial<Given> = {}): Given {
  const exponent = nodeCrypto.random(64);
  exponent[0] = 0x80;
  return {
    crypto: nodeCrypto,
    parameters,
    prime: (group) => nodeArithmetic.prime(group),
    nonce: nodeCrypto.random(16),
    exponents: new Map([[14, exponent]]),
    counter: nodeCrypto.random(16),
    decoys: [nodeCrypto.random(32), nodeCrypto.random(32), nodeCrypto.random(32)],
    secrets: [],
    ...more,
  };
}

/** What a driver would find out for a machine. */
async function found(effect: Effect, keys: Keys | undefined): Promise<NegotiationEvent | undefined> {
  if (effect.kind === "compute") return { kind: "computed", results: await nodeArithmetic.powers(effect.powers) };
  if (!keys) return undefined;
  if (effect.kind === "sign") return { kind: "signed", signature: await keys.signer.sign(effect.data) };
  if (effect.kind === "find") return { kind: "found", key: await keys.find("", effect.fingerprint) };
  if (effect.kind === "verify") return { kind: "verified", verdict: (await keys.verify(effect.key, effect.data, effect.signature)) ? "trusted" : "forged" };
  return undefined;
}

/** A machine by itself: what it asks for is done for it, and what it sends comes out. */
export function machine(role: "initiator" | "responder", mine: Given = given(), keys?: Keys) {
  let initiator: InitiatorState = { at: "idle" };
  let responder: ResponderState = { at: "idle" };
  const step = (event: NegotiationEvent): readonly Effect[] => {
    if (role === "initiator") {
      const next = stepInitiator(mine, initiator, event);
      initiator = next.state;
      return next.effects;
    }
    const next = stepResponder(mine, responder, event);
    responder = next.state;
    return next.effects;
  };
  const feed = async (event: NegotiationEvent): Promise<Effect[]> => {
    const all: Effect[] = [];
    for (const effect of step(event)) {
      const answer = await found(effect, keys);
      if (answer) all.push(...(await feed(answer)));
      else all.push(effect);
    }
    return all;
  };
  return {
    start: (messages: Messages = 4) => feed({ kind: "start", messages }),
    take: (form: Element, wrapper: "feature" | "init" = "feature") => feed({ kind: "received", form: readForm(form), wrapper }),
    get state() {
      return role === "initiator" ? initiator : responder;
    },
  };
}

export function sent(effects: readonly Effect[]): Element {
  const found = effects.find((effect) => effect.kind === "send");
  if (!found) throw new Error(`nothing was sent: ${effects.map(({ kind }) => kind).join(", ")}`);
  return found.form;
}
