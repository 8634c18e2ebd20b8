import { randomId } from "@balcony/channel";
import { bare, type Element, type Jid, xml } from "@balcony/xml";
import { converse, type Person } from "./conversation.js";
import type { Line } from "./line.js";

/** What a person's next message must look like. */
interface Awaited {
  readonly thread: string;
  readonly parent?: string;
  readonly what: string;
}

/** Keeps threads apart (XEP-0201), and sees whether others do. */
export function threadBot(line: Line, report: (error: unknown) => void): void {
  const awaited = new Map<Jid, Awaited>();
  const started = new Map<Jid, string>();

  const begin = async (person: Person, { thread, parent, what }: Awaited, text: string): Promise<void> => {
    awaited.set(bare(person.address), { thread, what, ...(parent !== undefined && { parent }) });
    await line.channel.send(message(person.address, text, thread, parent));
  };

  converse(line, {
    intro: "I answer each message in its own thread (XEP-0201), begin threads, and see whether your answers stay in them.",
    first: (stanza, person) => {
      const expected = awaited.get(bare(person.address));
      const text = stanza.getChildText("body")?.trim().toLowerCase() ?? "";
      if (!expected || commands.has(text)) return false;
      awaited.delete(bare(person.address));
      person.say(verdict(stanza, expected)).catch(report);
      return true;
    },
    commands: [
      {
        name: "new",
        does: "I write to you in a new thread: answer it",
        run: async (person) => {
          const thread = randomId();
          started.set(bare(person.address), thread);
          await begin(person, { thread, what: "the thread that I began" }, "This is a new thread. Answer me in it, with any word.");
        },
      },
      {
        name: "child",
        does: "I write to you in a child of the thread of new: answer it",
        run: async (person) => {
          const parent = started.get(bare(person.address)) ?? randomId();
          await begin(person, { thread: randomId(), parent, what: "the child thread" }, "This is a child of that thread. Answer me in it, with any word.");
        },
      },
      {
        name: "gone",
        does: "I say that I go offline, and write on: your client must keep the thread (XEP-0201 §4.1)",
        run: async (person) => {
          const thread = started.get(bare(person.address)) ?? randomId();
          started.set(bare(person.address), thread);
          await line.channel.send(xml("presence", { to: person.address, type: "unavailable" }));
          await begin(person, { thread, what: "the thread that we had before I went" }, "I was gone. Answer me in our thread, with any word.");
        },
      },
      {
        name: "which",
        does: "I tell the thread of this message of yours",
        run: async (person) => await person.say("This answer is in the thread that your message had; where it had none, it begins none."),
      },
    ],
    report,
  });
}

const commands = new Set(["help", "new", "child", "gone", "which"]);

function message(to: Jid, text: string, thread: string, parent: string | undefined): Element {
  return xml("message", { to, type: "chat" }, xml("body", {}, text), xml("thread", { parent }, thread));
}

function verdict(stanza: Element, { parent, thread, what }: Awaited): string {
  const element = stanza.getChild("thread");
  const found = element?.getText().trim();
  if (!found) return `Wrong: your answer has no thread. A direct answer stays in the thread of what it answers, here ${what} (XEP-0201 §3.2).`;
  if (found !== thread) return `Wrong: your answer came in another thread, and should be in ${what} (XEP-0201 §3.2). A ThreadID is compared as it is.`;
  if (parent !== undefined && element?.attrs.parent !== undefined && element.attrs.parent !== parent) {
    return "Wrong: your answer is in the child thread, and names another parent than I did (XEP-0201 §3.3).";
  }
  return `Right: your answer is in ${what}.`;
}
