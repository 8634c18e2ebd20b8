import { type Element, isFull, type Jid, xml } from "@balcony/xml";
import type { Accounts } from "./accounts.js";
import { addressIn } from "./address.js";
import { errorReply, NS_CLIENT, resultReply } from "./errors.js";
import { beginSasl, mechanismNames, type SaslExchange, type SaslStep } from "./sasl.js";

export const NS_STREAM = "http://etherx.jabber.org/streams";
const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind";
const NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session";

/** Stream errors (RFC 6120 §4.9.3) that this server gives; those of the parser come beside them. */
export type StreamCondition =
  | "bad-format"
  | "bad-namespace-prefix"
  | "conflict"
  | "connection-timeout"
  | "host-unknown"
  | "improper-addressing"
  | "invalid-from"
  | "invalid-namespace"
  | "invalid-xml"
  | "not-authorized"
  | "not-well-formed"
  | "policy-violation"
  | "resource-constraint"
  | "restricted-xml"
  | "system-shutdown"
  | "unsupported-encoding"
  | "unsupported-stanza-type"
  | "unsupported-version";

/** A stream header, or RFC 7395's `<open/>`. */
export interface Header {
  readonly to: string | undefined;
  readonly version: string | undefined;
  /** What is wrong with it already as an element: its name, prefix or namespaces. */
  readonly problem?: StreamCondition | undefined;
}

/** What does not change while one connection negotiates. */
export interface NegotiationContext {
  readonly accounts: Accounts;
  readonly domains: ReadonlySet<string>;
  /** TLS can be had, and then nothing is offered before it. */
  readonly starttls: boolean;
  readonly loginAttempts: number;
}

export interface Negotiation {
  readonly at: "header" | "features" | "sasl" | "bound" | "closed";
  readonly secure: boolean;
  readonly failures: number;
  readonly domain?: string;
  readonly account?: Jid;
  readonly exchange?: SaslExchange;
}

export const firstState: Negotiation = Object.freeze({ at: "header", secure: false, failures: 0 });

/** `fresh` is random, printable and used once: as stream id, nonce or resource. */
export type NegotiationEvent =
  | { readonly type: "header"; readonly header: Header; readonly fresh: string }
  | { readonly type: "element"; readonly element: Element; readonly fresh: string };

export type NegotiationEffect =
  /** Write our own header. */
  | { readonly do: "open"; readonly from: string | undefined; readonly id: string }
  | { readonly do: "send"; readonly element: Element }
  /** Read a new stream from here on. */
  | { readonly do: "restart" }
  /** Write the element, then begin TLS, then read a new stream. */
  | { readonly do: "secure"; readonly element: Element }
  | { readonly do: "bind"; readonly self: Jid; readonly reply: Element }
  | { readonly do: "fail"; readonly condition: StreamCondition; readonly text?: string | undefined };

export interface NegotiationStep {
  readonly state: Negotiation;
  readonly effects: readonly NegotiationEffect[];
}

/**
 * From the first byte to a bound resource (RFC 6120 §§4–7).
 *
 * | state    | header                    | `<starttls/>`        | `<auth/>`            | `<response/>` `<abort/>`  | bind                       | anything else             |
 * |----------|---------------------------|----------------------|----------------------|---------------------------|----------------------------|---------------------------|
 * | header   | features: open, features  | closed: bad-format   | closed: bad-format   | closed: bad-format        | closed: bad-format         | closed: bad-format        |
 * | features | closed: bad-format        | header: secure ¹     | sasl, header ² ³     | features: failure         | bound: bind ⁴              | closed: not-authorized ⁵  |
 * | sasl     | closed: bad-format        | closed: not-auth…    | features: failure    | sasl, header ² ³          | closed: not-authorized     | closed: not-authorized    |
 * | bound    | (the router's; a header here is bad-format)                                                                                                             |
 * | closed   | nothing comes of anything                                                                                                                               |
 *
 * ¹ where TLS is offered and not there yet; else failure and closed (§5.4.2.2). ² challenge: sasl; success: header, restart; failure: features.
 * ³ after too many failures closed: policy-violation (§6.4.5). ⁴ only once logged in. ⁵ a `<session/>` request of RFC 3921 is answered instead.
 */
export function step(state: Negotiation, event: NegotiationEvent, context: NegotiationContext): NegotiationStep {
  if (state.at === "closed") return { state, effects: [] };
  if (event.type === "header") return state.at === "header" ? onHeader(state, event.header, event.fresh, context) : fail("bad-format", "A header where none belongs");
  if (state.at === "header") return fail("bad-format", "An element before the header");
  const { element, fresh } = event;
  if (element.getNS() === NS_SASL && state.account === undefined) return onSasl(state, element, fresh, context);
  if (state.at === "features" && element.is("starttls", NS_TLS)) return onStartTls(state, context);
  if (state.at === "features" && state.account !== undefined && element.is("iq", NS_CLIENT)) return onIq(state, element, fresh);
  return fail("not-authorized");
}

function fail(condition: StreamCondition, text?: string): NegotiationStep {
  return { state: { at: "closed", secure: false, failures: 0 }, effects: [{ do: "fail", condition, text }] };
}

function onHeader(state: Negotiation, header: Header, id: string, context: NegotiationContext): NegotiationStep {
  const domain = header.to === undefined ? undefined : addressIn(header.to);
  const known = domain !== undefined && context.domains.has(domain) ? domain : undefined;
  const refuse = (condition: StreamCondition, text?: string): NegotiationStep => {
    const { state: closed, effects } = fail(condition, text);
    return { state: closed, effects: [{ do: "open", from: known, id }, ...effects] }; // §4.9.1.2: the header comes before the error
  };
  if (header.problem) return refuse(header.problem);
  if (header.to === undefined) return refuse("improper-addressing", "A 'to' attribute is required on stream headers");
  if (known === undefined) return refuse("host-unknown", `This server does not serve ${header.to}`);
  if (!/^[1-9]\d*\.\d+$/.test(header.version ?? "")) return refuse("unsupported-version"); // §4.7.5: whatever is below 1.0
  if (state.domain !== undefined && state.account !== undefined && state.domain !== known) return refuse("host-unknown", "That is not where you have logged in");
  return {
    state: { ...state, at: "features", domain: known },
    effects: [
      { do: "open", from: known, id },
      { do: "send", element: features(state, context) },
    ],
  };
}

function features(state: Negotiation, context: NegotiationContext): Element {
  const element = xml("stream:features");
  if (context.starttls && !state.secure) element.append(xml("starttls", NS_TLS, xml("required")));
  else if (state.account === undefined) element.append(xml("mechanisms", NS_SASL, ...mechanismNames.map((name) => xml("mechanism", {}, name))));
  else element.append(xml("bind", NS_BIND), xml("session", NS_SESSION, xml("optional")));
  return element;
}

function onStartTls(state: Negotiation, context: NegotiationContext): NegotiationStep {
  if (context.starttls && !state.secure) return { state: { at: "header", secure: true, failures: state.failures }, effects: [{ do: "secure", element: xml("proceed", NS_TLS) }] };
  const { state: closed, effects } = fail("policy-violation", "TLS was not offered");
  return { state: closed, effects: [{ do: "send", element: xml("failure", NS_TLS) }, ...effects] };
}

function onSasl(state: Negotiation, element: Element, nonce: string, context: NegotiationContext): NegotiationStep {
  const step = saslStep(state, element, nonce, context);
  const { exchange: _over, ...rest } = state;
  switch (step.is) {
    case "challenge":
      return { state: { ...state, at: "sasl", exchange: step.next }, effects: [{ do: "send", element: xml("challenge", NS_SASL, step.data !== "" && base64(step.data)) }] };
    case "success":
      return {
        state: { ...rest, at: "header", account: step.account },
        effects: [{ do: "send", element: xml("success", NS_SASL, step.data !== undefined && base64(step.data)) }, { do: "restart" }],
      };
    case "failure": {
      const failure = { do: "send", element: xml("failure", NS_SASL, xml(step.condition)) } as const;
      const failures = state.failures + 1;
      if (failures < context.loginAttempts) return { state: { ...rest, at: "features", failures }, effects: [failure] };
      const { state: closed, effects } = fail("policy-violation", "Too many failed logins");
      return { state: closed, effects: [failure, ...effects] };
    }
  }
}

function saslStep(state: Negotiation, element: Element, nonce: string, { accounts, starttls }: NegotiationContext): SaslStep {
  const failure = (condition: (SaslStep & { is: "failure" })["condition"]): SaslStep => ({ is: "failure", condition });
  const message = () => unbase64(element.getText());
  if (element.getName() === "abort") return failure("aborted");
  if (element.getName() === "response" && state.exchange) {
    const text = message();
    return text === undefined ? failure("incorrect-encoding") : state.exchange(text);
  }
  if (element.getName() !== "auth" || state.exchange || state.domain === undefined) return failure("malformed-request");
  if (starttls && !state.secure) return failure("encryption-required");
  const exchange = beginSasl(element.attrs.mechanism ?? "", { accounts, domain: state.domain, nonce });
  if (!exchange) return failure("invalid-mechanism");
  if (element.getText() === "") return { is: "challenge", data: "", next: exchange }; // §6.4.2: no initial response
  const text = message();
  return text === undefined ? failure("incorrect-encoding") : exchange(text);
}

/** RFC 6120 §6.3.10 e: data of no length is written as `=`. */
const base64 = (text: string): string => (text === "" ? "=" : Buffer.from(text).toString("base64"));

/** Strict base64 of UTF-8; undefined for anything else. */
function unbase64(text: string): string | undefined {
  if (text === "=") return "";
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) return undefined;
  const decoded = bytes.toString();
  return Buffer.from(decoded).equals(bytes) ? decoded : undefined;
}

function onIq(state: Negotiation, iq: Element, fresh: string): NegotiationStep {
  const stay = (element: Element): NegotiationStep => ({ state, effects: [{ do: "send", element }] });
  if (iq.attrs.type !== "set" || !iq.attrs.id) return fail("not-authorized");
  if (iq.getChild("session", NS_SESSION)) return stay(resultReply(iq));
  const bind = iq.getChild("bind", NS_BIND);
  if (!bind) return fail("not-authorized"); // §7.1
  const self = addressIn(`${state.account}/${bind.getChildText("resource") || fresh}`);
  if (self === undefined || !isFull(self)) return stay(errorReply(iq, "bad-request", "That is no resource"));
  const reply = resultReply(iq, xml("bind", NS_BIND, xml("jid", {}, self)));
  return { state: { ...state, at: "bound" }, effects: [{ do: "bind", self, reply }] };
}
