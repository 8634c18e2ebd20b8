import { clone, type Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { stanzaChannelCompliance } from "../src/compliance/index.js";
import { type MemoryStanzaNetwork, memoryStanzaNetwork, type StanzaChannel, type StanzaTap } from "../src/index.js";
import { type BrokenKind, brokenKinds, brokenPair, closeAll } from "./broken/stanza-channels.js";

/** For each case of the suite a channel that breaks the promise, by way of showing that the case would tell. */
const toldBy: Readonly<Record<BrokenKind, readonly string[]>> = {
  ForgetsItsPeer: ["each side knows itself and the other"],
  BelievesAttributes: ["a message arrives, from the channel's peer", "presence arrives, the other way"],
  DropsPresence: ["presence arrives, the other way"],
  Reorders: ["many stanzas arrive in order, both ways at once", "a message sent before a question is heard before it", "what was sent before close() arrives"],
  LosesEscapes: ["characters that XML has to escape survive, in text and in attributes"],
  TrimsText: ["white space in text survives"],
  Flattens: ["elements within elements keep their names, namespaces, order and text"],
  CutsBigOnes: ["a big stanza arrives whole, and small ones behind it"],
  DropsEmptyOnes: ["an empty stanza arrives"],
  WritesIntoWhatItSends: ["what is sent stays as it was, and can be sent again", "the id of a request is fresh, whatever the element says, and the element stays as it was"],
  AsksAllHandlers: ["handlers are asked in the order in which they came, until one has dealt with it"],
  StopsAtBrokenHandlers: ["a handler that throws does not keep the others from hearing"],
  KeepsHandlers: [
    "a handler that was taken away hears nothing more, and taking it away twice does no harm",
    "a request handler that was taken away is not asked, and taking it away twice does no harm",
  ],
  DropsAnswers: ["a question is answered, with what the handler returns"],
  FillsEmptyAnswers: ["an order is answered by an empty result"],
  AnswersAtOnce: [
    "a handler may take its time",
    "an error that a handler rejects with later arrives too",
    "a handler that breaks is answered internal-server-error, and tells the asker nothing more",
  ],
  MixesAnswers: ["many questions at once, answered in another order, get each its own answer"],
  AsksOneAtATime: [
    "many questions at once, answered in another order, get each its own answer",
    "one question given up leaves the others alone",
    "close() fails the questions that are open",
  ],
  CannotAskBack: ["both sides ask at once", "a handler may ask back before it answers"],
  AnswersErrorsPoorly: ["an error that a handler throws arrives as it was meant", "a question that nobody takes is answered service-unavailable"],
  TakesErrorsForResults: ["an error that a handler throws arrives as it was meant"],
  AsksEverybodyEverything: ["a handler is asked only for its type, name and namespace"],
  AsksTheLastHandler: ["handlers of one filter are asked in order, until one does not say notMine"],
  KeepsIds: ["the id of a request is fresh, whatever the element says, and the element stays as it was"],
  SendsAnything: ["what is no request is refused before it is sent"],
  DeliversAnswersToAnybody: ["a result that nobody asked for changes nothing"],
  TakesTheLastAnswer: ["a second answer to one question changes nothing"],
  NeverGivesUp: ["an AbortSignal ends the wait for an answer"],
  SaysLittle: ["a question that is not answered in time fails with timeout, and says what was waited for"],
  EndsAtATimeout: ["an answer that comes too late changes nothing"],
  ForgetsReasons: ["an AbortSignal ends the wait for an answer", "an AbortSignal whose reason is a BalconyError fails the request with that"],
  SendsWhatWasAborted: ["an AbortSignal that was aborted before keeps the question from being sent"],
  ClosesAlone: ["the other side's close() fails the questions that are open"],
  ClosesForNoReason: ["close() aborts `closed` with code closed", "the other side's close() closes this one", "close() from both sides at once"],
  ClosesOnlyOnce: ["close() twice does no harm, nor at once"],
  HearsAfterTheEnd: ["once closed, handlers hear nothing more", "handlers added after close() are never asked, and can be taken away"],
  DropsWhatIsUnderWay: ["a message sent before a question is heard before it"],
  SendsIntoNothing: ["after close() nothing can be sent or asked"],
  CannotNarrow: ["a channel narrowed to its own peer hears, asks and answers", "narrowing to the same peer twice is one address, in normal form"],
  NarrowsToAnybody: ["a channel to one peer cannot be narrowed to another"],
  NarrowsToItself: ["closing a narrowed channel leaves the wide one and its other parts alone"],
  OutlivesItsWideOne: ["the end of the wide channel ends what was narrowed from it, for the same reason"],
};

/** The suite's cases, to be run one by one. */
function cases(kind: BrokenKind): ReadonlyMap<string, () => Promise<void>> {
  const all = new Map<string, () => Promise<void>>();
  stanzaChannelCompliance({
    setup: async () => brokenPair(kind),
    teardown: closeAll,
    test: (name, run) => all.set(name, run),
    timeout: 150, // what never comes is waited for so long: this cannot make a sound channel pass
  });
  return all;
}

const failure = (run: (() => Promise<void>) | undefined): Promise<string> =>
  run === undefined
    ? Promise.resolve("no such case")
    : run().then(
        () => "passed",
        (error: Error) => error.name,
      );

describe("the suite for StanzaChannels fails", () => {
  for (const kind of brokenKinds) {
    describe(`a channel that ${words(kind)}`, () => {
      for (const name of toldBy[kind]) {
        it(`by: ${name}`, async () => {
          expect(["ComplianceError", "BalconyError"]).toContain(await failure(cases(kind).get(name)));
        });
      }
    });
  }

  it("some broken channel or other by each of its cases", () => {
    const told = new Set(Object.values(toldBy).flat());
    expect([...cases("ClosesAlone").keys()].filter((name) => !told.has(name))).toEqual([]);
    expect(told.size).toBeGreaterThanOrEqual(25);
  });
});

const romeo = "romeo@montague.lit/orchard";
const juliet = "juliet@capulet.lit/balcony";
const mallory = "mallory@evil.lit/x";

/** Wires that confuse who is who, and the cases that tell. */
const confusions: readonly { readonly name: string; readonly tap: StanzaTap; readonly toldBy: readonly string[] }[] = [
  {
    name: "takes a stranger's word also for its peer's",
    tap: (stanza) => {
      if (stanza.attrs.from !== mallory) return stanza;
      const believed = clone(stanza);
      believed.attrs.from = juliet;
      return [stanza, believed];
    },
    toldBy: [
      "a stranger's message is not heard",
      "a stranger's question is not answered by our handlers",
      "a stranger's answer with the right id is not taken",
      "a `from` that a stranger writes into a stanza is not believed",
    ],
  },
  {
    name: "asks its peer what another was asked",
    tap: (stanza) => {
      if (stanza.attrs.to === mallory) stanza.attrs.to = juliet;
      else if (stanza.attrs.from === juliet && stanza.attrs.type === "result") return [juliet, mallory].map((from) => answeredBy(from, stanza));
      return stanza;
    },
    toldBy: ["a question to one peer is not taken for a question to another"],
  },
];

function answeredBy(from: string, stanza: Element): Element {
  const answer = clone(stanza);
  answer.attrs.from = from;
  return answer;
}

describe("the suite for StanzaChannels that share their wire fails", () => {
  const sharing = (tap: StanzaTap) => {
    const all = new Map<string, () => Promise<void>>();
    const networks = new WeakMap<StanzaChannel, MemoryStanzaNetwork>();
    stanzaChannelCompliance({
      setup: async () => {
        const network = memoryStanzaNetwork({ report: () => undefined });
        network.tap(tap);
        const a = network.connect(romeo).to(juliet);
        networks.set(a, network);
        return { a, b: network.connect(juliet).to(romeo) };
      },
      stranger: async ({ a }) => {
        const stranger = networks.get(a)?.connect(mallory);
        if (!stranger) throw new Error("no such network");
        return stranger.to(a.self);
      },
      closing: "apart",
      test: (name, run) => all.set(name, run),
    });
    return all;
  };

  for (const { name, tap, toldBy: cases } of confusions) {
    for (const told of cases) {
      it(`one that ${name}, by: ${told}`, async () => {
        expect(await failure(sharing(tap).get(told))).toBe("ComplianceError");
      });
    }
  }

  it("none that keeps them apart", async () => {
    for (const told of confusions.flatMap((one) => one.toldBy)) expect(await failure(sharing((stanza) => stanza).get(told))).toBe("passed");
  });
});

function words(kind: string): string {
  return kind.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^./, (letter) => letter.toLowerCase());
}
