import { expect, it } from "vitest";
import { codeOf, NS_JINGLE, stage } from "../../../test/attacks/stage.js";
import { xml } from "../src/index.js";

const on = stage();
const NS_MUC = "http://jabber.org/protocol/muc";
const ROOM = "verona@conference.capulet.lit";

/** The server plays a room (XEP-0045): whoever enters is shown an occupant, and what an occupant sends comes from the room. */
async function entered() {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  on.interfere = (stanza, { direction }) => {
    if (direction !== "in" || stanza.attrs.to !== `${ROOM}/romeo` || stanza.attrs.from !== romeo.self) return stanza;
    return [
      xml("presence", { from: `${ROOM}/juliet`, to: romeo.self }, xml("x", `${NS_MUC}#user`)),
      xml("presence", { from: `${ROOM}/romeo`, to: romeo.self }, xml("x", `${NS_MUC}#user`, xml("status", { code: "110" }))),
    ];
  };
  await romeo.xmpp.send(xml("presence", { to: `${ROOM}/romeo` }, xml("x", NS_MUC)));
  return { romeo, juliet };
}

it.each([
  ["an occupant", `${ROOM}/juliet`],
  ["the room itself", ROOM],
])("%s is no peer: no stream is offered", async (_, address) => {
  const { romeo } = await entered();
  expect(await codeOf(romeo.e2e.open(address))).toBe("room-occupant");
  expect(on.seen.filter(({ direction, xml: text }) => direction === "in" && (text.includes(NS_JINGLE) || text.includes("disco#info")))).toEqual([]);
});

it("an occupant who offers a stream is answered as an absent resource, though policy lets everybody in", async () => {
  const { romeo, juliet } = await entered();
  const { interfere } = on;
  on.interfere = (stanza, context) => {
    if (context.direction === "in" && stanza.attrs.from === juliet.self) Object.assign(stanza.attrs, { from: `${ROOM}/juliet`, to: romeo.self });
    else if (context.direction === "in" && stanza.attrs.to === `${ROOM}/juliet`) Object.assign(stanza.attrs, { from: romeo.self, to: juliet.self });
    return interfere(stanza, context);
  };
  const answer = await juliet.xmpp.iqCaller.get(xml("query", "http://jabber.org/protocol/disco#info"), romeo.self).catch((error: { condition?: string }) => error.condition);
  expect(answer).toBe("service-unavailable");
  expect([romeo.e2e.sessions.size, on.seen.some(({ xml: text }) => text.includes("session-accept"))]).toEqual([0, false]);
});

it("once the room is left and the client has logged in anew, its address is like any other", async () => {
  const { romeo } = await entered();
  await romeo.xmpp.disconnect();
  await new Promise((resolve) => romeo.e2e.once("ready", resolve));
  expect(await codeOf(romeo.e2e.open(`${ROOM}/juliet`))).not.toBe("room-occupant");
});
