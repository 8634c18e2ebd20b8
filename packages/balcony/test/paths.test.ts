import { expect, it } from "vitest";
import { codeOf, stage } from "../../../test/attacks/stage.js";
import { streamBetween } from "../../../test/rigs/login.js";

const friends = stage({ sharedRoster: true });
const strangers = stage();
const here = { dangerouslyUseLoopback: true } as const;

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
  const [romeo, juliet] = [await friends.login("romeo", { ...here, paths: "direct" }), await friends.login("juliet", here)];
  friends.interfere = (stanza) => {
    for (const candidate of stanza.getChild("jingle")?.getChild("content")?.getChild("transport")?.getChildren("candidate") ?? []) candidate.attrs.port = "1";
    return stanza;
  };
  const answered = new Promise<void>((resolve) => juliet.e2e.once("session", () => resolve()));
  const session = await romeo.e2e.open(juliet.self, { paths: "any", onProgress: ({ text, error }) => steps.push(error ? `${text}: ${error.message}` : text) });
  await answered;
  expect(session.security.path).toBe("ibb via montague.lit and capulet.lit");
  expect(steps.some((step) => /cannot be reached: 127\.0\.0\.1:1 did not take the connection: connect ECONNREFUSED/.test(step))).toBe(true);
});
