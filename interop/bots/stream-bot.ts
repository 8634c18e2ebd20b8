import { BalconyError, withDeadline } from "@balcony/channel";
import { clone, type Element, type Jid, xml } from "@balcony/xml";
import type { Balcony, Session } from "balcony";
import { converse } from "./conversation.js";
import type { Client, Line, Tamper } from "./line.js";

const NS_IBB = "http://jabber.org/protocol/ibb";

export interface StreamBotOptions {
  readonly patience: number;
  readonly report: (error: unknown) => void;
}

/** Takes and opens end-to-end streams (XEP-0246, XEP-0247), and repeats what is said in them. */
export function streamBot(line: Line, e2e: Balcony, { report }: StreamBotOptions): void {
  const talk = (session: Session): void => {
    session.on("error", report);
    session.on("stanza", (stanza) => {
      const text = stanza.name === "message" && stanza.attrs.type !== "error" ? stanza.getChildText("body") : undefined;
      if (text) session.send(xml("message", {}, xml("body", {}, `You said: ${text}`))).catch(report);
    });
  };
  e2e.on("session", talk);
  const with_ = (address: Jid): Session | undefined => [...e2e.sessions].find(({ peer }) => peer === address);
  converse(line, {
    intro:
      "I take end-to-end streams (XEP-0246 over Jingle, XEP-0247) with STARTTLS and TLS 1.3, over whatever transports we share, and repeat in them what you say. streams-bad breaks rules.",
    commands: [
      {
        name: "open",
        does: "I open a stream to you",
        run: async (person) => {
          await person.say("I open a stream to you.");
          const session = await e2e.open(person.address);
          talk(session);
          await person.say(`It stands. ${words(session)}`);
        },
      },
      {
        name: "status",
        does: "I tell what protects our stream, as I see it",
        run: async (person) => {
          const session = with_(person.address);
          await person.say(session ? words(session) : "We have none. Open one to me, or say open.");
        },
      },
      {
        name: "close",
        does: "I close our stream",
        run: async (person) => {
          const session = with_(person.address);
          await session?.close();
          await person.say(session ? "It is closed, on both sides." : "We have none.");
        },
      },
    ],
    report,
  });
}

const words = ({ security }: Session): string =>
  `${security.protocol}, ${security.cipher}, ${security.path}; your key is ${security.peer?.fingerprint ?? "not shown"}, mine ${security.own.fingerprint}; you are ${security.trust} to me.`;

/** What a stream does wrong, in what it sends in-band. */
interface StreamBreach {
  readonly name: string;
  readonly what: string;
  readonly must: string;
  /** Before TLS, while the stream is being opened, or in one that stands. */
  readonly when: "opening" | "standing";
  readonly change: (bytes: Buffer) => readonly Buffer[] | "twice" | "ahead" | undefined;
}

export const streamBreaches: readonly StreamBreach[] = [
  {
    name: "header",
    what: "a stream header that comes from somebody else",
    must: "answer with the stream error invalid-from (RFC 6120 §4.9.3.9)",
    when: "opening",
    change: (bytes) => replaced(bytes, /from=(["'])[^"']*\1/, "from='tybalt@capulet.lit'"),
  },
  {
    name: "injection",
    what: "a stanza right behind <starttls/>, as an attacker would put it",
    must: "end it, since nothing may come between (RFC 6120 §5.4.3.3)",
    when: "opening",
    change: (bytes) => (bytes.includes("<starttls") ? [Buffer.concat([bytes, Buffer.from("<message><body>injected</body></message>")])] : undefined),
  },
  {
    name: "record",
    what: "a TLS record in which one bit is another",
    must: "end the stream with the alert bad_record_mac (RFC 8446 §5.2)",
    when: "standing",
    change: (bytes) => {
      const copy = Buffer.from(bytes);
      copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
      return [copy];
    },
  },
  {
    name: "twice",
    what: "the same in-band block twice, under one seq",
    must: "refuse the second and close the bytestream (XEP-0047 §2.2)",
    when: "standing",
    change: () => "twice",
  },
  {
    name: "gap",
    what: "an in-band block whose seq is not the next",
    must: "refuse it and close the bytestream (XEP-0047 §2.2)",
    when: "standing",
    change: () => "ahead",
  },
];

/** Opens streams that break a rule. Its client must send through `tampering`; its Balcony has IBB alone, since only there what is sent can be got at. */
export function badStreamBot(line: Line, e2e: Balcony, tampering: Tampering, { patience, report }: StreamBotOptions): void {
  let busy = false;
  e2e.on("session", (session) => void session.close());
  converse(line, {
    intro:
      "I open end-to-end streams to you, in-band, and break a rule in them. Your client is to repeat or answer what is said in the stream: I tell you whether it did as it must.",
    commands: [
      {
        name: "bad <what>",
        does: `I open a stream and break a rule: ${streamBreaches.map(({ name }) => name).join(", ")}`,
        run: async (person, [name]) => {
          const breach = streamBreaches.find((one) => one.name === name?.toLowerCase());
          if (!breach) return await person.say(`I know ${streamBreaches.map((one) => one.name).join(", ")}.`);
          if (busy) return await person.say("One after the other: I am still busy with somebody.");
          busy = true;
          try {
            await person.say(`I open a stream to you, with ${breach.what}.`);
            await person.say(await outcomeOf(e2e, person.address, breach, tampering, patience));
          } finally {
            busy = false;
            tampering.tamper = undefined;
          }
        },
      },
    ],
    report,
  });
}

async function outcomeOf(e2e: Balcony, peer: Jid, breach: StreamBreach, tampering: Tampering, patience: number): Promise<string> {
  const { what, must } = breach;
  const right = (error: unknown): string => `Right: you did not take ${what}. I saw: ${error instanceof Error ? error.message : String(error)}`;
  const wrong = `Wrong: you did not notice ${what}. You must ${must}.`;
  const changing = inBand(peer, breach.change);
  if (breach.when === "opening") tampering.tamper = changing;
  let session: Session;
  try {
    session = await e2e.open(peer, { timeouts: { handshake: patience, stream: patience } });
  } catch (error) {
    if (breach.when === "standing") return `No stream came about before I could break anything: ${error instanceof Error ? error.message : String(error)}`;
    return error instanceof BalconyError && error.code === "timeout" ? `I cannot tell: nothing came for ${patience / 1000} s after ${what}. You must ${must}.` : right(error);
  }
  if (breach.when === "opening") {
    await session.close();
    return wrong;
  }
  const ended = new Promise<Error>((resolve) => session.once("error", resolve).once("close", () => resolve(new Error("the stream was closed"))));
  const said = new Promise<undefined>((resolve) => session.once("stanza", () => resolve(undefined)));
  tampering.tamper = changing;
  for (const text of ["one", "two"]) session.send(xml("message", {}, xml("body", {}, text))).catch(() => undefined); // it may have ended over the first
  try {
    const error = await withDeadline(Promise.race([ended, said]), { timeout: patience, waitingFor: `${peer} to react` });
    return error ? right(error) : wrong;
  } catch {
    return `I cannot tell: nothing came for ${patience / 1000} s after ${what}. You must ${must}.`;
  } finally {
    tampering.tamper = undefined;
    await session.close();
  }
}

/** What a client sends, changed on its way out. */
export interface Tampering {
  tamper: Tamper | undefined;
}

/** Put under a client before Balcony is. */
export function tamperingUnder(client: Client): Tampering {
  const tampering: Tampering = { tamper: undefined };
  const send = client.send.bind(client);
  client.send = async (stanza: Element) => {
    for (const one of tampering.tamper ? [tampering.tamper(stanza)].flat() : [stanza]) await send(one);
  };
  return tampering;
}

/** Changes in-band blocks to a peer: the first on which the rule can be broken, and so that those behind it still fit. */
function inBand(peer: Jid, change: StreamBreach["change"]): Tamper {
  let broken = false;
  return (stanza) => {
    const data = stanza.attrs.to === peer ? stanza.getChild("data", NS_IBB) : undefined;
    if (!data || stanza.attrs.type !== "set" || broken) return stanza;
    const blocks = change(Buffer.from(data.getText(), "base64"));
    if (blocks === undefined) return stanza;
    broken = true;
    if (blocks === "twice") return [stanza, Object.assign(clone(stanza), { attrs: { ...stanza.attrs, id: `${stanza.attrs.id}-again` } })];
    if (blocks === "ahead") {
      data.attrs.seq = String((Number(data.attrs.seq) + 1) % 65_536);
      return stanza;
    }
    return blocks.map((bytes) => {
      data.children = [bytes.toString("base64")];
      return stanza;
    });
  };
}

function replaced(bytes: Buffer, pattern: RegExp, by: string): readonly Buffer[] | undefined {
  const text = bytes.toString("latin1");
  return pattern.test(text) && text.includes("stream:stream") ? [Buffer.from(text.replace(pattern, by), "latin1")] : undefined;
}
