import { childElements } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { stage } from "../../../test/attacks/stage.js";
import { streamBetween } from "../../../test/rigs/login.js";
import type { BalconyOptions } from "../src/index.js";

const on = stage({ domains: ["capulet.lit", "montague.lit"] });

/** What is asked of servers alone. */
const QUESTIONS = { items: "http://jabber.org/protocol/disco#items", proxies: "http://jabber.org/protocol/bytestreams", services: "urn:xmpp:extdisco:2" } as const;

/** Logs both in, and waits until each has the last answer; `asked()` counts what has been asked since. */
async function online(options: BalconyOptions, answer: string) {
  const open = new Set<string>();
  let left = 2;
  const answered = new Promise<void>((resolve) => {
    on.interfere = (stanza, { direction, session }) => {
      const request = `${session} ${stanza.attrs.id}`;
      if (direction === "in" && childElements(stanza).some((child) => child.getNS() === answer)) open.add(request);
      if (direction === "out" && open.delete(request) && --left === 0) resolve();
      return stanza;
    };
  });
  const people = [await on.login("romeo", options), await on.login("juliet", options)] as const;
  await answered;
  const since = on.seen.length;
  const asked = () =>
    on.seen.slice(since).filter(({ direction, xml }) => direction === "in" && /type=["']get["']/.test(xml) && Object.values(QUESTIONS).some((xmlns) => xml.includes(xmlns)));
  return { people, asked };
}

describe("what our own server can do is asked once we are online:", () => {
  it("a stream through a proxy then waits for no question", async () => {
    const { people, asked } = await online({ transports: ["s5b"], paths: "relayed", dangerouslyUseLoopback: true }, QUESTIONS.proxies);
    const [session] = await streamBetween(...people);
    expect(session.security.path).toBe("s5b proxy proxy.capulet.lit");
    expect(asked()).toEqual([]);
  });

  it("nor does one that could use STUN and TURN servers", async () => {
    const { people, asked } = await online({ transports: ["ice-tcp"], dangerouslyUseLoopback: true, policy: { showAddress: () => true } }, QUESTIONS.services);
    const [session] = await streamBetween(...people);
    expect(session.security.path).toMatch(/^ice-tcp/);
    expect(asked()).toEqual([]);
  });

  it("no proxies where no path leads through one, and no servers where the application names its own", async () => {
    const options: BalconyOptions = { transports: ["s5b", "ice-tcp", "webrtc"], paths: "direct", servers: [], dangerouslyUseLoopback: true };
    const people = [await on.login("romeo", options), await on.login("juliet", options)] as const;
    const [session] = await streamBetween(...people);
    expect(session.security.path).toMatch(/^s5b direct/);
    expect(on.seen.filter(({ xml }) => Object.values(QUESTIONS).some((xmlns) => xml.includes(`<query xmlns="${xmlns}"`) || xml.includes(`<services xmlns="${xmlns}"`)))).toEqual(
      [],
    );
  });
});
