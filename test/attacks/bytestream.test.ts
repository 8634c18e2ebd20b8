import type { Interfere } from "@balcony/local-server";
import type { Session } from "balcony";
import { expect, it } from "vitest";
import { next, streamBetween } from "../rigs/login.js";
import { codeOf, message, NS_IBB, nextError, stage, untouched } from "./stage.js";

const on = stage();

/** What the server does to the n-th block from the moment it is set. */
function onBlock(n: number, alter: (stanza: Parameters<Interfere>[0]) => ReturnType<Interfere>): Interfere {
  let seen = 0;
  return (stanza, { direction }) => (direction === "out" && stanza.getChild("data", NS_IBB) && seen++ === n ? alter(stanza) : stanza);
}

const errorOf = (session: Session): Promise<string> => new Promise((resolve) => session.once("error", ({ code }) => resolve(code)));

const faults: readonly (readonly [string, () => Interfere, sender: RegExp, receiver: RegExp])[] = [
  [
    "alters a bit",
    () =>
      onBlock(0, (stanza) => {
        const data = stanza.getChild("data", NS_IBB);
        if (data) {
          const bytes = Buffer.from(data.getText(), "base64");
          bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
          data.children = [bytes.toString("base64")];
        }
        return stanza;
      }),
    /./,
    /^tls-failed$/,
  ],
  ["sends a block twice", () => onBlock(0, (stanza) => [stanza, stanza]), /./, /^ibb-sequence$/],
  ["leaves a block out", () => onBlock(0, () => undefined), /./, /^ibb-sequence$/],
  [
    "swaps two blocks",
    () => {
      let held: Parameters<Interfere>[0] | undefined;
      return (stanza, { direction }) => {
        if (direction !== "out" || !stanza.getChild("data", NS_IBB)) return stanza;
        if (held) return [stanza, held];
        held = stanza;
        return undefined;
      };
    },
    /./,
    /^ibb-sequence$/,
  ],
  [
    "puts white space into base64",
    () =>
      onBlock(0, (stanza) => {
        const data = stanza.getChild("data", NS_IBB);
        if (data) data.children = [`\n${data.getText()}`];
        return stanza;
      }),
    /./,
    /^ibb-base64$/,
  ],
  [
    "closes the bytestream in the peer's name",
    () =>
      onBlock(0, (stanza) => {
        const data = stanza.getChild("data", NS_IBB);
        if (data) Object.assign(data, { name: "close", children: [], attrs: { xmlns: NS_IBB, sid: data.attrs.sid } });
        return stanza;
      }),
    /./,
    /^truncated$/,
  ],
];

it.each(faults)("a server that %s ends the stream on both sides, and delivers nothing that was not sent", async (_, fault, sender, receiver) => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [toJuliet, toRomeo] = await streamBetween(romeo, juliet);
  const came: string[] = [];
  toRomeo.on("stanza", (stanza) => came.push(stanza.getChildText("body") ?? ""));
  const ends = Promise.all([errorOf(toJuliet), errorOf(toRomeo), next(toJuliet, "close"), next(toRomeo, "close")]);
  on.interfere = fault();
  const sent = Array.from({ length: 20 }, (_, index) => `${index} ${"x".repeat(3000)}`);
  await Promise.allSettled(sent.map(async (text) => await toJuliet.send(message(text))));
  const [atSender, atReceiver] = await ends;
  expect(atReceiver).toMatch(receiver);
  expect(atSender).toMatch(sender);
  expect(came).toEqual(sent.slice(0, came.length));
  on.interfere = untouched;
  const [again] = await streamBetween(romeo, juliet);
  expect(again.security.peer).toEqual(toJuliet.security.peer);
});

it("a server that swallows a block in the handshake is not waited for past the deadline", async () => {
  const romeo = await on.login("romeo", { timeouts: { handshake: 300 } });
  const juliet = await on.login("juliet", { timeouts: { handshake: 300 } });
  on.interfere = onBlock(2, () => undefined);
  const failed = nextError(juliet);
  expect(await codeOf(romeo.e2e.open(juliet.self))).toMatch(/^(timeout|session-ended|connection-lost|ibb-sequence)$/);
  expect((await failed).code).toMatch(/./);
});
