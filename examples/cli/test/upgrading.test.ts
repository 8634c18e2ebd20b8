import { xml } from "balcony";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type LoggedIn, login, next } from "../../../test/rigs/login.js";
import { atTerminal, balcony, events, type House, house } from "./running.js";

let at: House;
/** Whose client says nothing of its streams, by bare address. */
let hidden: string | undefined;
let present: LoggedIn | undefined;
beforeAll(async () => {
  at = await house({
    interfere: (stanza, { direction, session }) => {
      const query = hidden !== undefined && direction === "in" && session?.startsWith(`${hidden}/`) ? stanza.getChild("query", "http://jabber.org/protocol/disco#info") : undefined;
      const streams = query?.getChildren("feature").find(({ attrs }) => attrs.var === "urn:xmpp:jingle:apps:xmlstream:0");
      if (streams) query?.remove(streams);
      return stanza;
    },
  });
});
afterAll(async () => await at.tearDown());
beforeEach(() => {
  present = undefined;
});
afterEach(async () => await present?.logout());

/** Somebody with a client that answers every message with a question, in whatever session. */
async function echo(jid: string, password: string): Promise<LoggedIn> {
  present = await login({ service: at.server.service, jid, password, resource: "sealed", options: { policy: { fallback: () => true } } });
  present.e2e.on("session", (session) => {
    session.on("stanza", (stanza) => {
      if (stanza.name === "message") void session.send(xml("message", {}, xml("body", {}, `${stanza.getChildText("body")}?`)));
    });
  });
  return present;
}

it("a person is told when the peer's client has gained streams, and goes on in one when they say so", { timeout: 60_000 }, async () => {
  hidden = "nurse@capulet.lit";
  const nurse = await echo(hidden, "wormwood");
  const romeo = await atTerminal(["open", nurse.self, ...at.as("romeo"), "--resource", "orchard"]).until("knows no end-to-end streams");
  await romeo.until("Type what you want to say");
  romeo.child.stdin.write("/upgrade\r");
  await romeo.until("[unsupported-peer]"); // not yet; and the ESession goes on
  romeo.child.stdin.write("but soft\r");
  await romeo.until("but soft?");
  hidden = undefined;
  await nurse.xmpp.send(xml("presence", { to: "romeo@montague.lit/orchard" }));
  await romeo.until("has end-to-end streams by now");
  romeo.child.stdin.write("/upgrade\r");
  await romeo.until("TLSv1.3");
  await romeo.until(/TLSv1.3[\s\S]*Type what you want to say/);
  romeo.child.stdin.write("art thou not Romeo\r");
  await romeo.until("art thou not Romeo?");
  romeo.child.stdin.write("/quit\r");
  const { code, stdout } = await romeo.ended;
  expect([code, stdout.toString()]).toEqual([0, expect.stringContaining("the ESession is closed, and the stream goes on")]);
  expect(stdout.toString()).not.toContain("has closed the");
});

it("a program goes on in a stream by policy, and has both sessions told as events", { timeout: 60_000 }, async () => {
  hidden = "nurse@capulet.lit";
  const nurse = await echo(hidden, "wormwood");
  const juliet = balcony("open", nurse.self, ...at.as("juliet"), "--resource", "balcony", "--upgrade", "always", "--json", "--json-input");
  await juliet.until('"protocol":"ESession"');
  hidden = undefined;
  await nurse.xmpp.send(xml("presence", { to: "juliet@capulet.lit/balcony" }));
  await juliet.until('"protocol":"TLSv1.3"');
  juliet.child.stdin.write('{"message":"Ay me"}\n');
  await juliet.until("Ay me?");
  juliet.child.stdin.end();
  const { code, stdout } = await juliet.ended;
  const told = events(stdout).flatMap(({ event }) => (["open", "upgradable", "close", "message", "error"].includes(String(event)) ? [event] : []));
  expect([code, told]).toEqual([0, ["open", "upgradable", "close", "open", "message", "close"]]);
});

it("who listens lets whoever is there in an ESession go on in a stream, and nobody else meanwhile", { timeout: 60_000 }, async () => {
  hidden = "juliet@capulet.lit";
  const romeo = await echo("romeo@montague.lit", "orchard");
  const juliet = await atTerminal(["listen", ...at.as("juliet"), "--resource", "garden", "--yes", "--once"]).until("listening");
  const sealed = await romeo.e2e.open("juliet@capulet.lit/garden");
  expect(sealed.security.protocol).toBe("ESession");
  await juliet.until("Type what you want to say");
  hidden = undefined;
  const stranger = balcony("open", "juliet@capulet.lit/garden", ...at.as("romeo"));
  expect((await stranger.ended).stderr).toContain("[declined]");
  await juliet.until("one at a time");
  juliet.child.stdin.write("wherefore\r");
  const [stanza] = await Promise.all([next<unknown>(sealed, "stanza"), juliet.until("wherefore")]);
  expect(String(stanza)).toContain("wherefore");
  const stream = await romeo.e2e.upgrade(sealed);
  await juliet.until("romeo has closed the ESession");
  await juliet.until(/TLSv1.3[\s\S]*Type what you want to say/);
  const heard = next<unknown>(stream, "stanza");
  juliet.child.stdin.write("art thou Romeo\r");
  expect(String(await heard)).toContain("art thou Romeo");
  await stream.close();
  expect((await juliet.ended).code).toBe(0);
});
