import { describe, expect, it } from "vitest";
import { streamBetween } from "../rigs/login.js";
import { both, codeOf, inBand, NS_IBB, nextError, rewriting, stage } from "./stage.js";

const on = stage();

type Rewrite = (bytes: Buffer) => readonly (Buffer | string)[] | undefined;

/** Replaces what comes whole in one block. */
const replacing =
  (what: RegExp, by: string): Rewrite =>
  (bytes) => {
    const text = bytes.toString("latin1");
    return what.test(text) ? [text.replace(what, by)] : undefined;
  };

/** Every byte of the block that fits in a block of its own. */
const byteByByte =
  (rewrite: Rewrite): Rewrite =>
  (bytes) =>
    rewrite(bytes)?.flatMap((block) => [...Buffer.from(block)].map((byte) => Buffer.of(byte)));

const STARTTLS = /<starttls[^>]*?(\/>|>.*<\/starttls>)/s;
const PROCEED = /<proceed[^>]*?(\/>|>.*<\/proceed>)/s;
const FEATURES = /<stream:features.*<\/stream:features>/s;
const injected = "<message from='juliet@capulet.lit'><body>trust me</body></message>";

/** Romeo opens, Juliet answers, and the server does this to the bytes to one of them: what each makes of it. */
async function outcome(to: "initiator" | "responder", rewrite: Rewrite): Promise<readonly [initiator: string, responder: string]> {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  on.interfere = rewriting(to === "initiator" ? romeo.self : juliet.self, rewrite);
  const failed = nextError(juliet);
  const opened = await codeOf(romeo.e2e.open(juliet.self));
  const answered = (await failed).code;
  expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  expect(inBand(on)).not.toMatch(/<(message|presence|iq)\b/);
  expect([romeo.e2e.store.list("romeo@montague.lit"), juliet.e2e.store.list("juliet@capulet.lit")]).toEqual([[], []]);
  return [opened, answered];
}

describe("a server that tampers with STARTTLS", () => {
  it.each([
    ["takes <starttls/> out of the features", "initiator", replacing(STARTTLS, ""), ["starttls-missing", "session-ended"]],
    ["takes everything out of the features", "initiator", replacing(FEATURES, "<stream:features/>"), ["starttls-missing", "session-ended"]],
    [
      "offers SASL in its place",
      "initiator",
      replacing(STARTTLS, "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"),
      ["starttls-missing", "session-ended"],
    ],
    ["answers <failure/> for the peer", "initiator", replacing(PROCEED, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), ["starttls-refused", "session-ended"]],
    ["asks for no TLS in the initiator's name, and sends a message", "responder", replacing(STARTTLS, injected), ["stream-error", "not-authorized"]],
    ["puts a message before <proceed/>", "initiator", replacing(PROCEED, `${injected}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`), ["not-authorized", "session-ended"]],
    ["puts bytes behind <proceed/>", "initiator", replacing(PROCEED, `$&${injected}`), ["starttls-injection", "session-ended"]],
    ["puts bytes behind <proceed/>, byte by byte", "initiator", byteByByte(replacing(PROCEED, `$&${injected}`)), ["tls-failed", "session-ended"]],
    ["puts one space behind <proceed/>", "initiator", replacing(PROCEED, "$& "), ["starttls-injection", "session-ended"]],
    ["puts bytes behind <starttls/>", "responder", replacing(STARTTLS, `$&${injected}`), ["stream-error", "starttls-injection"]],
    ["puts bytes behind <starttls/>, byte by byte", "responder", byteByByte(replacing(STARTTLS, `$&${injected}`)), ["connection-lost", "tls-failed"]],
    ["puts another <starttls/> behind the first", "responder", replacing(STARTTLS, "$&$&"), ["stream-error", "starttls-injection"]],
    ["declares an entity", "initiator", replacing(/<stream:stream/, "<!DOCTYPE a [<!ENTITY b 'c'>]><stream:stream"), ["restricted-xml", "session-ended"]],
    ["sends what is no UTF-8", "responder", replacing(STARTTLS, "\xff"), ["stream-error", "not-well-formed"]],
  ] as const)("that %s", async (_, to, rewrite, codes) => {
    expect(await outcome(to, rewrite)).toEqual(codes);
  });
});

it("is found out where it sends the initiator's own bytes back", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const reflected = new Set<string | undefined>();
  on.interfere = (stanza, { direction, session }) => {
    const block = stanza.getChild("data", NS_IBB);
    const answer = reflected.has(stanza.attrs.id);
    if (direction !== "in" || session !== romeo.self || !(block || answer)) return stanza;
    if (block) reflected.add(stanza.attrs.id);
    Object.assign(stanza.attrs, { from: juliet.self, to: romeo.self });
    return stanza;
  };
  const failed = nextError(juliet);
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("address-mismatch");
  expect((await failed).code).toBe("session-ended");
});

it.each([1, 2])("is found out by both where it alters a byte of flight %i of the TLS client", async (flight) => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  let seen = 0;
  on.interfere = rewriting(juliet.self, (bytes) => {
    if (bytes[0] === 0x3c || ++seen !== flight) return undefined; // `<` is still in the clear
    const altered = Buffer.from(bytes);
    altered.writeUInt8(altered.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    return [altered];
  });
  const failed = nextError(juliet);
  expect(await codeOf(romeo.e2e.open(juliet.self))).toMatch(/^(tls-failed|tls-rejected|session-ended|connection-lost)$/);
  expect((await failed).code).toMatch(/^(tls-failed|tls-rejected|session-ended)$/);
  expect([romeo.e2e.store.list("romeo@montague.lit"), juliet.e2e.store.list("juliet@capulet.lit")]).toEqual([[], []]);
});

it("lets an honest stream through the same machinery, cut into single bytes both ways", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const single: Rewrite = (bytes) => (bytes.length > 200 ? undefined : [...bytes].map((byte) => Buffer.of(byte)));
  on.interfere = both(rewriting(romeo.self, single), rewriting(juliet.self, single));
  const [session] = await streamBetween(romeo, juliet);
  expect(session.security.trust).toBe("unverified");
});
