import { stanzaError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { type FarEnd, settle } from "./far-end.js";
import { bodiesOf, endOf, openedByHand, openedPair } from "./opened.js";

const NS = "urn:example:first";
const first = `<iq type='set' id='1'><first xmlns='${NS}'/></iq>`;
const message = (body: string): string => `<message><body>${body}</body></message>`;
const wait = { timeout: 5_000, waitingFor: "the first stanza" };
const done = () => xml("second", NS);

async function held() {
  const opened = await openedByHand({ delivery: "held" });
  const observed: string[] = [];
  opened.stream.observer = ({ name, attrs }) => observed.push(`${name} ${attrs.type ?? ""}`.trim());
  return { ...opened, observed, bodies: bodiesOf(opened.stream) };
}

async function over({ far, stream }: { readonly far: FarEnd; readonly stream: { close(): Promise<void> } }): Promise<void> {
  far.say("</stream:stream>");
  await stream.close();
}

describe("while what comes in is held, a first request", () => {
  it.each([
    ["in one piece with what follows", [first + message("a") + message("b")]],
    ["in two", [first.slice(0, 20), first.slice(20) + message("a") + message("b")]],
    ["stanza by stanza", [first, message("a"), message("b")]],
  ])("is answered ahead, and nothing else comes in, %s", async (_, pieces) => {
    const { bodies, far, observed, stream } = await held();
    const answered = stream.answerFirst(NS, done, wait);
    for (const piece of pieces) far.say(piece);
    expect(await answered).toBe(true);
    await far.hears(`<second xmlns="${NS}"/>`);
    await settle();
    expect([bodies, observed]).toEqual([[], []]);
    stream.deliver();
    await settle();
    expect([bodies, observed]).toEqual([
      ["a", "b"],
      ["message", "message"],
    ]);
    await over({ far, stream });
  });

  it("may have come before anybody waited, and is answered with the error that is thrown", async () => {
    const { far, stream } = await held();
    far.say(first);
    await settle();
    const refused = () => {
      throw stanzaError("bad-request");
    };
    expect(await stream.answerFirst(NS, refused, wait)).toBe(true);
    await far.hears("<bad-request");
    await over({ far, stream });
  });

  it.each([
    ["a message", message("a")],
    ["a request of another namespace", "<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>"],
    ["an answer, whatever is in it", `<iq type='result' id='9'><first xmlns='${NS}'/></iq>`],
  ])("is none where %s comes before, which keeps its turn", async (_, text) => {
    const { bodies, far, observed, stream } = await held();
    const answered = stream.answerFirst(NS, done, wait);
    far.say(text + message("b"));
    expect([await answered, bodies, observed]).toEqual([false, [], []]);
    stream.deliver();
    await settle();
    expect([bodies.at(-1), observed.length]).toEqual(["b", 2]);
    await over({ far, stream });
  });
});

describe("while what comes in is held, the answer to a first question", () => {
  const idIn = (far: FarEnd): string => /id="([^"]+)"/.exec(far.heard)?.[1] ?? "";

  it("is given ahead, and nobody sees it", async () => {
    const { bodies, far, observed, stream } = await held();
    const answer = stream.askFirst(xml("first", NS), wait);
    await far.hears("<first");
    far.say(`<iq type='result' id='${idIn(far)}'><second xmlns='${NS}'/></iq>${message("a")}`);
    expect([(await answer)?.getName(), bodies, observed]).toEqual(["second", [], []]);
    stream.deliver();
    await settle();
    expect([bodies, observed]).toEqual([["a"], ["message"]]);
    await over({ far, stream });
  });

  it.each([
    ["an error", (id: string) => `<iq type='error' id='${id}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`, 0],
    ["an empty result", (id: string) => `<iq type='result' id='${id}'/>`, 0],
    ["the answer to something else", () => "<iq type='result' id='9'/>", 1],
    ["something else", () => message("b"), 1],
  ] as const)("is none for %s", async (_, say, seen) => {
    const { far, observed, stream } = await held();
    const answer = stream.askFirst(xml("first", NS), wait);
    await far.hears("<first");
    far.say(say(idIn(far)));
    expect(await answer).toBeUndefined();
    stream.deliver();
    await settle();
    expect(observed.length).toBe(seen);
    await over({ far, stream });
  });
});

it.each([
  ["</stream:stream>", "closed"],
  ["<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>", "stream-error"],
  ["<message>&bad;", "restricted-xml"],
])("a stream that ends instead, by %s, is told by its reason", async (text, code) => {
  const { far, stream } = await held();
  const answered = stream.answerFirst(NS, done, wait);
  far.say(text);
  await expect(answered).rejects.toMatchObject({ code });
  expect(await endOf(stream)).toBe(code);
  far.bytes.end();
  await stream.close();
});

it("the wait has a deadline and a signal, and nothing that comes later is lost", async () => {
  const { bodies, far, stream } = await held();
  await expect(stream.answerFirst(NS, done, { ...wait, timeout: 1 })).rejects.toMatchObject({ code: "timeout" });
  await expect(stream.answerFirst(NS, done, { ...wait, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  far.say(message("a"));
  stream.deliver();
  await settle();
  expect(bodies).toEqual(["a"]);
  await expect(stream.answerFirst(NS, done, wait)).rejects.toMatchObject({ code: "invalid-argument" });
  await over({ far, stream });
});

it("what the responder offers stands in its features, and the initiator has read it", async () => {
  const { a, b } = await openedPair({ features: [xml("first", NS)] });
  expect([a.remoteFeatures.map((feature) => feature.is("first", NS)), b.remoteFeatures]).toEqual([[true], []]);
  await Promise.all([a.close(), b.close()]);
});
