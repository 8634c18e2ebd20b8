import type { Transcript } from "@balcony/jingle";
import { parseElement } from "@balcony/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareStatements } from "../../src/signalling/compare.js";
import { makeStatement, readStatement, type Statement, writeStatement } from "../../src/signalling/statement.js";

const FEATURES = ["urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:xmlstream:0", "urn:xmpp:jingle:security:xtls:0", "urn:xmpp:jingle:transports:ibb:1"];
const content = {
  creator: "initiator",
  name: "xmlstream",
  senders: undefined,
  description: "d",
  security: "s",
  transport: "t",
  transportNamespace: "urn:xmpp:jingle:transports:ibb:1",
};
const offer = { action: "session-initiate", contents: [content] };
const answer = { action: "session-accept", contents: [content] };
const candidate = (name: string) => ({ action: "transport-info", contents: [{ ...content, description: undefined, security: undefined, transport: name }] });
const said = { I: [offer, candidate("a"), candidate("b")], R: [answer, candidate("c")] };

/** What both sides say of an honest negotiation, and what a server makes of it. */
function statements(
  change: {
    readonly toR?: Transcript["received"];
    readonly toI?: Transcript["received"];
    readonly seen?: readonly string[];
    readonly starttlsToI?: string;
    readonly starttlsToR?: string;
  } = {},
): readonly [Statement, Statement] {
  const { seen = FEATURES, starttlsToI = "offer", starttlsToR = "offer", toI = said.R, toR = said.I } = change;
  const I = { role: "initiator", purpose: "any", features: FEATURES, seen, starttls: { sent: "offer", received: starttlsToI } } as const;
  const R = { role: "responder", purpose: "any", features: FEATURES, seen: undefined, starttls: { sent: "offer", received: starttlsToR } } as const;
  return [makeStatement({ sent: said.I, received: toI }, I), makeStatement({ sent: said.R, received: toR }, R)];
}

const weights = ([own, theirs]: readonly [Statement, Statement]) =>
  [compareStatements(own, theirs), compareStatements(theirs, own)].map((found) => found.map(({ weight }) => weight));
const altered = (changes: object) => [{ ...offer, contents: [{ ...content, ...changes }] }, candidate("a"), candidate("b")];

describe("what differs", () => {
  const closes = [["closes"], ["closes"]];
  const warns = [["warns"], ["warns"]];
  const nothing = [[], []];
  it.each([
    ["nothing", {}, nothing],
    ["the security of the offer, taken out", { toR: altered({ security: undefined }) }, closes],
    ["the security of the offer, changed", { toR: altered({ security: "other" }) }, closes],
    ["the security of the answer, put in", { toI: [{ ...answer, contents: [{ ...content, security: "other" }] }, candidate("c")] }, closes],
    ["the creator", { toR: altered({ creator: undefined }) }, closes],
    ["the name of the content", { toR: altered({ name: "other" }) }, closes],
    ["the senders", { toR: altered({ senders: "both" }) }, closes],
    ["the description", { toR: altered({ description: "other" }) }, closes],
    [
      "a second content put in",
      { toR: [{ ...offer, contents: [content, content] }, candidate("a"), candidate("b")] },
      [
        ["closes", "warns"],
        ["closes", "warns"],
      ],
    ],
    [
      "a second offer put in",
      { toR: [offer, offer, candidate("a"), candidate("b")] },
      [
        ["closes", "warns"],
        ["closes", "warns"],
      ],
    ],
    [
      "a security-info put in",
      { toI: [...said.R, { action: "security-info", contents: [content] }] },
      [
        ["closes", "warns"],
        ["closes", "warns"],
      ],
    ],
    ["the transport of the offer", { toR: altered({ transport: "other" }) }, warns],
    ["a candidate changed", { toR: [offer, candidate("a"), candidate("x")] }, warns],
    ["a candidate put in", { toR: [offer, candidate("a"), candidate("b"), candidate("x")] }, warns],
    ["a candidate taken out in the middle", { toR: [offer, candidate("b")] }, warns],
    ["two candidates swapped", { toR: [offer, candidate("b"), candidate("a")] }, warns],
    ["the last candidate, which has not come yet", { toR: [offer, candidate("a")] }, nothing],
    ["a transport-reject put in", { toR: [...said.I, { ...candidate("c"), action: "transport-reject" }] }, warns],
    ["a feature taken out of disco", { seen: FEATURES.filter((feature) => feature !== "urn:xmpp:jingle:1") }, closes],
    ["XTLS taken out of disco", { seen: FEATURES.filter((feature) => !feature.includes("xtls")) }, closes],
    ["a transport taken out of disco", { seen: FEATURES.filter((feature) => !feature.includes("ibb")) }, warns],
    ["features of somebody else in disco", { seen: [...FEATURES, "urn:example:any"] }, nothing],
    ["the methods that the initiator offers within STARTTLS", { starttlsToR: "other" }, closes],
    ["the methods that the responder offers within STARTTLS", { starttlsToI: "other" }, closes],
  ] as const)("%s", (_, change, expected) => {
    expect(weights(statements(change))).toEqual(expected);
  });

  it("who opened the stream, and whether TLS came at once", () => {
    const [I, R] = statements();
    expect(weights([I, { ...R, role: "initiator" }])).toEqual([["closes"], ["closes"]]);
    expect(weights([I, { ...R, starttls: undefined }]).flat()).toContain("closes");
  });

  it("XTLS put into the features of somebody who has none", () => {
    const [I, R] = statements();
    expect(weights([I, { ...R, features: FEATURES.filter((feature) => !feature.includes("xtls")) }])).toEqual([["closes"], ["closes"]]);
  });

  it("a transport that is one by what the caller says", () => {
    const [I, R] = statements({ seen: FEATURES });
    const more = { ...R, features: [...FEATURES, "urn:xmpp:jingle:apps:dtls:0"] };
    expect(compareStatements(I, more).map(({ weight }) => weight)).toEqual(["closes"]);
    expect(compareStatements(I, more, new Set(["urn:xmpp:jingle:apps:dtls:0"])).map(({ weight }) => weight)).toEqual(["warns"]);
  });
});

describe("on the wire", () => {
  it("a statement is read as it was written", () => {
    for (const statement of statements()) expect(readStatement(parseElement(writeStatement(statement).toString()))).toEqual(statement);
    const [I] = statements();
    const asking = { ...I, purpose: "verification", starttls: undefined, seen: undefined } as const;
    expect(readStatement(parseElement(writeStatement(asking).toString()))).toEqual(asking);
  });

  const ns = "urn:xmpp:balcony:signalling:0";
  const parts = { features: "<features>a</features>", sent: "<sent><transports/></sent>", received: "<received><transports/></received>" };
  it.each([
    ["without a role", `<signalling xmlns='${ns}'>${Object.values(parts).join("")}</signalling>`],
    ["of a third role", `<signalling xmlns='${ns}' role='server'>${Object.values(parts).join("")}</signalling>`],
    ...Object.keys(parts).map((left) => [
      `without <${left}/>`,
      `<signalling xmlns='${ns}' role='initiator'>${Object.entries(parts)
        .flatMap(([name, part]) => (name === left ? [] : part))
        .join("")}</signalling>`,
    ]),
    ["with a transport that is no digest", `<signalling xmlns='${ns}' role='initiator'>${parts.features}<sent><transports>zz</transports></sent>${parts.received}</signalling>`],
    [
      "with a security that is no digest",
      `<signalling xmlns='${ns}' role='initiator'>${parts.features}<sent><action name='session-initiate'><content security='AB'/></action></sent>${parts.received}</signalling>`,
    ],
    ["with more features than anybody has", `<signalling xmlns='${ns}' role='initiator'><features>${"a ".repeat(600)}</features>${parts.sent}${parts.received}</signalling>`],
  ])("one %s is a bad request", (_, text) => {
    expect(() => readStatement(parseElement(text ?? ""))).toThrow(expect.objectContaining({ condition: "bad-request" }));
  });

  it("whatever is written there is read, or is a bad request", () => {
    const words = fc.array(fc.constantFrom("00", "0123456789abcdef", "a", "\u00e9", " ")).map((list) => list.join(" "));
    fc.assert(
      fc.property(words, words, fc.constantFrom("initiator", "responder", "x"), (features, transports, role) => {
        const text = `<signalling xmlns='${ns}' role='${role}'><features>${features}</features><sent><transports>${transports}</transports></sent>${parts.received}</signalling>`;
        try {
          expect(readStatement(parseElement(text)).role).toBe(role);
        } catch (error) {
          expect(error).toMatchObject({ condition: "bad-request" });
        }
      }),
    );
  });
});
