import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { wrapForm } from "../src/envelope.js";
import { writeForm } from "../src/form.js";
import type { ESession } from "../src/index.js";
import { nodeCrypto } from "../src/node/index.js";
import { StanzaCipher } from "../src/stanza-cipher.js";
import { type DirectOptions, directPair, heardBy } from "./direct-pair.js";
import { ALICE, BOB } from "./pair.js";

const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const body = (text: string) => xml("message", {}, xml("body", {}, text));
const thread = () => xml("thread", {}, "thread");
const termination = (type: "submit" | "result") =>
  wrapForm(
    writeForm(type, [
      ["FORM_TYPE", ["urn:xmpp:ssn"]],
      ["terminate", ["1"]],
    ]),
    "feature",
  );
const from = (name: string, attributes: Record<string, string>, ...children: readonly (Element | undefined)[]) =>
  xml(name, { from: ALICE, to: BOB, ...attributes }, thread(), [...children]);
const returned = (condition: string) => from("message", { type: "error" }, xml("error", { type: "cancel" }, xml(condition, NS_STANZAS)));

/** A pair with Alice's end of the keys in the test's hands, and everything that passes. */
function pair(options: DirectOptions = {}) {
  const direct = directPair(options);
  const alice = new StanzaCipher(nodeCrypto, direct.established.alice);
  const seen: Element[] = [];
  direct.network.tap((stanza) => {
    seen.push(stanza);
    return stanza;
  });
  const sealed = (content: string): Element | undefined => alice.seal(content);
  return { ...direct, seen, sealed, heard: heardBy(direct.b) };
}

const over = async ({ channel }: ESession) => {
  await expect.poll(() => channel.closed.aborted).toBe(true);
  const { code, message, peer, phase } = channel.closed.reason;
  return { code, message, peer, phase };
};
/** What Bob has told Alice: the kind of each error, with its condition. */
const told = (seen: readonly Element[]): string[] =>
  seen
    .filter(({ attrs }) => attrs.from === BOB && attrs.type === "error")
    .map((stanza) => [stanza.getChildText("thread"), stanza.getChild("error")?.attrs.type, stanza.getChild("error")?.getChildElements()[0]?.name].join(" "));

describe("what ends a session at once", () => {
  type Case = readonly [
    what: string,
    options: DirectOptions,
    stanza: (sealed: (content: string) => Element | undefined) => Element,
    end: { readonly code: string; readonly message: string; readonly phase?: string; readonly peer?: string },
    refused: boolean,
  ];
  const cases: readonly Case[] = [
    [
      "a stanza that cannot be verified",
      {},
      () => from("message", {}, xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA"))),
      { code: "stanza-unverified", message: "An encrypted stanza was altered, lost, doubled or put out of order: the session cannot go on.", phase: "session" },
      true,
    ],
    ["two <c/>", {}, (sealed) => from("message", {}, sealed("<body/>"), sealed("<body/>")), { code: "stanza-malformed", message: expect.any(String), phase: "session" }, true],
    [
      "what is no XML when it is opened",
      {},
      (sealed) => from("message", {}, sealed("<body>")),
      { code: "not-well-formed", message: expect.any(String), phase: "session", peer: ALICE },
      true,
    ],
    [
      "a stanza of ours that comes back",
      {},
      () => returned("service-unavailable"),
      { code: "peer-unavailable", message: expect.stringMatching(/^An encrypted stanza came back: .*\.$/), phase: "session", peer: ALICE },
      false,
    ],
    [
      "the word that one could not be verified",
      {},
      () => returned("not-acceptable"),
      { code: "ended-unverified", message: "The other side says that a stanza could not be verified there; anybody on the way can say so.", phase: "session" },
      false,
    ],
    [
      "an end in clear, as deployed",
      {},
      () => from("message", {}, termination("submit")),
      { code: "ended-unverified", message: "The session was ended by a stanza in clear.", phase: "session", peer: ALICE },
      false,
    ],
    [
      "the answer to a request in clear",
      {},
      () => xml("iq", { from: ALICE, to: BOB, type: "result", id: "x" }),
      { code: "tampered", message: "The answer to an encrypted request came in clear.", phase: "session", peer: ALICE },
      false,
    ],
  ];

  it.each(cases)("%s", async (_, options, stanza, end, refused) => {
    const { b, sealed, seen } = pair(options);
    b.receive(stanza(sealed)); // as it comes from the wire, whichever way
    expect(await over(b)).toMatchObject(end);
    await expect.poll(() => told(seen)).toEqual(refused ? ["thread modify not-acceptable"] : []);
    await expect(b.channel.send(body("x"))).rejects.toMatchObject({ code: expect.stringMatching(`^(closed|${end.code})$`) });
  });

  it("its condition is told where a stanza came back", async () => {
    const { b } = pair();
    b.receive(returned("recipient-unavailable"));
    await over(b);
    expect(b.channel.closed.reason).toMatchObject({ condition: "recipient-unavailable" });
  });

  it("nothing that comes after it means anything", async () => {
    const { b, heard, sealed } = pair();
    const later = sealed("<body>x</body>");
    b.receive(returned("gone"));
    const { reason } = b.channel.closed;
    b.receive(from("message", {}, later));
    b.lost(reason);
    expect([heard, b.channel.closed.reason]).toEqual([[], reason]);
  });
});

describe("what does not end it", () => {
  it.each<[string, DirectOptions, Element, boolean]>([
    ["an end in clear, by the letter", { setting: "strict" }, termination("submit"), true],
    ["an acknowledgement of an end in clear", {}, termination("result"), false],
    ["a body in clear", {}, xml("body", {}, "x"), true],
    ["another form in clear", {}, wrapForm(writeForm("form", [["FORM_TYPE", ["urn:xmpp:ssn"]]]), "feature"), true],
    [
      "a form that does not say it is the end",
      {},
      wrapForm(
        writeForm("submit", [
          ["FORM_TYPE", ["urn:xmpp:ssn"]],
          ["terminate", ["0"]],
        ]),
        "feature",
      ),
      true,
    ],
  ])("%s", async (_, options, child, reported) => {
    const { b, errors, heard, sealed } = pair(options);
    b.receive(from("message", {}, child));
    b.receive(from("message", {}, sealed("<body>goes on</body>")));
    expect([b.channel.closed.aborted, heard.map((stanza) => stanza.getChildText("body"))]).toEqual([false, ["goes on"]]);
    expect(errors).toMatchObject(reported ? [{ code: "tampered", phase: "session", peer: ALICE, message: "A stanza came in clear on an encrypted thread, and was refused." }] : []);
    await b.abandon();
  });
});

describe("a proper end", () => {
  it.each<[string, DirectOptions, readonly boolean[]]>([
    ["of a client of 2007 is said encrypted, and in clear", {}, [true, false]],
    ["by the letter is said encrypted alone", { setting: "strict" }, [true]],
    ["of a Balcony is said encrypted alone", { balcony: true }, [true]],
  ])("%s, and acknowledged", async (_, options, encrypted) => {
    const { a, b, errors, seen } = pair(options);
    await a.close();
    const sent = (by: string) => seen.filter(({ attrs }) => attrs.from === by).map((stanza) => stanza.getChild("c", NS_ENCRYPTED) !== undefined);
    expect([sent(ALICE), sent(BOB)]).toEqual([encrypted, [true]]);
    expect([await over(a), await over(b)]).toMatchObject([
      { code: "closed", message: "The channel was closed." },
      { code: "closed", message: `${ALICE} ended the session.`, peer: ALICE },
    ]);
    expect(errors).toEqual([]);
    await Promise.all([a.close(), a.abandon(), b.close(), b.abandon()]); // once
    await expect(a.channel.send(body("x"))).rejects.toMatchObject({ code: "closed" });
  });

  it("is nothing that an acknowledgement is waited for, where the session has failed", async () => {
    const { a, b, seen } = pair();
    await a.abandon();
    expect(await over(a)).toMatchObject({ code: "closed", message: "The session was closed.", peer: BOB });
    expect(await over(b)).toMatchObject({ code: "closed", message: `${ALICE} ended the session.` });
    expect(seen[0]?.getChild("c", NS_ENCRYPTED)).toBeDefined();
  });

  it("of both at once is one", async () => {
    const { a, b, errors } = pair();
    await Promise.all([a.close(), b.close()]);
    expect([(await over(a)).code, (await over(b)).code, errors]).toEqual(["closed", "closed", []]);
  });

  it("destroys what the keys came from", async () => {
    const { a, established } = pair();
    await a.abandon();
    const { exponent, receiving, sending } = established.alice;
    expect([sending.cipher, sending.mac, receiving.cipher, receiving.mac, exponent].flatMap((secret) => [...secret]).filter((octet) => octet !== 0)).toEqual([]);
  });
});

describe("what comes before anybody listens", () => {
  const bodies = (heard: readonly Element[]) => heard.map((stanza) => stanza.getChildText("body"));

  it("waits, not even decrypted, and is more than 1,024 stanzas at no time", async () => {
    const { b, heard, sealed, seen } = pair({ held: true });
    const all = Array.from({ length: 1_024 }, (_, index) => String(index));
    for (const text of all) b.receive(from("message", {}, sealed(`<body>${text}</body>`)));
    expect([b.channel.closed.aborted, heard]).toEqual([false, []]);
    b.deliver();
    expect(bodies(heard)).toEqual(all);
    await b.abandon();
    const again = pair({ held: true });
    for (const _ of [...all, "one more"]) again.b.receive(from("message", {}, again.sealed("<body/>")));
    expect(await over(again.b)).toEqual({ code: "resource-constraint", message: "Too many encrypted stanzas wait.", phase: "session", peer: ALICE });
    expect([again.heard, told(seen)]).toEqual([[], []]);
  });

  it("passes where it is admitted, and waits in its order where it is not", async () => {
    const { b, heard, sealed } = pair({ held: true });
    b.deliver((stanza) => stanza.getChildText("body")?.startsWith("!") === true);
    for (const text of ["1", "!", "2"]) b.receive(from("message", {}, sealed(`<body>${text}</body>`)));
    expect(bodies(heard)).toEqual(["!"]);
    b.deliver();
    b.receive(from("message", {}, sealed("<body>3</body>")));
    expect(bodies(heard)).toEqual(["!", "1", "2", "3"]);
    await b.abandon();
  });

  it("is no more than 1,024 stanzas that are not admitted", async () => {
    const { b, heard, sealed } = pair({ held: true });
    b.deliver(() => false);
    for (let count = 0; count < 1_024; count++) b.receive(from("message", {}, sealed("<body/>")));
    expect(b.channel.closed.aborted).toBe(false);
    b.receive(from("message", {}, sealed("<body/>")));
    expect([await over(b), heard]).toEqual([{ code: "resource-constraint", message: "Too many stanzas wait.", phase: "session", peer: ALICE }, []]);
  });
});

describe("who looks at what is sent and received", () => {
  it("the guard, at everything but answers to the peer's requests; what it throws is not sent", async () => {
    const { a, b, heard } = pair();
    const guarded: string[] = [];
    b.guard = ({ attrs, name }) => {
      guarded.push([name, attrs.type].join(" "));
      if (attrs.type === "chat") throw new Error("not this one");
    };
    a.channel.onRequest({ type: "get", name: "query", xmlns: "urn:x" }, () => xml("query", "urn:x"));
    b.channel.onRequest({ type: "get", name: "query", xmlns: "urn:x" }, () => xml("query", "urn:x"));
    await b.channel.send(body("x"));
    await expect(b.channel.send(xml("message", { type: "chat" }))).rejects.toThrow("not this one");
    await b.channel.request(xml("iq", { type: "get" }, xml("query", "urn:x")));
    await a.channel.request(xml("iq", { type: "get" }, xml("query", "urn:x")));
    await expect(a.channel.request(xml("iq", { type: "get" }, xml("query", "urn:y")))).rejects.toMatchObject({ code: "stanza-error" });
    expect([guarded, heard]).toEqual([["message ", "message chat", "iq get"], []]);
    await a.abandon();
  });

  it("the observer, at everything that was opened, before anybody acts on it", async () => {
    const { a, b, heard } = pair();
    const observed: unknown[] = [];
    b.observer = (stanza) => observed.push([stanza.getChildText("body"), stanza.attrs.from, stanza.attrs.to, heard.length]);
    for (const text of ["1", "2"]) await a.channel.send(body(text));
    await expect
      .poll(() => observed)
      .toEqual([
        ["1", ALICE, BOB, 0],
        ["2", ALICE, BOB, 1],
      ]);
    await a.abandon();
  });

  it("nobody, where it cannot be written", async () => {
    const { a } = pair();
    await expect(a.channel.send(xml("message", {}, xml("body", {}, "\0")))).rejects.toMatchObject({ code: "invalid-argument" });
    await a.channel.send(body("it goes on"));
    await a.abandon();
  });
});

it("a session says what it is in plain words", () => {
  const { a } = pair({ stanzas: ["message", "iq"] });
  expect([a.peer, a.thread, a.role]).toEqual([BOB, "thread", "initiator"]);
  expect(a.security).toEqual({
    protocol: "ESession",
    cipher: "aes128-ctr",
    group: 14,
    setting: "deployed",
    balcony: false,
    logging: "mustnot",
    sas: "aaaaa",
    retained: "none",
    peerKey: undefined,
  });
  expect((["message", "presence", "iq"] as const).map((kind) => a.carries(kind))).toEqual([true, false, true]);
  const { a: own } = pair({ balcony: true, setting: "strict" });
  expect(own.security).toMatchObject({ sas: undefined, balcony: true, setting: "strict" });
  expect((["message", "presence", "iq"] as const).map((kind) => own.carries(kind))).toEqual([true, false, false]);
});
