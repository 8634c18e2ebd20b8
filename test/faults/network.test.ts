import { type BalconyError, type Session, xml } from "balcony";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ejabberd } from "../rigs/ejabberd.js";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";
import { type Relay, relayTo } from "../rigs/relay.js";

/** Short, so that nobody waits for minutes; the rest is as it is by default. */
const keepalive = { interval: 3000, deadline: 3000 };

const servers = [
  { title: "Prosody", start: () => prosody({ limits: "none" }), alice: "alice@alpha.test", bob: "bob@beta.test" },
  { title: "ejabberd", start: () => ejabberd({ limits: "none" }), alice: "alice@ej1.test", bob: "bob@ej2.test" },
];

describe.each(servers)("a stream over $title", ({ start, ...jids }) => {
  let server: RigServer;
  let wire: Relay;
  let alice: LoggedIn;
  let bob: LoggedIn;
  let toBob: Session;
  let toAlice: Session;

  beforeEach(async () => {
    server = await start();
    wire = await relayTo(server.service);
    alice = await login({ service: wire.service, jid: jids.alice, password: server.password, options: { keepalive } });
    bob = await login({ service: server.service, jid: jids.bob, password: server.password, options: { keepalive } });
    [toBob, toAlice] = await streamBetween(alice, bob);
  });

  afterEach(async () => {
    await Promise.all([alice, bob].map(async (person) => await person.logout()));
    await wire.stop();
    await server.stop();
  });

  const says = async (from: Session, to: Session, words: string): Promise<void> => {
    const heard = next<ReturnType<typeof xml>>(to, "stanza");
    const lost = next<Error>(to, "error").then((error) => Promise.reject(error));
    await from.send(xml("message", {}, xml("body", {}, words)));
    expect((await Promise.race([heard, lost])).getChildText("body")).toBe(words);
    lost.catch(() => undefined); // how it ends later is not about these words
  };
  /** How each side hears of it: an error once, then its close once. */
  const endOf = async (session: Session): Promise<BalconyError> => {
    const heard: string[] = [];
    session.on("error", () => heard.push("error"));
    session.on("close", () => heard.push("close"));
    const [error] = await Promise.all([next<BalconyError>(session, "error"), next(session, "close")]);
    expect([heard, session.status]).toEqual([["error", "close"], "offline"]);
    return error;
  };

  it("is found dead by both sides where the network stalls without a word", async () => {
    await says(toBob, toAlice, "before");
    const ends = [endOf(toBob), endOf(toAlice)];
    wire.stall();
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(["peer-dead", "peer-dead"]);
    await expect(toBob.send(xml("message"))).rejects.toMatchObject({ code: "peer-dead" });
  });

  it("goes on where the network is cut and the connection to the server can be resumed", async () => {
    await says(toBob, toAlice, "before");
    wire.cut("reachable");
    await Promise.all([says(toBob, toAlice, "to bob, after"), says(toAlice, toBob, "to alice, after")]);
    expect([toBob.status, toAlice.status]).toEqual(["online", "online"]);
  });

  it("ends with an error on both sides where the network is cut for good", async () => {
    await says(toAlice, toBob, "before");
    const ends = [endOf(toBob), endOf(toAlice)];
    wire.cut("unreachable");
    for (const { code } of await Promise.all(ends)) expect(["peer-dead", "connection-lost", "session-ended", "ibb-lost"]).toContain(code);
  });

  it("ends with an error on both sides where the server is killed", async () => {
    await says(toAlice, toBob, "before");
    const ends = [endOf(toBob), endOf(toAlice)];
    await server.kill();
    for (const { code } of await Promise.all(ends)) expect(["peer-dead", "connection-lost"]).toContain(code);
    await expect(toBob.iqCaller.get(xml("query", "urn:example:query"))).rejects.toMatchObject({ name: "BalconyError" });
  });
});
