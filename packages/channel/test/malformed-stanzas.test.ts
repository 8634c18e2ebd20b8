import { malformedTable, type Row, type Rule } from "@balcony/test-kit";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { BalconyError, readStanzaError, StanzaRouter } from "../src/index.js";

const romeo = "romeo@montague.lit/orchard";

/** A router that serves one request, and what it sent. */
function serving() {
  const sent: string[] = [];
  const reported: unknown[] = [];
  const router = new StanzaRouter({
    self: "juliet@capulet.lit/balcony",
    transmit: async (stanza) => void sent.push(stanza.toString()),
    shutdown: () => Promise.resolve(),
    report: (error) => reported.push(error),
  });
  router.onRequest({ type: "get", name: "ping", xmlns: "urn:xmpp:ping" }, () => undefined);
  router.onStanza(() => true);
  return { router, sent, reported };
}
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

const ping = "<ping xmlns='urn:xmpp:ping'/>";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

describe("what comes in unasked", () => {
  const rules: readonly Rule[] = [
    { section: "RFC 6120 §8.1.3", text: "For <iq/> stanzas, the originating entity MUST include an 'id' attribute." },
    { section: "RFC 6120 §8.2.3 1", text: "The 'id' attribute is REQUIRED for IQ stanzas." },
    { section: "RFC 6120 §8.2.3 2", text: "The 'type' attribute is REQUIRED, and MUST be get, set, result or error; anything else is answered bad-request." },
    { section: "RFC 6120 §8.2.3 4", text: "An entity that receives a result or error MUST NOT respond to it with a further result or error." },
    { section: "RFC 6120 §8.2.3 5", text: "A stanza of type get or set MUST contain exactly one child element." },
    { section: "RFC 6120 §8.3.1", text: "An entity that receives an error stanza MUST NOT respond to it with a further error stanza." },
    { section: "RFC 6120 §8.4", text: "A request whose namespace the recipient does not understand MUST be answered with an error, service-unavailable." },
  ];
  const rows: readonly Row<string>[] = [
    { name: "a get without id", breaks: ["RFC 6120 §8.1.3", "RFC 6120 §8.2.3 1"], input: `<iq type='get'>${ping}</iq>`, code: "silence" },
    { name: "a set without id", breaks: "RFC 6120 §8.2.3 1", input: "<iq type='set'><x xmlns='y'/></iq>", code: "silence" },
    { name: "an iq with nothing at all", breaks: ["RFC 6120 §8.2.3 1", "RFC 6120 §8.2.3 2"], input: "<iq/>", code: "silence" },
    { name: "no type", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1'>${ping}</iq>`, code: "bad-request" },
    { name: "an empty type", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1' type=''>${ping}</iq>`, code: "bad-request" },
    { name: "a type in capitals", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1' type='GET'>${ping}</iq>`, code: "bad-request" },
    { name: "a type of presence", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1' type='subscribe'>${ping}</iq>`, code: "bad-request" },
    { name: "a type found in every object", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1' type='__proto__'>${ping}</iq>`, code: "bad-request" },
    { name: "a type with a space", breaks: "RFC 6120 §8.2.3 2", input: `<iq id='1' type='get '>${ping}</iq>`, code: "bad-request" },
    { name: "a result that nobody waits for", breaks: "RFC 6120 §8.2.3 4", input: "<iq id='1' type='result'/>", code: "silence" },
    { name: "a result without id", breaks: ["RFC 6120 §8.2.3 4", "RFC 6120 §8.2.3 1"], input: "<iq type='result'/>", code: "silence" },
    { name: "a result that holds a request", breaks: "RFC 6120 §8.2.3 4", input: `<iq id='1' type='result'>${ping}</iq>`, code: "silence" },
    { name: "an error that nobody waits for", breaks: ["RFC 6120 §8.2.3 4", "RFC 6120 §8.3.1"], input: "<iq id='1' type='error'/>", code: "silence" },
    { name: "an error that holds a request", breaks: "RFC 6120 §8.3.1", input: `<iq id='1' type='error'>${ping}<error type='cancel'/></iq>`, code: "silence" },
    { name: "a message of type error", breaks: "RFC 6120 §8.3.1", input: "<message id='1' type='error'/>", code: "silence" },
    { name: "presence of type error", breaks: "RFC 6120 §8.3.1", input: "<presence id='1' type='error'/>", code: "silence" },
    { name: "a get without child", breaks: "RFC 6120 §8.2.3 5", input: "<iq id='1' type='get'/>", code: "bad-request" },
    { name: "a get with text alone", breaks: "RFC 6120 §8.2.3 5", input: "<iq id='1' type='get'>ping</iq>", code: "bad-request" },
    { name: "a set with two children", breaks: "RFC 6120 §8.2.3 5", input: `<iq id='1' type='set'>${ping}${ping}</iq>`, code: "bad-request" },
    { name: "a get whose second child we would take", breaks: "RFC 6120 §8.2.3 5", input: `<iq id='1' type='get'><x xmlns='y'/>${ping}</iq>`, code: "bad-request" },
    { name: "a namespace that nobody knows", breaks: "RFC 6120 §8.4", input: "<iq id='1' type='get'><ping xmlns='urn:example:other'/></iq>", code: "service-unavailable" },
    { name: "no namespace", breaks: "RFC 6120 §8.4", input: "<iq id='1' type='get'><ping xmlns=''/></iq>", code: "service-unavailable" },
    { name: "another name in a known namespace", breaks: "RFC 6120 §8.4", input: "<iq id='1' type='get'><pong xmlns='urn:xmpp:ping'/></iq>", code: "service-unavailable" },
    { name: "a known payload in a set instead of a get", breaks: "RFC 6120 §8.4", input: `<iq id='1' type='set'>${ping}</iq>`, code: "service-unavailable" },
    { name: "a known payload one level deeper", breaks: "RFC 6120 §8.4", input: `<iq id='1' type='get'><x xmlns='y'>${ping}</x></iq>`, code: "service-unavailable" },
  ];
  const run = async (input: string): Promise<string> => {
    const { router, sent, reported } = serving();
    const stanza = parseElement(input);
    if (!router.receive(stanza, romeo)) router.refuse(stanza, romeo);
    await turns();
    expect(reported).toEqual([]);
    if (sent.length === 0) return "silence";
    expect(sent).toHaveLength(1);
    const reply = parseElement(sent[0] ?? "");
    expect(reply.attrs).toMatchObject({ to: romeo, id: "1" });
    return reply.attrs.type === "error" ? (readStanzaError(reply).stanza?.condition ?? "") : "accepted";
  };
  malformedTable("is answered as RFC 6120 has it", { rules, rows, run });

  it("and a sound request is accepted", async () => {
    expect(await run(`<iq id='1' type='get'> ${ping} </iq>`)).toBe("accepted");
  });
});

describe("what comes in for an answer", () => {
  const rules: readonly Rule[] = [
    { section: "RFC 6120 §8.2.3 6", text: "A stanza of type result MUST include zero or one child elements." },
    { section: "RFC 6120 §8.2.3 7", text: "A stanza of type error MUST include an <error/> child." },
    { section: "RFC 6120 §8.3.1", text: "An error stanza MUST contain an <error/> child element." },
    { section: "RFC 6120 §8.3.2 type", text: "The 'type' attribute of <error/> is REQUIRED, and MUST be auth, cancel, continue, modify or wait." },
    { section: "RFC 6120 §8.3.2 condition", text: "The <error/> element MUST contain a defined condition in the namespace of stanza errors." },
  ];
  const error = (content: string, type = "type='wait'") => `<iq type='error'><error ${type}>${content}</error></iq>`;
  const busy = `<resource-constraint xmlns='${STANZAS}'/>`;
  const rows: readonly Row<string>[] = [
    { name: "a result with two children", breaks: "RFC 6120 §8.2.3 6", input: "<iq type='result'><a xmlns='x'/><b xmlns='x'/></iq>", code: "invalid-xml" },
    { name: "a result with the same child twice", breaks: "RFC 6120 §8.2.3 6", input: "<iq type='result'><a xmlns='x'/><a xmlns='x'/></iq>", code: "invalid-xml" },
    { name: "an error with nothing in it", breaks: ["RFC 6120 §8.2.3 7", "RFC 6120 §8.3.1"], input: "<iq type='error'/>", code: "stanza-error cancel undefined-condition" },
    { name: "an error that only repeats the request", breaks: "RFC 6120 §8.2.3 7", input: `<iq type='error'>${ping}</iq>`, code: "stanza-error cancel undefined-condition" },
    {
      name: "an <error/> in another namespace",
      breaks: "RFC 6120 §8.3.1",
      input: `<iq type='error'><error xmlns='x' type='wait'>${busy}</error></iq>`,
      code: "stanza-error cancel undefined-condition",
    },
    { name: "no error type", breaks: "RFC 6120 §8.3.2 type", input: error(busy, ""), code: "stanza-error cancel resource-constraint" },
    { name: "an error type that is none", breaks: "RFC 6120 §8.3.2 type", input: error(busy, "type='fatal'"), code: "stanza-error cancel resource-constraint" },
    { name: "an error type found in every object", breaks: "RFC 6120 §8.3.2 type", input: error(busy, "type='constructor'"), code: "stanza-error cancel resource-constraint" },
    { name: "no condition", breaks: "RFC 6120 §8.3.2 condition", input: error(""), code: "stanza-error wait undefined-condition" },
    { name: "text for a condition", breaks: "RFC 6120 §8.3.2 condition", input: error(`<text xmlns='${STANZAS}'>busy</text>`), code: "stanza-error wait undefined-condition" },
    { name: "a condition in no namespace", breaks: "RFC 6120 §8.3.2 condition", input: error("<resource-constraint/>"), code: "stanza-error wait undefined-condition" },
    {
      name: "a condition in another namespace",
      breaks: "RFC 6120 §8.3.2 condition",
      input: error("<resource-constraint xmlns='x'/>"),
      code: "stanza-error wait undefined-condition",
    },
    {
      name: "a condition that RFC 6120 does not define",
      breaks: "RFC 6120 §8.3.2 condition",
      input: error(`<on-fire xmlns='${STANZAS}'/>`),
      code: "stanza-error wait undefined-condition",
    },
    {
      name: "a condition found in every object",
      breaks: "RFC 6120 §8.3.2 condition",
      input: error(`<constructor xmlns='${STANZAS}'/>`),
      code: "stanza-error wait undefined-condition",
    },
  ];
  const run = async (input: string): Promise<string> => {
    const ids: (string | undefined)[] = [];
    const router = new StanzaRouter({
      self: "juliet@capulet.lit/balcony",
      transmit: async (stanza) => void ids.push(stanza.attrs.id),
      shutdown: () => Promise.resolve(),
      report: () => undefined,
    });
    const answer = router
      .to(romeo)
      .request(xml("iq", { type: "get" }, xml("ping", "urn:xmpp:ping")))
      .then(
        () => "accepted",
        (thrown: unknown) => {
          if (!(thrown instanceof BalconyError)) return String(thrown);
          const { code, stanza } = thrown;
          return stanza ? `${code} ${stanza.type} ${stanza.condition}` : code;
        },
      );
    await turns();
    const stanza = parseElement(input);
    stanza.attrs.id = ids[0];
    expect(router.receive(stanza, romeo)).toBe(true);
    return await answer;
  };
  malformedTable("leads to one code each", { rules, rows, run });

  it("and a sound one is accepted", async () => {
    expect(await run("<iq type='result'> <a xmlns='x'/> text </iq>")).toBe("accepted");
    expect(await run("<iq type='result'/>")).toBe("accepted");
    expect(await run(error(`${busy}<text xmlns='${STANZAS}'>busy</text><own xmlns='x'/>`))).toBe("stanza-error wait resource-constraint");
  });

  it("an error's text and the application's own condition are read where they are meant to stand", () => {
    const read = (input: string) => readStanzaError(parseElement(input)).stanza;
    expect(read(error(`${busy}<text xmlns='${STANZAS}'>busy</text><own xmlns='x'/>`))).toMatchObject({ text: "busy", application: expect.objectContaining({ name: "own" }) });
    expect(read(error(`${busy}<text xmlns='x'>busy</text>`))).toMatchObject({ text: undefined, application: expect.objectContaining({ name: "text" }) });
    expect(read(error(`${busy}<own/>`))).toMatchObject({ application: undefined });
  });
});
