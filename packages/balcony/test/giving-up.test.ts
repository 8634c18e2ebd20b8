import type { Interfere } from "@balcony/local-server";
import { describe, expect, it } from "vitest";
import { codeOf, NS_DISCO_INFO, NS_IBB, NS_JINGLE, nextError, stage, untouched } from "../../../test/attacks/stage.js";
import { streamBetween } from "../../../test/rigs/login.js";
import type { BalconyError, Progress } from "../src/index.js";

const on = stage();
const phases = ["discover", "negotiate", "starttls", "trust", "stream", "compare", "store"] as const;

describe("a caller who gives up", () => {
  it.each(phases)("as %s begins hears `aborted`, the other side ends too, and the next call stands", async (phase) => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const giveUp = new AbortController();
    const onProgress = (progress: Progress): void => {
      if (progress.phase === phase && progress.state === "begin") giveUp.abort();
    };
    const reached = ["starttls", "trust", "stream", "compare"].includes(phase);
    const failed = reached ? nextError(juliet) : undefined;
    // By then the other side may have its session, or is about to.
    const closed = new Promise<void>((resolve) => juliet.e2e.once("session", (session) => void session.once("close", resolve)));
    const answered = phase === "store" ? Promise.race([closed, nextError(juliet)]) : undefined;
    const code = await codeOf(romeo.e2e.open(juliet.self, { signal: giveUp.signal, onProgress }));
    expect(code).toBe("aborted");
    await failed;
    await answered;
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
    const [session] = await streamBetween(romeo, juliet);
    expect(session.status).toBe("online");
  });

  it("before the call is not heard of by anybody", async () => {
    const romeo = await on.login("romeo");
    const before = on.seen.length;
    expect(await codeOf(romeo.e2e.open("juliet@capulet.lit/x", { signal: AbortSignal.abort() }))).toBe("aborted");
    expect(on.seen.length).toBe(before);
  });

  it("while waiting for a device to show itself hears `aborted`", async () => {
    const romeo = await on.login("romeo");
    const giveUp = new AbortController();
    const onProgress = ({ state }: Progress): void => {
      if (state === "step") giveUp.abort();
    };
    expect(await codeOf(romeo.e2e.open("juliet@capulet.lit", { signal: giveUp.signal, onProgress }))).toBe("aborted");
  });
});

describe("a server that swallows everything from", () => {
  const silences: readonly (readonly [string, (stanza: Parameters<Interfere>[0]) => boolean, phase: string])[] = [
    ["disco#info", (stanza) => stanza.getChild("query", NS_DISCO_INFO) !== undefined, "discover"],
    ["session-initiate", (stanza) => stanza.getChild("jingle", NS_JINGLE)?.attrs.action === "session-initiate", "negotiate"],
    ["session-accept", (stanza) => stanza.getChild("jingle", NS_JINGLE)?.attrs.action === "session-accept", "negotiate"],
    ["the first block", (stanza) => stanza.getChild("data", NS_IBB)?.attrs.seq === "0", "starttls"],
    ["TLS", (stanza) => (stanza.getChild("data", NS_IBB)?.getText() ?? "").startsWith("Fg"), "starttls"], // 0x16: a handshake record
  ];

  it.each(silences)("%s is waited for no longer than the deadline of its phase", async (_, begins, phase) => {
    const timeouts = { discovery: 100, negotiation: 150, handshake: 150, stream: 150 };
    const romeo = await on.login("romeo", { timeouts });
    const juliet = await on.login("juliet", { timeouts });
    let silent = false;
    on.interfere = (stanza) => {
      silent ||= begins(stanza);
      return silent ? undefined : stanza;
    };
    const error = await romeo.e2e.open(juliet.self).then(
      () => undefined,
      (failure: BalconyError) => failure,
    );
    expect(error).toMatchObject({ phase, peer: juliet.self });
    expect(error?.code).toMatch(/^(timeout|expired)$/);
    expect(romeo.e2e.sessions.size).toBe(0);
    on.interfere = untouched;
  });
});
