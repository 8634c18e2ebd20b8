import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import type { Effect, ExchangeEvent, Step } from "./exchange.js";
import { isFeatures, writeFeatures } from "./features.js";
import { type Ends, NS_CLIENT, NS_STREAMS, readHeader } from "./header.js";
import { findOffer, hasCommonMethod } from "./offer.js";
import { readStreamError, streamError } from "./stream-error.js";

const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";

export interface StartTlsState extends Ends {
  readonly at: "idle" | "header" | "features" | "starttls" | "proceed" | "stopping" | "proceeding" | "secured" | "failed";
  /** The XEP-0250 offer that we send. */
  readonly offer: Element | undefined;
  /** The peer's, once it came. */
  readonly remoteOffer: Element | undefined;
}

/**
 * The STARTTLS exchange (RFC 6120 §5.4, XEP-0250 §3.3), from the first byte to where TLS begins. Anything not in the table ends it.
 *
 * | at       | event                          | initiator              | responder                         |
 * |----------|--------------------------------|------------------------|-----------------------------------|
 * | idle     | start                          | header → header        | → header                          |
 * | header   | header                         | → features             | header, features → starttls       |
 * | features | features with `<starttls/>`    | starttls → proceed     |                                   |
 * |          | features without               | starttls-missing       |                                   |
 * |          | no method in common            | starttls-refused       |                                   |
 * | starttls | `<starttls/>`                  |                        | stop → stopping                   |
 * |          | no method in common            |                        | failure, starttls-refused         |
 * | proceed  | `<proceed/>`                   | stop → stopping        |                                   |
 * |          | `<failure/>`                   | starttls-refused       |                                   |
 * | stopping | stopped, nothing behind it     | finish → secured       | proceed, flush → proceeding       |
 * |          | stopped, bytes behind it       | starttls-injection     | starttls-injection                |
 * | proceeding | flushed                      |                        | finish → secured                  |
 * | any      | stanza                         | not-authorized         | not-authorized                    |
 * | any      | `<stream:error/>`              | stream-error           | stream-error                      |
 * | any      | another element                | unsupported-stanza-type| unsupported-stanza-type           |
 * | any      | close                          | closed                 | closed                            |
 * | any      | failed                         | its error              | its error                         |
 * | secured, failed | anything                | nothing                | nothing                           |
 */
export const stepStartTls: Step<StartTlsState> = (state, event) => {
  if (state.at === "secured" || state.at === "failed") return { state, effects: [] };
  switch (event.type) {
    case "start":
      return state.at === "idle" ? to(state, "header", state.role === "initiator" ? [{ type: "open" }] : []) : impossible(state, event);
    case "header":
      return state.at === "header" ? onHeader(state, event.header) : impossible(state, event);
    case "element":
      return onElement(state, event.element);
    case "stopped":
      return state.at === "stopping" ? onStopped(state, event.surplus) : impossible(state, event);
    case "flushed":
      return state.at === "proceeding" ? to(state, "secured", [{ type: "finish" }]) : impossible(state, event);
    case "close":
      return fail(state, streamError("closed", `${state.peer} closed the stream before TLS.`));
    case "failed":
      return fail(state, event.error);
  }
};

type Outcome = ReturnType<Step<StartTlsState>>;

function onHeader(state: StartTlsState, element: Element): Outcome {
  const header = readHeader(element, state, "plain");
  if (header instanceof BalconyError) return fail(state, header);
  if (state.role === "initiator") return to(state, "features");
  const features = writeFeatures(xml("starttls", NS_TLS, xml("required"), state.offer));
  return to(state, "starttls", [{ type: "open" }, { type: "send", element: features }]);
}

function onElement(state: StartTlsState, element: Element): Outcome {
  if (element.is("error", NS_STREAMS)) return fail(state, readStreamError(element));
  if (state.at === "features" && isFeatures(element)) return onFeatures(state, element);
  if (state.at === "starttls" && element.is("starttls", NS_TLS)) return onStartTls(state, element);
  if (state.at === "proceed" && element.is("proceed", NS_TLS)) return to(state, "stopping", [{ type: "stop" }]);
  if (state.at === "proceed" && element.is("failure", NS_TLS)) return fail(state, streamError("starttls-refused", `${state.peer} refused STARTTLS.`));
  if (element.getNS() === NS_CLIENT) return fail(state, streamError("not-authorized", `${state.peer} sent <${element.name}/> before TLS.`));
  return fail(state, streamError("unsupported-stanza-type", `${state.peer} sent <${element.name}/> where ${state.at} was due.`));
}

function onFeatures(state: StartTlsState, features: Element): Outcome {
  const offered = features.getChild("starttls", NS_TLS);
  if (!offered) return fail(state, streamError("starttls-missing", `${state.peer} offers no STARTTLS.`));
  const remoteOffer = findOffer(offered);
  if (!hasCommonMethod(remoteOffer)) return fail({ ...state, remoteOffer }, noMethod(state));
  return to({ ...state, remoteOffer }, "proceed", [{ type: "send", element: xml("starttls", NS_TLS, state.offer) }]);
}

function onStartTls(state: StartTlsState, starttls: Element): Outcome {
  const remoteOffer = findOffer(starttls);
  // XEP-0250 §3.3: no suitable method is left, so <failure/> and the end of the stream.
  if (!hasCommonMethod(remoteOffer)) return fail({ ...state, remoteOffer }, noMethod(state), [{ type: "send", element: xml("failure", NS_TLS) }]);
  return to({ ...state, remoteOffer }, "stopping", [{ type: "stop" }]);
}

function onStopped(state: StartTlsState, surplus: number): Outcome {
  if (surplus > 0) return fail(state, streamError("starttls-injection", `${surplus} bytes came where TLS had to begin.`));
  if (state.role === "initiator") return to(state, "secured", [{ type: "finish" }]);
  // Who sent no offer knows nothing of offers, and gets none.
  const proceed = xml("proceed", NS_TLS, state.remoteOffer && state.offer);
  // TLS writes past the Duplex's own buffer, so <proceed/> has to be out of it.
  return to(state, "proceeding", [{ type: "send", element: proceed }, { type: "flush" }]);
}

function noMethod({ peer }: StartTlsState): BalconyError {
  return streamError("starttls-refused", `${peer} offers no TLS method that we have.`);
}

function to(state: StartTlsState, at: StartTlsState["at"], effects: readonly Effect[] = []): Outcome {
  return { state: { ...state, at }, effects };
}

function fail(state: StartTlsState, error: BalconyError, before: readonly Effect[] = []): Outcome {
  return { state: { ...state, at: "failed" }, effects: [...before, { type: "fail", error }] };
}

/** The driver and the parser see to it that this never happens. */
function impossible(state: StartTlsState, event: ExchangeEvent): Outcome {
  return fail(state, streamError("internal", `STARTTLS met ${event.type} at ${state.at}.`));
}
