import { clone, type Element, xml } from "@balcony/xml";
import type { Keys, Messages } from "../src/index.js";
import type { Effect, Given } from "../src/negotiation.js";
import { keys, signers } from "./keys.js";
import { given, machine, parameters, sent } from "./machines.js";

/** The forms of a negotiation, in their order. */
export type At = "request" | "response" | "completion" | "final";
export type Change = (form: Element) => void;

export interface Altered {
  readonly changes: Partial<Readonly<Record<At, Change>>>;
  readonly messages?: Messages;
  readonly alice?: Partial<Given>;
  readonly bob?: Partial<Given>;
  readonly keys?: Partial<Readonly<Record<"alice" | "bob", Partial<Keys>>>>;
}

export const field = (form: Element, name: string): Element => {
  const found = form.getChildren("field").find(({ attrs }) => attrs.var === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};
export const value =
  (name: string, text: string): Change =>
  (form) => {
    field(form, name).children = [xml("value", {}, text)];
  };
export const without =
  (name: string): Change =>
  (form) =>
    void form.remove(field(form, name));
/** One field more. */
export const also =
  (name: string, ...children: readonly (string | Element)[]): Change =>
  (form) =>
    form.append(
      xml(
        "field",
        { var: name },
        children.map((child) => (typeof child === "string" ? xml("value", {}, child) : child)),
      ),
    );

/** A whole negotiation with forms changed on their way: what is done by the first receiver whom one of them fails, else by the last. What it throws comes out. */
export async function altered({ changes, messages = 4, ...more }: Altered): Promise<readonly Effect[]> {
  const keyed = messages === 3 ? ({ identify: ["key"], require: ["key"], messages: [3] } as const) : {};
  const side = (name: "alice" | "bob") => given({ parameters: { ...parameters, ...keyed }, publicKey: signers[name].publicKey, ...more[name] });
  const [alice, bob] = [machine("initiator", side("alice"), keys("alice", more.keys?.alice)), machine("responder", side("bob"), keys("bob", more.keys?.bob))];
  let effects: readonly Effect[] = await alice.start(messages);
  for (const [now, receiver] of [["request", bob], ["response", alice], ["completion", bob], ...(messages === 4 ? ([["final", alice]] as const) : [])] as const) {
    const form = clone(sent(effects));
    changes[now]?.(form);
    effects = await receiver.take(form, now === "final" ? "init" : "feature");
    if (effects.some((effect) => effect.kind === "failed")) break;
  }
  return effects;
}
