import { BalconyError, withDeadline } from "@balcony/channel";
import { type Arithmetic, type ESession, ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { clone, type Element, type Jid, xml } from "@balcony/xml";
import { converse, type Person } from "./conversation.js";
import type { Line, Tamper } from "./line.js";
import type { BotOptions } from "./negotiation-bot.js";

const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";

/** Stanza encryption that breaks one rule on purpose. */
interface StanzaBreach {
  readonly name: string;
  readonly what: string;
  readonly section: string;
  /** What becomes of encrypted stanzas, the first being number 1. */
  readonly change: (stanza: Element, number: number) => Element | readonly Element[];
  /** Stanzas that are sent for it. */
  readonly stanzas: number;
}

const flipped = (name: string) => (stanza: Element) => {
  const value = stanza.getChild("c", NS_ENCRYPTED)?.getChild(name);
  const octets = Buffer.from(value?.getText() ?? "", "base64");
  octets[0] = (octets[0] ?? 0) ^ 1;
  if (value) value.children = [octets.toString("base64")];
  return stanza;
};

export const stanzaBreaches: readonly StanzaBreach[] = [
  { name: "mac", what: "a stanza whose MAC is wrong", section: "XEP-0200 §7", stanzas: 1, change: flipped("mac") },
  { name: "data", what: "a stanza whose <data/> was altered", section: "XEP-0200 §7", stanzas: 1, change: flipped("data") },
  { name: "replay", what: "the same stanza twice, with its counter", section: "XEP-0200 §10.3", stanzas: 1, change: (stanza) => [stanza, clone(stanza)] },
  { name: "lost", what: "a stanza behind one that was lost", section: "XEP-0200 §7", stanzas: 2, change: (stanza, number) => (number === 1 ? [] : stanza) },
  {
    name: "two",
    what: "a stanza with two <c/>",
    section: "XEP-0200 §4",
    stanzas: 1,
    change: (stanza) => {
      stanza.append(...stanza.getChildren("c", NS_ENCRYPTED).map((c) => clone(c)));
      return stanza;
    },
  },
];

/** Encrypts stanzas (XEP-0200), rightly and wrongly. */
export function encryptionBot(line: Line, { parameters, patience, report }: BotOptions): ESessions {
  const sessions = new Map<Jid, ESession>();
  let breaking = 0;
  /** Makes the next key that is agreed on e = 1. */
  let weak = false;
  const arithmetic: Arithmetic = {
    prime: (group) => nodeArithmetic.prime(group),
    powers: async (all) => {
      const results = await nodeArithmetic.powers(all);
      return weak ? results.map((result, index) => (all[index]?.base ? result : Uint8Array.of(1))) : results;
    },
  };
  const standing = (session: ESession): void => {
    sessions.set(session.peer, session);
    session.channel.closed.addEventListener("abort", () => void (sessions.get(session.peer) === session && sessions.delete(session.peer)), { once: true });
    session.channel.onStanza(({ stanza }) => {
      const text = stanza.name === "message" && stanza.attrs.type !== "error" ? stanza.getChildText("body") : undefined;
      if (text && breaking === 0) session.channel.send(xml("message", {}, xml("body", {}, `You said: ${text}`))).catch(report);
      return undefined;
    });
    session.channel.onRequest({ type: "get", name: "query", xmlns: "jabber:iq:version" }, () => xml("query", "jabber:iq:version", xml("name", {}, "xep200 bot")));
    session.deliver();
  };
  const esessions = new ESessions(line.channel, {
    crypto: nodeCrypto,
    arithmetic,
    secrets: memorySecrets(),
    parameters,
    accept: () => true,
    onSession: standing,
    report: (error) => {
      if (breaking === 0) report(error);
    },
  });
  const say = async (session: ESession, text: string): Promise<void> => await session.channel.send(xml("message", {}, xml("body", {}, text)));

  const standingWith = async (person: Person): Promise<ESession | undefined> => {
    const session = sessions.get(person.address);
    if (!session) await person.say("We have no session. Start one with me, or say start.");
    return session;
  };

  const breach = async (person: Person, { what, section }: Pick<StanzaBreach, "what" | "section">, tamper: Tamper, send: (session: ESession) => Promise<void>): Promise<void> => {
    const session = await standingWith(person);
    if (!session) return;
    await person.say(`Now comes ${what}. Afterwards write me something in the session, if you still can.`);
    breaking++;
    const untamper = line.tamper(tamper);
    try {
      const outcome = whatBecomesOf(session, patience);
      await send(session).catch((error: unknown) => {
        if (!session.channel.closed.aborted) throw error; // they were quicker to refuse it than we to send it all
      });
      await person.say(verdict(await outcome, { what, section, patience }));
    } finally {
      untamper();
      breaking--;
      await session.abandon().catch(report); // whatever they made of it, it cannot go on
    }
  };

  converse(line, {
    intro: [
      "I encrypt stanzas (XEP-0200) in sessions that you start with me or have me start, and repeat in them what you say.",
      "In a session I re-key when I am told to, and break rules: I tell you whether your client did as it must. A session that was broken is over.",
    ].join("\n"),
    commands: [
      {
        name: "start",
        does: "I start a session with you",
        run: async (person) => {
          const session = await esessions.initiate(person.address, { timeout: patience });
          standing(session);
          const kinds = (["message", "presence", "iq"] as const).filter((kind) => session.carries(kind));
          await person.say(`A session stands, for ${kinds.join(", ")}.`);
        },
      },
      {
        name: "rekey",
        does: "in our session I agree on new keys with you, and see whether you use them",
        run: async (person) => {
          const session = await standingWith(person);
          if (!session) return;
          await say(session, "Now I re-key."); // as many stanzas as were agreed, at least
          await session.rekey();
          await say(session, "This is under the new keys. Answer me.").catch((error: unknown) => {
            if (!session.channel.closed.aborted) throw error; // they have ended it over the re-key already
          });
          const outcome = await whatBecomesOf(session, patience);
          if (outcome === "went on") await person.say("Right: you answered after my re-key, and I could read it (XEP-0200 §8).");
          else if (outcome === "silence") await person.say(`I cannot tell: you said nothing in the session for ${patience / 1000} s.`);
          else await person.say(`Wrong: your client ended the session over a re-key as it should be (XEP-0200 §8): ${outcome.message}`);
        },
      },
      {
        name: "bad <what>",
        does: `in our session I break a rule: ${stanzaBreaches.map(({ name }) => name).join(", ")}, key`,
        run: async (person, [name]) => {
          const known = stanzaBreaches.find((one) => one.name === name?.toLowerCase());
          if (known) {
            let number = 0;
            const tamper: Tamper = (stanza) => (stanza.attrs.to === person.address && stanza.getChild("c", NS_ENCRYPTED) ? known.change(stanza, ++number) : stanza);
            await breach(person, known, tamper, async (session) => {
              for (let count = 0; count < known.stanzas; count++) await say(session, `Stanza ${count + 1}.`);
            });
          } else if (name?.toLowerCase() === "key") {
            await breach(
              person,
              { what: "a re-key with e = 1", section: "XEP-0200 §8.3" },
              (stanza) => stanza,
              async (session) => {
                await say(session, "Now I re-key.");
                weak = true;
                await session.rekey().finally(() => {
                  weak = false;
                });
              },
            );
          } else await person.say(`I know ${stanzaBreaches.map((one) => one.name).join(", ")} and key.`);
        },
      },
      {
        name: "end",
        does: "I end our session",
        run: async (person) => {
          const session = await standingWith(person);
          if (!session) return;
          const began = Date.now();
          await session.close();
          await person.say(
            `It is over${Date.now() - began < 5_000 ? ", and you acknowledged it, as you must (XEP-0116 §5)" : "; an acknowledgement did not come, which it must (XEP-0116 §5)"}.`,
          );
        },
      },
    ],
    report,
  });
  return esessions;
}

/** What the other side does in a session, first of all: it ends it, it says something that can be read, or neither. */
async function whatBecomesOf(session: ESession, patience: number): Promise<BalconyError | "went on" | "silence"> {
  let unsubscribe: () => void = () => undefined;
  const ended = new Promise<BalconyError>((resolve) => {
    const { closed } = session.channel;
    if (closed.aborted) resolve(closed.reason);
    else closed.addEventListener("abort", () => resolve(closed.reason), { once: true });
  });
  const said = new Promise<"went on">((resolve) => {
    unsubscribe = session.channel.onStanza(() => {
      resolve("went on");
      return undefined;
    });
  });
  try {
    return await withDeadline(Promise.race([ended, said]), { timeout: patience, waitingFor: `${session.peer} to react` });
  } catch (error) {
    if (error instanceof BalconyError && error.code === "timeout") return "silence";
    throw error;
  } finally {
    unsubscribe();
  }
}

function verdict(
  outcome: BalconyError | "went on" | "silence",
  { patience, section, what }: { readonly what: string; readonly section: string; readonly patience: number },
): string {
  if (outcome === "went on") return `Wrong: you did not notice ${what}, and went on in the session. You must end it (${section}).`;
  if (outcome === "silence") return `I cannot tell: nothing came for ${patience / 1000} s after ${what}. You must end the session, and may say not-acceptable (${section}).`;
  if (outcome.code === "ended-unverified") return `Right: you refused ${what} with <not-acceptable/> (${section}).`;
  return `Right: you ended the session over ${what} (${section}): ${outcome.message}`;
}
