import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clone, type Element, parseElement, serialize, XmlError, xml } from "../src/index.js";
import { header, pieces, readChunks } from "./stream-runs.js";
import { shape, text, tree } from "./trees.js";

describe("an element written and read again", () => {
  it("is the same element, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(tree, fc.integer({ min: 1, max: 9 }), (element, size) => {
        const written = serialize(element);
        expect(shape(parseElement(written))).toEqual(shape(element));
        const bytes = Buffer.from(`${header}${written}</stream:stream>`);
        const whole = readChunks([bytes]);
        expect(whole.code).toBe("accepted");
        expect(readChunks(pieces(bytes, size)).told).toEqual(whole.told);
        const [read] = whole.elements;
        if (read === undefined) throw new Error("nothing was read");
        const expected = clone(element);
        expected.attrs.xmlns ??= "jabber:client";
        expect(shape(read)).toEqual(shape(expected));
        expect(shape(parseElement(serialize(read)))).toEqual(shape(expected));
      }),
      { numRuns: 500 },
    );
  });

  it("is the same at every single cut", () => {
    fc.assert(
      fc.property(tree, (element) => {
        const bytes = Buffer.from(`<?xml version='1.0'?>${header} ${serialize(element)}\r\n</stream:stream>`);
        const whole = readChunks([bytes]).told;
        for (let at = 0; at <= bytes.length; at++) expect(readChunks([bytes.subarray(0, at), bytes.subarray(at)]).told).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it("keeps line ends, tabs and quotes in attributes, which ltx's own toString() does not", () => {
    const value = "a\tb\nc\rd\r\n\"'<>&";
    const element = xml("a", { value }, value);
    expect(parseElement(serialize(element)).attrs.value).toBe(value);
    expect(parseElement(serialize(element)).getText()).toBe(value);
    expect(parseElement(element.toString()).attrs.value).not.toBe(value);
  });

  it("holds ]]> in text and in a CDATA section", () => {
    expect(parseElement(serialize(xml("a", {}, "]]>"))).getText()).toBe("]]>");
    expect(parseElement("<a><![CDATA[x]]]]><![CDATA[>]]></a>").children).toEqual(["x]]>"]);
  });
});

describe("serialize", () => {
  const refused = (element: Element) => expect(() => serialize(element)).toThrow(expect.objectContaining({ name: "XmlError", condition: "invalid-xml" }));
  const forbidden = ["\0", "\u0001", "\u000b", "\u001b", "\ufffe", "\uffff", "\ud800", "\udc00", "a\udbff", "\udfffb"];

  for (const character of forbidden) {
    it(`refuses ${JSON.stringify(character)} in text and in attributes`, () => {
      refused(xml("a", {}, `x${character}y`));
      refused(xml("a", { b: `x${character}y` }));
      refused(xml("a", {}, xml("b", { c: character })));
      refused(xml("a", `urn:${character}`));
    });
  }

  const hostileNames = ["", " ", "a b", "a>", "a/", "a='", "<a", "a\n", "1a", "-a", ":a", "a:", "a:b:c", "q:1", "\u0301a", "a\0", "\ud800", "a xmlns='urn:evil'", "!--", "?xml"];
  for (const name of hostileNames) {
    it(`refuses ${JSON.stringify(name)} as a name`, () => {
      const element = xml("a");
      element.name = name;
      refused(element);
      refused(xml("b", {}, element));
      refused(xml("a", { [name]: "x" }));
    });
  }

  it("refuses what is not namespace-well-formed", () => {
    refused(xml("q:a"));
    refused(xml("a", { "q:b": "x" }));
    refused(xml("a", { "xmlns:q": "" }));
    refused(xml("a", { "xmlns:xml": "urn:x" }));
    refused(xml("a", { "xmlns:q": "http://www.w3.org/2000/xmlns/" }));
    refused(xml("xmlns:a"));
    refused(xml("a", { "xmlns:p": "urn:x", "xmlns:q": "urn:x", "p:b": "1", "q:b": "2" }));
  });

  it("refuses what is neither element nor text, and an element inside itself", () => {
    const element = xml("a");
    element.append(element);
    refused(element);
    const odd = xml("a");
    odd.children.push({ evil: "<b/>" } as unknown as string);
    refused(odd);
    const attribute = xml("a");
    attribute.attrs.b = { toString: () => "x" } as unknown as string;
    refused(attribute);
  });

  it("writes numbers as ltx does, and leaves out what is undefined", () => {
    const element = xml("a", { b: 1 }, 0);
    element.attrs.c = undefined;
    expect(serialize(element)).toBe('<a b="1">0</a>');
  });

  it("writes what ltx writes where ltx is right", () => {
    fc.assert(
      fc.property(text, (value) => {
        const plain = value.replace(/[\t\n\r'"]/g, "");
        const element = xml("message", { xmlns: "jabber:client", to: plain }, xml("body", {}, plain, xml("x", "urn:x")));
        expect(serialize(element)).toBe(element.toString());
      }),
    );
  });

  it("leaves out the namespace that holds where the text goes, and declares what was inherited elsewhere", () => {
    const message = xml("message", "jabber:client", xml("body", {}, "hi"));
    expect(serialize(message, { parentNamespace: "jabber:client" })).toBe("<message><body>hi</body></message>");
    expect(serialize(message, { parentNamespace: "urn:other" })).toBe('<message xmlns="jabber:client"><body>hi</body></message>');
    const [body] = message.children as Element[];
    if (body === undefined) throw new Error("no body");
    expect(serialize(body)).toBe('<body xmlns="jabber:client">hi</body>');
    const inner = parseElement("<a xmlns:q='urn:q' xmlns:r='urn:r'><b><q:c/></b></a>").getChild("b");
    if (inner === undefined) throw new Error("no b");
    expect(serialize(inner)).toBe('<b xmlns:q="urn:q"><q:c/></b>');
    expect(serialize(xml("stream:features"), { parentPrefixes: ["stream"] })).toBe("<stream:features/>");
  });

  it("never writes anything that reads as something else", () => {
    const wild = fc.oneof(fc.string({ unit: "binary", maxLength: 6 }), fc.constantFrom("a", "xmlns", "xmlns:q", "q:a", "<b/>", "']]>", "xml:lang"));
    fc.assert(
      fc.property(wild, wild, wild, wild, (name, attribute, value, content) => {
        const element = xml(name, { [attribute]: value }, content, xml("in"));
        let written: string;
        try {
          written = serialize(element);
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError);
          return;
        }
        expect(shape(parseElement(written))).toEqual(shape(element));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("clone", () => {
  it("shares nothing with the original, and keeps the namespace that was inherited", () => {
    const original = xml("message", "jabber:client", xml("body", { a: "b" }, "hi"));
    const copy = clone(original);
    expect(shape(copy)).toEqual(shape(original));
    copy.attrs.to = "x";
    copy.getChild("body")?.append("!");
    expect(original.toString()).toBe('<message xmlns="jabber:client"><body a="b">hi</body></message>');
    const body = original.getChild("body");
    if (body === undefined) throw new Error("no body");
    expect(clone(body).getNS()).toBe("jabber:client");
    expect(clone(body).parent).toBe(null);
  });

  it("keeps attribute names that objects have of their own", () => {
    const read = parseElement("<a __proto__='x' constructor='y'/>");
    expect(shape(clone(read))).toEqual(shape(read));
  });
});
