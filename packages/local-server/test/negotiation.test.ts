import { type Element, parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { Accounts } from "../src/accounts.js";
import { firstState, type Negotiation, type NegotiationContext, type NegotiationEvent, step } from "../src/negotiation.js";

const context: NegotiationContext = {
  accounts: new Accounts(new Map([["romeo@montague.lit", "secret"]]), 1),
  domains: new Set(["montague.lit"]),
  starttls: true,
  loginAttempts: 2,
};
const fresh = "fresh";
const element = (xml: string): NegotiationEvent => ({ type: "element", element: parseElement(xml), fresh });
const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

const events: Readonly<Record<string, NegotiationEvent>> = {
  header: { type: "header", header: { to: "montague.lit", version: "1.0" }, fresh },
  starttls: element("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
  plain: element(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>${Buffer.from("\0romeo\0secret").toString("base64")}</auth>`),
  wrong: element(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>${Buffer.from("\0romeo\0wrong").toString("base64")}</auth>`),
  begin: element(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'/>`),
  response: element(`<response xmlns='${NS_SASL}'>${Buffer.from("\0romeo\0secret").toString("base64")}</response>`),
  abort: element(`<abort xmlns='${NS_SASL}'/>`),
  bind: element("<iq xmlns='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
  session: element("<iq xmlns='jabber:client' type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"),
  message: element("<message xmlns='jabber:client'/>"),
};

const features: Negotiation = { at: "features", secure: false, failures: 0, domain: "montague.lit" };
const secured: Negotiation = { ...features, secure: true };
const exchange = (() => {
  const { state } = step(secured, events.begin as NegotiationEvent, context);
  return state;
})();
const states: Readonly<Record<string, Negotiation>> = {
  header: firstState,
  features,
  secured,
  sasl: exchange,
  "logged in": { ...secured, account: "romeo@montague.lit" },
  closed: { at: "closed", secure: false, failures: 0 },
};

/** An effect in a word or two. */
function told(effect: ReturnType<typeof step>["effects"][number]): string {
  const firstChild = (parent: Element): string => (parent.children[0] as Element | undefined)?.name ?? "";
  switch (effect.do) {
    case "send":
      return `${effect.element.name} ${firstChild(effect.element)}`.trim();
    case "fail":
      return `!${effect.condition}`;
    default:
      return effect.do;
  }
}

/** State × event → next state: effects. Written out, to be held against the table above `step`. */
const expected: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  header: {
    header: "features: open, stream:features starttls",
    ...Object.fromEntries(
      Object.keys(events)
        .slice(1)
        .map((name) => [name, "closed: !bad-format"]),
    ),
  },
  features: {
    header: "closed: !bad-format",
    starttls: "header: secure",
    plain: "features: failure encryption-required",
    wrong: "features: failure encryption-required",
    begin: "features: failure encryption-required",
    response: "features: failure malformed-request",
    abort: "features: failure aborted",
    bind: "closed: !not-authorized",
    session: "closed: !not-authorized",
    message: "closed: !not-authorized",
  },
  secured: {
    header: "closed: !bad-format",
    starttls: "closed: failure, !policy-violation",
    plain: "header: success, restart",
    wrong: "features: failure not-authorized",
    begin: "sasl: challenge",
    response: "features: failure malformed-request",
    abort: "features: failure aborted",
    bind: "closed: !not-authorized",
    session: "closed: !not-authorized",
    message: "closed: !not-authorized",
  },
  sasl: {
    header: "closed: !bad-format",
    starttls: "closed: !not-authorized",
    plain: "features: failure malformed-request",
    wrong: "features: failure malformed-request",
    begin: "features: failure malformed-request",
    response: "header: success, restart",
    abort: "features: failure aborted",
    bind: "closed: !not-authorized",
    session: "closed: !not-authorized",
    message: "closed: !not-authorized",
  },
  "logged in": {
    header: "closed: !bad-format",
    starttls: "closed: failure, !policy-violation",
    plain: "closed: !not-authorized",
    wrong: "closed: !not-authorized",
    begin: "closed: !not-authorized",
    response: "closed: !not-authorized",
    abort: "closed: !not-authorized",
    bind: "bound: bind",
    session: "logged in: iq",
    message: "closed: !not-authorized",
  },
  closed: Object.fromEntries(Object.keys(events).map((name) => [name, "closed: "])),
};

describe("every event in every state of the negotiation", () => {
  for (const [stateName, state] of Object.entries(states)) {
    for (const [eventName, event] of Object.entries(events)) {
      it(`${stateName} × ${eventName}`, () => {
        const { state: next, effects } = step(state, event, context);
        const name = next === state && stateName === "logged in" ? "logged in" : next.at;
        expect(`${name}: ${effects.map(told).join(", ")}`).toBe(expected[stateName]?.[eventName]);
        if (next.at !== "sasl") expect(next.exchange).toBeUndefined();
      });
    }
  }
});

it("failures are counted across exchanges and across TLS, and the last ends the stream", () => {
  let state = step(features, events.plain as NegotiationEvent, context).state;
  state = step(state, events.starttls as NegotiationEvent, context).state;
  state = step(state, events.header as NegotiationEvent, context).state;
  const { state: last, effects } = step(state, events.wrong as NegotiationEvent, context);
  expect(last.at).toBe("closed");
  expect(effects.map(told)).toEqual(["failure not-authorized", "!policy-violation"]);
});
