import type { Element } from "@balcony/xml";
import { readForm } from "../src/form.js";
import type { Parameters } from "../src/index.js";
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

/** A machine by itself: its arithmetic is done for it, and what it sends comes out. */
export function machine(role: "initiator" | "responder", mine: Given = given()) {
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
      if (effect.kind === "compute") all.push(...(await feed({ kind: "computed", results: await nodeArithmetic.powers(effect.powers) })));
      else all.push(effect);
    }
    return all;
  };
  return {
    start: () => feed({ kind: "start" }),
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
