import { BalconyError, StanzaRouter } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { ibb } from "@balcony/transport-ibb";
import { TrustStore } from "@balcony/trust";
import { type Element, normalize, xml } from "@balcony/xml";
import { client } from "@xmpp/client";
import { balcony } from "balcony";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { names, startBots } from "../bots/bots.js";
import { breaches, formOf } from "../bots/breaches.js";
import { stanzaBreaches } from "../bots/encryption-bot.js";
import { embedded } from "../bots/hosting.js";
import { streamBreaches } from "../bots/stream-bot.js";

const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const bot = (name: keyof typeof names) => `${name}@bots.example/bot`;

let hosting: Awaited<ReturnType<typeof embedded>>;
let bots: Awaited<ReturnType<typeof startBots>>;
const errors: unknown[] = [];

beforeAll(async () => {
  hosting = await embedded({ names: Object.keys(names), visitors: { romeo: "secret", juliet: "secret" }, port: 0, scramIterations: 1 });
  bots = await startBots(hosting, { streams: { transports: [ibb()] }, parameters: { groups: [14] }, report: (error) => errors.push(error) });
});

afterAll(async () => await bots?.close());

let visitors = 0;
const leaving: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const leave of leaving.splice(0)) await leave();
  errors.length = 0;
});

/** Somebody whose client writes to a bot, and hears what it answers. */
async function visitor() {
  const resource = `garden ${++visitors}`; // a second one under the same address would take it from the first, and the first would come back
  const xmpp = client({ service: hosting.service, domain: "bots.example", username: "romeo", password: "secret", resource });
  xmpp.on("error", () => undefined);
  const self = normalize(String(await xmpp.start()));
  const channel = new StanzaRouter({ self, transmit: async (stanza) => void (await xmpp.send(stanza)), shutdown: () => Promise.resolve(), report: () => undefined });
  let filter: (stanza: Element) => Element | undefined = (stanza) => stanza;
  const said: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  channel.onStanza(({ stanza }) => {
    const text = stanza.attrs.type === "chat" ? stanza.getChildText("body") : undefined;
    if (!text) return undefined;
    const next = waiting.shift();
    if (next) next(text);
    else said.push(text);
    return true;
  });
  xmpp.on("stanza", (stanza: Element) => {
    const passed = filter(stanza);
    if (passed) channel.receive(passed, normalize(passed.attrs.from ?? self));
  });
  leaving.push(async () => {
    channel.end(new BalconyError("closed", "The visitor has left."));
    xmpp.reconnect.stop();
    await xmpp.stop();
  });
  const hears = (): Promise<string> => {
    const text = said.shift();
    return text === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(text);
  };
  const say = async (name: keyof typeof names, text: string, more: readonly Element[] = []): Promise<void> =>
    void (await channel.send(xml("message", { to: bot(name), type: "chat" }, xml("body", {}, text), [...more])));
  return {
    channel,
    self,
    hears,
    say,
    ask: async (name: keyof typeof names, text: string): Promise<string> => {
      await say(name, text);
      return await hears();
    },
    /** What comes in passes by this first. */
    set filter(next: typeof filter) {
      filter = next;
    },
  };
}

/** Our own ESessions, at the visitor's client. */
function sealing({ channel }: { readonly channel: StanzaRouter }, each: (session: ESession) => void = (session) => session.deliver()): ESessions {
  return new ESessions(channel, {
    crypto: nodeCrypto,
    arithmetic: nodeArithmetic,
    secrets: memorySecrets(),
    parameters: { groups: [14], wholeStanzas: false },
    accept: () => true,
    onSession: each,
    report: () => undefined,
  });
}

describe("every bot", () => {
  it.each(Object.keys(names) as (keyof typeof names)[])("%s explains itself, does not know what it does not know, and says so once", async (name) => {
    const person = await visitor();
    expect(await person.ask(name, "help")).toMatch(/^I /);
    expect(await person.ask(name, "what?")).toContain("Say help");
    await person.say(name, "what?");
    expect(await person.ask(name, "HELP")).toMatch(/^I /); // nothing came in between
  });

  it("tells what it supports", async () => {
    const person = await visitor();
    const info = await person.channel.request(xml("iq", { type: "get", to: bot("xep217") }, xml("query", "http://jabber.org/protocol/disco#info")));
    expect(
      info
        .getChild("query")
        ?.getChildren("feature")
        .map(({ attrs }) => attrs.var),
    ).toContain("http://www.xmpp.org/extensions/xep-0116.html#ns");
  });
});

describe("the bot that negotiates", () => {
  it("starts a session as it should be, and repeats what is said", async () => {
    const person = await visitor();
    const heard: string[] = [];
    sealing(person, (session) => {
      session.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body") ?? ""));
      session.deliver();
      void session.channel.send(xml("message", {}, xml("body", {}, "Good night")));
    });
    expect(await person.ask("xep217", "start")).toMatch(/^A session stands: aes\d+-ctr, group 14, setting deployed\. Its SAS is [a-z0-9]{5};/);
    await expect.poll(() => heard).toEqual(["You said: Good night"]);
  });

  it.each(breaches)("sends $what, and hears that ours refuses it", async ({ condition, name, role, section, what }) => {
    const person = await visitor();
    const esessions = sealing(person);
    await person.ask("xep217", `bad ${name}`);
    const ours = role === "responder" ? esessions.initiate(bot("xep217")).catch((error: unknown) => error) : undefined;
    expect(await person.hears()).toBe(`Right: you refused ${what} with <${condition}/> (${section}).`);
    if (ours) expect(await ours).toMatchObject({ code: expect.stringMatching(/^esession-/) });
  });

  it.each(breaches)("tells a client that checks nothing that it did not notice $what", async ({ name, role, section, what }) => {
    const person = await visitor();
    const whole = name === "m_B" || name === "id_B";
    const client = whole ? undefined : lax(person.channel, bot("xep217"));
    await person.ask("xep217", `bad ${name}`);
    if (whole) {
      // To be sent the last form one has to have done everything before it rightly.
      const esessions = sealing(person);
      person.filter = (stanza) => {
        if (formOf(stanza)?.type !== "init") return stanza;
        void person.channel.send(xml("message", { to: bot("xep217") }, xml("thread", {}, stanza.getChildText("thread") ?? ""), xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA"))));
        return undefined;
      };
      const gone = new AbortController();
      leaving.push(() => Promise.resolve(gone.abort()));
      esessions.initiate(bot("xep217"), { signal: gone.signal }).catch(() => undefined);
    } else if (role === "responder") await client?.begin();
    const verdict = await person.hears();
    expect(verdict).toMatch(/^Wrong: you did not notice /);
    expect(verdict).toContain(what);
    expect(verdict).toContain(section);
  });

  it("is not taken in by a client that refuses before there was anything to notice", async () => {
    const person = await visitor();
    new ESessions(person.channel, {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      secrets: memorySecrets(),
      accept: () => "decline",
      onSession: () => undefined,
      report: () => undefined,
    });
    await person.ask("xep217", "bad m_A");
    expect(await person.hears()).toBe("You refused before I came to a wrong m_A: with a form that says no.");
  });
});

/** A client that goes through a negotiation without looking at anything: it answers every form with the next, filled with what has the right form. */
function lax(channel: StanzaRouter, peer: string) {
  const random = (octets: number) => Buffer.from(nodeCrypto.random(octets)).toString("base64");
  const form = (type: string, fields: Record<string, string>, wrapper = "feature") =>
    xml(
      wrapper,
      wrapper === "init" ? "http://www.xmpp.org/extensions/xep-0116.html#ns-init" : "http://jabber.org/protocol/feature-neg",
      xml(
        "x",
        { xmlns: "jabber:x:data", type },
        Object.entries({ FORM_TYPE: "urn:xmpp:ssn", ...fields }).map(([name, value]) => xml("field", { var: name }, xml("value", {}, value))),
      ),
    );
  const options = {
    accept: "1",
    disclosure: "never",
    security: "e2e",
    crypt_algs: "aes256-ctr",
    hash_algs: "sha256",
    compress: "none",
    stanzas: "message",
    init_pubkey: "none",
    resp_pubkey: "none",
    ver: "1.0",
    sas_algs: "sas28x5",
    rekey_freq: "1",
    modp: "14",
  };
  const send = async (thread: string, payload: Element) => await channel.send(xml("message", { to: peer }, xml("thread", {}, thread), payload));
  let nonce = "";
  channel.onStanza(({ stanza }) => {
    const found = formOf(stanza);
    const thread = stanza.getChildText("thread");
    if (!found || !thread || stanza.attrs.type === "error") return undefined;
    const value = (name: string) =>
      found.form
        .getChildren("field")
        .find(({ attrs }) => attrs.var === name)
        ?.getChild("value")
        ?.getText() ?? "";
    if (found.type === "form") {
      nonce = value("my_nonce");
      void send(thread, form("submit", { ...options, my_nonce: random(16), nonce, dhkeys: random(255), counter: random(16) }));
    } else if (found.type === "submit" && value("dhkeys") !== "" && value("counter") !== "") {
      void send(thread, form("result", { accept: "1", nonce: value("my_nonce"), rshashes: random(32), dhkeys: e, identity: random(32), mac: random(32) }));
    } else if (found.type === "result" || found.type === "submit") {
      void send(thread, form("init", { nonce, srshash: random(32), identity: random(32), mac: random(32) }, "init"));
    } else void channel.send(xml("message", { to: peer }, xml("thread", {}, thread), xml("c", NS_ENCRYPTED, xml("data", {}, random(16)), xml("mac", {}, random(32)))));
    return true;
  });
  const e = random(255);
  return {
    begin: async () =>
      await send(random(9), form("form", { ...options, my_nonce: random(16), dhhashes: Buffer.from(nodeCrypto.sha256(Buffer.from(e, "base64"))).toString("base64") })),
  };
}

describe("the bot that encrypts", () => {
  it.each([...stanzaBreaches, { name: "key", what: "a re-key with e = 1", section: "XEP-0200 §8.3" }])(
    "sends $what, and hears that ours ends the session",
    async ({ name, section, what }) => {
      const person = await visitor();
      sealing(person);
      await person.ask("xep200", "start");
      await person.ask("xep200", `bad ${name}`);
      const verdict = await person.hears();
      expect(verdict).toMatch(/^Right: you (refused|ended the session over) /);
      expect(verdict).toContain(what);
      expect(verdict).toContain(section);
    },
  );

  it.each([...stanzaBreaches, { name: "key", what: "a re-key with e = 1", section: "XEP-0200 §8.3" }])(
    "tells a client that goes on after $what that it did not notice",
    async ({ name, what }) => {
      const person = await visitor();
      let session: ESession | undefined;
      sealing(person, (come) => {
        session = come;
        come.deliver();
      });
      await person.ask("xep200", "start");
      // What is broken does not reach our checks, and the client talks on.
      let told = false;
      person.filter = (stanza) => {
        if (!stanza.getChild("c", NS_ENCRYPTED) || !session) return stanza;
        if (!told) void session.channel.send(xml("message", {}, xml("body", {}, "I go on")));
        told = true;
        return undefined;
      };
      await person.ask("xep200", `bad ${name}`);
      expect(await person.hears()).toMatch(new RegExp(`^Wrong: you did not notice ${what.replace(/[()]/g, "\\$&")}`));
    },
  );

  it("re-keys, and hears that ours uses the new keys; ends, and hears that ours acknowledges", async () => {
    const person = await visitor();
    sealing(person, (session) => {
      session.channel.onStanza(({ stanza }) => {
        if (stanza.getChildText("body")?.includes("Answer me")) void session.channel.send(xml("message", {}, xml("body", {}, "Here")));
        return true;
      });
      session.deliver();
    });
    expect(await person.ask("xep200", "rekey")).toContain("We have no session");
    await person.ask("xep200", "start");
    expect(await person.ask("xep200", "rekey")).toMatch(/^Right: you answered after my re-key/);
    expect(await person.ask("xep200", "end")).toContain("you acknowledged it");
  });
});

describe("the bot of threads", () => {
  const thread = (text: string, parent?: string) => xml("thread", { parent }, text);
  it("sees whether an answer stays in its thread", async () => {
    const person = await visitor();
    let last: Element | undefined;
    person.channel.onStanza(() => undefined);
    person.filter = (stanza) => {
      last = stanza.getChild("thread") ?? last;
      return stanza;
    };
    const begun = async (command: string) => {
      await person.ask("xep201", command);
      return { id: last?.getText() ?? "", parent: last?.attrs.parent };
    };
    const answer = async (more: readonly Element[]) => {
      await person.say("xep201", "yes", more);
      return await person.hears();
    };
    const first = await begun("new");
    expect(await answer([thread(first.id)])).toMatch(/^Right: your answer is in the thread that I began/);
    await begun("new");
    expect(await answer([])).toMatch(/^Wrong: your answer has no thread/);
    const again = await begun("new");
    expect(await answer([thread(`${again.id}x`)])).toMatch(/^Wrong: your answer came in another thread/);
    const child = await begun("child");
    expect(child.parent).toBe(again.id);
    expect(await answer([thread(child.id, "another")])).toMatch(/^Wrong: your answer is in the child thread, and names another parent/);
    const gone = await begun("gone");
    expect(gone.id).toBe(again.id);
    expect(await answer([thread(gone.id)])).toMatch(/^Right: your answer is in the thread that we had before/);
  });
});

describe("the bot of stanza sessions", () => {
  /** A client of XEP-0155, whose answer to each form is told by the test. */
  async function client155(answer: (type: string, form: Element) => Record<string, string> | { readonly condition: string; readonly field?: string }) {
    const person = await visitor();
    const seen: string[] = [];
    const send = async (thread: string, type: string, fields: Record<string, string>) =>
      await person.channel.send(
        xml(
          "message",
          { to: bot("xep155") },
          xml("thread", {}, thread),
          xml(
            "feature",
            "http://jabber.org/protocol/feature-neg",
            xml(
              "x",
              { xmlns: "jabber:x:data", type },
              Object.entries({ FORM_TYPE: "urn:xmpp:ssn", ...fields }).map(([name, value]) => xml("field", { var: name }, xml("value", {}, value))),
            ),
          ),
        ),
      );
    person.channel.onStanza(({ stanza }) => {
      const found = formOf(stanza);
      const id = stanza.getChildText("thread") ?? "";
      if (!found) return undefined;
      seen.push(found.type);
      if (found.type === "result") return true;
      const said = answer(found.type, found.form);
      if ("condition" in said) {
        const field = said.field === undefined ? undefined : xml("feature", "http://jabber.org/protocol/feature-neg", xml("field", { var: said.field }));
        void person.channel.send(
          xml(
            "message",
            { to: bot("xep155"), type: "error" },
            xml("thread", {}, id),
            xml("error", { type: "cancel" }, xml(said.condition as string, "urn:ietf:params:xml:ns:xmpp-stanzas"), field),
          ),
        );
      } else if (Object.keys(said).length > 0) void send(id, found.type === "submit" ? "result" : "submit", said as Record<string, string>);
      return true;
    });
    return Object.assign(person, { send, seen });
  }

  it("starts, renegotiates and terminates a session", async () => {
    const person = await client155((type, form) =>
      type === "submit" ? { terminate: "1" } : form.toString().includes("renegotiate") ? { renegotiate: "0" } : { accept: "1", logging: "mustnot" },
    );
    expect(await person.ask("xep155", "renegotiate")).toContain("We have no session");
    expect(await person.ask("xep155", "start")).toBe("A session is active; logging mustnot.");
    expect(await person.ask("xep155", "renegotiate")).toMatch(/^Right: you declined the renegotiation/);
    expect(await person.ask("xep155", "end")).toMatch(/^Right: it is over, and you acknowledged it/);
    expect(person.seen).toEqual(["form", "result", "form", "submit"]);
  });

  it("sees what is missing in an answer, and takes a no", async () => {
    expect(await (await client155(() => ({ accept: "1" }))).ask("xep155", "start")).toMatch(/^Wrong: you accepted, and did not say which logging/);
    expect(await (await client155(() => ({ accept: "0" }))).ask("xep155", "start")).toBe("You declined.");
    expect(await (await client155(() => ({ condition: "service-unavailable" }))).ask("xep155", "start")).toBe("You refused with <service-unavailable/>.");
  });

  it("accepts what it is offered, and declines on request; what it is offered encrypted alone is refused with the field", async () => {
    const person = await client155(() => ({}));
    const answers: Element[] = [];
    person.channel.onStanza(() => undefined);
    person.filter = (stanza) => {
      if (stanza.getChildText("thread")?.startsWith("offer")) answers.push(stanza);
      return stanza;
    };
    const answer = async (fields: Record<string, string>, number: number) => {
      await person.send(`offer ${number}`, "form", fields);
      await expect.poll(() => answers.length).toBe(number);
      return answers[number - 1]?.toString() ?? "";
    };
    expect(await answer({ accept: "1" }, 1)).toMatch(/var="accept"><value>1</);
    await person.ask("xep155", "decline");
    expect(await answer({ accept: "1" }, 2)).toMatch(/var="accept"><value>0</);
  });

  it.each([
    ["unknown", "feature-not-implemented", "urn:example:unknown"],
    ["impossible", "not-acceptable", "security"],
  ])("offers what nobody can accept (%s), and tells whether it was refused as it must be", async (name, condition, field) => {
    expect(await (await client155(() => ({ condition, field }))).ask("xep155", name)).toMatch(new RegExp(`^Right: you refused .* with <${condition}/> \\(XEP-0155 §4.3\\)\\.$`));
    expect(await (await client155(() => ({ condition }))).ask("xep155", name)).toContain("You should name the field");
    expect(await (await client155(() => ({ accept: "1" }))).ask("xep155", name)).toMatch(/^Wrong: you did not notice /);
  });
});

/** Has a client drop the in-band blocks that it has had already, and acknowledge them. */
function twiceForOnce(xmpp: ReturnType<typeof client>): void {
  const seen = new Set<string>();
  const inner = xmpp as unknown as { _onElement(element: Element): void };
  const take = inner._onElement.bind(xmpp);
  inner._onElement = (element) => {
    const data = element.getChild("data", "http://jabber.org/protocol/ibb");
    const name = data && `${data.attrs.sid} ${data.attrs.seq}`;
    if (name && seen.has(name)) void xmpp.send(xml("iq", { type: "result", to: element.attrs.from, id: element.attrs.id }));
    else take(element);
    if (name) seen.add(name);
  };
}

describe("the bots of end-to-end streams", () => {
  const person = async (under: (xmpp: ReturnType<typeof client>) => void = () => undefined) => {
    const xmpp = client({ service: hosting.service, domain: "bots.example", username: "juliet", password: "secret" });
    xmpp.on("error", () => undefined);
    const e2e = await balcony(xmpp, { store: await TrustStore.inMemory(), policy: { allow: () => true }, transports: [ibb()] });
    under(xmpp);
    const ready = new Promise((resolve) => e2e.once("ready", resolve));
    await xmpp.start();
    await ready;
    leaving.push(async () => {
      await e2e.close();
      xmpp.reconnect.stop();
      await xmpp.stop();
    });
    const said: string[] = [];
    xmpp.on("stanza", (stanza: Element) => {
      const text = stanza.attrs.type === "chat" ? stanza.getChildText("body") : undefined;
      if (text) said.push(text);
    });
    e2e.on("session", (session) => {
      session.on("error", () => undefined);
      session.on("stanza", () => void session.send(xml("message", {}, xml("body", {}, "heard"))).catch(() => undefined));
    });
    const ask = async (name: "streams" | "streams-bad", text: string, answers: number): Promise<string[]> => {
      said.length = 0;
      await xmpp.send(xml("message", { to: bot(name), type: "chat" }, xml("body", {}, text)));
      await expect.poll(() => said.length, { timeout: 20_000 }).toBe(answers);
      return [...said];
    };
    return { e2e, ask };
  };

  it("takes a stream and repeats what is said; opens one, tells of it, and closes it", async () => {
    const { ask, e2e } = await person();
    const session = await e2e.open(bot("streams"));
    const heard = new Promise<Element>((resolve) => session.once("stanza", resolve));
    await session.send(xml("message", {}, xml("body", {}, "Good night")));
    expect((await heard).getChildText("body")).toBe("You said: Good night");
    expect((await ask("streams", "status", 1))[0]).toContain("TLSv1.3");
    await session.close();
    expect((await ask("streams", "open", 2))[1]).toMatch(/^It stands\. TLSv1\.3/);
    expect((await ask("streams", "close", 1))[0]).toContain("closed");
  });

  it.each(streamBreaches)("sends $what, and hears that ours does not take it", async ({ name, what }) => {
    const { ask } = await person();
    const [, verdict] = await ask("streams-bad", `bad ${name}`, 2);
    expect(verdict).toContain(`Right: you did not take ${what}`);
  });

  it("tells a client that takes a block twice that it did not notice", async () => {
    const { ask } = await person(twiceForOnce);
    const [, verdict] = await ask("streams-bad", "bad twice", 2);
    expect(verdict).toMatch(/^Wrong: you did not notice the same in-band block twice/);
  });
});
