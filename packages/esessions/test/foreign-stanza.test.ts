import { type Element, parseElement, serialize } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { findEncrypted, isEncrypted, stanzaContents } from "../src/foreign-stanza.js";
import type { StanzaKind } from "../src/index.js";

const NS = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const read = (text: string): Element => parseElement(text.replace(/^<(\w+)/, "<$1 xmlns='jabber:client'"));
const octets = (text: string): Uint8Array => Buffer.from(text);
const wrapping = (kinds: readonly StanzaKind[] = ["message", "presence", "iq"]) => stanzaContents({ kinds, peer: "bob@x/y", thread: "t", parse: (bytes) => parseElement(bytes) });
const c = (text: string) => parseElement(`<c xmlns='${NS}'>${text}</c>`);
const amp = "<amp xmlns='http://jabber.org/protocol/amp'/>";

/** What is encrypted, and what goes out around it. */
function apart(stanza: string) {
  const { content, errorContent, wrap } = wrapping().takeApart(read(stanza));
  return {
    content,
    errorContent,
    outer: serialize(wrap(c("1"), errorContent === undefined ? undefined : c("2")))
      .replaceAll(` xmlns="${NS}"`, "")
      .replaceAll('"', "'"),
  };
}

const hints = "<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/><no-store xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/>";

describe("a stanza taken apart", () => {
  it.each([
    [
      "a message",
      `<message type='chat' id='i'><thread>own</thread><body>x</body>${amp}<x xmlns='urn:x'/></message>`,
      "<body>x</body><x xmlns='urn:x'/>",
      undefined,
      `<message to='bob@x/y'><thread>t</thread><c>1</c>${amp}${hints}</message>`,
    ],
    [
      "an error message",
      `<message type='error'><body>x</body><error type='modify'><gone xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>why</text><y xmlns='urn:y'/></error></message>`,
      "<body>x</body>",
      `<text xmlns='${STANZAS}'>why</text><y xmlns='urn:y'/>`,
      `<message to='bob@x/y' type='error'><thread>t</thread><c>1</c><error type='modify'><gone xmlns='${STANZAS}'/><c>2</c></error>${hints}</message>`,
    ],
    [
      "a message that speaks of an error and is none",
      "<message><error>x</error></message>",
      "<error>x</error>",
      undefined,
      `<message to='bob@x/y'><thread>t</thread><c>1</c>${hints}</message>`,
    ],
    [
      "a request",
      "<iq type='get' id='i'><q xmlns='urn:q'><thread>x</thread></q></iq>",
      "<q xmlns='urn:q'><thread>x</thread></q>",
      undefined,
      "<iq to='bob@x/y' type='get' id='i'><c>1</c></iq>",
    ],
    ["a child called thread outside messages", "<presence><thread>x</thread></presence>", "<thread>x</thread>", undefined, "<presence to='bob@x/y'><c>1</c></presence>"],
    [
      "an error answer",
      `<iq type='error' id='i'><error type='auth'><forbidden xmlns='${STANZAS}'/></error></iq>`,
      "",
      "",
      `<iq to='bob@x/y' type='error' id='i'><c>1</c><error type='auth'><forbidden xmlns='${STANZAS}'/><c>2</c></error></iq>`,
    ],
    ["presence", "<presence type='unavailable'><status>x</status></presence>", "<status>x</status>", undefined, "<presence to='bob@x/y' type='unavailable'><c>1</c></presence>"],
  ])("%s", (_, stanza, content, errorContent, outer) => {
    const found = apart(stanza);
    expect([found.content.replaceAll('"', "'"), found.errorContent?.replaceAll('"', "'"), found.outer]).toEqual([content, errorContent, outer]);
  });

  it("says what it does not take", () => {
    expect(() => wrapping(["message", "iq"]).takeApart(read("<presence/>"))).toThrow("Only <message/>, <iq/> is encrypted in this session, and this is <presence/>.");
    expect(() => wrapping().takeApart(read("<presence type='probe'/>"))).toThrow("Presence of type probe is for servers");
  });
});

describe("a stanza put together", () => {
  const together = (outer: string, content?: string, errorContent?: string): string | undefined => {
    const stanza = wrapping().putTogether(read(outer), {
      content: content === undefined ? undefined : octets(content),
      errorContent: errorContent === undefined ? undefined : octets(errorContent),
    });
    return stanza && serialize(stanza).replaceAll('"', "'").replace(" xmlns='jabber:client'", "");
  };

  it.each([
    ["a message, whatever a server calls it", "<message type='headline' id='i'><body>forged</body></message>", "<body>x</body>", undefined, "<message><body>x</body></message>"],
    ["a message that was there for its key", "<message/>", undefined, undefined, undefined],
    ["an answer without content", "<iq type='result' id='i'/>", undefined, undefined, "<iq type='result' id='i'/>"],
    ["presence without content", "<presence id='i'/>", undefined, undefined, "<presence/>"],
    ["presence that has gone", "<presence type='unavailable'/>", "<status>x</status>", undefined, "<presence type='unavailable'><status>x</status></presence>"],
    ["a request", "<iq type='set' id='i'/>", "<q xmlns='urn:q'/>", undefined, "<iq type='set' id='i'><q xmlns='urn:q'/></iq>"],
    [
      "an error, of which only the condition is the outside's",
      `<message type='error'><error type='wait'><gone xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>forged</text></error></message>`,
      undefined,
      `<text xmlns='${STANZAS}'>why</text>`,
      `<message type='error'><error type='wait'><gone xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>why</text></error></message>`,
    ],
    ["an <error/> in what is no error", "<iq type='result' id='i'><error type='wait'/></iq>", "<q xmlns='urn:q'/>", undefined, "<iq type='result' id='i'><q xmlns='urn:q'/></iq>"],
    ["an <error/> of another namespace", "<iq type='error' id='i'><error xmlns='urn:x'/></iq>", undefined, undefined, "<iq type='error' id='i'/>"],
  ])("%s", (_, outer, content, errorContent, whole) => expect(together(outer, content, errorContent)).toBe(whole));

  it("refuses what would be more than one stanza, and presence that is for servers", () => {
    expect(() => together("<message/>", "</message><message>")).toThrow();
    expect(() => together("<presence type='subscribed'/>", "<status>x</status>")).toThrow(
      expect.objectContaining({ code: "tampered", phase: "session", message: expect.stringContaining('"subscribed"') }),
    );
  });
});

describe("what is encrypted in a stanza", () => {
  const enc = `<c xmlns='${NS}'/>`;
  it("is in the stanza, and in the error of an error", () => {
    const both = `<message type='error'>${enc}<error>${enc}</error></message>`;
    expect([isEncrypted(read("<message/>")), isEncrypted(read(`<message>${enc}</message>`)), isEncrypted(read(`<iq><error>${enc}</error></iq>`))]).toEqual([false, true, true]);
    expect([isEncrypted(read(`<message><x>${enc}</x></message>`)), isEncrypted(read("<message><c xmlns='urn:x'/></message>"))]).toEqual([false, false]);
    const found = findEncrypted(read(both));
    expect([found.c?.name, found.errorC?.parent?.name]).toEqual(["c", "error"]);
    expect(findEncrypted(read(`<message><error>${enc}</error></message>`))).toEqual({ c: undefined, errorC: undefined });
    expect(findEncrypted(read("<message type='error'/>"))).toEqual({ c: undefined, errorC: undefined });
  });

  it.each([`<message>${enc}${enc}</message>`, `<message type='error'><error>${enc}${enc}</error></message>`])("is one in each place: %s", (stanza) => {
    expect(() => findEncrypted(read(stanza))).toThrow(expect.objectContaining({ code: "stanza-malformed", phase: "session", message: expect.stringContaining("two <c/>") }));
  });
});
