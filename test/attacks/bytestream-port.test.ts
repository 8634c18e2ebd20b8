import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createIdentity, secure } from "@balcony/tls";
import { childElements, type Element } from "@balcony/xml";
import { startTls } from "@balcony/xml-stream";
import type { Session } from "balcony";
import { describe, expect, it } from "vitest";
import { destinationAddress } from "../../packages/transport-s5b/src/transport.js";
import { type LoggedIn, next, streamBetween } from "../rigs/login.js";
import { message, NS_JINGLE, stage } from "./stage.js";

// The 40 hex digits by which a SOCKS5 bytestream is asked for are no secret: both servers see what they are made of. Somebody else dials with them, before the peer does.
const on = stage({ sharedRoster: true });
const here = { dangerouslyUseLoopback: true, secure: "starttls" } as const;
const NS_S5B = "urn:xmpp:jingle:transports:s5b:1";

const greeting = Buffer.of(5, 1, 0);
const request = (hash: string): Buffer => Buffer.concat([Buffer.of(5, 1, 0, 3, 40), Buffer.from(hash), Buffer.of(0, 0)]);

/** Connects to a pending bytestream's port, and is let in. */
async function letIn(port: number, hash: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  socket.write(greeting);
  let read = Buffer.alloc(0);
  const until = async (length: number): Promise<void> => {
    while (read.length < length) read = Buffer.concat([read, ((await once(socket, "data")) as [Buffer])[0]]);
  };
  await until(2);
  socket.write(request(hash));
  await until(2 + 47);
  expect(read[3]).toBe(0);
  socket.pause();
  return socket;
}

/** The first `<transport/>` of SOCKS5 bytestreams, be it within others that are tried beside it. */
function bytestream(element: Element): Element | undefined {
  if (element.is("transport", NS_S5B)) return element;
  for (const child of childElements(element)) {
    const found = bytestream(child);
    if (found) return found;
  }
  return undefined;
}

type Stranger = (socket: Socket, victims: { readonly self: string; readonly peer: string }) => Promise<unknown> | undefined;

const strangers: Readonly<Record<string, Stranger>> = {
  "says nothing": () => undefined,
  "speaks something else": (socket) => void socket.write("SSH-2.0-OpenSSH_9.2\r\n"),
  "hangs up": (socket) => void socket.end(),
  "speaks XML and no STARTTLS": (socket) =>
    void socket.write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"),
  "goes through STARTTLS with a key of its own": (socket, { self, peer }) =>
    startTls(socket, {
      role: "initiator",
      self,
      peer,
      addresses: "hidden",
      secure: async (bytes) => await secure(bytes, { role: "client", identity: createIdentity(self.split("/")[0] ?? ""), accept: () => undefined }),
    }),
};

/** Lets strangers dial the responder's port before the initiator hears of it: the responder's answer is held back until they are in. */
function strangersFirst(juliet: LoggedIn, romeo: LoggedIn, stranger: Stranger, many: number) {
  const sockets: Socket[] = [];
  const ends: Promise<unknown>[] = [];
  let letIns: Promise<unknown> | undefined;
  on.interfere = (stanza, { direction, session }) => {
    const jingle = stanza.getChild("jingle", NS_JINGLE);
    const transport = jingle && bytestream(jingle);
    if (jingle?.attrs.action !== "session-accept" || !transport || direction !== "in" || session !== juliet.self || letIns) return stanza;
    const { host, port } = transport.getChildren("candidate").find(({ attrs }) => attrs.type === "direct")?.attrs ?? {};
    expect(host).toBe("127.0.0.1");
    const hash = destinationAddress(transport.attrs.sid ?? "", juliet.self, romeo.self);
    const dialled = Promise.all(Array.from({ length: many }, async () => await letIn(Number(port), hash)));
    letIns = dialled;
    void dialled.then((found) => {
      sockets.push(...found);
      for (const socket of found) ends.push(Promise.resolve(stranger(socket, { self: romeo.self, peer: juliet.self })).catch(() => undefined));
      stanza.attrs.from = juliet.self;
      on.server.inject(romeo.self, stanza.toString());
    });
    return undefined;
  };
  return {
    /** All of them were let in, and have lost. */
    lost: async () => {
      await letIns;
      await Promise.all(sockets.map(async (socket) => socket.destroyed || (await once(socket.resume(), "close"))));
      await Promise.all(ends);
      return sockets.length;
    },
  };
}

async function talk(sessions: readonly Session[]): Promise<void> {
  const [near, far] = sessions as [Session, Session];
  const heard = next<ReturnType<typeof message>>(far, "stanza");
  await near.send(message("Good night, good night!"));
  expect((await heard).getChildText("body")).toBe("Good night, good night!");
}

describe.each(Object.entries(strangers))("a stranger who dials first and %s", (name, stranger) => {
  it("loses, and the peer whose key is known gets in by the same path", async () => {
    const [romeo, juliet] = [await on.login("romeo", here), await on.login("juliet", here)];
    const [first] = await streamBetween(romeo, juliet);
    await first.close();
    const intruders = strangersFirst(juliet, romeo, stranger, 1);
    const sessions = await streamBetween(romeo, juliet);
    for (const { security } of sessions) expect(security.path).toMatch(/^s5b direct/);
    expect(sessions[1]?.security.peer?.fingerprint).toBe((await romeo.e2e.identity()).spki);
    expect(await intruders.lost()).toBe(1);
    await talk(sessions);
  });

  it("loses at first contact too, where nothing tells the two apart but that there are two", async () => {
    const [romeo, juliet] = [await on.login("romeo", here), await on.login("juliet", here)];
    const intruders = strangersFirst(juliet, romeo, stranger, 1);
    const sessions = await streamBetween(romeo, juliet);
    expect(sessions[1]?.security.peer?.fingerprint).toBe((await romeo.e2e.identity()).spki);
    expect(await intruders.lost()).toBe(1);
    if (name === "goes through STARTTLS with a key of its own") for (const { security } of sessions) expect(security.path).not.toMatch(/^s5b direct/);
    await talk(sessions);
  });
});

it("more strangers than are taken for what may be the peer's cost the path, not the session", async () => {
  const [romeo, juliet] = [await on.login("romeo", here), await on.login("juliet", here)];
  const intruders = strangersFirst(juliet, romeo, (socket) => void socket.end(), 31);
  await talk(await streamBetween(romeo, juliet));
  expect(await intruders.lost()).toBe(31);
});
