import { BalconyError } from "@balcony/channel";
import { childElements, type Element } from "@balcony/xml";
import type { Effect, ExchangeEvent, Step } from "./exchange.js";
import { demandedFeature, isFeatures, writeFeatures } from "./features.js";
import { type Ends, NS_CLIENT, NS_STREAMS, readHeader, type StreamHeader } from "./header.js";
import { readStreamError, streamError } from "./stream-error.js";

export interface OpeningState extends Ends {
  readonly at: "idle" | "header" | "features" | "open" | "failed";
  /** The peer's header, once it came. */
  readonly header: StreamHeader | undefined;
  /** What we offer as responder. */
  readonly offered: readonly Element[];
  /** What the peer offers, once it has. */
  readonly features: readonly Element[];
}

/**
 * The opening of a stream inside TLS (RFC 6120 §4.2–4.3, XEP-0246 §2). Anything not in the table ends it.
 *
 * | at       | event                        | initiator                | responder                        |
 * |----------|------------------------------|--------------------------|----------------------------------|
 * | idle     | start                        | header → header          | → header                         |
 * | header   | header                       | → features               | header, features, finish → open  |
 * | features | features                     | finish → open            |                                  |
 * |          | features that demand one     | unsupported-feature      |                                  |
 * | any      | stanza                       | not-authorized           | not-authorized                   |
 * | any      | `<stream:error/>`            | stream-error             | stream-error                     |
 * | any      | another element              | unsupported-stanza-type  | unsupported-stanza-type          |
 * | any      | close                        | closed                   | closed                           |
 * | any      | failed                       | its error                | its error                        |
 * | open, failed | anything                 | nothing                  | nothing                          |
 */
export const stepOpening: Step<OpeningState> = (state, event) => {
  if (state.at === "open" || state.at === "failed") return { state, effects: [] };
  switch (event.type) {
    case "start":
      return state.at === "idle" ? to(state, "header", state.role === "initiator" ? [{ type: "open" }] : []) : impossible(state, event);
    case "header":
      return state.at === "header" ? onHeader(state, event.header) : impossible(state, event);
    case "element":
      return onElement(state, event.element);
    case "stopped":
    case "flushed":
      return impossible(state, event);
    case "close":
      return fail(state, streamError("closed", `${state.peer} closed the stream before it was open.`));
    case "failed":
      return fail(state, event.error);
  }
};

type Outcome = ReturnType<Step<OpeningState>>;

function onHeader(state: OpeningState, element: Element): Outcome {
  const header = readHeader(element, state, "tls");
  if (header instanceof BalconyError) return fail(state, header);
  if (state.role === "initiator") return to({ ...state, header }, "features");
  return to({ ...state, header }, "open", [{ type: "open" }, { type: "send", element: writeFeatures(...state.offered) }, { type: "finish" }]);
}

function onElement(state: OpeningState, element: Element): Outcome {
  if (element.is("error", NS_STREAMS)) return fail(state, readStreamError(element));
  if (element.getNS() === NS_CLIENT) return fail(state, streamError("not-authorized", `${state.peer} sent <${element.name}/> before the stream was open.`));
  if (state.at !== "features" || !isFeatures(element)) {
    return fail(state, streamError("unsupported-stanza-type", `${state.peer} sent <${element.name}/> where ${state.at} was due.`));
  }
  const demanded = demandedFeature(element);
  if (demanded) return fail(state, streamError("unsupported-feature", `${state.peer} demands the feature <${demanded.name} xmlns='${demanded.getNS() ?? ""}'/>.`));
  return to({ ...state, features: childElements(element) }, "open", [{ type: "finish" }]);
}

function to(state: OpeningState, at: OpeningState["at"], effects: readonly Effect[] = []): Outcome {
  return { state: { ...state, at }, effects };
}

function fail(state: OpeningState, error: BalconyError): Outcome {
  return { state: { ...state, at: "failed" }, effects: [{ type: "fail", error }] };
}

/** The driver and the parser see to it that this never happens. */
function impossible(state: OpeningState, event: ExchangeEvent): Outcome {
  return fail(state, streamError("internal", `The stream's opening met ${event.type} at ${state.at}.`));
}
