import { type Element, type Jid, parseElement, xml } from "@balcony/xml";
import { type StanzaCondition, stanzaError } from "./error.js";
import { writeStanzaError } from "./stanza-error.js";

/** Which stanzas of one direction a fault strikes: counted from 0 in the order in which they were sent. */
export type StanzaPlaces = number | readonly number[] | "every";

/** A fault that a wire in memory commits on stanzas. Several work one after another, in the order in which they are given. */
export type StanzaFault =
  /** Never arrives. */
  | { readonly kind: "drop"; readonly at: StanzaPlaces }
  /** Waits for `release()`, and everything behind it too. */
  | { readonly kind: "delay"; readonly at: StanzaPlaces }
  /** Arrives twice. */
  | { readonly kind: "duplicate"; readonly at: StanzaPlaces }
  /** Arrives behind the `by` stanzas sent after it. */
  | { readonly kind: "reorder"; readonly at: number; readonly by: number }
  /** Arrives with other attributes (undefined takes one away), or with this XML instead of its children. */
  | { readonly kind: "alter"; readonly at: StanzaPlaces; readonly attrs?: Readonly<Record<string, string | undefined>>; readonly content?: string }
  /** Does not arrive; whoever sent it gets an answer as if from the peer: a result, with this XML as its child, or an error. */
  | { readonly kind: "answer"; readonly at: StanzaPlaces; readonly result?: string; readonly error?: StanzaCondition }
  /** Arrives with a `from` attribute that is not its sender's. */
  | { readonly kind: "forge"; readonly at: StanzaPlaces; readonly from: Jid }
  /** This XML arrives just before it. */
  | { readonly kind: "inject"; readonly at: number; readonly stanza: string }
  /** The wire is lost when so many stanzas have arrived. */
  | { readonly kind: "lose"; readonly after: number };

/** A stanza under way. */
export interface Passing {
  readonly place: number;
  readonly stanza: Element;
  /** To its sender: somebody on the way answers. */
  readonly back?: true;
  readonly delayed?: true;
}

/** One fault at work: what goes on when this comes. */
export type StanzaStage = (passing: Passing) => readonly Passing[];

/** The stage that commits a fault; `lose` is the wire's own affair and lets everything pass. */
export function stanzaStage(fault: StanzaFault): StanzaStage {
  switch (fault.kind) {
    case "drop":
      return struck(fault.at, () => []);
    case "delay":
      return struck(fault.at, (passing) => [{ ...passing, delayed: true }]);
    case "duplicate":
      return struck(fault.at, (passing) => [passing, passing]);
    case "alter":
      return struck(fault.at, (passing) => [{ ...passing, stanza: altered(passing.stanza, fault) }]);
    case "forge":
      return struck(fault.at, (passing) => [{ ...passing, stanza: altered(passing.stanza, { attrs: { from: fault.from } }) }]);
    case "answer":
      return struck(fault.at, (passing) => [{ place: passing.place, stanza: answerTo(passing.stanza, fault), back: true }]);
    case "inject":
      return struck(fault.at, (passing) => [{ place: passing.place, stanza: parseElement(fault.stanza) }, passing]);
    case "reorder":
      return overtaken(fault.at, fault.by);
    case "lose":
      return (passing) => [passing];
  }
}

function struck(at: StanzaPlaces, stage: StanzaStage): StanzaStage {
  const places = typeof at === "number" ? [at] : at;
  return (passing) => (places === "every" || places.includes(passing.place) ? stage(passing) : [passing]);
}

function overtaken(at: number, by: number): StanzaStage {
  let waiting: Passing | undefined;
  return (passing) => {
    if (passing.place === at) {
      waiting = passing;
      return [];
    }
    if (!waiting || passing.place < at + by) return [passing];
    const late = waiting;
    waiting = undefined;
    return [passing, late];
  };
}

function altered(stanza: Element, change: { readonly attrs?: Readonly<Record<string, string | undefined>>; readonly content?: string }): Element {
  const content = change.content === undefined ? stanza.children : parseElement(`<x>${change.content}</x>`).children;
  return xml(stanza.name, { ...stanza.attrs, ...change.attrs }, content);
}

function answerTo({ attrs }: Element, { result, error }: { readonly result?: string; readonly error?: StanzaCondition }): Element {
  const detail = error === undefined ? undefined : stanzaError(error).stanza;
  const content = detail ? writeStanzaError(detail) : result === undefined ? undefined : parseElement(result);
  return xml("iq", { type: detail ? "error" : "result", id: attrs.id }, content);
}
