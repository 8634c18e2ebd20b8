import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAction, writeAction } from "../src/action.js";
import { asked, offering, step } from "../src/machine.js";
import { writeReason } from "../src/reason.js";
import { refusal, saysTieBreak, saysUnknownSession } from "../src/refusal.js";
import type { Effect, Event, State, Step } from "../src/state.js";
import { juliet, NS_ONE, NS_THREE, NS_TWO, romeo, stream } from "./rig.js";

const known = [NS_ONE, NS_TWO, NS_THREE];
const terms = { application: stream(), security: undefined, senders: undefined };

type Packet =
  | { readonly kind: "action"; readonly id: number; readonly jingle: Element }
  | { readonly kind: "answer"; readonly id: number; readonly error: BalconyError | undefined };

/** One machine, what it waits for from its own side, and what it has sent. */
class Peer {
  state: State;
  readonly outbox: Packet[] = [];
  /** What its own side may do next. */
  readonly pending: { readonly kind: "prepare" | "answer" | "connect" | "replace"; readonly attempt: number; readonly transport: string; readonly sid: string }[] = [];
  readonly asked = new Map<number, { readonly action: Event & { type: "refused" } }>();
  /** The transport's own sid of each attempt. */
  readonly sids = new Map<number, string>();
  /** Do its paths stay provisional until it is told otherwise? */
  provisional = false;
  #ids = 0;

  constructor(
    readonly name: string,
    first: Step,
  ) {
    this.state = first.state;
    this.perform(first.effects);
  }

  handle(event: Event): BalconyError | undefined {
    const { state, effects } = step(this.state, event);
    const refused = effects.find((effect) => effect.type === "refuse");
    if (refused) return refusal(refused.refusal);
    this.state = state;
    this.perform(effects);
    return undefined;
  }

  perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "send": {
          const { name, content, contents, reason, text } = effect.send;
          const id = ++this.#ids;
          const jingle = writeAction({ name, sid: this.state.sid, contents: contents ?? (content ? [content] : []), reason: reason && writeReason(reason, { text }) });
          this.asked.set(id, { action: { type: "refused", action: name, attempt: this.state.attempt, why: "other", error: new BalconyError("internal", "") } });
          this.outbox.push({ kind: "action", id, jingle });
          break;
        }
        case "prepare":
          this.pending.push({ kind: "prepare", attempt: effect.attempt, transport: effect.way.namespace, sid: `${this.name}${effect.attempt}` });
          break;
        case "answer":
          this.pending.push({ kind: "answer", attempt: effect.attempt, transport: effect.transport, sid: effect.offer.attrs.sid ?? "" });
          break;
        case "connect":
          this.pending.push({ kind: "connect", attempt: effect.attempt, transport: this.state.transport, sid: this.sids.get(effect.attempt) ?? "" });
          break;
        case "await-replace":
          this.pending.push({ kind: "replace", attempt: effect.attempt, transport: this.state.transport, sid: "" });
          break;
        default:
          break;
      }
    }
  }

  receive(packet: Packet, other: Peer): void {
    if (packet.kind === "action") {
      const at = this.outbox.length;
      const error = this.handle({ type: "received", from: other.state.self, action: readAction(packet.jingle) });
      this.outbox.splice(at, 0, { kind: "answer", id: packet.id, error }); // before whatever it gave rise to
      return;
    }
    const request = this.asked.get(packet.id);
    this.asked.delete(packet.id);
    if (!request || !packet.error) return;
    const why = saysUnknownSession(packet.error) ? "unknown-session" : saysTieBreak(packet.error) ? "tie-break" : "other";
    if (request.action.action !== "session-terminate") this.handle({ ...request.action, why, error: packet.error });
  }

  /** One thing that its own side had to do is done, well or not. */
  proceed(index: number, well: boolean): void {
    const [job] = this.pending.splice(index % this.pending.length, 1);
    if (!job) return;
    const { kind, attempt, transport, sid } = job;
    const error = new BalconyError("failed-transport", "no way");
    const element = xml("transport", { xmlns: transport, sid });
    if (kind === "prepare" || kind === "answer") this.sids.set(attempt, sid);
    if (kind === "prepare") this.handle(well ? { type: "prepared", attempt, transport: element } : { type: "unprepared", attempt, error });
    else if (kind === "answer") this.handle(well ? { type: "answered", attempt, transport: element } : { type: "unanswered", attempt, error });
    else if (kind === "connect") this.handle(well ? { type: "connected", attempt, provisional: this.provisional } : { type: "failed", attempt, error });
    else this.handle({ type: "replace-due", attempt });
  }
}

function meet(): [Peer, Peer] {
  const a = new Peer(
    "a",
    offering({ self: romeo, peer: juliet, sid: "s", content: "xmlstream", terms, known, ways: [{ namespace: NS_ONE }, { namespace: NS_TWO }, { namespace: NS_THREE }] }),
  );
  a.proceed(0, true);
  const [offer] = a.outbox.splice(0);
  const transport = offer?.kind === "action" ? readAction(offer.jingle).contents[0]?.transport : undefined;
  if (!transport) throw new Error("no offer");
  a.asked.clear();
  const b = new Peer("b", {
    state: asked({ self: juliet, peer: romeo, sid: "s", content: "xmlstream", surplus: [], terms, known, transport: NS_ONE, offer: transport }),
    effects: [],
  });
  b.handle({ type: "accept", terms, untried: known.map((namespace) => ({ namespace })) });
  return [a, b];
}

const end = new BalconyError("session-ended", "enough");

/** One turn of the schedule: who, what, and whether it goes well. */
interface Turn {
  readonly who: 0 | 1;
  readonly what: "deliver" | "proceed" | "terminate" | "expire" | "break" | "settle";
  readonly index: number;
  readonly well: boolean;
}

const turn = (rare: readonly Turn["what"][]): fc.Arbitrary<Turn> =>
  fc.record({
    who: fc.constantFrom(0, 1),
    what: fc.oneof({ weight: 10, arbitrary: fc.constantFrom<Turn["what"]>("deliver", "proceed") }, { weight: 1, arbitrary: fc.constantFrom("deliver", ...rare) }),
    index: fc.nat(3),
    well: fc.boolean(),
  });

function play(peers: [Peer, Peer], { who, what, index, well }: Turn, met: Map<string, boolean>): void {
  const me = peers[who];
  const other = peers[1 - who] as Peer;
  if (what === "deliver") {
    const packet = other.outbox.shift();
    if (packet) me.receive(packet, other);
  } else if (what === "proceed") {
    if (me.pending.length === 0) return;
    // A path stands for both or for neither, unless a side's own luck has it otherwise; the first to try decides.
    const job = me.pending[index % me.pending.length];
    const luck = job?.kind === "connect" ? (met.get(job.sid) ?? well) : well;
    if (job?.kind === "connect") met.set(job.sid, luck);
    me.proceed(index, luck);
  } else if (what === "terminate") me.handle({ type: "terminate", reason: "gone", error: end });
  else if (what === "expire") me.handle({ type: "expired", message: "too late" });
  else if (what === "break") me.handle({ type: "failed", attempt: me.state.attempt, error: end });
  else if (what === "settle") me.handle({ type: "settled" });
}

/** Lets everything happen that is still to happen, and then every deadline pass. */
function drain(peers: [Peer, Peer], met: Map<string, boolean>): void {
  for (const last of [false, true]) {
    for (let n = 0; n < 2_000; n++) {
      const who = n % 2 === 0 ? 0 : 1;
      play(peers, { who, what: "deliver", index: 0, well: true }, met);
      if (!last) play(peers, { who, what: "proceed", index: 0, well: true }, met);
    }
    if (!last) for (const peer of peers) peer.handle({ type: "expired", message: "too late" });
  }
}

function agree([a, b]: [Peer, Peer]): void {
  const both = `${a.state.phase} and ${b.state.phase}`;
  expect(["connected and connected", "ended and ended"]).toContain(both);
  if (a.state.phase !== "connected") return;
  expect(a.state.transport).toBe(b.state.transport);
  expect(a.sids.get(a.state.attempt)).toBe(b.sids.get(b.state.attempt));
}

describe("two machines, however their steps interleave", () => {
  it("end up with the same transport, or both without a session", () => {
    fc.assert(
      fc.property(fc.array(turn([]), { maxLength: 120 }), (turns) => {
        const peers = meet();
        const met = new Map<string, boolean>();
        for (const each of turns) play(peers, each, met);
        drain(peers, met);
        agree(peers);
      }),
      { numRuns: 1_000 },
    );
  });

  it("do so too where either may end it at any moment", () => {
    fc.assert(
      fc.property(fc.array(turn(["terminate", "expire"]), { maxLength: 120 }), (turns) => {
        const peers = meet();
        const met = new Map<string, boolean>();
        for (const each of turns) play(peers, each, met);
        drain(peers, met);
        agree(peers);
      }),
      { numRuns: 1_000 },
    );
  });

  it("do so too where a path stands for one side and not for the other", () => {
    fc.assert(
      fc.property(fc.array(turn(["terminate"]), { maxLength: 120 }), (turns) => {
        const peers = meet();
        for (const each of turns) play(peers, each, new Map());
        drain(peers, new Map());
        agree(peers);
      }),
      { numRuns: 1_000 },
    );
  });

  it("do so too where paths may break until they are settled, for the one sooner than for the other", () => {
    fc.assert(
      fc.property(fc.array(turn(["terminate", "break", "settle"]), { maxLength: 120 }), (turns) => {
        const peers = meet();
        for (const peer of peers) peer.provisional = true;
        for (const each of turns) play(peers, each, new Map());
        drain(peers, new Map());
        agree(peers);
      }),
      { numRuns: 1_000 },
    );
  });

  it("do reach a session where the first path stands for one side alone, and is provisional for both", () => {
    for (const first of [0, 1] as const) {
      const peers = meet();
      for (const peer of peers) peer.provisional = true;
      const met = new Map<string, boolean>();
      for (const what of ["proceed", "deliver", "deliver", "deliver"] as const)
        for (const who of [0, 1] as const) if (peers[who].state.phase !== "connecting") play(peers, { who, what, index: 0, well: true }, met);
      expect(peers.map(({ state }) => state.phase)).toEqual(["connecting", "connecting"]);
      peers[first].proceed(0, true);
      peers[1 - first]?.proceed(0, false);
      drain(peers, met);
      agree(peers);
      expect([peers[0].state.phase, peers[0].state.transport]).toEqual(["connected", NS_TWO]);
    }
  });

  it("do reach a session in most of them", () => {
    let connected = 0;
    fc.assert(
      fc.property(fc.array(turn([]), { maxLength: 60 }), (turns) => {
        const peers = meet();
        const met = new Map<string, boolean>();
        for (const each of turns) play(peers, each, met);
        drain(peers, met);
        if (peers[0].state.phase === "connected") connected++;
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(connected).toBeGreaterThan(250);
  });
});
