import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Element, parseElement, StreamParser, serialize, XmlError } from "../src/index.js";
import { header, outcomeAtEveryCut, pieces, readChunks } from "./stream-runs.js";

const ignore = { open: () => undefined, element: () => undefined, close: () => undefined };

const conditionOf = (work: () => void): string => {
  try {
    work();
    return "accepted";
  } catch (error) {
    return error instanceof XmlError ? error.condition : `threw ${error}`;
  }
};

describe("a StreamParser", () => {
  it("reads what RFC 6120 allows, wherever it is cut", () => {
    const stream = `<?xml version="1.0" encoding="utf-8" standalone='yes'?>\r\n${header}\r\n<a b='&lt;&#x20AC;&apos;'>x<![CDATA[<&]]>&amp;&gt;&quot;&#233;\r\n</a> \t\n<é xml:lang='de'/><stream:features/></stream:stream>\n\n`;
    expect(outcomeAtEveryCut(Buffer.from(stream))).toBe("accepted");
    const { elements } = readChunks([Buffer.from(stream)]);
    expect(elements.map((element) => element.name)).toEqual(["a", "é", "stream:features"]);
    expect(elements[0]?.children).toEqual(['x<&&>"é\n']);
    expect(elements[0]?.attrs.b).toBe("<€'");
  });

  it("knows a declaration labelled 1.1 as XML 1.0", () => {
    expect(readChunks([Buffer.from("<?xml version='1.1'?><a><b>\u0085\u2028</b></a>")]).elements[0]?.getText()).toBe("\u0085\u2028");
  });

  it("reads a root that is empty", () => {
    expect(readChunks([Buffer.from("<a/>")]).told).toEqual(["open <a/>", "close", "accepted"]);
  });

  it("gives elements that stand on their own, with the namespaces they inherit and no others", () => {
    const root = "<s:s xmlns='jabber:client' xmlns:s='urn:s' xmlns:p='urn:p' xmlns:unused='urn:u'>";
    const { elements } = readChunks([Buffer.from(`${root}<a><p:b p:c='d'/></a><a xmlns='urn:a' xmlns:p='urn:other'><p:b/></a><s:f/></s:s>`)]);
    expect(elements.map(String)).toEqual([
      '<a xmlns="jabber:client" xmlns:p="urn:p"><p:b p:c="d"/></a>',
      '<a xmlns="urn:a" xmlns:p="urn:other"><p:b/></a>',
      '<s:f xmlns="jabber:client" xmlns:s="urn:s"/>',
    ]);
    expect(elements.map((element) => element.parent)).toEqual([null, null, null]);
    expect(elements.map((element) => element.getNS())).toEqual(["jabber:client", "urn:a", "urn:s"]);
    for (const element of elements) expect(String(parseElement(serialize(element)))).toBe(String(element));
  });

  it("keeps nothing of the stream in its header", () => {
    let root: Element | undefined;
    const parser = new StreamParser({
      ...ignore,
      open: (element) => {
        root = element;
      },
    });
    parser.write(Buffer.from(`${header} <iq/> <iq/>\n\n`));
    expect(root?.children).toEqual([]);
  });

  it("throws the same error again and again, and reads no more", () => {
    const told: string[] = [];
    const parser = new StreamParser({ ...ignore, element: (element) => told.push(element.name) });
    let first: unknown;
    try {
      parser.write(Buffer.from(`${header}<a/><b>&foo;</b><c/>`));
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(XmlError);
    for (const again of [() => parser.write(Buffer.from("<d/>")), () => parser.write(new Uint8Array(0)), () => parser.end()]) {
      let thrown: unknown;
      try {
        again();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(first);
    }
    expect(told).toEqual(["a"]);
  });

  it("tells of no element that a wrong end tag cut short", () => {
    const told: string[] = [];
    const parser = new StreamParser({ ...ignore, element: (element) => told.push(element.name), close: () => told.push("close") });
    expect(conditionOf(() => parser.write(Buffer.from(`${header}<message><body>Romeo, wherefore</stream:stream>`)))).toBe("not-well-formed");
    expect(told).toEqual([]);
  });

  it("passes on what a handler throws, and is dead then", () => {
    const mine = new Error("mine");
    const parser = new StreamParser({
      ...ignore,
      element: () => {
        throw mine;
      },
    });
    expect(() => parser.write(Buffer.from(`${header}<a/>`))).toThrow(mine);
    expect(() => parser.write(Buffer.from("<b/>"))).toThrow(mine);
  });

  it("reads what a handler writes after what the handler was called in", () => {
    const told: string[] = [];
    const parser: StreamParser = new StreamParser({
      ...ignore,
      element: (element) => {
        told.push(element.name);
        if (element.name === "a") parser.write(Buffer.from("<c/>"));
      },
    });
    parser.write(Buffer.from(`${header}<a/><b/>`));
    expect(told).toEqual(["a", "b", "c"]);
  });

  it("copies what it holds back: the caller may reuse its buffer", () => {
    const texts: string[] = [];
    const parser = new StreamParser({ ...ignore, element: (element) => texts.push(element.getText()) });
    const buffer = Buffer.alloc(1);
    for (const byte of Buffer.from(`${header}<a>😀</a>`)) {
      buffer[0] = byte;
      parser.write(buffer);
      buffer[0] = 0xff;
    }
    expect(texts).toEqual(["😀"]);
  });

  it("leads to the same end wherever bytes are cut, whatever the bytes", () => {
    const bits = fc.constantFrom(
      ...[
        "<a>",
        "</a>",
        "<a/>",
        "<b c='",
        "'",
        ">",
        "/>",
        "<",
        "&",
        ";",
        "&amp;",
        "&x;",
        "&#65;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "?>",
        "<?xml version='1.0'?>",
        "<!D",
        " ",
        "\r",
        "\n",
        "é",
        "😀",
        "x",
        "\0",
        "</s>",
        "<s>",
        "xmlns='u'",
        "q:",
        "\ufeff",
      ].map((text) => Buffer.from(text)),
      Buffer.from([0xff]),
      Buffer.from([0xc3]),
      Buffer.from([0xe2, 0x82]),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(bits, { maxLength: 12 }), (open, parts) => {
        expect(outcomeAtEveryCut(Buffer.concat(open ? [Buffer.from("<s>"), ...parts] : parts), { stanzaBytes: 40, depth: 2, children: 2, attributes: 2 })).toMatch(/^[a-z-]+$/);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("limits", () => {
  const limits = { stanzaBytes: 100 };

  it("count what stands between < and >, to the byte", () => {
    const fits = `<a>${"x".repeat(93)}</a>`;
    const stream = (stanza: string) => Buffer.from(`<s>  ${stanza}\n${stanza}  </s>`);
    expect(fits.length).toBe(100);
    expect(outcomeAtEveryCut(stream(fits), limits)).toBe("accepted");
    expect(outcomeAtEveryCut(stream(`<a>${"ü".repeat(46)}x</a>`), limits)).toBe("accepted");
    expect(outcomeAtEveryCut(stream(`<a>${"x".repeat(94)}</a>`), limits)).toBe("policy-violation");
    expect(outcomeAtEveryCut(stream(`<a>${"ü".repeat(47)}</a>`), limits)).toBe("policy-violation");
  });

  it("hold for each element anew, however many come in a chunk", () => {
    const many = "<a>0123456789</a> ".repeat(10_000);
    expect(readChunks([Buffer.from(`<s>${many}</s>`)], limits).elements.length).toBe(10_000);
  });

  it("do not hold for white space between stanzas, of which there may be any amount", () => {
    const parser = new StreamParser(ignore, limits);
    const space = Buffer.alloc(1 << 20, " \r\n\t");
    parser.write(Buffer.from("<s>"));
    for (let written = 0; written < 64; written++) parser.write(space);
    parser.write(Buffer.from("<a/>\n"));
    for (let written = 0; written < 64; written++) parser.write(space);
    parser.write(Buffer.from("</s> "));
    parser.end();
  });
});

describe("attacks", () => {
  const refusedAfter = (chunk: string | Uint8Array, chunks: number): { readonly condition: string; readonly read: number } => {
    const parser = new StreamParser(ignore);
    const bytes = Buffer.from(chunk as string);
    let read = 0;
    const condition = conditionOf(() => {
      parser.write(Buffer.from(header));
      for (let sent = 0; sent < chunks; sent++) {
        parser.write(bytes);
        read += bytes.length;
      }
    });
    return { condition, read };
  };

  it("200,000 levels deep are refused at the 65th", () => {
    expect(refusedAfter("<a>", 200_000)).toEqual({ condition: "policy-violation", read: 64 * 3 });
    expect(conditionOf(() => new StreamParser(ignore).write(Buffer.from(header + "<a>".repeat(200_000))))).toBe("policy-violation");
    expect(conditionOf(() => parseElement("<a>".repeat(200_000)))).toBe("policy-violation");
  });

  it("16 MiB in one text are refused after 256 KiB", () => {
    const parser = new StreamParser(ignore);
    parser.write(Buffer.from(`${header}<message><body>`));
    const chunk = Buffer.alloc(64 * 1024, "x");
    let read = 0;
    const condition = conditionOf(() => {
      for (; read < 1 << 24; read += chunk.length) parser.write(chunk);
    });
    expect({ condition, read }).toEqual({ condition: "policy-violation", read: 3 * 64 * 1024 });
    expect(conditionOf(() => new StreamParser(ignore).write(Buffer.concat([Buffer.from(`${header}<message>`), Buffer.alloc(1 << 24, "x")])))).toBe("policy-violation");
  });

  for (const [what, opening] of Object.entries({
    attribute: "<a b='",
    "attribute's name": "<a ",
    "tag's name": "<",
    "end tag's name": "<a></",
    "entity's name": "<a>&",
    "CDATA section": "<a><![CDATA[",
  })) {
    it(`an endless ${what} is refused after 256 KiB`, () => {
      const parser = new StreamParser(ignore);
      parser.write(Buffer.from(header + opening));
      const chunk = Buffer.alloc(64 * 1024, "x");
      let read = 0;
      const condition = conditionOf(() => {
        for (; read < 1 << 24; read += chunk.length) parser.write(chunk);
      });
      expect({ condition, read }).toEqual({ condition: "policy-violation", read: 3 * 64 * 1024 });
    });
  }

  it("as much text as is allowed, one byte a time, is read in no more than linear time", () => {
    const text = "é".repeat(100_000);
    const { elements } = readChunks(pieces(Buffer.from(`<s><a b='${"x".repeat(8000)}'>${text}</a></s>`), 1));
    expect(elements[0]?.getText()).toBe(text);
  });

  it("thousands of CDATA sections and references make one text", () => {
    const { elements } = readChunks([Buffer.from(`<s><a>${"<![CDATA[x]]>&lt;".repeat(10_000)}</a></s>`)]);
    expect(elements[0]?.children).toEqual(["x<".repeat(10_000)]);
  });

  it("names of objects' own fields are names like any other, and change nothing", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "prototype"];
    const attributes = names.map((name) => `${name}='${name}!'`).join(" ");
    const [element] = readChunks([Buffer.from(`<s><a ${attributes}><__proto__ polluted='yes'/></a></s>`)]).elements;
    if (element === undefined) throw new Error("nothing was read");
    for (const name of names) expect(element.attrs[name]).toBe(`${name}!`);
    expect(Object.keys(element.attrs)).toEqual(names);
    expect(({} as Record<string, unknown>).polluted).toBe(undefined);
    const [plain] = readChunks([Buffer.from("<s><a/></s>")]).elements;
    for (const name of names) expect(plain?.attrs[name]).toBe(undefined);
    // ltx asks attrs.hasOwnProperty here, which is a string
    expect((element as unknown as { getAttr(name: string, xmlns: string): unknown }).getAttr("x", "urn:x")).toBe(null);
  });

  it("an element out of every namespace is not taken for one of its parent's", () => {
    const element = parseElement("<message xmlns='jabber:client'><body xmlns=''/><p:x xmlns:p='urn:p'/></message>");
    expect(element.getChild("body", "jabber:client")).toBe(undefined);
    expect(element.getChild("body")?.getNS()).toBe("");
    expect(element.getChild("x", "urn:p")?.name).toBe("p:x");
    expect(element.getChild("x", "jabber:client")).toBe(undefined);
  });
});

describe("stop", () => {
  const stopAt = (chunks: readonly Uint8Array[]): { readonly unread: number; readonly told: readonly string[] } => {
    const told: string[] = [];
    const parser: StreamParser = new StreamParser({
      open: () => told.push("open"),
      element: (element) => {
        told.push(element.name);
        if (element.name === "proceed") parser.stop();
      },
      close: () => told.push("close"),
    });
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
    return { unread: parser.unread, told };
  };

  const proceed = `${header}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`;
  const behind: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", Buffer.from("")],
    ["a space", Buffer.from(" ")],
    ["a carriage return", Buffer.from("\r")],
    ["a stanza", Buffer.from("<iq/>")],
    ["the end of the stream", Buffer.from("</stream:stream>")],
    ["half a code point", Buffer.from([0xf0, 0x9f])],
    ["what is no UTF-8", Buffer.from([0xff, 0xff])],
    ["a TLS record", Buffer.from([0x16, 3, 1, 0, 5])],
    ["a DOCTYPE", Buffer.from("<!DOCTYPE a>")],
    ["umlauts", Buffer.from("<ä>ü</ä>")],
  ];
  for (const [what, bytes] of behind) {
    it(`counts the bytes of ${what} behind the element, in one chunk, in two, and byte by byte`, () => {
      const all = Buffer.concat([Buffer.from(proceed), bytes]);
      const expected = { unread: bytes.length, told: ["open", "proceed"] };
      expect(stopAt([all])).toEqual(expected);
      expect(stopAt([Buffer.from(proceed), bytes])).toEqual(expected);
      expect(stopAt([...pieces(all, 1)])).toEqual(expected);
    });
  }

  it("counts behind an element that came behind wide characters and others", () => {
    expect(stopAt([Buffer.from(`${header}<ä>😀</ä> <proceed a='€'/>\u00e9`)])).toEqual({ unread: 2, told: ["open", "ä", "proceed"] });
  });

  it("says 0 as long as nobody stopped", () => {
    const parser = new StreamParser(ignore);
    parser.write(Buffer.from(`${header} <a`));
    expect(parser.unread).toBe(0);
  });
});

describe("parseElement", () => {
  it("reads one element and no more", () => {
    expect(String(parseElement(" <a b='c'>d</a>\n"))).toBe('<a b="c">d</a>');
    expect(String(parseElement("<?xml version='1.0'?><a/>"))).toBe("<a/>");
    expect(String(parseElement(Buffer.from("<ä/>")))).toBe("<ä/>");
    for (const text of ["", " ", "a", "<a>", "<a/><b/>", "<a/>b", "</a>", "<a/>&", "\ufeff<a/>", "<a>\ud800</a>", "\ud83d<a/>"])
      expect(conditionOf(() => parseElement(text))).toBe("not-well-formed");
    expect(conditionOf(() => parseElement("<!DOCTYPE a><a/>"))).toBe("restricted-xml");
    expect(conditionOf(() => parseElement(`<a>${"x".repeat(100)}</a>`, { stanzaBytes: 50 }))).toBe("policy-violation");
  });

  it("allows as many levels to one element as a stream does to a stanza", () => {
    const nested = (levels: number) => `${"<a>".repeat(levels)}${"</a>".repeat(levels)}`;
    expect(conditionOf(() => parseElement(nested(64)))).toBe("accepted");
    expect(conditionOf(() => parseElement(nested(65)))).toBe("policy-violation");
    expect(readChunks([Buffer.from(`<s>${nested(64)}</s>`)]).code).toBe("accepted");
    expect(readChunks([Buffer.from(`<s>${nested(65)}</s>`)]).code).toBe("policy-violation");
  });
});
