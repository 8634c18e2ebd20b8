import { type Element, parseElement, serialize, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { canonicalForm } from "../src/canonical.js";
import { deployed, strict } from "../src/compatibility.js";
import { envelope, formIn, isOffline, no, refusal, threadOf, wrapForm } from "../src/envelope.js";
import { allOctets, flag, isSessionForm, octets, readForm, required, single, writeForm } from "../src/form.js";
import { inRange } from "../src/groups.js";
import { compareIntegers, concat, equal, fromBase64, leftPadded, minimal, toBase64, utf8, wipe } from "../src/octets.js";

const FORM_TYPE = "<field var='FORM_TYPE'><value>urn:xmpp:ssn</value></field>";
const x = (fields: string, attributes = ""): Element => parseElement(`<x xmlns='jabber:x:data'${attributes}>${fields}</x>`);
const form = (fields: string, attributes = "") => readForm(x(`${FORM_TYPE}${fields}`, attributes));
const field = (name: string, ...values: readonly string[]) => `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join("")}</field>`;
const apostrophes = (element: Element): string => serialize(element).replaceAll('"', "'");
const many = (count: number, each: (index: number) => string): string => Array.from({ length: count }, (_, index) => each(index)).join("");
const saying = (message: string) =>
  expect.objectContaining({ code: "esession-form", phase: "negotiate", message: `A form of the ESession's negotiation is malformed: ${message}.` });

describe("a form that is read (XEP-0004, XEP-0155)", () => {
  it.each([
    ["values", field("a", "1", "2"), ["1", "2"]],
    ["options, and not the one that is preselected", "<field var='a'><value>2</value><option><value>1</value></option><option><value>2</value></option></field>", ["1", "2"]],
    ["an option without a value", "<field var='a'><option/></field>", [""]],
    ["white space around", field("a", " \n1\t"), ["1"]],
    ["nothing", field("a"), []],
  ])("has for each field %s", (_, text, values) => {
    expect(form(text).fields.get("a")).toEqual(values);
  });

  it("is passed over where it is no field: <title/>, <instructions/>, and what is of another namespace", () => {
    const read = form(`<title>t</title><instructions/><field xmlns='urn:example' var='a'/><field xmlns='urn:example'/>${field("b", "1")}`);
    expect([...read.fields.keys()]).toEqual(["FORM_TYPE", "b"]);
  });

  it("is kept as it was, and is of type form where it says none", () => {
    const element = x(FORM_TYPE, " type='submit'");
    expect([readForm(element).element, readForm(element).type, form("").type]).toEqual([element, "submit", "form"]);
  });

  it.each([
    ["a field without var", `${FORM_TYPE}<field/>`],
    ['two fields "a"', `${FORM_TYPE}${field("a")}${field("a")}`],
    ["more than 64 fields", `${FORM_TYPE}${many(64, (index) => field(`f${index}`))}`],
    ['more than 256 values in "a"', FORM_TYPE + field("a", ...Array.from({ length: 257 }, () => "1"))],
    ["FORM_TYPE is not urn:xmpp:ssn", field("a")],
    ["FORM_TYPE is not urn:xmpp:ssn", field("FORM_TYPE")],
    ["FORM_TYPE is not urn:xmpp:ssn", field("FORM_TYPE", "http://jabber.org/protocol/muc")],
  ])("is refused: %s", (message, fields) => {
    expect(() => readForm(x(fields))).toThrow(saying(message));
  });

  it("may have 64 fields, and 256 values in one", () => {
    const read = form(field("a", ...Array.from({ length: 256 }, () => "1")) + many(62, (index) => field(`f${index}`)));
    expect([read.fields.size, read.fields.get("a")?.length]).toEqual([64, 256]);
  });

  it("has one value in a field that needs one", () => {
    expect([single(form(field("a", "1")), "a"), single(form(""), "a")]).toEqual(["1", undefined]);
    for (const values of [[], ["1", "2"]]) expect(() => single(form(field("a", ...values)), "a")).toThrow(saying("a needs one value"));
  });

  it.each([
    ["1", true],
    ["true", true],
    ["0", false],
    ["false", false],
  ])("says %s, which is %s", (text, value) => expect(flag(form(field("a", text)), "a")).toBe(value));

  it("says neither yes nor no without the field, and is refused for anything else in it", () => {
    expect(flag(form(""), "a")).toBeUndefined();
    for (const text of ["", "yes", "TRUE"]) expect(() => flag(form(field("a", text)), "a")).toThrow(saying("a is neither true nor false"));
  });

  const lengths = { from: 2, to: 3 };
  const base64 = (count: number) => toBase64(new Uint8Array(count).fill(7));

  it.each([2, 3])("has octets in base64: %i of 2 to 3", (count) => {
    const read = form(field("a", base64(count)));
    expect([octets(read, "a", lengths).length, allOctets(read, "a", lengths).map(({ length }) => length)]).toEqual([count, [count]]);
  });

  it.each([
    ["a is not 2 to 3 octets of base64", field("a", base64(1)), lengths],
    ["a is not 2 to 3 octets of base64", field("a", base64(4)), lengths],
    ["a is not 2 to 3 octets of base64", field("a", "Bw"), lengths],
    ["a is not 2 octets of base64", field("a", base64(3)), { from: 2, to: 2 }],
    ["no a", "", lengths],
  ])("is refused where they are not: %s", (message, text, wanted) => {
    expect(() => octets(form(text), "a", wanted)).toThrow(saying(message));
    expect(() => allOctets(form(text), "a", wanted)).toThrow(saying(message));
  });

  it("has one or more where there may be several", () => {
    expect(allOctets(form(field("a", base64(2), base64(3))), "a", lengths).map(({ length }) => length)).toEqual([2, 3]);
    expect(() => allOctets(form(field("a")), "a", lengths)).toThrow(saying("no a"));
    expect(() => allOctets(form(field("a", base64(2), "!")), "a", lengths)).toThrow(saying("a is not 2 to 3 octets of base64"));
  });

  it("says in which fields it must be answered", () => {
    const marked = (name: string, inner: string) => `<field var='${name}'>${inner}</field>`;
    const fields = [marked("b", "<required/>"), marked("a", "<value>1</value><required/>"), marked("c", "<required xmlns='urn:example'/>"), marked("d", "<value>required</value>")];
    const beside = "<field xmlns='urn:example' var='e'><required xmlns='jabber:x:data'/></field>";
    expect(required(form(fields.join("") + beside))).toEqual(["b", "a"]);
  });

  it.each([
    [FORM_TYPE, true],
    [`<title/>${field("a", "urn:xmpp:ssn")}${FORM_TYPE}`, true],
    ["", false],
    [field("a", "urn:xmpp:ssn"), false],
    [field("FORM_TYPE", "urn:example"), false],
    ["<field xmlns='urn:example' var='FORM_TYPE'><value>urn:xmpp:ssn</value></field>", false],
    ["<item var='FORM_TYPE'><value>urn:xmpp:ssn</value></item>", false],
  ])("is one of session negotiation by its FORM_TYPE alone: %s", (fields, is) => expect(isSessionForm(x(fields))).toBe(is));

  it("is written with options in lists, and with values in everything else", () => {
    const written = writeForm("form", [
      ["a", ["1", "2"], "list-single"],
      ["b", ["1"], "list-multi"],
      ["c", ["1"], "hidden"],
      ["d", ["1"]],
    ]);
    expect(apostrophes(written)).toBe(
      "<x xmlns='jabber:x:data' type='form'>" +
        "<field type='list-single' var='a'><option><value>1</value></option><option><value>2</value></option></field>" +
        "<field type='list-multi' var='b'><option><value>1</value></option></field>" +
        "<field type='hidden' var='c'><value>1</value></field><field var='d'><value>1</value></field></x>",
    );
  });
});

describe("a form as both sides hash it (XEP-0116, XML Normalization)", () => {
  it.each([
    [
      "every child, in its order",
      `<title>t</title>${field("b", "1")}${field("a", "2")}`,
      '<title>t</title><field var="b"><value>1</value></field><field var="a"><value>2</value></field>',
    ],
    ["without what is made from it", `${field("identity", "1")}${field("mac", "2")}${field("signs", "3")}${field("nonce", "4")}`, '<field var="nonce"><value>4</value></field>'],
    ["with anything else of those names", "<item var='mac'><value>1</value></item>", '<item var="mac"><value>1</value></item>'],
    ["a field without var", "<field><value>1</value></field>", "<field><value>1</value></field>"],
    ["attributes in the order of their names, with no namespace", "<field var='v' type='t' label='l' xml:lang='de'/>", '<field label="l" lang="de" type="t" var="v"></field>'],
    ["no namespace of an element", "<y:a xmlns:y='urn:example' y:b='1'><c xmlns='urn:c'>1</c></y:a>", '<a b="1"><c>1</c></a>'],
    ["no white space between elements", "\n <field var='a'>\n  <value> 1\n</value>\n </field>\n", '<field var="a"><value> 1\n</value></field>'],
    ["characters that are escaped in text", "<value>&amp;&lt;&gt;&quot;&#13;&#10;&#9;</value>", '<value>&amp;&lt;&gt;"&#xD;\n\t</value>'],
    ["characters that are escaped in attributes", "<field var='&amp;&lt;&gt;&quot;&#13;&#10;&#9;'/>", '<field var="&amp;&lt;>&quot;&#xD;&#xA;&#x9;"></field>'],
  ])("has %s", (_, fields, canonical) => expect(canonicalForm(x(fields), strict)).toBe(canonical));

  it("has text that stands in pieces, and no attribute that has no value", () => {
    const element = xml("x", { xmlns: "jabber:x:data" }, xml("field", { var: "a" }, xml("value", {}, "1", "2")));
    Object.assign(element.getChild("field")?.attrs ?? {}, { type: undefined });
    expect(canonicalForm(element, strict)).toBe('<field var="a"><value>12</value></field>');
  });

  it("has empty elements as XML canonicalisation says, or as they were deployed", () => {
    const empty = x("<field var='a'><required/><value></value></field><field var='b'/>");
    expect(canonicalForm(empty, strict)).toBe('<field var="a"><required></required><value></value></field><field var="b"></field>');
    expect(canonicalForm(empty, deployed)).toBe('<field var="a"><required /><value /></field><field var="b" />');
  });
});

describe("what goes to the server of a negotiation", () => {
  const message = (...children: readonly (Element | string)[]) => xml("message", {}, [...children]);

  it("has a thread, neither type nor body, and every hint against copies", () => {
    expect(apostrophes(envelope("bob@x/y", "t", xml("c")))).toBe(
      "<message to='bob@x/y'><thread>t</thread><c/><private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/><no-store xmlns='urn:xmpp:hints'/>" +
        "<no-permanent-store xmlns='urn:xmpp:hints'/></message>",
    );
  });

  it("is an error with the form that is refused, and the fields if there are any (XEP-0155 §4.2)", () => {
    const refused = x(FORM_TYPE, " type='form'");
    const feature = `<feature xmlns='http://jabber.org/protocol/feature-neg'>${apostrophes(refused)}</feature>`;
    const condition = (name: string) => `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`;
    expect(apostrophes(refusal("bob@x/y", "t", refused, "not-acceptable", ["logging", "modp"]))).toBe(
      `<message to='bob@x/y' type='error'><thread>t</thread>${feature}<error type='cancel'>${condition("not-acceptable")}` +
        "<feature xmlns='http://jabber.org/protocol/feature-neg'><field var='logging'/><field var='modp'/></feature></error></message>",
    );
    expect(apostrophes(refusal("bob@x/y", "t", refused, "feature-not-implemented", []))).toBe(
      `<message to='bob@x/y' type='error'><thread>t</thread>${feature}<error type='cancel'>${condition("feature-not-implemented")}</error></message>`,
    );
    expect(refused.parent).toBeNull();
  });

  it("is a form that says no", () => {
    for (const type of ["submit", "result"] as const) {
      expect(apostrophes(no(type))).toBe(
        `<x xmlns='jabber:x:data' type='${type}'><field var='FORM_TYPE'><value>urn:xmpp:ssn</value></field><field var='accept'><value>0</value></field></x>`,
      );
    }
  });

  it("is found again in <feature/> and in <init/>, whatever is beside it", () => {
    for (const [wrapper, namespace] of [
      ["feature", "http://jabber.org/protocol/feature-neg"],
      ["init", "http://www.xmpp.org/extensions/xep-0116.html#ns-init"],
    ] as const) {
      const wrapped = wrapForm(no("submit"), wrapper);
      expect([wrapped.name, wrapped.attrs.xmlns]).toEqual([wrapper, namespace]);
      const beside = [xml("body", {}, "x"), xml("feature", "http://jabber.org/protocol/feature-neg"), xml(wrapper, "urn:example", no("submit"))];
      expect(formIn(message(...beside, wrapped))).toEqual({ form: wrapped.getChild("x"), wrapper });
      expect(formIn(message(...beside))).toBeUndefined();
    }
    expect(formIn(message(wrapForm(xml("x", { xmlns: "jabber:x:data" }), "feature")))).toBeUndefined();
    expect(formIn(message(wrapForm(xml("x", { xmlns: "urn:example" }), "feature")))).toBeUndefined();
  });

  it("has a thread, if it has one that is not empty", () => {
    expect([[xml("thread", {}, " t\n")], [xml("thread", {}, " ")], [xml("thread")], []].map((children) => threadOf(message(...children)))).toEqual([
      "t",
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is offline only as a response in <init/> that has a thread (XEP-0187)", () => {
    const thread = xml("thread", {}, "t");
    expect(isOffline(message(thread, wrapForm(no("submit"), "init")))).toBe(true);
    for (const other of [
      message(wrapForm(no("submit"), "init")),
      message(thread, wrapForm(no("result"), "init")),
      message(thread, wrapForm(no("submit"), "feature")),
      message(thread),
      xml("iq", {}, thread, wrapForm(no("submit"), "init")),
    ])
      expect(isOffline(other)).toBe(false);
  });
});

describe("octets and integers", () => {
  it.each([
    ["", ""],
    ["AA==", "00"],
    ["AAE=", "0001"],
    ["AAEC", "000102"],
    [" AA\tE\r\nC AA== \n", "00010200"],
    ["+/+/", "fbffbf"],
    ["A", undefined],
    ["AA", undefined],
    ["AA=", undefined],
    ["AAA", undefined],
    ["AAAA=", undefined],
    ["AA==AA==", undefined],
    ["====", undefined],
    ["A===", undefined],
    ["-_-_", undefined],
    ["AAE=!", undefined],
    ["!AAE=", undefined],
    ["AA\u00a0AA", undefined],
  ])("base64 %j is %s", (text, hex) => {
    const read = fromBase64(text);
    expect(read && Buffer.from(read).toString("hex")).toBe(hex);
  });

  it("are written in base64 from where they lie", () => expect(toBase64(Uint8Array.of(9, 0, 1, 2, 9).subarray(1, 4))).toBe("AAEC"));

  it("are UTF-8, put together, wiped", () => {
    const one = utf8("é");
    expect([...concat(one, Uint8Array.of(), Uint8Array.of(1))]).toEqual([0xc3, 0xa9, 1]);
    wipe(one, undefined);
    expect([...one]).toEqual([0, 0]);
  });

  it.each([
    [[], [], true],
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 3], false],
    [[3, 2], [1, 2], false],
    [[1], [1, 0], false],
    [[1, 0], [1], false],
    [[], [0], false],
  ])("%j and %j are the same: %s", (a, b, same) => expect(equal(Uint8Array.from(a), Uint8Array.from(b))).toBe(same));

  it.each([
    [[], []],
    [[0, 0], []],
    [
      [0, 1, 0],
      [1, 0],
    ],
    [
      [1, 0],
      [1, 0],
    ],
  ])("%j without leading zeros is %j", (from, to) => expect([...minimal(Uint8Array.from(from))]).toEqual(to));

  it.each([
    [[1], 3, [0, 0, 1]],
    [[1, 2, 3], 3, [1, 2, 3]],
    [[1, 2, 3], 2, [1, 2, 3]],
    [[], 1, [0]],
  ])("%j with at least %i octets is %j", (from, length, to) => expect([...leftPadded(Uint8Array.from(from), length)]).toEqual(to));

  it.each([
    [[2], [1, 0], -1],
    [[1, 0], [2], 1],
    [[0, 0, 2], [2], 0],
    [[2], [0, 0, 1], 1],
  ])("%j to %j is %i", (a, b, sign) => expect(Math.sign(compareIntegers(Uint8Array.from(a), Uint8Array.from(b)))).toBe(sign));

  // XEP-0116: 1 < e < p − 1.
  it.each([
    [[], false],
    [[1], false],
    [[2], true],
    [[0, 0, 2], true],
    [[1, 0xff], true],
    [[2, 1], true],
    [[2, 2], false],
    [[2, 3], false],
    [[0, 2, 3], false],
    [[1, 0, 0], false],
  ])("%j is in the range of a group whose p is 515: %s", (value, is) => expect(inRange(Uint8Array.from(value), Uint8Array.of(2, 3))).toBe(is));
});
