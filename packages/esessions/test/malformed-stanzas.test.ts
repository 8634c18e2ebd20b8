import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { readEncrypted } from "../src/encrypted-content.js";
import { wholeStanzas } from "../src/whole-stanza.js";

const NS = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const c = (inner: string) => `<c xmlns='${NS}'>${inner}</c>`;
const mac = "<mac>AAAA</mac>";

malformedTable("what XEP-0200 says of a <c/>", {
  rules: [
    { section: "XEP-0200 §5", text: "the content holds <data/>, <new/>, <key/>, <old/> and <mac/>, base64 but for the number" },
    { section: "XEP-0200 §6", text: "<mac/> goes with them" },
    { section: "XEP-0200 §13", text: "<data/>, <key/>, <mac/>, <new/> at most once; <new/> is a positive integer" },
  ],
  rows: [
    { name: "nothing but the MAC", breaks: [], input: c(mac), code: "accepted" },
    { name: "white space between", breaks: [], input: c(` <data>AA AA</data>\n${mac} `), code: "accepted" },
    { name: "text between", breaks: "XEP-0200 §5", input: c(`x${mac}`), code: "stanza-malformed" },
    { name: "an unknown child", breaks: "XEP-0200 §5", input: c(`<evil/>${mac}`), code: "stanza-malformed" },
    { name: "a child of another namespace", breaks: "XEP-0200 §5", input: c(`<data xmlns='x'>AAAA</data>${mac}`), code: "stanza-malformed" },
    { name: "an element in <data/>", breaks: "XEP-0200 §5", input: c(`<data>AAAA<x/></data>${mac}`), code: "stanza-malformed" },
    { name: "<data/> not base64", breaks: "XEP-0200 §5", input: c(`<data>A=AA</data>${mac}`), code: "stanza-malformed" },
    { name: "an empty <data/>, which would leave the counter where it is", breaks: "XEP-0200 §5", input: c(`<data/>${mac}`), code: "stanza-malformed" },
    { name: "<key/> not base64", breaks: "XEP-0200 §5", input: c(`<key>!</key>${mac}`), code: "stanza-malformed" },
    { name: "an empty <key/>", breaks: "XEP-0200 §5", input: c(`<key/>${mac}`), code: "stanza-malformed" },
    { name: "<old/> not base64", breaks: "XEP-0200 §5", input: c(`<old>AAA</old>${mac}`), code: "stanza-malformed" },
    { name: "no <mac/>", breaks: "XEP-0200 §6", input: c("<data>AAAA</data>"), code: "stanza-malformed" },
    { name: "<mac/> not base64", breaks: "XEP-0200 §6", input: c("<mac>AAA</mac>"), code: "stanza-malformed" },
    { name: "two <data/>", breaks: "XEP-0200 §13", input: c(`<data>AAAA</data><data>AAAA</data>${mac}`), code: "stanza-malformed" },
    { name: "two <mac/>", breaks: "XEP-0200 §13", input: c(mac + mac), code: "stanza-malformed" },
    { name: "two <key/>", breaks: "XEP-0200 §13", input: c(`<key>AAAA</key><key>AAAA</key>${mac}`), code: "stanza-malformed" },
    { name: "two <new/>", breaks: "XEP-0200 §13", input: c(`<new>1</new><new>1</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> of 0", breaks: "XEP-0200 §13", input: c(`<new>0</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> negative", breaks: "XEP-0200 §13", input: c(`<new>-1</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> no number", breaks: "XEP-0200 §13", input: c(`<new>one</new>${mac}`), code: "stanza-malformed" },
    { name: "<old/> without end", breaks: "XEP-0200 §5", input: c(`${"<old>AAAA</old>".repeat(65)}${mac}`), code: "stanza-malformed" },
  ],
  run: (input) => {
    try {
      readEncrypted(parseElement(input));
      return "accepted";
    } catch (error) {
      return error instanceof BalconyError ? error.code : String(error);
    }
  },
});

describe("an encrypted stanza that is malformed", () => {
  it.each([
    [c(`x${mac}`), "text between"],
    [c(`<evil/>${mac}`), "<evil/> in <c/>"],
    [c(`<data>AAAA<x/></data>${mac}`), "an element in <data/>"],
    [c(`${"<old>AAAA</old>".repeat(65)}${mac}`), "more than 64 <old/>"],
    [c(mac + mac), "two <mac/>"],
    [c("<data>AAAA</data>"), "no <mac/>"],
    [c(`<key/>${mac}`), "<key/> is not base64, or empty"],
    [c(`<new>1x</new>${mac}`), "<new/> is no positive number"],
    [c(`<new>1234567890</new>${mac}`), "<new/> is no positive number"],
  ])("is told in words: %#", (input, words) => {
    expect(() => readEncrypted(parseElement(input))).toThrow(
      expect.objectContaining({
        code: "stanza-malformed",
        phase: "session",
        message: `An encrypted stanza breaks XEP-0200: ${words.startsWith("text") ? "text between the children of <c/>" : words}.`,
      }),
    );
  });

  it("is none with as many old keys as may be, or with white space wherever it means nothing", () => {
    const read = readEncrypted(parseElement(c(`<data> AA  AA\n</data><new> 12 </new>${"<old>AA AA</old>".repeat(64)}${mac}`)));
    expect([Buffer.from(read.data ?? []).toString("hex"), read.seen, read.covered]).toEqual(["000000", 12, `<data>AAAA</data><new>12</new>${"<old>AAAA</old>".repeat(64)}`]);
  });
});

describe("a whole stanza between two Balconies", () => {
  const { putTogether, takeApart, errors } = wholeStanzas({ peer: "bob@x/y", thread: "t", parse: (octets) => parseElement(octets) });
  const together = (outer: string, content?: string) =>
    putTogether(parseElement(outer), { content: content === undefined ? undefined : Buffer.from(content), errorContent: undefined });

  it("is sealed without addresses, and what was handed in stays as it is", () => {
    const stanza = xml("iq", { type: "get", id: "i", from: "a@x/y", to: "bob@x/y" }, xml("q", "urn:q"));
    expect(takeApart(stanza).content).toBe('<iq type="get" id="i"><q xmlns="urn:q"/></iq>');
    expect([stanza.attrs.from, stanza.attrs.to, errors, takeApart(stanza).errorContent]).toEqual(["a@x/y", "bob@x/y", false, undefined]);
    expect(takeApart(xml("message", { to: "bob@x/y" })).content).toBe("<message/>");
    expect(takeApart(xml("message", { from: "a@x/y" })).content).toBe("<message/>");
  });

  it("is what was sealed, and nothing where there was none", () => {
    expect(together("<message/>", "<presence type='unavailable'/>")?.attrs).toEqual({ type: "unavailable", xmlns: "jabber:client" });
    expect(together("<message/>", "<iq xmlns='jabber:client'/>")?.name).toBe("iq");
    expect(together("<message/>")).toBeUndefined();
  });

  it.each([
    ["<message type='chat'/>", "<message/>", "tampered", "a type or an id"],
    ["<message id='i'/>", undefined, "tampered", "a type or an id"],
    ["<message/>", "<stream/>", "unsupported-stanza-type", "<stream/>"],
    ["<message/>", "<message xmlns='urn:x'/>", "unsupported-stanza-type", "<message/>"],
    ["<message/>", "<message from='a@x/y'/>", "invalid-from", "carries an address"],
    ["<message/>", "<message to='a@x/y'/>", "invalid-from", "carries an address"],
  ])("%s around %s is refused", (outer, content, code, words) => {
    expect(() => together(outer, content)).toThrow(expect.objectContaining({ code, phase: "session", peer: "bob@x/y", message: expect.stringContaining(words) }));
  });
});
