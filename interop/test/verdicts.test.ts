import { StanzaRouter, withDeadline } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { clone, type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { answerIn, breaches, formOf, sessionForm } from "../bots/breaches.js";
import { encryptionBot } from "../bots/encryption-bot.js";
import { Line } from "../bots/line.js";
import { negotiationBot } from "../bots/negotiation-bot.js";
import { judge, type Reaction } from "../bots/reaction.js";
import { sessionBot } from "../bots/session-bot.js";
import { threadBot } from "../bots/thread-bot.js";

const [ROMEO, BOT] = ["romeo@montague.lit/garden", "bot@bots.example/bot"];
/** Milliseconds that a bot waits for who says nothing. */
const PATIENCE = 20;
const parameters = { groups: [14], wholeStanzas: false };
const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";

/** A bot and a person with no server in between: what the person's client does with each stanza but chat is the test's to say. */
function talk(start: (line: Line, report: (error: unknown) => void) => unknown) {
  const report = (): void => undefined; // what is broken here on purpose fails at the bot, too
  const said: string[] = [];
  let hears: (text: string) => void = (text) => said.push(text);
  let filter: (stanza: Element) => Element | undefined = (stanza) => stanza;
  const bot = {
    _onElement: (): void => undefined,
    send: (stanza: Element): Promise<void> => {
      const copy = clone(stanza);
      copy.attrs.from = BOT;
      const text = copy.attrs.type === "chat" ? copy.getChildText("body") : undefined;
      const passed = text ? undefined : filter(copy);
      queueMicrotask(() => {
        if (text) hears(text);
        if (passed) channel.receive(passed, BOT);
      });
      return Promise.resolve();
    },
  };
  const line = new Line(bot, BOT, { others: "refused", report });
  const channel: StanzaRouter = new StanzaRouter({
    self: ROMEO,
    transmit: (stanza) => {
      const copy = clone(stanza);
      copy.attrs.from = ROMEO;
      queueMicrotask(() => (bot as { _onElement(element: Element): void })._onElement(copy));
      return Promise.resolve();
    },
    shutdown: () => Promise.resolve(),
    report,
  });
  start(line, report);
  const next = async (): Promise<string> => {
    const text = new Promise<string>((resolve) => {
      const [first] = said.splice(0, 1);
      if (first === undefined) hears = resolve;
      else resolve(first);
    });
    return await withDeadline(text, { timeout: 10_000, waitingFor: "the bot to say something" }).finally(() => {
      hears = (more) => said.push(more);
    });
  };
  return {
    channel,
    next,
    /** What comes in passes by this first. */
    through: (next: typeof filter): void => {
      filter = next;
    },
    ask: async (text: string, ...more: readonly Element[]): Promise<string> => {
      await channel.send(xml("message", { to: BOT, type: "chat" }, xml("body", {}, text), [...more]));
      return await next();
    },
    send: async (thread: string, ...children: readonly Element[]): Promise<void> => await channel.send(xml("message", { to: BOT }, xml("thread", {}, thread), [...children])),
  };
}

describe("what a bot makes of a reaction to what it broke", () => {
  const expected = { what: "d = 1", section: "XEP-0116 §4.6.1", condition: "feature-not-implemented" } as const;

  it.each<[Reaction, string]>([
    [{ kind: "error", condition: "feature-not-implemented", fields: [] }, "Right: you refused d = 1 with <feature-not-implemented/> (XEP-0116 §4.6.1)."],
    [{ kind: "error", condition: "bad-request", fields: [] }, "Right: you refused d = 1, though with <bad-request/>, where XEP-0116 §4.6.1 has <feature-not-implemented/>."],
    [{ kind: "no" }, "Right: you did not go on after d = 1, though you only said no, where XEP-0116 §4.6.1 has <feature-not-implemented/>."],
    [
      { kind: "form", type: "result", form: xml("x") },
      "Wrong: you did not notice d = 1, and went on with a form of type result. You must refuse it with <feature-not-implemented/> (XEP-0116 §4.6.1).",
    ],
    [{ kind: "encrypted" }, "Wrong: you did not notice d = 1, and went on with an encrypted stanza. You must refuse it with <feature-not-implemented/> (XEP-0116 §4.6.1)."],
    [{ kind: "silence" }, "I cannot tell: nothing came for 20 s after d = 1. You should refuse it with <feature-not-implemented/> (XEP-0116 §4.6.1)."],
  ])("%j", (reaction, verdict) => expect(judge(reaction, expected, 20_000)).toBe(verdict));
});

describe("the bot of stanza sessions (XEP-0155), to a client that answers wrongly or not at all", () => {
  type Answer = (type: string, form: Element) => Element | undefined;

  /** Somebody whose client answers each form as the test says. */
  function client(answer: Answer) {
    const person = talk((line, report) => sessionBot(line, { patience: PATIENCE, report }));
    person.channel.onStanza(({ stanza }) => {
      const found = formOf(stanza);
      const said = found && answer(found.type, found.form);
      if (said) void person.send(stanza.getChildText("thread") ?? "", said);
      return true;
    });
    return person;
  }
  const encrypted = xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA"));
  const accepted = sessionForm("submit", { accept: "1", logging: "may" });

  it.each<[string, string, Answer]>([
    ["start", "Nothing came for 0.02 s.", () => undefined],
    ["start", "Wrong: you answered with a form of type submit that says neither yes nor no (XEP-0155 §4.2).", () => sessionForm("submit", { logging: "may" })],
    ["start", "Wrong: you answered with an encrypted stanza.", () => encrypted],
    ["start", "Wrong: you accepted, and did not say which logging, which was required (XEP-0155 §4.2).", () => sessionForm("submit", { accept: "1", logging: "perhaps" })],
    [
      "unknown",
      "I cannot tell: nothing came for 0.02 s after a required field that nobody knows. You should refuse it with <feature-not-implemented/> (XEP-0155 §4.3).",
      () => undefined,
    ],
    [
      "impossible",
      "Right: you did not go on after a required field that has no option you can know, though you only said no, where XEP-0155 §4.3 has <not-acceptable/>.",
      () => sessionForm("submit", { accept: "0" }),
    ],
  ])("%s: %s", async (command, verdict, answer) => expect(await client(answer).ask(command)).toBe(verdict));

  it.each<[string, string, Element | undefined]>([
    ["renegotiate", "Right: you accepted the renegotiation, and the session stands (XEP-0155 §6).", sessionForm("submit", { renegotiate: "1", logging: "may" })],
    ["renegotiate", "Wrong: your answer has no renegotiate (XEP-0155 §6).", sessionForm("submit", { logging: "may" })],
    ["renegotiate", "Wrong: you answered with an encrypted stanza.", encrypted],
    ["renegotiate", "Nothing came for 0.02 s.", undefined],
    ["end", "Right: it is over, and you acknowledged it (XEP-0155 §7).", sessionForm("result", { terminate: "1" })],
    ["end", "It is over. You did not acknowledge it, which you may (XEP-0155 §7).", undefined],
    ["end", "It is over. You did not acknowledge it, which you may (XEP-0155 §7).", sessionForm("submit", { terminate: "1" })],
  ])("in a session, %s: %s (%#)", async (command, verdict, answer) => {
    const person = client((_, form) => (answerIn(form, "renegotiate") || answerIn(form, "terminate") ? answer : accepted));
    expect(await person.ask("start")).toBe("A session is active; logging may.");
    expect(await person.ask(command)).toBe(verdict);
  });
});

describe("the bot that negotiates (XEP-0116), to a client that does nothing", () => {
  it.each(breaches.map(({ name, role, what }) => [name, what, role === "responder" ? PATIENCE * 4 : PATIENCE] as const))(
    "bad %s: it cannot come as far as %s",
    async (name, what, wait) => {
      const person = talk((line, report) => negotiationBot(line, { parameters, patience: PATIENCE, report }));
      person.through(() => undefined);
      await person.ask(`bad ${name}`);
      expect(await person.next()).toBe(`No negotiation came as far as ${what} within ${wait / 1000} s.`);
    },
  );
});

describe("the bot that encrypts (XEP-0200), to a client that does nothing in its session, or the wrong thing", () => {
  /** Somebody who has begun a session with it; `deaf`: from then on nothing reaches their client. */
  async function inSession({ deaf, patience = PATIENCE }: { readonly deaf: boolean; readonly patience?: number }) {
    const person = talk((line, report) => encryptionBot(line, { parameters, patience, report }));
    const esessions = new ESessions(person.channel, {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      secrets: memorySecrets(),
      parameters,
      accept: () => true,
      onSession: () => undefined,
      report: () => undefined,
    });
    const session: ESession = await esessions.initiate(BOT);
    session.deliver();
    if (deaf) person.through(() => undefined);
    return { ...person, session };
  }

  it("rekey: I cannot tell", async () => {
    const { ask } = await inSession({ deaf: true });
    expect(await ask("rekey")).toBe("I cannot tell: you said nothing in the session for 0.02 s.");
  });

  it("rekey: wrong, where they end the session over it", async () => {
    const { ask, session, through } = await inSession({ deaf: false, patience: 10_000 });
    through((stanza) => {
      if (stanza.getChild("c", NS_ENCRYPTED)?.getChild("key")) void session.abandon();
      return undefined;
    });
    expect(await ask("rekey")).toBe(`Wrong: your client ended the session over a re-key as it should be (XEP-0200 §8): ${ROMEO} ended the session.`);
  });

  it.each([
    ["mac", "a stanza whose MAC is wrong", "XEP-0200 §7"],
    ["key", "a re-key with e = 1", "XEP-0200 §8.3"],
  ])("bad %s: I cannot tell", async (name, what, section) => {
    const { ask, next } = await inSession({ deaf: true });
    await ask(`bad ${name}`);
    expect(await next()).toBe(`I cannot tell: nothing came for 0.02 s after ${what}. You must end the session, and may say not-acceptable (${section}).`);
  });

  it("bad mac: right, by whatever they end it", async () => {
    const { ask, next, session, through } = await inSession({ deaf: false, patience: 10_000 });
    through((stanza) => {
      if (stanza.getChild("c", NS_ENCRYPTED)) void session.abandon();
      return undefined;
    });
    await ask("bad mac");
    expect(await next()).toBe(`Right: you ended the session over a stanza whose MAC is wrong (XEP-0200 §7): ${ROMEO} ended the session.`);
  });
});

describe("the bot of threads (XEP-0201)", () => {
  const thread = (text: string) => xml("thread", {}, text);

  it("answers in the thread that a message had, and in none where it had none", async () => {
    const threads: (string | null)[] = [];
    const { ask } = talk((line, report) => {
      threadBot(line, report);
      line.tamper((stanza) => {
        threads.push(stanza.getChildText("thread"));
        return stanza;
      });
    });
    await ask("which", thread("t"));
    await ask("which");
    expect(threads).toEqual(["t", null]);
  });

  it.each([
    ["child", "the child thread"],
    ["gone", "the thread that we had before I went"],
    ["new", "the thread that I began"],
  ])("%s: wrong, where the answer has a thread that is empty", async (command, what) => {
    const { ask } = talk((line, report) => threadBot(line, report));
    await ask(command);
    expect(await ask("yes", thread(" "))).toBe(`Wrong: your answer has no thread. A direct answer stays in the thread of what it answers, here ${what} (XEP-0201 §3.2).`);
  });
});
