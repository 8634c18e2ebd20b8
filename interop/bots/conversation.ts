import { type Element, isFull, type Jid, xml } from "@balcony/xml";
import type { Line } from "./line.js";

/** Somebody who writes to a bot, at one of their clients. */
export interface Person {
  readonly address: Jid;
  /** In a chat message. */
  say(text: string): Promise<void>;
}

export interface Command {
  /** What one types; a word in angle brackets stands for any. */
  readonly name: string;
  readonly does: string;
  readonly run: (person: Person, words: readonly string[]) => Promise<void> | void;
}

export interface Script {
  /** What the bot is, in a sentence or two. */
  readonly intro: string;
  readonly commands: readonly Command[];
  /** What becomes of a chat message before it is looked at as a command; true: it is dealt with. */
  readonly first?: (message: Element, person: Person) => boolean;
  readonly report: (error: unknown) => void;
}

/** Answers chat messages: `help` explains, commands are done, and what is neither is answered once and no more, so that two bots do not talk to each other for ever. */
export function converse(line: Line, { commands, first, intro, report }: Script): void {
  const puzzled = new Set<Jid>();
  const width = Math.max(...commands.map(({ name }) => name.length));
  const help = [intro, "", ...commands.map(({ does, name }) => `  ${name.padEnd(width)}  ${does}`)].join("\n");
  line.channel.onStanza(({ stanza, from }) => {
    const text = stanza.name === "message" ? stanza.getChildText("body")?.trim() : undefined;
    const { type } = stanza.attrs;
    if (!text || !isFull(from) || type === "error" || type === "groupchat" || type === "headline" || stanza.getChild("delay", "urn:xmpp:delay")) return undefined;
    const thread = stanza.getChildText("thread") ?? undefined;
    const person: Person = {
      address: from,
      say: async (answer) =>
        await line.channel.send(xml("message", { to: from, type: "chat" }, xml("body", {}, answer), thread === undefined ? undefined : xml("thread", {}, thread))),
    };
    if (first?.(stanza, person)) return true;
    const words = text.split(/\s+/);
    const command = commands.find(({ name }) => name.split(" ")[0] === words[0]?.toLowerCase() && (!name.includes("<") || words.length > 1));
    if (command || text.toLowerCase() === "help") puzzled.delete(from);
    else if (puzzled.has(from)) return true;
    else puzzled.add(from);
    const work = async (): Promise<void> => {
      if (command) await command.run(person, words.slice(1));
      else await person.say(text.toLowerCase() === "help" ? help : "I do not know that. Say help, and I tell what I do.");
    };
    work().catch(async (error: unknown) => {
      report(error);
      await person.say(`That failed: ${error instanceof Error ? error.message : String(error)}`).catch(report);
    });
    return true;
  });
}
