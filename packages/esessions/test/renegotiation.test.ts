import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { readForm } from "../src/form.js";
import type { ESession } from "../src/index.js";
import { Renegotiation } from "../src/renegotiation.js";
import { directPair, heardBy } from "./direct-pair.js";
import { ALICE, BOB, sessionPair } from "./pair.js";

const body = (text: string) => xml("message", {}, xml("body", {}, text));
const field = (name: string, ...values: readonly (string | Element)[]) =>
  xml(
    "field",
    { var: name },
    values.map((value) => (typeof value === "string" ? xml("value", {}, value) : value)),
  );
const form = (type: string, ...fields: readonly Element[]) =>
  xml("message", {}, xml("feature", "http://jabber.org/protocol/feature-neg", xml("x", { xmlns: "jabber:x:data", type }, field("FORM_TYPE", "urn:xmpp:ssn"), fields)));
const agreed = (...sessions: readonly ESession[]) => sessions.map(({ security }) => security.logging);

describe.each([
  ["between Balconies", { balcony: true, setting: "strict" as const }],
  ["with a client of 2007", { balcony: false, setting: "deployed" as const }],
])("a renegotiation %s (XEP-0155 §6)", (_, options) => {
  it("toward less of a transcript needs nobody's word, and the session goes on meanwhile", async () => {
    const { a, b, errors, network } = directPair({ ...options, logging: "may" });
    const heard = heardBy(b);
    let seen = "";
    network.tap((stanza) => {
      seen += stanza.toString();
      return stanza;
    });
    const asking = a.renegotiate({ logging: "mustnot" });
    await a.channel.send(body("meanwhile"));
    await asking;
    await a.channel.send(body("then"));
    await expect.poll(() => heard.map((stanza) => stanza.getChildText("body"))).toEqual(["meanwhile", "then"]);
    expect([agreed(a, b), errors, seen.includes("renegotiate")]).toEqual([["mustnot", "mustnot"], [], false]);
  });

  it("toward more of one needs the person's", async () => {
    const asked: unknown[] = [];
    let answer = false;
    const { a, b } = directPair({
      ...options,
      renegotiate: (wanted) => {
        asked.push(wanted);
        return answer;
      },
    });
    await expect(b.renegotiate({ logging: "may" })).rejects.toMatchObject({ code: "declined" });
    expect(agreed(a, b)).toEqual(["mustnot", "mustnot"]);
    answer = true;
    await b.renegotiate({ logging: "may" });
    expect([agreed(a, b), asked]).toEqual([
      ["may", "may"],
      [
        { peer: BOB, logging: "may" },
        { peer: BOB, logging: "may" },
      ],
    ]);
  });

  it("without anybody to ask is declined, and so it is when asking fails, which is reported", async () => {
    const { a, b } = directPair(options);
    await expect(a.renegotiate({ logging: "may" })).rejects.toMatchObject({ code: "declined" });
    const failing = directPair({ ...options, renegotiate: () => Promise.reject(new Error("no screen")) });
    await expect(failing.a.renegotiate({ logging: "may" })).rejects.toMatchObject({ code: "declined" });
    expect([agreed(a, b), failing.errors]).toEqual([["mustnot", "mustnot"], [new Error("no screen")]]);
  });

  it("that crosses with another is the initiator's", async () => {
    const { a, b } = directPair({ ...options, logging: "may", renegotiate: () => true });
    const results = await Promise.allSettled([a.renegotiate({ logging: "mustnot" }), b.renegotiate({ logging: "may" })]);
    expect(results).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "declined" } }]);
    expect(agreed(a, b)).toEqual(["mustnot", "mustnot"]);
  });

  it("of ours waits for one of theirs, and one of ours is enough at a time", async () => {
    let decide: (yes: boolean) => void = () => undefined;
    const { a, b } = directPair({ ...options, renegotiate: () => new Promise((resolve) => (decide = resolve)) });
    const theirs = b.renegotiate({ logging: "may" });
    await expect(b.renegotiate({ logging: "may" })).rejects.toMatchObject({ code: "invalid-argument" });
    await expect.poll(() => a.renegotiate({ logging: "mustnot" }).catch(({ code }) => code)).toBe("tie-break");
    decide(true);
    await theirs;
    expect(agreed(a, b)).toEqual(["may", "may"]);
  });

  it("ends with the session", async () => {
    const { a, b } = directPair({ ...options, renegotiate: () => new Promise(() => undefined) });
    const asking = a.renegotiate({ logging: "may" }).catch((error: unknown) => error);
    await b.close();
    expect(await asking).toMatchObject({ code: "closed" });
    await expect(a.renegotiate({ logging: "mustnot" })).rejects.toMatchObject({ code: "closed" });
  });
});

/** A renegotiation by itself, with what it sends. */
function alone(more: Partial<ConstructorParameters<typeof Renegotiation>[0]> = {}) {
  const sent: Element[] = [];
  const broken: string[] = [];
  const renegotiation = new Renegotiation({
    peer: ALICE,
    role: "responder",
    logging: "may",
    allow: undefined,
    closed: new AbortController().signal,
    send: (message) => {
      sent.push(message);
      return Promise.resolve();
    },
    report: (error) => broken.push(String(error)),
    broken: ({ code }) => broken.push(code),
    ...more,
  });
  const take = (message: Element): void => {
    const x = message.getChild("feature")?.getChild("x");
    if (x) renegotiation.take(message, readForm(x));
  };
  return { renegotiation, sent, broken, take };
}

/** What the other side is told: `accepted` or `rejected`, or the error's condition with the fields that it names. */
async function answerTo(request: Element): Promise<string> {
  const { sent, take } = alone();
  try {
    take(request);
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
  await expect.poll(() => sent.length).toBe(1);
  const [answer] = sent;
  const error = answer?.getChild("error");
  const fields = error?.getChild("feature")?.getChildren("field") ?? [];
  if (error) return [error.getChildElements()[0]?.name, ...fields.map(({ attrs }) => attrs.var)].join(" ");
  return answer?.toString().includes('var="renegotiate"><value>1<') ? "accepted" : "rejected";
}

const yes = field("renegotiate", "1");
const option = (value: string) => xml("option", {}, xml("value", {}, value));

malformedTable("what a peer can ask for in a renegotiation", {
  rules: [
    { section: "XEP-0155 §6", text: "renegotiate is a boolean that says yes, and there is no accept" },
    { section: "XEP-0155 §6 b", text: "a required field that is not supported: feature-not-implemented, with the fields" },
    { section: "XEP-0155 §6 c", text: "no option that is supported: not-acceptable, with the fields" },
    { section: "XEP-0155 §6 d", text: "what was not renegotiated holds" },
  ],
  rows: [
    { name: "less logging", breaks: [], input: form("form", yes, field("logging", "mustnot")), code: "accepted" },
    { name: "the same by its other name", breaks: [], input: form("form", yes, field("otr", "true")), code: "accepted" },
    { name: "nothing", breaks: [], input: form("form", yes), code: "accepted" },
    { name: "what holds already", breaks: [], input: form("form", yes, field("disclosure", "never"), field("security", "e2e")), code: "accepted" },
    { name: "a field that nobody knows, and nobody requires", breaks: [], input: form("form", yes, field("language", "it")), code: "accepted" },
    { name: "the second of two options", breaks: [], input: form("form", yes, field("logging", option("x"), option("mustnot"))), code: "accepted" },
    { name: "renegotiate is neither", breaks: "XEP-0155 §6", input: form("form", field("renegotiate", "maybe")), code: "esession-form" },
    { name: "renegotiate says no", breaks: "XEP-0155 §6", input: form("form", field("renegotiate", "0")), code: "not-acceptable renegotiate" },
    { name: "accept, too", breaks: "XEP-0155 §6", input: form("form", yes, field("accept", "1")), code: "not-acceptable accept" },
    {
      name: "a required field that nobody knows",
      breaks: "XEP-0155 §6 b",
      input: form("form", yes, field("language", "it", xml("required"))),
      code: "feature-not-implemented language",
    },
    { name: "other keys, required", breaks: "XEP-0155 §6 b", input: form("form", yes, field("modp", option("5"), xml("required"))), code: "feature-not-implemented modp" },
    { name: "logging of a kind that nobody knows", breaks: "XEP-0155 §6 c", input: form("form", yes, field("logging", "perhaps")), code: "not-acceptable logging" },
    { name: "disclosure", breaks: "XEP-0155 §6 c", input: form("form", yes, field("disclosure", "enabled")), code: "not-acceptable disclosure" },
    { name: "disclosure by its other name", breaks: "XEP-0155 §6 c", input: form("form", yes, field("disclose", "disabled")), code: "not-acceptable disclose" },
    { name: "less security", breaks: "XEP-0155 §6 d", input: form("form", yes, field("security", "c2s")), code: "not-acceptable security" },
  ],
  run: answerTo,
});

/** What a request of ours for less logging comes to. */
async function answeredBy(answer: Element): Promise<string> {
  const { broken, renegotiation, take } = alone();
  const ended = new AbortController();
  const asking = renegotiation.ask("mustnot", { signal: ended.signal }).then(
    () => `${renegotiation.logging}`,
    ({ code }) => `${code}, ${renegotiation.logging}`,
  );
  try {
    take(answer);
  } catch (error) {
    ended.abort();
    await asking;
    return error instanceof BalconyError ? error.code : String(error);
  }
  if (broken.length > 0) ended.abort();
  const outcome = await asking;
  return broken.length > 0 ? broken.join() : outcome;
}

const error = form("form", yes);
error.attrs.type = "error";
error.append(xml("error", { type: "cancel" }, xml("feature-not-implemented", "urn:ietf:params:xml:ns:xmpp-stanzas")));

malformedTable("what a peer can answer to a renegotiation", {
  rules: [{ section: "XEP-0155 §6", text: "the answer accepts, with what was asked for, or rejects" }],
  rows: [
    { name: "yes", breaks: [], input: form("submit", yes, field("logging", "mustnot")), code: "mustnot" },
    { name: "yes, by the other name", breaks: [], input: form("submit", yes, field("otr", "1")), code: "mustnot" },
    { name: "no", breaks: [], input: form("submit", field("renegotiate", "0"), field("logging", "mustnot")), code: "declined, may" },
    { name: "an error", breaks: [], input: error, code: "stanza-error, may" },
    { name: "neither yes nor no", breaks: "XEP-0155 §6", input: form("submit", field("renegotiate", "x"), field("logging", "mustnot")), code: "esession-form" },
    { name: "yes to something else", breaks: "XEP-0155 §6", input: form("submit", yes, field("logging", "may")), code: "esession-options" },
    { name: "yes to nothing", breaks: "XEP-0155 §6", input: form("submit", yes), code: "esession-options" },
    { name: "yes to two things", breaks: "XEP-0155 §6", input: form("submit", yes, field("logging", "mustnot", "may")), code: "esession-form" },
  ],
  run: answeredBy,
});

describe("an answer to a renegotiation", () => {
  it("that nobody waits for changes nothing", () => {
    const { broken, renegotiation, take } = alone();
    take(form("submit", yes, field("logging", "mustnot")));
    take(error);
    take(form("result", yes, field("logging", "mustnot")));
    expect([renegotiation.logging, broken]).toEqual(["may", []]);
  });

  it("has a deadline", async () => {
    const { renegotiation } = alone();
    await expect(renegotiation.ask("mustnot", { timeout: 1 })).rejects.toMatchObject({ code: "timeout" });
  });
});

describe("a session of ours (XEP-0155, XEP-0201)", () => {
  it("is not replaced by one that the other side begins: not on its thread, and on another they stand side by side", async () => {
    const { alice, bob, a, b, network } = await sessionPair();
    const heard = heardBy(b);
    network.inject(xml("message", { from: ALICE, to: BOB }, xml("thread", {}, a.thread), form("form", field("accept", "1")).getChild("feature")));
    await expect.poll(() => bob.errors).toMatchObject([{ code: "tampered" }]);
    const [b2, a2] = await Promise.all([bob.sessions.initiate(ALICE), alice.incoming()]);
    expect(b2.thread).not.toBe(b.thread);
    await a.channel.send(body("the first stands"));
    await Promise.all([a.close(), a2.abandon()]);
    expect(heard.map((stanza) => stanza.getChildText("body"))).toEqual(["the first stands"]);
  });
});
