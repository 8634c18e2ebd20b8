import { BalconyError, readStanzaError, type StanzaCondition, withDeadline } from "@balcony/channel";
import { bare, type Element, type Jid } from "@balcony/xml";
import { answerIn, formOf } from "./breaches.js";
import type { Line } from "./line.js";

/** What the other side did about something. */
export type Reaction =
  | { readonly kind: "error"; readonly condition: StanzaCondition; readonly fields: readonly string[] }
  /** It said no, in a form. */
  | { readonly kind: "no" }
  | { readonly kind: "form"; readonly type: string; readonly form: Element }
  | { readonly kind: "encrypted" }
  | { readonly kind: "silence" };

export interface Watched {
  readonly peer: Jid;
  /** Asked at each stanza: on which thread it counts; undefined: on none yet. */
  readonly thread: () => string | undefined;
  /** Milliseconds. */
  readonly patience: number;
  /** Aborted once nobody waits any more: that is silence, too. */
  readonly signal?: AbortSignal;
}

/** What comes from a person's account on a thread, first of all. */
export async function reaction(line: Line, { patience, peer, signal, thread }: Watched): Promise<Reaction> {
  let unsubscribe: () => void = () => undefined;
  const came = new Promise<Reaction>((resolve) => {
    unsubscribe = line.hear((stanza, from) => {
      const on = thread();
      if (on === undefined || bare(from) !== bare(peer) || stanza.getChildText("thread")?.trim() !== on) return;
      const read = readReaction(stanza);
      if (read) resolve(read);
    });
  });
  try {
    return await withDeadline(came, { timeout: patience, signal, waitingFor: `${peer} to react` });
  } catch (error) {
    if (error instanceof BalconyError && (error.code === "timeout" || error.code === "aborted")) return { kind: "silence" };
    throw error;
  } finally {
    unsubscribe();
  }
}

function readReaction(stanza: Element): Reaction | undefined {
  if (stanza.attrs.type === "error") {
    const error = readStanzaError(stanza);
    const fields = (error.stanza?.application?.getChildren("field") ?? []).flatMap(({ attrs }) => attrs.var ?? []);
    return { kind: "error", condition: error.condition as StanzaCondition, fields };
  }
  const found = formOf(stanza);
  if (found) {
    const accept = answerIn(found.form, "accept") ?? answerIn(found.form, "renegotiate");
    return accept === "0" || accept === "false" ? { kind: "no" } : { kind: "form", type: found.type, form: found.form };
  }
  return stanza.getChild("c", "http://www.xmpp.org/extensions/xep-0200.html#ns") ? { kind: "encrypted" } : undefined;
}

/** What was broken, and what the text wants done about it. */
export interface Expected {
  readonly what: string;
  readonly section: string;
  readonly condition: StanzaCondition;
}

/** In words, beginning with Right or Wrong where that can be said. */
export function judge(found: Reaction, { condition, section, what }: Expected, patience: number): string {
  switch (found.kind) {
    case "error":
      if (found.condition === condition) return `Right: you refused ${what} with <${condition}/> (${section}).`;
      return `Right: you refused ${what}, though with <${found.condition}/>, where ${section} has <${condition}/>.`;
    case "no":
      return `Right: you did not go on after ${what}, though you only said no, where ${section} has <${condition}/>.`;
    case "form":
      return `Wrong: you did not notice ${what}, and went on with a form of type ${found.type}. You must refuse it with <${condition}/> (${section}).`;
    case "encrypted":
      return `Wrong: you did not notice ${what}, and went on with an encrypted stanza. You must refuse it with <${condition}/> (${section}).`;
    case "silence":
      return `I cannot tell: nothing came for ${patience / 1000} s after ${what}. You should refuse it with <${condition}/> (${section}).`;
  }
}
