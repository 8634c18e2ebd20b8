import { Parser } from "@xmpp/xml";
import { describe, expect, it } from "vitest";
import { ClientParser, clientLimits, type Element, FramedClientParser } from "../src/index.js";
import { header, pieces } from "./stream-runs.js";

interface Emitter {
  on(event: string, listener: (value: never) => void): unknown;
}

function listen(parser: Emitter): string[] {
  const told: string[] = [];
  for (const event of ["start", "element", "end"]) {
    parser.on(event, (element: Element) => told.push(`${event} ${element} in ${element.getNS()}, parent ${element.parent?.name}`));
  }
  parser.on("error", (error: Error & { condition?: string }) => told.push(`error ${error.condition}`));
  return told;
}

const proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const last = (element: Element) => element.is("proceed", "urn:ietf:params:xml:ns:xmpp-tls");

describe("a ClientParser", () => {
  it("tells @xmpp/client the same as its own parser does", () => {
    const stream = `<?xml version='1.0'?>${header}<stream:features><a xmlns='urn:a' b='&lt;'>x&amp;y<c/></a></stream:features><message to='é'><body>hi</body></message></stream:stream>`;
    const own = new Parser();
    const theirs = listen(own);
    own.write(stream);
    for (const chunks of [[Buffer.from(stream)], [stream], [...pieces(Buffer.from(stream), 1)]]) {
      const parser = new ClientParser();
      const ours = listen(parser);
      for (const chunk of chunks) parser.write(chunk);
      expect(ours).toEqual(theirs);
    }
  });

  for (const [what, bytes] of Object.entries({
    "an entity": "<message>&foo;</message>",
    "a comment": "<!-- -->",
    "no UTF-8": Buffer.from([0x3c, 0xff]),
    NUL: "<a>\0</a>",
    "two end tags": "</a></a>",
  })) {
    it(`makes an event of ${what}, and throws nothing, listened to or not`, () => {
      const parser = new ClientParser();
      parser.write(header);
      parser.write(bytes);
      parser.write(bytes);
      parser.end();
      const heard = new ClientParser();
      const told = listen(heard);
      heard.write(header);
      heard.write(bytes);
      heard.write(bytes);
      heard.end();
      expect(told.filter((line) => line.startsWith("error")).length).toBe(1);
    });
  }

  it("takes from its own server what is too much from a peer, and yet not anything", () => {
    const parser = new ClientParser();
    const told = listen(parser);
    parser.write(`${header}<iq><query xmlns='jabber:iq:roster'>${"<item jid='juliet@capulet.lit'/>".repeat(20_000)}</query></iq>`);
    expect(told.length).toBe(2);
    parser.write("<message>");
    const chunk = Buffer.alloc(1 << 20, "x");
    let read = 0;
    for (; told.length === 2 && read < 1 << 25; read += chunk.length) parser.write(chunk);
    expect(told[2]).toBe("error policy-violation");
    expect(read).toBe(clientLimits.stanzaBytes);
  });

  it("reads UTF-8 that was cut within a code point", () => {
    const parser = new ClientParser();
    const texts: string[] = [];
    parser.on("element", (element) => texts.push(element.getText()));
    for (const chunk of pieces(Buffer.from(`${header}<a>Grüße 😀</a>`), 1)) parser.write(chunk);
    expect(texts).toEqual(["Grüße 😀"]);
  });

  it("reads nothing behind the last element, and tells of nothing but the fault if there is anything", () => {
    const alone = new ClientParser({ last });
    const quiet = listen(alone);
    alone.write(header);
    alone.write(proceed);
    expect(quiet.length).toBe(2);
    for (const more of [" ", "<stream:features/>", Buffer.from([0xc3])]) {
      const parser = new ClientParser({ last });
      const told = listen(parser);
      parser.write(header);
      parser.write(Buffer.concat([Buffer.from(proceed), Buffer.from(more as string)]));
      expect(told.slice(1)).toEqual(["error policy-violation"]);
    }
  });

  it("tells in order what a listener makes it read, and what a listener that threw kept from being told", () => {
    const parser = new ClientParser();
    const told: string[] = [];
    parser.on("element", ({ name }) => {
      told.push(name);
      if (name === "a") parser.write("<d/>");
      if (name === "b") throw new Error("mine");
    });
    expect(() => parser.write(`${header}<a/><b/><c/>`)).toThrow("mine");
    parser.write(" ");
    expect(told).toEqual(["a", "b", "c", "d"]);
  });

  it("does not grow its header by the white space that keeps a connection alive", () => {
    const parser = new ClientParser();
    const headers: Element[] = [];
    parser.on("start", (element) => headers.push(element));
    parser.write(header);
    for (let sent = 0; sent < 100; sent++) parser.write(" ");
    expect(headers[0]?.children).toEqual([]);
  });
});

describe("a FramedClientParser", () => {
  const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0'/>";
  const close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

  it("takes each message for one whole element", () => {
    const parser = new FramedClientParser();
    const told = listen(parser);
    for (const message of [open, "<message xmlns='jabber:client'><body>é</body></message>", Buffer.from("<iq xmlns='jabber:client'/>"), close]) parser.write(message);
    parser.end();
    expect(told.map((line) => line.split(" ", 2).join(" "))).toEqual(["start <open", "element <message", "element <iq", "end <close"]);
    expect(told[1]).toBe('element <message xmlns="jabber:client"><body>é</body></message> in jabber:client, parent undefined');
  });

  for (const [what, message, condition] of [
    ["half an element", "<message>", "not-well-formed"],
    ["two elements", "<a/><b/>", "not-well-formed"],
    ["nothing", "", "not-well-formed"],
    ["text", "hi", "not-well-formed"],
    ["an entity", "<a>&foo;</a>", "restricted-xml"],
    ["too much", `<a>${"x".repeat(clientLimits.stanzaBytes)}</a>`, "policy-violation"],
    ["half a surrogate pair", "<a>\ud800</a>", "not-well-formed"],
  ] as const) {
    it(`makes an event of ${what}, and reads no more`, () => {
      const parser = new FramedClientParser();
      const told = listen(parser);
      parser.write(open);
      parser.write(message);
      parser.write("<iq/>");
      expect(told.slice(1)).toEqual([`error ${condition}`]);
    });
  }
});
