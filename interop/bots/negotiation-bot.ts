import { ESessions, memorySecrets, type Parameters } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { bare, type Jid } from "@balcony/xml";
import { type Breach, breaches, formOf } from "./breaches.js";
import { converse, type Person } from "./conversation.js";
import { echo } from "./echo.js";
import type { Line } from "./line.js";
import { judge, type Reaction, reaction } from "./reaction.js";

export interface BotOptions {
  /** Milliseconds to wait for what a client does by itself. */
  readonly patience: number;
  readonly parameters: Partial<Parameters>;
  readonly report: (error: unknown) => void;
}

/** A negotiation that is to be broken, with one person. */
interface Attempt {
  readonly peer: Jid;
  readonly breach: Breach;
  thread: string | undefined;
  /** Was the form sent behind which they must have noticed? */
  sent: boolean;
}

const responders = breaches.filter(({ role }) => role === "responder");
const initiators = breaches.filter(({ role }) => role === "initiator");

/** Negotiates ESessions (XEP-0116, XEP-0217), rightly and wrongly. */
export function negotiationBot(line: Line, { parameters, patience, report }: BotOptions): ESessions {
  const attempts = new Map<Jid, Attempt>();
  const esessions = new ESessions(line.channel, {
    crypto: nodeCrypto,
    arithmetic: nodeArithmetic,
    secrets: memorySecrets(),
    parameters,
    accept: () => true,
    onSession: (session) => echo(session, report),
    report: (error) => {
      if (attempts.size === 0) report(error); // what we break fails here, too
    },
  });
  line.tamper((stanza) => {
    const attempt = attempts.get(bare(stanza.attrs.to ?? line.self));
    const found = formOf(stanza);
    if (!attempt || !found || stanza.attrs.type === "error" || !begins(attempt, found.type)) return stanza;
    const thread = stanza.getChildText("thread") ?? undefined;
    attempt.thread ??= thread;
    if (attempt.thread !== thread) return stanza;
    attempt.breach.change[found.type]?.(found.form);
    if (found.type === attempt.breach.at) attempt.sent = true;
    return stanza;
  });

  const attempting = async (person: Person, breach: Breach, begin: () => Promise<unknown>, wait: number): Promise<void> => {
    const account = bare(person.address);
    if (attempts.has(account)) {
      await person.say("One after the other: I am still waiting for what you make of the last one.");
      return;
    }
    const attempt: Attempt = { peer: person.address, breach, thread: undefined, sent: false };
    attempts.set(account, attempt);
    const decided = new AbortController();
    const waiting = { peer: account, patience: wait, signal: decided.signal };
    try {
      const before = reaction(line, { ...waiting, thread: () => (attempt.sent ? undefined : attempt.thread) });
      const after = reaction(line, { ...waiting, thread: () => (attempt.sent ? attempt.thread : undefined) });
      begin().catch(() => undefined); // how it ends here is no matter
      const refusedEarly = before.then((found): Reaction | undefined => (found.kind === "error" || found.kind === "no" ? found : undefined));
      const found = await Promise.race([after, refusedEarly.then((early) => early ?? after)]);
      await person.say(verdict(attempt, found, wait));
    } finally {
      decided.abort();
      attempts.delete(account);
    }
  };

  converse(line, {
    intro: [
      "I negotiate encrypted sessions (XEP-0116, XEP-0217) in groups 14 to 16, four messages, identification none. Start one with me and I go along, and repeat what you say in it.",
      "Or have me break one rule: I tell you whether your client did as it must.",
    ].join("\n"),
    commands: [
      {
        name: "start",
        does: "I start a session with you, as it should be",
        run: async (person) => {
          const session = await esessions.initiate(person.address, { timeout: patience }).catch(async (error: unknown) => {
            await person.say(`It did not come about: ${error instanceof Error ? error.message : String(error)}`);
          });
          if (!session) return;
          echo(session, report);
          const { cipher, group, setting, sas } = session.security;
          await person.say(`A session stands: ${cipher}, group ${group}, setting ${setting}. Its SAS is ${sas ?? "not shown"}; compare it, and remember that it verifies nobody.`);
        },
      },
      {
        name: "bad <what>",
        does: `I break one rule. As the one who starts: ${initiators.map(({ name }) => name).join(", ")}. When you start: ${responders.map(({ name }) => name).join(", ")}`,
        run: async (person, [name]) => {
          const breach = breaches.find((one) => one.name.toLowerCase() === name?.toLowerCase());
          if (!breach) {
            await person.say(`I know ${breaches.map((one) => one.name).join(", ")}.`);
          } else if (breach.role === "initiator") {
            await person.say(`I start a session with you, and send ${breach.what}.`);
            await attempting(person, breach, async () => await (await esessions.initiate(person.address, { timeout: patience })).abandon(), patience);
          } else {
            await person.say(`Now start a session with me: I shall send ${breach.what}.`);
            await attempting(person, breach, () => Promise.resolve(), patience * 4);
          }
        },
      },
    ],
    report,
  });
  return esessions;
}

/** The thread is taken from our own first form. */
const begins = ({ breach, thread }: Attempt, type: string): boolean => thread !== undefined || type === (breach.role === "initiator" ? "form" : "submit");

function verdict({ breach, sent }: Attempt, found: Reaction, wait: number): string {
  if (sent || found.kind === "silence") return sent ? judge(found, breach, wait) : `No negotiation came as far as ${breach.what} within ${wait / 1000} s.`;
  const how = found.kind === "error" ? `<${found.condition}/>${found.fields.length > 0 ? ` (${found.fields.join(", ")})` : ""}` : "a form that says no";
  return `You refused before I came to ${breach.what}: with ${how}.`;
}
