import { BalconyError } from "@balcony/channel";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import type { ExchangeEvent } from "../src/exchange.js";
import type { Role } from "../src/header.js";
import { type OpeningState, stepOpening } from "../src/opening-machine.js";
import { juliet, romeo } from "./far-end.js";

const streams = "http://etherx.jabber.org/streams";

const state = (role: Role, at: OpeningState["at"]): OpeningState => ({
  at,
  role,
  self: role === "initiator" ? romeo : juliet,
  peer: role === "initiator" ? juliet : romeo,
  header: undefined,
  offered: [],
  features: [],
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
  "a header from somebody else": header({ from: "tybalt@capulet.lit" }),
  features: features("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><required/></mechanisms><unknown xmlns='x'/>"),
  "features that demand one": features("<unknown xmlns='x'><required/></unknown>"),
  message: element("<message xmlns='jabber:client'/>"),
  "stream error": element(`<stream:error xmlns:stream='${streams}'/>`),
  "another element": element("<foo xmlns='bar'/>"),
  close: { type: "close" },
  stopped: { type: "stopped", surplus: 0 },
  flushed: { type: "flushed" },
  failed: { type: "failed", error: new BalconyError("connection-lost", "gone") },
} satisfies Record<string, ExchangeEvent>;
type Name = keyof typeof events;

const outcome = (role: Role, at: OpeningState["at"], name: Name): string => {
  const { state: next, effects } = stepOpening(state(role, at), events[name]);
  const done = effects.map((effect) => (effect.type === "send" ? `<${effect.element.name}>` : effect.type === "fail" ? effect.error.code : effect.type));
  return `${next.at}${done.length > 0 ? `: ${done.join(" ")}` : ""}`;
};

const table: Record<Role, Partial<Record<OpeningState["at"], Partial<Record<Name, string>>>>> = {
  initiator: {
    idle: { start: "header: open" },
    header: { header: "features", "a header from somebody else": "failed: address-mismatch" },
    features: { features: "open: finish", "features that demand one": "failed: unsupported-feature" },
  },
  responder: {
    idle: { start: "header" },
    header: { header: "open: open <stream:features> finish", "a header from somebody else": "failed: address-mismatch" },
  },
};

const everywhere: Record<Name, string> = {
  start: "failed: internal",
  header: "failed: internal",
  "a header from somebody else": "failed: internal",
  features: "failed: unsupported-stanza-type",
  "features that demand one": "failed: unsupported-stanza-type",
  message: "failed: not-authorized",
  "stream error": "failed: stream-error",
  "another element": "failed: unsupported-stanza-type",
  close: "failed: closed",
  stopped: "failed: internal",
  flushed: "failed: internal",
  failed: "failed: connection-lost",
};

describe("the opening of a stream, every state by every event", () => {
  for (const role of ["initiator", "responder"] as const) {
    const reached = role === "initiator" ? (["idle", "header", "features"] as const) : (["idle", "header"] as const);
    for (const at of reached) {
      for (const name of Object.keys(events) as Name[]) {
        const expected = table[role][at]?.[name] ?? everywhere[name];
        it(`${role}, ${at}, ${name} → ${expected}`, () => expect(outcome(role, at, name)).toBe(expected));
      }
    }
    for (const at of ["open", "failed"] as const) {
      it(`${role}, ${at}: nothing changes anything`, () => {
        for (const name of Object.keys(events) as Name[]) expect(outcome(role, at, name)).toBe(at);
      });
    }
  }
});
