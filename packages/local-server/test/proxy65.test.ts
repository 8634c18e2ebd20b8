import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { SocksClient } from "socks";
import { describe, expect, it } from "vitest";
import type { LocalServer } from "../src/index.js";
import { type Actor, login, stage, xml } from "./actors.js";

const NS = "http://jabber.org/protocol/bytestreams";
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");

async function enter(server: LocalServer, hash: string): Promise<Socket> {
  const { host, port } = server.proxy65 ?? { host: "", port: 0 };
  const { socket } = await SocksClient.createConnection({ proxy: { host, port, type: 5 }, command: "connect", destination: { host: hash, port: 0 } });
  return socket;
}

/** Everything that comes, from now to the end. */
async function text(socket: Socket): Promise<string> {
  let received = "";
  for await (const chunk of socket) received += chunk;
  return received;
}

const activate = (actor: Actor, sid: string | undefined, target: string | undefined) =>
  actor.ask(xml("iq", { type: "set", to: "proxy.montague.lit" }, xml("query", { xmlns: NS, sid }, target === undefined ? undefined : xml("activate", {}, target))));
const condition = (answer: Awaited<ReturnType<typeof activate>>) => {
  const error = answer.getChild("error")?.children[0] as { name: string } | undefined;
  return error?.name ?? answer.attrs.type;
};

async function pair() {
  const server = await stage();
  return { server, romeo: await login(server, "romeo@montague.lit"), juliet: await login(server, "juliet@capulet.lit") };
}

it("the proxy tells what it is and where it listens", async () => {
  const { server, juliet } = await pair();
  const info = await juliet.ask(xml("iq", { type: "get", to: "proxy.montague.lit" }, xml("query", "http://jabber.org/protocol/disco#info")));
  expect(info.getChild("query")?.getChild("identity")?.attrs).toMatchObject({ category: "proxy", type: "bytestreams" });
  const where = await juliet.ask(xml("iq", { type: "get", to: "proxy.montague.lit" }, xml("query", NS)));
  expect(where.getChild("query")?.getChild("streamhost")?.attrs).toEqual({ jid: server.proxy65?.jid, host: server.proxy65?.host, port: String(server.proxy65?.port) });
});

describe("two connections with one hash", () => {
  for (const [order, hashed] of Object.entries({ "requester and target": (a: string, b: string) => a + b, "target and requester": (a: string, b: string) => b + a })) {
    it(`are joined when the requester says so, hashed over ${order}`, async () => {
      const { server, romeo, juliet } = await pair();
      const hash = sha1(`sid${hashed(romeo.jid, juliet.jid)}`);
      const [one, other] = [await enter(server, hash), await enter(server, hash)];
      const [toOne, toOther] = [text(one), text(other)];
      one.write("early, "); // before the activation: held
      other.write("early too, ");
      expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("result");
      other.write("back");
      one.end("last");
      expect(await toOther).toBe("early, last");
      expect(await toOne).toBe("early too, back");
    });
  }

  it("carry a mebibyte unchanged", async () => {
    const { server, romeo, juliet } = await pair();
    const hash = sha1(`sid${romeo.jid}${juliet.jid}`);
    const [one, other] = [await enter(server, hash), await enter(server, hash)];
    await activate(romeo, "sid", juliet.jid);
    const sent = "0123456789abcdef!".repeat(1 << 16);
    one.end(sent);
    expect((await text(other)) === sent).toBe(true);
  });

  it("are lost together", async () => {
    const { server, romeo, juliet } = await pair();
    const hash = sha1(`sid${romeo.jid}${juliet.jid}`);
    const [one, other] = [await enter(server, hash), await enter(server, hash)];
    other.on("error", () => undefined);
    await activate(romeo, "sid", juliet.jid);
    one.resetAndDestroy();
    await once(other, "close");
  });

  it("let no third one in", async () => {
    const { server, romeo, juliet } = await pair();
    const hash = sha1(`sid${romeo.jid}${juliet.jid}`);
    await enter(server, hash);
    await enter(server, hash);
    await expect(enter(server, hash)).rejects.toThrow();
    expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("result");
  });
});

describe("activation is refused", () => {
  it("to whoever is not the requester, and then still works for the requester", async () => {
    const { server, romeo, juliet } = await pair();
    const tybalt = await login(server, "tybalt@capulet.lit");
    const hash = sha1(`sid${romeo.jid}${juliet.jid}`);
    await enter(server, hash);
    await enter(server, hash);
    expect(condition(await activate(tybalt, "sid", juliet.jid))).toBe("item-not-found");
    expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("result");
    expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("item-not-found");
  });

  it("while only one is there, and after it has gone", async () => {
    const { server, romeo, juliet } = await pair();
    const hash = sha1(`sid${romeo.jid}${juliet.jid}`);
    const one = await enter(server, hash);
    expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("not-allowed");
    one.end();
    await once(one, "close");
    const other = await enter(server, hash);
    expect(condition(await activate(romeo, "sid", juliet.jid))).toBe("not-allowed");
    other.destroy();
  });

  it.each([
    ["without a sid", undefined, "juliet@capulet.lit/balcony", "bad-request"],
    ["without a target", "sid", undefined, "bad-request"],
    ["with a target that is no address", "sid", "@@", "jid-malformed"],
    ["for an unknown stream", "sid", "juliet@capulet.lit/balcony", "item-not-found"],
  ])("%s", async (_name, sid, target, expected) => {
    const { romeo } = await pair();
    expect(condition(await activate(romeo, sid, target))).toBe(expected);
  });
});

describe("SOCKS5 that the proxy does not speak is refused:", () => {
  const hash = Buffer.from("a".repeat(40));
  const request = (...head: number[]) => Buffer.concat([Buffer.of(5, 1, 0), Buffer.of(...head), hash, Buffer.of(0, 0)]);
  it.each([
    ["version 4", Buffer.of(4, 1, 0), "05ff"],
    ["no method without authentication", Buffer.of(5, 1, 2), "05ff"],
    ["another version in the request", request(4, 1, 0, 3, 40), "050005020001000000000000"],
    ["BIND", request(5, 2, 0, 3, 40), "050005070001000000000000"],
    ["an IPv4 address", request(5, 1, 0, 1, 127), "050005080001000000000000"],
    ["a host of another length", request(5, 1, 0, 3, 39), "050005020001000000000000"],
    ["a host that is no hash", Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, 3, 40), Buffer.from("g".repeat(40)), Buffer.of(0, 0)]), "050005020001000000000000"],
    ["a port other than 0", Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, 3, 40), hash, Buffer.of(0, 80)]), "050005020001000000000000"],
  ])("%s", async (_name, bytes, expected) => {
    const server = await stage();
    const socket = connect(server.proxy65?.port ?? 0, "127.0.0.1");
    socket.write(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString("hex")).toBe(expected);
  });

  it("and what comes in single bytes is understood", async () => {
    const server = await stage();
    const socket = connect(server.proxy65?.port ?? 0, "127.0.0.1");
    socket.setNoDelay(true);
    for (const byte of request(5, 1, 0, 3, 40)) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    let received = Buffer.alloc(0);
    while (received.length < 49) received = Buffer.concat([received, (await once(socket, "data"))[0] as Buffer]);
    expect(received.toString("latin1")).toBe(`\x05\x00\x05\x00\x00\x03\x28${hash}\x00\x00`);
    socket.destroy();
  });
});
