import { randomBytes } from "node:crypto";
import type { EventEmitter } from "node:events";
import { TrustStore } from "@balcony/trust";
import type { Element } from "@balcony/xml";
import { client } from "@xmpp/client";
import { balcony } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoggedIn, next, streamBetween } from "../rigs/login.js";
import { nextError, stage } from "./stage.js";

const on = stage();

const uncaught: unknown[] = [];
const guard = (error: unknown): void => void uncaught.push(error);
beforeAll(() => void process.on("uncaughtException", guard));
afterAll(() => {
  process.off("uncaughtException", guard);
  expect(uncaught).toEqual([]);
});

const inMessage = (text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from("<message xmlns='jabber:client'><body>"), Buffer.from(text as string), Buffer.from("</body></message>")]);

const faults: readonly (readonly [string, string, () => Buffer | string])[] = [
  ["an entity that nobody declared", "restricted-xml", () => inMessage("&foo;")],
  ["a numeric reference to a control character", "not-well-formed", () => inMessage("&#x1;")],
  ["0xFF", "not-well-formed", () => inMessage(Buffer.of(0xff))],
  ["an overlong UTF-8 form", "not-well-formed", () => inMessage(Buffer.of(0xc0, 0xaf))],
  ["a surrogate in UTF-8", "not-well-formed", () => inMessage(Buffer.of(0xed, 0xa0, 0x80))],
  ["a DOCTYPE", "restricted-xml", () => "<!DOCTYPE a [<!ENTITY b 'c'>]><message xmlns='jabber:client'/>"],
  ["a comment", "restricted-xml", () => inMessage("<!-- -->")],
  ["a processing instruction", "restricted-xml", () => inMessage("<?php ?>")],
  ["200,000 elements in one another", "policy-violation", () => inMessage("<a>".repeat(200_000))],
  ["16 MiB in one text", "policy-violation", () => inMessage("a".repeat(16 * 1024 * 1024))],
  ["10,000 attributes", "policy-violation", () => `<message xmlns='jabber:client' ${Array.from({ length: 10_000 }, (_, n) => `a${n}=''`).join(" ")}/>`],
  ["tags that cross", "not-well-formed", () => inMessage("<a><b></a></b>")],
  ["an attribute twice", "not-well-formed", () => "<message xmlns='jabber:client' id='1' id='2'/>"],
  ["a prefix that nobody declared", "not-well-formed", () => "<message xmlns='jabber:client'><x:y/></message>"],
  ["noise", "not-well-formed", () => Buffer.concat([Buffer.from("<"), randomBytes(64).map((byte) => byte | 0x80)])],
];

async function back(person: LoggedIn): Promise<LoggedIn> {
  return { ...person, self: await next<string>(person.e2e, "ready") };
}

describe.each([
  ["TCP", undefined],
  ["WebSocket", "webSocket"],
] as const)("over %s a server that sends", (_, over) => {
  it.each(faults)("%s is an error with code %s, and once it behaves streams work again", async (_title, code, bytes) => {
    const juliet = await on.login("juliet");
    const romeo = await on.login("romeo", over && { over });
    romeo.xmpp.reconnect.delay = 1;
    const failed = nextError(romeo);
    const returned = back(romeo);
    on.server.inject(romeo.self, bytes());
    expect((await failed).code).toBe(code);
    const [session] = await streamBetween(await returned, juliet);
    expect(session.status).toBe("online");
  });
});

it("what is cut in the middle of a character over TCP arrives as it was sent", async () => {
  const romeo = await on.login("romeo");
  const text = "Grüße ☕ 🌹";
  const bytes = inMessage(text);
  const socket = romeo.xmpp.socket as EventEmitter;
  for (let cut = 1; cut < bytes.length; cut++) {
    const came = next<Element>(romeo.xmpp, "stanza");
    const first = next(socket, "data");
    on.server.inject(romeo.self, bytes.subarray(0, cut));
    await first;
    on.server.inject(romeo.self, bytes.subarray(cut));
    expect((await came).getChildText("body")).toBe(text);
  }
});

it("nobody listens for errors: the process lives, and so do streams", async () => {
  const juliet = await on.login("juliet");
  const xmpp = client({ service: on.server.service, domain: "montague.lit", username: "romeo", password: "secret" });
  xmpp.reconnect.delay = 1;
  const e2e = await balcony(xmpp, { store: await TrustStore.inMemory() });
  const ready = next<string>(e2e, "ready");
  await xmpp.start();
  let self = await ready;
  for (const [, , bytes] of faults) {
    const again = next<string>(e2e, "ready");
    on.server.inject(self, bytes());
    self = await again;
  }
  expect((await e2e.open(juliet.self)).status).toBe("online");
  await e2e.close();
  xmpp.reconnect.stop();
  await xmpp.stop();
});

it("an acknowledgement of more than was sent cuts the connection, and ends no process", async () => {
  const juliet = await on.login("juliet");
  const romeo = await on.login("romeo");
  romeo.xmpp.reconnect.delay = 1;
  const returned = back(romeo);
  on.server.inject(romeo.self, "<a xmlns='urn:xmpp:sm:3' h='1000000'/>");
  const [session] = await streamBetween(await returned, juliet);
  expect(session.status).toBe("online");
});

describe("stanzas that are well-formed and mean harm change nothing", () => {
  const stanzas: readonly (readonly [string, string])[] = [
    ["a roster item whose address is none", "<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='@@' subscription='both'/></query></iq>"],
    ["presence from what is no address", "<presence xmlns='jabber:client' from='@@/x'/>"],
    ["presence with a priority that is no number", "<presence xmlns='jabber:client' from='juliet@capulet.lit/x'><priority>NaN</priority></presence>"],
    ["presence with a priority beyond all", "<presence xmlns='jabber:client' from='juliet@capulet.lit/x'><priority>99999999999999999999</priority></presence>"],
    ["a Jingle action without anything", "<iq xmlns='jabber:client' type='set' id='1' from='juliet@capulet.lit/x'><jingle xmlns='urn:xmpp:jingle:1'/></iq>"],
    ["a request without id", "<iq xmlns='jabber:client' type='get' from='juliet@capulet.lit/x'><ping xmlns='urn:xmpp:ping'/></iq>"],
    [
      "a request with two children",
      "<iq xmlns='jabber:client' type='set' id='1' from='juliet@capulet.lit/x'><jingle xmlns='urn:xmpp:jingle:1'/><jingle xmlns='urn:xmpp:jingle:1'/></iq>",
    ],
    ["an IQ without type", "<iq xmlns='jabber:client' id='1' from='juliet@capulet.lit/x'><jingle xmlns='urn:xmpp:jingle:1'/></iq>"],
    ["a ping from the server itself", "<iq xmlns='jabber:client' type='get' id='1' from='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>"],
    [
      "a disco query for a node that is none",
      "<iq xmlns='jabber:client' type='get' id='1' from='juliet@capulet.lit/x'><query xmlns='http://jabber.org/protocol/disco#info' node='&lt;'/></iq>",
    ],
    ["an acknowledgement of nothing", "<a xmlns='urn:xmpp:sm:3'/>"],
    ["a stanza of another namespace", "<message xmlns='urn:example:none' from='juliet@capulet.lit/x'/>"],
    ["an element that is no stanza", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
  ];

  it.each(stanzas)("%s", async (_, stanza) => {
    const juliet = await on.login("juliet");
    const romeo = await on.login("romeo");
    on.server.inject(romeo.self, stanza);
    const [session] = await streamBetween(romeo, juliet);
    expect(session.status).toBe("online");
    expect(romeo.errors.filter(({ name, message }) => name !== "BalconyError" || /internal/.test(message))).toEqual([]);
  });
});
