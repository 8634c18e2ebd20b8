import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { NS_JINGLE, stage } from "../../../test/attacks/stage.js";
import { type Cables, cables } from "../../../test/rigs/cables.js";
import { type LoggedIn, streamBetween } from "../../../test/rigs/login.js";
import { untilHandshakesRanOut } from "../../transport-webrtc/test/ran-out.js";
import { BalconyError, type Progress, type Session, type TransportName, xml } from "../src/index.js";

untilHandshakesRanOut();

/*
The network is pulled out at each of nine phases of a stream's life: what goes from machine to machine, or the server's cable with it. Then there is another transport, or a typed error before
the deadline. That nothing is left behind, no socket, port or timer, the test kit finds out at the end of the file.

  1  discover     before disco#info is asked
  2  offer        before session-initiate
  3  accept       session-accept is on its way; each side is about to connect
  4  candidates   the first byte goes from machine to machine, or the first block
  5  path         a path stands, and nothing has come by it
  6  starttls     <proceed/> passes: TLS is about to begin
  7  stream       TLS stands on this side, the stream within does not
  8  session      stanzas flow
  9  closing      close() was called
*/
const phases = ["discover", "offer", "accept", "candidates", "path", "starttls", "stream", "session", "closing"] as const;
type Phase = (typeof phases)[number];

/** What vi does not say of the timers that it fakes: which are still to come. */
type Faked = typeof setTimeout & { readonly clock: { readonly timers?: Readonly<Record<number, unknown>> } };
let timers: readonly MockInstance<(...args: never[]) => NodeJS.Timeout>[] = [];
const pending = (): number => {
  const { clock } = globalThis.setTimeout as Faked;
  return timers.flatMap(({ mock }) => mock.results).filter(({ value }) => (value as NodeJS.Timeout).hasRef() && clock.timers?.[Number(value)]).length;
};

// Time passes here as fast as elsewhere, and stands still while this process is not let run: a slow machine misses no deadline.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"], shouldAdvanceTime: true });
  timers = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "setInterval")];
});
afterEach(async () => {
  for (let turn = 0; turn < 500 && pending() > 0; turn++) await new Promise((resolve) => setImmediate(resolve)); // what was closed may need a few to be gone
  const left = pending();
  vi.restoreAllMocks();
  vi.useRealTimers();
  expect(left, "timers left behind").toBe(0);
});

const on = stage({ sharedRoster: true });
/** It ends what is pulled in a session; nothing else may end before by a machine that is slow. */
const keepaliveFor = (phase: Phase) => (phase === "session" ? { interval: 300, deadline: 300 } : { interval: 5_000, deadline: 5_000 });
/** Short is the deadline that has to end it; what comes before has time. */
const timeoutsFor = (phase: Phase, negotiation: number) => ({
  discovery: phase === "discover" ? 100 : 5_000,
  negotiation: ["offer", "accept", "candidates"].includes(phase) ? negotiation : 10_000,
  handshake: ["candidates", "path", "starttls"].includes(phase) ? 300 : 10_000,
  stream: phase === "stream" ? 300 : 5_000,
});
let wires: Cables;
let dark = false;

beforeEach(async () => {
  dark = false;
  wires = await cables();
});
afterEach(async () => {
  await wires.stop();
});

/** Calls `reached` as a stream from one to the other gets so far. */
function watch(phase: Phase, name: TransportName, reached: () => void) {
  let begun = false;
  on.interfere = (stanza, { direction }) => {
    if (dark) return undefined;
    const jingle = stanza.getChild("jingle", NS_JINGLE);
    const transport = jingle?.getChild("content")?.getChild("transport");
    if (direction === "in" && transport) wires.through(transport);
    if (phase === "accept" && jingle?.attrs.action === "session-accept") reached();
    const data = stanza.getChild("data", "http://jabber.org/protocol/ibb");
    if (data && phase === "candidates") reached();
    if (data && phase === "starttls" && Buffer.from(data.getText(), "base64").toString("latin1").includes("<proceed")) reached();
    return dark ? undefined : stanza;
  };
  wires.onPass = () => {
    // What WebRTC carries cannot be read on the way: the first datagram of the exchange stands for it.
    if (phase === "candidates" || (phase === "starttls" && begun && (name === "webrtc" || wires.seen().includes("<proceed")))) reached();
  };
  return ({ phase: at, state, path }: Progress): void => {
    begun ||= at === "starttls";
    if (at === "discover" && phase === "discover") reached();
    if (at === "negotiate" && state === "begin" && phase === "offer") reached();
    if (path !== undefined && phase === "path") reached();
    if (at === "stream" && state === "begin" && phase === "stream") reached();
  };
}

interface Outcome {
  readonly end: string;
  readonly took: number;
}

/** What comes of a stream under whose feet the network goes. */
async function lifeOf(
  romeo: LoggedIn,
  juliet: LoggedIn,
  { phase, name, pull }: { readonly phase: Phase; readonly name: TransportName; readonly pull: () => void },
): Promise<Outcome> {
  let begun = Number.NaN;
  const reached = (): void => {
    begun = performance.now();
    pull();
  };
  const onProgress = watch(phase, name, once(reached));
  const far = new Promise<Session>((resolve) => juliet.e2e.once("session", resolve));
  try {
    const session = await romeo.e2e.open(juliet.self, { onProgress });
    const ended = new Promise<string>((resolve) => session.once("error", ({ code }) => resolve(code)).once("close", () => resolve("closed")));
    if (phase === "session") {
      reached();
      void session.send(xml("message", {}, xml("body", {}, "are you there?"))).catch(() => undefined); // what becomes of it is told by the end
      return { end: await ended, took: performance.now() - begun };
    }
    if (phase === "closing") {
      reached();
      const closing = session.close();
      await vi.advanceTimersByTimeAsync(CLOSING);
      await closing;
      return { end: await ended, took: performance.now() - begun };
    }
    const answered = await far;
    const heard = new Promise<string | null>((resolve) => answered.on("stanza", (stanza) => stanza.is("message") && resolve(stanza.getChildText("body")))); // among pings
    await session.send(xml("message", {}, xml("body", {}, "here")));
    expect(await heard).toBe("here");
    return { end: session.security.path.split(" ")[0] ?? "", took: performance.now() - begun };
  } catch (error) {
    if (error instanceof BalconyError) return { end: error.code, took: performance.now() - begun };
    throw error;
  }
}

const once = (work: () => void): (() => void) => {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
};

const transports = ["s5b", "ice-tcp", "webrtc", "ibb"] as const satisfies readonly TransportName[];
/** ms for the peer to close the stream, too. */
const CLOSING = 10_000;
/** ms: all deadlines that can come one after another. */
const longest = (phase: Phase): number => (phase === "closing" ? 2 * CLOSING + 5_100 : 5_000); // bytes that still leave begin the wait for the peer's closing anew

describe.each(transports)("everything is pulled, under a stream by %s,", (name) => {
  it.each(phases)("at %s: a typed error in time", async (phase) => {
    const options = { dangerouslyUseLoopback: true, transports: [name], timeouts: timeoutsFor(phase, name === "webrtc" ? 1_000 : 500), keepalive: keepaliveFor(phase) };
    const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
    const { end, took } = await lifeOf(romeo, juliet, {
      phase,
      name,
      pull: () => {
        dark = true;
        wires.pull();
      },
    });
    expect(end).toMatch(/^(timeout|expired|failed-transport|connection-lost|peer-dead|stream-error|closed|truncated|ibb-lost|webrtc-failed)$/);
    expect(took).toBeLessThan(longest(phase));
  });
});

describe.each(["s5b", "ice-tcp", "webrtc"] as const)("what goes from machine to machine is pulled, under a stream by %s with in-band bytestreams behind it,", (name) => {
  it.each(phases.slice(1))("at %s: the next transport, or a typed error where the path was in use", async (phase) => {
    const options = {
      dangerouslyUseLoopback: true,
      transports: [name, "ibb"] as const,
      timeouts: { ...timeoutsFor(phase, 0), negotiation: 2_000, handshake: 5_000 }, // two transports share it, on a machine that may be slow
      keepalive: keepaliveFor(phase),
    };
    const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
    const { end, took } = await lifeOf(romeo, juliet, { phase, name, pull: () => wires.pull() });
    if (phase === "stream" || phase === "session" || phase === "closing")
      expect(end).toMatch(/^(timeout|peer-dead|connection-lost|session-ended|closed|truncated|stream-error)$/); // stream-error: the peer was first to say so
    else expect(end).toBe("ibb");
    expect(took).toBeLessThan(2 * longest(phase));
  });
});

it("with the cables in place each transport carries a stream through them", async () => {
  for (const name of ["s5b", "ice-tcp", "webrtc"] as const) {
    const options = { dangerouslyUseLoopback: true, transports: [name] };
    const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
    watch("session", name, () => undefined);
    let passed = 0;
    wires.onPass = () => passed++;
    const [session] = await streamBetween(romeo, juliet);
    expect(session.security.path.startsWith(name)).toBe(true);
    expect(passed).toBeGreaterThan(4);
    await session.close();
  }
});
