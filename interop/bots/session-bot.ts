import { randomId, type StanzaCondition, writeStanzaError } from "@balcony/channel";
import { bare, type Element, isFull, type Jid, xml } from "@balcony/xml";
import { answerIn, formOf, sessionForm } from "./breaches.js";
import { converse, type Person } from "./conversation.js";
import type { Line } from "./line.js";
import { judge, type Reaction, reaction } from "./reaction.js";

const LOGGING = ["mustnot", "may"] as const;

/** A stanza session that stands, or whose offer we have answered. */
interface Standing {
  readonly peer: Jid;
  readonly thread: string;
  active: boolean;
}

/** Negotiates stanza sessions without encryption (XEP-0155), rightly and wrongly. */
export function sessionBot(line: Line, { patience, report }: { readonly patience: number; readonly report: (error: unknown) => void }): void {
  const sessions = new Map<string, Standing>();
  const declining = new Set<Jid>();
  const send = async (to: Jid, thread: string, feature: Element): Promise<void> => await line.channel.send(xml("message", { to }, xml("thread", {}, thread), feature));
  const standingWith = (peer: Jid): Standing | undefined => [...sessions.values()].find((one) => one.active && one.peer === peer);

  /** Sends a form, and tells what comes back. */
  const ask = async (person: Person, thread: string, form: Element): Promise<Reaction> => {
    const answer = reaction(line, { peer: person.address, thread: () => thread, patience });
    await send(person.address, thread, form);
    return await answer;
  };

  line.channel.onStanza(({ stanza, from }) => {
    const found = stanza.name === "message" && stanza.attrs.type !== "error" ? formOf(stanza) : undefined;
    const thread = stanza.getChildText("thread")?.trim();
    if (!found || !thread || !isFull(from) || found.type === "init" || stanza.getChild("delay", "urn:xmpp:delay")) return undefined;
    const known = sessions.get(thread);
    const { form, type } = found;
    if (type === "form" && !known) {
      offered(from, thread, form).catch(report);
    } else if (known?.peer !== from) {
      return true; // somebody else's word on a thread that is not theirs
    } else if (type === "form") {
      send(from, thread, sessionForm("submit", { renegotiate: "1", ...echoed(form) })).catch(report);
    } else if (answerIn(form, "terminate") && type === "submit") {
      sessions.delete(thread);
      send(from, thread, sessionForm("result", { terminate: "1" })).catch(report);
    } else if (type === "result" && !known.active) {
      known.active = isYes(answerIn(form, "accept"));
      if (!known.active) sessions.delete(thread);
    }
    return true;
  });

  const offered = async (from: Jid, thread: string, form: Element): Promise<void> => {
    if (declining.delete(bare(from))) {
      await send(from, thread, sessionForm("submit", { accept: "0" }));
      return;
    }
    const security = optionsOf(form, "security");
    if (security.length > 0 && !security.some((option) => option === "none" || option === "c2s")) {
      const error = writeStanzaError({
        type: "cancel",
        condition: "not-acceptable",
        application: xml("feature", "http://jabber.org/protocol/feature-neg", xml("field", { var: "security" })),
      });
      await line.channel.send(xml("message", { to: from, type: "error" }, xml("thread", {}, thread), error));
      return;
    }
    sessions.set(thread, { peer: from, thread, active: false });
    await send(from, thread, sessionForm("submit", { accept: "1", ...(security.length > 0 && { security: security.includes("none") ? "none" : "c2s" }), ...echoed(form) }));
  };

  const request = (more: Parameters<typeof sessionForm>[1] = {}): Element =>
    sessionForm("form", { accept: "1", logging: { options: LOGGING, required: true }, security: { options: ["none", "c2s"] }, ...more });

  converse(line, {
    intro: "I negotiate stanza sessions in clear (XEP-0155): offer me one and I accept, renegotiate and terminate as you like. Or have me start one, or break a rule.",
    commands: [
      {
        name: "start",
        does: "I offer you a session",
        run: async (person) => {
          const thread = randomId();
          const answer = await ask(person, thread, request());
          if (answer.kind === "form" && isYes(answerIn(answer.form, "accept"))) {
            await send(person.address, thread, sessionForm("result", { accept: "1" }));
            sessions.set(thread, { peer: person.address, thread, active: true });
            const logging = answerIn(answer.form, "logging");
            const right = LOGGING.some((option) => option === logging);
            await person.say(right ? `A session is active; logging ${logging}.` : "Wrong: you accepted, and did not say which logging, which was required (XEP-0155 §4.2).");
          } else await person.say(described(answer, patience));
        },
      },
      {
        name: "renegotiate",
        does: "in our session I ask for another logging",
        run: async (person) => {
          const session = standingWith(person.address);
          if (!session) return await person.say("We have no session. Offer me one, or say start.");
          const answer = await ask(person, session.thread, sessionForm("form", { renegotiate: "1", logging: { options: ["may"], required: true } }));
          const said = answer.kind === "form" ? answerIn(answer.form, "renegotiate") : undefined;
          if (answer.kind === "no" || isYes(said))
            await person.say(`Right: you ${answer.kind === "no" ? "declined" : "accepted"} the renegotiation, and the session stands (XEP-0155 §6).`);
          else if (answer.kind === "error") await person.say(`Right: you refused the renegotiation with <${answer.condition}/>, and the session stands (XEP-0155 §6).`);
          else if (answer.kind === "form") await person.say("Wrong: your answer has no renegotiate (XEP-0155 §6).");
          else await person.say(described(answer, patience));
        },
      },
      {
        name: "end",
        does: "I terminate our session",
        run: async (person) => {
          const session = standingWith(person.address);
          if (!session) return await person.say("We have no session. Offer me one, or say start.");
          sessions.delete(session.thread);
          const answer = await ask(person, session.thread, sessionForm("submit", { terminate: "1" }));
          const acknowledged = answer.kind === "form" && answer.type === "result" && isYes(answerIn(answer.form, "terminate"));
          await person.say(acknowledged ? "Right: it is over, and you acknowledged it (XEP-0155 §7)." : "It is over. You did not acknowledge it, which you may (XEP-0155 §7).");
        },
      },
      {
        name: "decline",
        does: "I decline the next session that you offer",
        run: async (person) => {
          declining.add(bare(person.address));
          await person.say("Now offer me a session: I shall say no, and you must not go on.");
        },
      },
      ...forms.map(({ condition, fields, name, section, what }) => ({
        name,
        does: `I offer a session with ${what}`,
        run: async (person: Person) => {
          const answer = await ask(person, randomId(), request(fields));
          const named =
            answer.kind === "error" && !answer.fields.includes(name === "unknown" ? "urn:example:unknown" : "security")
              ? " You should name the field in your answer (XEP-0155 §4.3)."
              : "";
          await person.say(judge(answer, { what, condition, section }, patience) + named);
        },
      })),
    ],
    report,
  });
}

/** Offers that nobody can accept. */
const forms: readonly {
  readonly name: string;
  readonly what: string;
  readonly section: string;
  readonly condition: StanzaCondition;
  readonly fields: Parameters<typeof sessionForm>[1];
}[] = [
  {
    name: "unknown",
    what: "a required field that nobody knows",
    section: "XEP-0155 §4.3",
    condition: "feature-not-implemented",
    fields: { "urn:example:unknown": { options: ["always"], required: true } },
  },
  {
    name: "impossible",
    what: "a required field that has no option you can know",
    section: "XEP-0155 §4.3",
    condition: "not-acceptable",
    fields: { security: { options: ["urn:example:impossible"], required: true } },
  },
];

const isYes = (value: string | undefined): boolean => value === "1" || value === "true";

function optionsOf(form: Element, name: string): string[] {
  const field = form.getChildren("field").find(({ attrs }) => attrs.var === name);
  return field?.getChildren("option").map((option) => option.getChildText("value")?.trim() ?? "") ?? [];
}

/** Logging as they would rather have it. */
function echoed(form: Element): { readonly logging?: string } {
  const logging = optionsOf(form, "logging").find((option) => option === "may" || option === "mustnot");
  return logging === undefined ? {} : { logging };
}

function described(answer: Reaction, patience: number): string {
  switch (answer.kind) {
    case "error":
      return `You refused with <${answer.condition}/>${answer.fields.length > 0 ? ` for ${answer.fields.join(", ")}` : ""}.`;
    case "no":
      return "You declined.";
    case "silence":
      return `Nothing came for ${patience / 1000} s.`;
    case "form":
      return `Wrong: you answered with a form of type ${answer.type} that says neither yes nor no (XEP-0155 §4.2).`;
    case "encrypted":
      return "Wrong: you answered with an encrypted stanza.";
  }
}
