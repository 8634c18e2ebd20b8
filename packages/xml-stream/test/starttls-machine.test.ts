import { BalconyError } from "@balcony/channel";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import type { ExchangeEvent } from "../src/exchange.js";
import type { Role } from "../src/header.js";
import { type StartTlsState, stepStartTls } from "../src/starttls-machine.js";
import { juliet, romeo } from "./far-end.js";

const tls = "urn:ietf:params:xml:ns:xmpp-tls";
const streams = "http://etherx.jabber.org/streams";
const offer = (...methods: string[]) => xml("offer", "urn:xmpp:tmp:c2ctls", ...methods.map((method) => xml(method)));

const state = (role: Role, at: StartTlsState["at"]): StartTlsState => ({
  at,
  role,
  self: role === "initiator" ? romeo : juliet,
  peer: role === "initiator" ? juliet : romeo,
  offer: undefined,
  remoteOffer: undefined,
});
const header = (changes: Record<string, string> = {}): ExchangeEvent => ({
  type: "header",
  header: xml("stream:stream", { xmlns: "jabber:client", "xmlns:stream": streams, version: "1.0", ...changes }),
});
const element = (text: string): ExchangeEvent => ({ type: "element", element: parseElement(text) });
const features = (content: string): ExchangeEvent => element(`<stream:features xmlns:stream='${streams}'>${content}</stream:features>`);

const events = {
  start: { type: "start" },
  header: header(),
  "a header without version": header({ version: "" }),
  "a header from somebody else": header({ from: "tybalt@capulet.lit" }),
  features: features(`<starttls xmlns='${tls}'/>`),
  "features without starttls": features(""),
  "features with srp only": features(`<starttls xmlns='${tls}'>${offer("srp")}</starttls>`),
  starttls: element(`<starttls xmlns='${tls}'/>`),
  "starttls with srp only": element(`<starttls xmlns='${tls}'>${offer("srp")}</starttls>`),
  proceed: element(`<proceed xmlns='${tls}'/>`),
  failure: element(`<failure xmlns='${tls}'/>`),
  message: element("<message xmlns='jabber:client'/>"),
  "stream error": element(`<stream:error xmlns:stream='${streams}'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`),
  "another element": element("<foo xmlns='bar'/>"),
  close: { type: "close" },
  "stopped, nothing behind": { type: "stopped", surplus: 0 },
  "stopped, bytes behind": { type: "stopped", surplus: 3 },
  flushed: { type: "flushed" },
  failed: { type: "failed", error: new BalconyError("connection-lost", "gone") },
} satisfies Record<string, ExchangeEvent>;
type Name = keyof typeof events;

/** `state: what is done`, or the code of the error that ends it. */
const outcome = (role: Role, at: StartTlsState["at"], name: Name): string => {
  const { state: next, effects } = stepStartTls(state(role, at), events[name]);
  const done = effects.map((effect) => (effect.type === "send" ? `<${effect.element.name}>` : effect.type === "fail" ? effect.error.code : effect.type));
  return `${next.at}${done.length > 0 ? `: ${done.join(" ")}` : ""}`;
};

/** What the table above stepStartTls() says, beyond what holds everywhere. */
const table: Record<Role, Partial<Record<StartTlsState["at"], Partial<Record<Name, string>>>>> = {
  initiator: {
    idle: { start: "header: open" },
    header: { header: "features", "a header without version": "failed: unsupported-version", "a header from somebody else": "failed: invalid-from" },
    features: {
      features: "proceed: <starttls>",
      "features without starttls": "failed: starttls-missing",
      "features with srp only": "failed: starttls-refused",
    },
    proceed: { proceed: "stopping: stop", failure: "failed: starttls-refused" },
    stopping: { "stopped, nothing behind": "secured: finish", "stopped, bytes behind": "failed: starttls-injection" },
  },
  responder: {
    idle: { start: "header" },
    header: { header: "starttls: open <stream:features>", "a header without version": "failed: unsupported-version", "a header from somebody else": "failed: invalid-from" },
    starttls: { starttls: "stopping: stop", "starttls with srp only": "failed: <failure> starttls-refused" },
    stopping: { "stopped, nothing behind": "proceeding: <proceed> flush", "stopped, bytes behind": "failed: starttls-injection" },
    proceeding: { flushed: "secured: finish" },
  },
};

const reached: Record<Role, readonly StartTlsState["at"][]> = {
  initiator: ["idle", "header", "features", "proceed", "stopping"],
  responder: ["idle", "header", "starttls", "stopping", "proceeding"],
};

const everywhere = (name: Name): string => {
  switch (name) {
    case "message":
      return "failed: not-authorized";
    case "stream error":
      return "failed: stream-error";
    case "close":
      return "failed: closed";
    case "failed":
      return "failed: connection-lost";
    case "start":
    case "header":
    case "a header without version":
    case "a header from somebody else":
    case "stopped, nothing behind":
    case "stopped, bytes behind":
    case "flushed":
      return "failed: internal"; // neither parser nor driver does this
    default:
      return "failed: unsupported-stanza-type";
  }
};

describe("the STARTTLS machine, every state by every event", () => {
  for (const role of ["initiator", "responder"] as const) {
    for (const at of reached[role]) {
      for (const name of Object.keys(events) as Name[]) {
        const expected = table[role][at]?.[name] ?? everywhere(name);
        it(`${role}, ${at}, ${name} → ${expected}`, () => expect(outcome(role, at, name)).toBe(expected));
      }
    }
    for (const at of ["secured", "failed"] as const) {
      it(`${role}, ${at}: nothing changes anything`, () => {
        for (const name of Object.keys(events) as Name[]) expect(outcome(role, at, name)).toBe(at);
      });
    }
  }
});

describe("XEP-0250 offers in the STARTTLS machine", () => {
  const ours = offer("insecure");
  const run = (role: Role, ...names: ExchangeEvent[]) => {
    let now: StartTlsState = { ...state(role, "idle"), offer: ours };
    const sent: string[] = [];
    for (const event of names) {
      const { state: next, effects } = stepStartTls(now, event);
      now = next;
      for (const effect of effects) if (effect.type === "send") sent.push(effect.element.toString());
    }
    return { state: now, sent };
  };

  it("the responder's offer stands in the feature, and in <proceed/> for whoever sent one", () => {
    const { sent, state: end } = run("responder", events.start, events.header, element(`<starttls xmlns='${tls}'>${offer("insecure", "srp")}</starttls>`), {
      type: "stopped",
      surplus: 0,
    });
    expect(sent).toEqual([`<stream:features><starttls xmlns="${tls}"><required/>${ours}</starttls></stream:features>`, `<proceed xmlns="${tls}">${ours}</proceed>`]);
    expect(end.remoteOffer?.getChild("srp")).toBeDefined();
  });

  it("whoever sent no offer gets none in <proceed/>", () => {
    const { sent } = run("responder", events.start, events.header, events.starttls, { type: "stopped", surplus: 0 });
    expect(sent[1]).toBe(`<proceed xmlns="${tls}"/>`);
  });

  it("the initiator's offer stands in <starttls/>", () => {
    const { sent, state: end } = run("initiator", events.start, events.header, features(`<starttls xmlns='${tls}'>${offer("keyinfo")}</starttls>`));
    expect(sent).toEqual([`<starttls xmlns="${tls}">${ours}</starttls>`]);
    expect(end.remoteOffer?.getChild("keyinfo")).toBeDefined();
  });
});
