import { childElements, type Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { codeOf, message, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { untilHandshakesRanOut } from "../../transport-webrtc/test/ran-out.js";
import { BalconyError, type TransportName } from "../src/index.js";

untilHandshakesRanOut();

const friends = stage({ sharedRoster: true });
const strangers = stage();
const here = { dangerouslyUseLoopback: true } as const;

/** No candidate leads anywhere. */
function spoil(element: Element): void {
  if (element.getName() === "candidate") element.attrs.port = "1";
  for (const child of childElements(element)) spoil(child);
}

it("people who know each other get a direct path, and hear which", async () => {
  const [romeo, juliet] = [await friends.login("romeo", here), await friends.login("juliet", here)];
  for (const session of await streamBetween(romeo, juliet)) expect(session.security.path).toMatch(/^s5b direct 127\.0\.0\.1:\d+$/);
});

it("strangers get a relay, and learn no address", async () => {
  const [romeo, juliet] = [await strangers.login("romeo", here), await strangers.login("juliet", here)];
  for (const session of await streamBetween(romeo, juliet)) expect(session.security.path).toBe("s5b proxy proxy.capulet.lit");
  const candidates = strangers.seen.flatMap(({ xml }) => [...xml.matchAll(/<candidate [^>]*type=["'](\w+)["']/g)].map(([, type]) => type));
  expect(new Set(candidates)).toEqual(new Set(["proxy"]));
});

it("whoever wants relays alone gets one, from friends too", async () => {
  const [romeo, juliet] = [await friends.login("romeo", { ...here, paths: "relayed" }), await friends.login("juliet", { ...here, paths: "relayed" })];
  const [session] = await streamBetween(romeo, juliet);
  expect(session.security.path).toBe("s5b proxy proxy.capulet.lit");
});

it("whoever wants direct paths alone gets no other", async () => {
  const [romeo, juliet] = [await friends.login("romeo", { ...here, paths: "direct" }), await friends.login("juliet", { ...here, paths: "relayed" })];
  expect(await codeOf(romeo.e2e.open(juliet.self, { timeouts: { negotiation: 20_000 } }))).toBe("failed-transport");
});

it("where SOCKS5 bytestreams lead nowhere the stream goes in-band, and what failed says why", async () => {
  const steps: string[] = [];
  const transports = ["s5b", "ibb"] as const;
  const [romeo, juliet] = [await friends.login("romeo", { ...here, transports, paths: "direct" }), await friends.login("juliet", { ...here, transports })];
  friends.interfere = (stanza) => {
    spoil(stanza);
    return stanza;
  };
  const answered = new Promise<void>((resolve) => juliet.e2e.once("session", () => resolve()));
  const session = await romeo.e2e.open(juliet.self, { paths: "any", onProgress: ({ text, error }) => steps.push(error ? `${text}: ${error.message}` : text) });
  await answered;
  expect(session.security.path).toBe("ibb via montague.lit and capulet.lit");
  expect(steps.some((step) => /cannot be reached: 127\.0\.0\.1:1 did not take the connection: connect ECONNREFUSED/.test(step))).toBe(true);
});

it("whatever fails leads to the next, each in its share of the time, and the stream still stands before the deadline", async () => {
  const [romeo, juliet] = [await friends.login("romeo", here), await friends.login("juliet", here)];
  friends.interfere = (stanza) => {
    spoil(stanza);
    return stanza;
  };
  const paths: string[] = [];
  romeo.e2e.on("path", ({ peer, path }) => paths.push(`${peer === juliet.self} ${path}`));
  const failed: string[] = [];
  const answered = new Promise<void>((resolve) => juliet.e2e.once("session", () => resolve()));
  const session = await romeo.e2e.open(juliet.self, { timeouts: { negotiation: 5_000 }, onProgress: ({ text, error }) => error && failed.push(text) });
  await answered;
  expect(session.security.path).toBe("ibb via montague.lit and capulet.lit");
  expect(paths).toEqual(["true ibb via montague.lit and capulet.lit"]);
  for (const name of ["s5b", "ice", "ice-udp"]) expect(failed.some((text) => text.includes(`transports:${name}:`))).toBe(true);
});

it("where nothing leads anywhere, the error says of each candidate why", async () => {
  const transports = ["s5b", "ice-tcp"] as const;
  const [romeo, juliet] = [await friends.login("romeo", { ...here, transports }), await friends.login("juliet", { ...here, transports })];
  friends.interfere = (stanza) => {
    spoil(stanza);
    return stanza;
  };
  const error = await romeo.e2e.open(juliet.self, { timeouts: { negotiation: 5_000 } }).catch((reason: unknown) => reason as BalconyError);
  if (!(error instanceof BalconyError)) throw new Error("a path was found");
  expect(error).toMatchObject({ code: "failed-transport", phase: "negotiate", peer: juliet.self });
  expect(error.tried.map(({ transport, step, reason }) => `${transport.split(":")[4]} | ${step} | ${reason}`)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^s5b \| s5b: 127\.0\.0\.1:1 \(direct\) cannot be reached \| .*ECONNREFUSED/),
      expect.stringMatching(/^ice \| ice-tcp: .*127\.0\.0\.1:1/),
    ]),
  );
});

it("a peer that has one transport alone gets a stream by that", async () => {
  for (const only of ["ice-tcp", "ibb"] as const) {
    const [romeo, juliet] = [await friends.login("romeo", here), await friends.login("juliet", { ...here, transports: [only] })];
    for (const [from, to] of [
      [romeo, juliet],
      [juliet, romeo],
    ] as const)
      for (const session of await streamBetween(from, to)) expect(session.security.path).toContain(only);
  }
});

it("who may show no address takes a stream by another transport than was offered", async () => {
  const [romeo, juliet] = [await friends.login("romeo", { ...here, transports: ["ice-tcp", "ibb"] }), await friends.login("juliet", { ...here, paths: "relayed" })];
  for (const session of await streamBetween(romeo, juliet)) expect(session.security.path).toMatch(/^ibb via/);
});

describe.each<{ name: TransportName; path: RegExp; transport: string }>([
  { name: "s5b", path: /^s5b direct 127\.0\.0\.1:\d+$/, transport: "urn:xmpp:jingle:transports:s5b:1" },
  { name: "ice-tcp", path: /^ice-tcp \w+ \S+:\d+$/, transport: "urn:xmpp:jingle:transports:ice:0" },
  { name: "webrtc", path: /^webrtc \w+ \S+:\d+$/, transport: "urn:xmpp:jingle:transports:ice-udp:1" },
  { name: "ibb", path: /^ibb via \w+\.lit and \w+\.lit$/, transport: "urn:xmpp:jingle:transports:ibb:1" },
])("a stream by $name alone", ({ name, path, transport }) => {
  it("stands under TLS, begun by STARTTLS, and carries stanzas both ways", async () => {
    const options = { ...here, transports: [name], secure: "starttls" } as const;
    const [romeo, juliet] = [await friends.login("romeo", options), await friends.login("juliet", options)];
    const sessions = await streamBetween(romeo, juliet);
    for (const { security } of sessions) expect(security).toMatchObject({ path: expect.stringMatching(path), transport, protocol: "TLSv1.3" });
    const [near, far] = sessions;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const heard = next<ReturnType<typeof message>>(to, "stanza");
      await from.send(message("Good night, good night!"));
      expect((await heard).getChildText("body")).toBe("Good night, good night!");
    }
    await near.close();
  });
});

it("a transport that there is not, and none at all, are told at once", async () => {
  for (const transports of [[], ["carrier-pigeon" as TransportName]]) expect(await codeOf(friends.login("romeo", { ...here, transports }))).toBe("invalid-argument");
});
