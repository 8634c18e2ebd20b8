import { type Session, xml } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoggedIn, login, next, streamBetween } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";
import { type Relay, relayTo } from "../rigs/relay.js";

const said = ["parting is such sweet sorrow", "that I shall say good night", "till it be morrow", "urn:example:secret-question"];
const HANDSHAKE = 0x16;
const recordTypes = [0x14, HANDSHAKE, 0x17]; // change_cipher_spec, handshake, application_data
const SERVER_HELLO = 2;
const SUPPORTED_VERSIONS = 0x002b;

describe("what Prosody relays of a stream", () => {
  let server: RigServer;
  let wire: Relay;
  let people: readonly LoggedIn[];
  let fromAlice: Buffer;
  let fromBob: Buffer;

  beforeAll(async () => {
    server = await prosody({ limits: "none" });
    wire = await relayTo(server.service);
    const alice = await login({ service: wire.service, jid: "alice@alpha.test", password: server.password });
    const bob = await login({ service: server.service, jid: "bob@beta.test", password: server.password });
    people = [alice, bob];
    const [toBob, toAlice] = await streamBetween(alice, bob);
    await talk(toBob, toAlice);
    fromAlice = blocks(wire.seen.client);
    fromBob = blocks(wire.seen.server);
  });

  afterAll(async () => {
    for (const person of people) await person.logout();
    await wire.stop();
    await server.stop();
  });

  it("holds none of the words, in the stanzas or in what their base64 holds", () => {
    const all = [wire.seen.client, wire.seen.server, fromAlice.toString("latin1"), fromBob.toString("latin1")];
    for (const words of said) expect(all.filter((seen) => seen.includes(words))).toEqual([]);
    expect(all.filter((seen) => seen.includes("urn:xmpp:jingle:apps:xmlstream:0")).length).toBe(2); // and yet it was all recorded
  });

  it("is a plain stream up to STARTTLS, and TLS records from then on", () => {
    const [asked, fromClient] = cut(fromAlice, "starttls");
    const [proceeded, fromServer] = cut(fromBob, "proceed");
    expect(asked).not.toContain("<message");
    expect(proceeded).not.toContain("<message");
    for (const bytes of [fromClient, fromServer]) {
      const types = records(bytes).map(({ type }) => type);
      expect(types[0]).toBe(HANDSHAKE);
      expect(types.length).toBeGreaterThan(5);
      expect(types.filter((type) => !recordTypes.includes(type))).toEqual([]);
    }
  });

  it("is TLS 1.3, as the responder's hello has it", () => {
    const [, fromServer] = cut(fromBob, "proceed");
    const hellos = records(fromServer).filter(({ type }) => type === HANDSHAKE);
    expect(hellos.length).toBeGreaterThan(0);
    // In TLS 1.3 nothing but the hellos is a handshake record that can be read (RFC 8446 §2).
    for (const { content } of hellos) expect(extension(content, SUPPORTED_VERSIONS)).toBe(0x0304);
  });
});

async function talk(toBob: Session, toAlice: Session): Promise<void> {
  const [first = "", second = "", third = "", question = ""] = said;
  const heard = next<ReturnType<typeof xml>>(toAlice, "stanza");
  await toBob.send(xml("message", { type: "chat" }, xml("body", {}, first)));
  expect((await heard).getChildText("body")).toBe(first);
  const seen = next<ReturnType<typeof xml>>(toBob, "stanza");
  await toAlice.send(xml("presence", {}, xml("status", {}, second)));
  expect((await seen).getChildText("status")).toBe(second);
  toAlice.iqCallee.get(question, "q", () => xml("q", question, third));
  expect((await toBob.iqCaller.get(xml("q", question)))?.getText()).toBe(third);
  const over = next(toAlice, "close");
  await toBob.close();
  await over;
}

/** What the in-band bytestream's blocks in a capture hold, one after another. */
function blocks(capture: string): Buffer {
  return Buffer.concat(
    [...capture.matchAll(/<data [^>]*xmlns=['"]http:\/\/jabber.org\/protocol\/ibb['"][^>]*>([^<]*)<\/data>/g)].map(([, base64]) => Buffer.from(base64 ?? "", "base64")),
  );
}

/** What stands before and behind an element of STARTTLS. */
function cut(bytes: Buffer, name: "starttls" | "proceed"): readonly [before: string, behind: Buffer] {
  const found = new RegExp(`<${name} xmlns=['"]urn:ietf:params:xml:ns:xmpp-tls['"](?:/>|>.*?</${name}>)`).exec(bytes.toString("latin1"));
  if (!found) throw new Error(`No <${name}/> was sent.`);
  return [bytes.subarray(0, found.index).toString("latin1"), bytes.subarray(found.index + found[0].length)];
}

/** RFC 8446 §5.1. Fails where the bytes are no whole records. */
function records(bytes: Buffer): { readonly type: number; readonly content: Buffer }[] {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    const content = bytes.subarray(at + 5, at + 5 + length);
    if (bytes[at + 1] !== 3 || content.length !== length) throw new Error(`No TLS record at ${at}.`);
    found.push({ type: bytes.readUInt8(at), content });
    at += 5 + length;
  }
  return found;
}

/** The two bytes of an extension of a ServerHello (RFC 8446 §4.1.3). */
function extension(hello: Buffer, wanted: number): number | undefined {
  expect(hello[0]).toBe(SERVER_HELLO);
  const sessionId = 4 + 2 + 32;
  let at = sessionId + 1 + hello.readUInt8(sessionId) + 2 + 1; // cipher suite, compression
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) if (hello.readUInt16BE(at) === wanted) return hello.readUInt16BE(at + 4);
  return undefined;
}
