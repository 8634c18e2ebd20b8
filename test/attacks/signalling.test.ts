import type { BalconyError } from "@balcony/channel";
import { childElements, clone, type Element, xml } from "@balcony/xml";
import type { BalconyOptions, Session } from "balcony";
import { describe, expect, it } from "vitest";
import { type LoggedIn, next, streamBetween } from "../rigs/login.js";
import { codeOf, message, NS_DISCO_INFO, NS_JINGLE, nextError, rewriting, stage } from "./stage.js";

const on = stage();
const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";

type Action = "session-initiate" | "session-accept";
/** Changes the one content of an action on its way. */
type Change = (content: Element, jingle: Element) => void;

const tampering =
  (action: Action, change: Change) =>
  (stanza: Element, { direction }: { readonly direction: "in" | "out" }) => {
    const jingle = stanza.getChild("jingle", NS_JINGLE);
    const content = jingle?.getChild("content", NS_JINGLE);
    if (direction === "in" && jingle?.attrs.action === action && content) change(content, jingle);
    return stanza;
  };

const withoutFeature =
  (gone: (feature: string) => boolean) =>
  (stanza: Element, { direction }: { readonly direction: "in" | "out" }) => {
    const query = stanza.attrs.type === "result" ? stanza.getChild("query", NS_DISCO_INFO) : undefined;
    if (direction === "out" && query) query.children = query.children.filter((child) => typeof child === "string" || child.name !== "feature" || !gone(child.attrs.var ?? ""));
    return stanza;
  };

const take = (content: Element, name: string): void => {
  content.children = content.children.filter((child) => typeof child === "string" || child.getName() !== name);
};
const fingerprint = (content: Element, digest: string): void => {
  const element = content.getChild("security", NS_XTLS)?.getChild("fingerprint");
  if (element) element.children = [digest];
};

/** Two who know each other's keys, so that XTLS is what `auto` begins with. */
async function acquainted(options: BalconyOptions = {}): Promise<{ readonly romeo: LoggedIn; readonly juliet: LoggedIn }> {
  const romeo = await on.login("romeo", options);
  const juliet = await on.login("juliet", options);
  const [session] = await streamBetween(romeo, juliet);
  await session.close();
  return { romeo, juliet };
}

/** What becomes of the next stream: the codes on both sides, or what the initiator is told of it. */
async function outcome({ romeo, juliet }: { readonly romeo: LoggedIn; readonly juliet: LoggedIn }): Promise<unknown> {
  const failed = nextError(juliet).then(({ code }) => code);
  const answered = next<Session>(juliet.e2e, "session").then((session) => session);
  const opened = await romeo.e2e.open(juliet.self).catch((error: BalconyError) => error.code);
  if (typeof opened === "string") return [opened, await Promise.race([failed, answered.then(() => "a session")])];
  const theirs = await answered;
  const heard = next<Element>(theirs, "stanza");
  await opened.send(message("a rose"));
  expect((await heard).getChildText("body")).toBe("a rose");
  return [opened, theirs].map(({ security }) => security.signalling);
}

const tampered = ["signalling-tampered", "signalling-tampered"];
const same = ["same", "same"];

describe("a server that changes the offer or its answer, seen by both within TLS, before either has a session", () => {
  it.each([
    ["takes <security/> out of the offer: XTLS becomes STARTTLS", "session-initiate", (content: Element) => take(content, "security"), tampered],
    ["takes the fingerprint out of the offer", "session-initiate", (content: Element) => take(content.getChild("security", NS_XTLS) ?? content, "fingerprint"), tampered],
    [
      "adds a method to the offer's security",
      "session-initiate",
      (content: Element) => void content.getChild("security", NS_XTLS)?.append(xml("method", { name: "srp" })),
      tampered,
    ],
    ["takes the method out of the offer's security", "session-initiate", (content: Element) => take(content.getChild("security", NS_XTLS) ?? content, "method"), tampered],
    ["takes the method out of the answer's security", "session-accept", (content: Element) => take(content.getChild("security", NS_XTLS) ?? content, "method"), tampered],
    ["takes creator out of the offer", "session-initiate", (content: Element) => void delete content.attrs.creator, tampered],
    ["sets senders in the offer", "session-initiate", (content: Element) => void Object.assign(content.attrs, { senders: "both" }), tampered],
    ["renames the content of the answer", "session-accept", (content: Element) => void Object.assign(content.attrs, { name: "other" }), tampered],
    ["puts something into the description of the offer", "session-initiate", (content: Element) => void childElements(content)[0]?.append(xml("x", "urn:example:any")), tampered],
    ["puts something into the description of the answer", "session-accept", (content: Element) => void childElements(content)[0]?.append(xml("x", "urn:example:any")), tampered],
    [
      "puts a second content into the offer",
      "session-initiate",
      (content: Element, jingle: Element) => {
        const second = clone(content);
        second.attrs.name = "second";
        jingle.append(second);
      },
      tampered,
    ],
    [
      "changes the block-size of the transport, which only slows it down",
      "session-initiate",
      (content: Element) => void Object.assign(childElements(content)[1]?.attrs ?? {}, { "block-size": "2048" }),
      ["path-altered", "path-altered"],
    ],
  ] as const)("%s", async (_, action, change, expected) => {
    const people = await acquainted();
    on.interfere = tampering(action, change);
    expect(await outcome(people)).toEqual(expected);
  });

  it.each([
    ["the initiator attribute of the offer", "session-initiate", { initiator: "benvolio@montague.lit/x" }],
    ["the responder attribute of the answer", "session-accept", { responder: "benvolio@montague.lit/x" }],
  ] as const)("may write what it likes into %s: nobody reads it", async (_, action, attributes) => {
    const people = await acquainted();
    on.interfere = tampering(action, (__, jingle) => void Object.assign(jingle.attrs, attributes));
    expect(await outcome(people)).toEqual(same);
  });

  it.each([
    ["an offer", "session-initiate"],
    ["an answer", "session-accept"],
  ] as const)("%s whose XML is written otherwise is the same", async (_, action) => {
    const people = await acquainted();
    on.interfere = tampering(action, (content) => {
      content.attrs = Object.fromEntries(Object.entries(content.attrs).reverse());
      for (const child of childElements(content)) child.attrs = Object.fromEntries(Object.entries(child.attrs).reverse());
    });
    expect(await outcome(people)).toEqual(same);
  });
});

describe("a server that changes what TLS hangs on fails earlier", () => {
  it.each([
    ["takes <security/> out of the answer alone", "session-accept", (content: Element) => take(content, "security"), /^(security-error|session-ended)$/],
    ["takes the transport out of the offer", "session-initiate", (content: Element) => take(content, "transport"), /^(stanza-error|bad-request)$/],
    ["takes the description out of the offer", "session-initiate", (content: Element) => take(content, "description"), /^(stanza-error|bad-request)$/],
    [
      "writes another fingerprint into the offer",
      "session-initiate",
      (content: Element) => fingerprint(content, "ab".repeat(32)),
      /^(tls-rejected|session-ended|connection-lost)$/,
    ],
    ["writes another fingerprint into the answer", "session-accept", (content: Element) => fingerprint(content, "ab".repeat(32)), /^fingerprint-mismatch$/],
  ] as const)("%s", async (_, action, change, expected) => {
    const { romeo, juliet } = await acquainted();
    on.interfere = tampering(action, change);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toMatch(expected);
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  });
});

describe("under secure: auto", () => {
  it("XTLS taken out of disco, so that it is never offered, is seen", async () => {
    const people = await acquainted();
    on.interfere = withoutFeature((feature) => feature === NS_XTLS);
    expect(await outcome(people)).toEqual(tampered);
  });

  it("<security/> taken out of the offer and <starttls/> out of the features: nothing is left, and nothing is said", async () => {
    const { romeo, juliet } = await acquainted();
    const strip = tampering("session-initiate", (content) => take(content, "security"));
    const bytes = rewriting(romeo.self, (data) => {
      const text = data.toString("latin1");
      return text.includes("<starttls") ? [text.replace(/<starttls[^>]*?(\/>|>.*<\/starttls>)/s, "")] : undefined;
    });
    on.interfere = (stanza, context) => bytes(strip(stanza, context), context);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("downgrade-suspected");
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  });

  it("<security/> put into an offer that had none", async () => {
    const people = await acquainted({ secure: "starttls" });
    on.interfere = tampering("session-initiate", (content) => void content.append(xml("security", NS_XTLS, xml("method", { name: "x509" }))));
    expect(await outcome(people)).toEqual(tampered);
  });
});

describe("a server that changes the features", () => {
  it("takes one away that nobody misses now", async () => {
    const people = await acquainted();
    on.interfere = withoutFeature((feature) => feature === "http://jabber.org/protocol/caps");
    expect(await outcome(people)).toEqual(tampered);
  });

  it("takes a transport away, and so decides on the path: both are told", async () => {
    const options = { dangerouslyUseLoopback: true, transports: ["s5b", "ibb"] } as const;
    const people = await acquainted(options);
    on.interfere = withoutFeature((feature) => feature === "urn:xmpp:jingle:transports:s5b:1");
    expect(await outcome(people)).toEqual(["path-altered", "path-altered"]);
  });
});

describe("a server that changes the TLS methods offered within STARTTLS", () => {
  it.each([
    ["to the initiator", (romeo: LoggedIn) => romeo.self],
    ["to the responder", (_: LoggedIn, juliet: LoggedIn) => juliet.self],
  ] as const)("%s", async (_, to) => {
    const people = await acquainted({ secure: "starttls" });
    on.interfere = rewriting(to(people.romeo, people.juliet), (data) => {
      const text = data.toString("latin1");
      return text.includes("<insecure") ? [text.replace(/<insecure[^>]*\/>/, "<insecure/><srp/>")] : undefined;
    });
    expect(await outcome(people)).toEqual(tampered);
  });
});

it("a server that forges a transport-info tells both, and changes nothing that is said", async () => {
  const people = await acquainted();
  const { interfere } = on;
  let forged = false;
  on.interfere = (stanza, context) => {
    const jingle = stanza.getChild("jingle", NS_JINGLE);
    if (forged || context.direction !== "in" || jingle?.attrs.action !== "session-accept") return interfere(stanza, context);
    forged = true;
    const transport = clone(childElements(jingle.getChild("content", NS_JINGLE) as Element)[1] as Element);
    const info = xml("jingle", { xmlns: NS_JINGLE, action: "transport-info", sid: jingle.attrs.sid }, xml("content", { creator: "initiator", name: "xmlstream" }, transport));
    return [xml("iq", { type: "set", id: "forged", from: stanza.attrs.from, to: stanza.attrs.to }, info), stanza];
  };
  expect(await outcome(people)).toEqual(["path-altered", "path-altered"]);
});

it("where nobody changes anything it is the same, by XTLS and by STARTTLS, and nobody is warned", async () => {
  for (const secure of ["auto", "starttls"] as const) {
    const people = await acquainted({ secure });
    expect(await outcome(people)).toEqual(same);
    const [session] = [...people.romeo.e2e.sessions];
    expect(session?.security.alerts).toEqual([]);
    for (const person of [people.romeo, people.juliet]) await person.logout();
  }
});
