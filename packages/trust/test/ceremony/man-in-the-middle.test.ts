import { describe, expect, it } from "vitest";
import { hashFields } from "../../src/ceremony/fields.js";
import { type Parameters, shortString, standard } from "../../src/ceremony/machine.js";
import type { CeremonyMessage } from "../../src/ceremony/state.js";
import { juliet, romeo } from "../addresses.js";
import { bytes, contexts, Side } from "./sides.js";

// A man in the middle has a channel with each: other certificates, other keys. He plays both far ends by the rules, or breaks them where it helps.
const short: Parameters = { ...standard, bits: 8 };
const [one, two] = [contexts({ ekm: bytes(32, 3) }), contexts({ certificates: [bytes(300, 7), bytes(300, 2)], ekm: bytes(32, 4) })] as const;

// The same in each run: what is asserted of chance lies within three standard deviations, and must not fail one run in 370.
let seed = 20_261_125;
function fresh() {
  const made = new Uint32Array(12);
  for (let index = 0; index < made.length; index++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    made[index] = seed ^ (seed >>> 13) ^ index;
  }
  const filled = new Uint8Array(made.buffer);
  return { half: filled.slice(0, 16), nonce: filled.slice(16) };
}

/** Whether both screens show the same where he keeps to the rules: responder toward one of them, initiator toward the other. */
function honestOnBoth(parameters: Parameters): boolean {
  const asking = new Side(one.I, undefined, parameters).do({ type: "ask", readAloud: false, ...fresh() });
  const id = new Uint8Array([...(sentBy(asking, "request")?.half ?? []), ...bytes(16, 9)]);
  asking.receive({ type: "ready", id, initiator: romeo, responder: juliet }).receive({ type: "nonce", id, nonce: fresh().nonce });
  const answering = new Side(two.R, undefined, parameters);
  const { nonce } = fresh();
  const held = commitTo(answering, nonce);
  if (held) answering.receive({ type: "reveal", id: held.id, nonce });
  if (asking.sas === undefined || answering.sas === undefined) throw new Error("both have to see a string");
  return asking.sas === answering.sas;
}

interface Held {
  readonly id: Uint8Array;
  readonly commitment: Uint8Array;
  readonly nonceR: Uint8Array;
}

const sentBy = <Type extends CeremonyMessage["type"]>(side: Side, type: Type): Extract<CeremonyMessage, { type: Type }> | undefined =>
  side.sent.find((message): message is Extract<CeremonyMessage, { type: Type }> => message.type === type);

/** Initiator on a leg: commits to a nonce and gets the victim's; undefined where the victim's store refuses. */
function commitTo(victim: Side, nonceI: Uint8Array): Held | undefined {
  const half = bytes(16, 9);
  victim.do({ type: "ask", readAloud: false, ...fresh() });
  const id = new Uint8Array([...half, ...(sentBy(victim, "request")?.half ?? [])]);
  victim.receive({ type: "ready", id, initiator: romeo, responder: juliet });
  const commitment = hashFields("balcony-commit-1", victim.context.ctx, id, nonceI);
  victim.receive({ type: "commit", id, commitment });
  const nonceR = sentBy(victim, "nonce")?.nonce;
  return nonceR && { id, commitment, nonceR };
}

/** Initiator on both legs, who reveals only where both strings agree, and cuts otherwise. Tries until he wins, or `tries` are over. */
function cutter(parameters: Parameters, { guesses, tries }: { readonly guesses: number; readonly tries: number }): boolean {
  const left = [guesses, guesses];
  const charge = (leg: number): boolean => {
    left[leg] = (left[leg] ?? 0) - 1;
    return left[leg] >= 0;
  };
  for (let attempt = 0; attempt < tries; attempt++) {
    const nonces = [fresh().nonce, fresh().nonce];
    const victims = [one.R, two.R].map((context, leg) => new Side(context, () => charge(leg), parameters));
    const held = victims.map((victim, leg) => commitTo(victim, nonces[leg] ?? bytes(32, 0)));
    const strings = held.map((run, leg) => run && shortString(victims[leg]?.context ?? one.R, { ...run, nonceI: nonces[leg] ?? bytes(32, 0) }, parameters.bits));
    if (strings[0] === undefined || strings[1] === undefined) return false;
    if (strings[0] !== strings[1]) continue; // cut before the last reveal: nobody has seen anything
    victims.forEach((victim, leg) => void victim.receive({ type: "reveal", id: held[leg]?.id ?? bytes(0, 0), nonce: nonces[leg] ?? bytes(32, 0) }));
    return victims[0]?.sas !== undefined && victims[0].sas === victims[1]?.sas;
  }
  return false;
}

/** Initiator on one leg, who looks for a nonce that makes its string the one he wants, whatever he has committed to. */
function searcher(parameters: Parameters): boolean {
  const { R } = one;
  const victim = new Side(R, undefined, parameters);
  const held = commitTo(victim, fresh().nonce);
  if (!held) return false;
  const wanted = 0x5a; // what stands on the other victim's screen
  for (let attempt = 0; attempt < 4096; attempt++) {
    const nonceI = fresh().nonce;
    if (shortString(R, { ...held, nonceI }, parameters.bits) !== wanted) continue;
    victim.receive({ type: "reveal", id: held.id, nonce: nonceI });
    return victim.sas === wanted;
  }
  return false;
}

const wins = (times: number, play: () => boolean): number => Array.from({ length: times }, play).filter(Boolean).length;

describe("a man in the middle of strings cut to 8 bits", () => {
  it("wins by chance alone: 391 ± 59 of 100,000, with guesses unlimited", () => {
    const won = wins(100_000, () => honestOnBoth(short));
    expect(won).toBeGreaterThanOrEqual(391 - 59);
    expect(won).toBeLessThanOrEqual(391 + 59);
  }, 120_000);

  it("who is initiator on both legs and cuts where the strings differ has three tries a day", () => {
    expect(wins(500, () => cutter(short, { guesses: 3, tries: 2000 }))).toBeLessThan(25); // 3 in 256 on average: 5.9
  });

  it("wins always where a guess is charged only once the string stands: the lab can fail", () => {
    expect(wins(20, () => cutter({ ...short, charging: "after" }, { guesses: 3, tries: 5000 }))).toBe(20);
  });

  it("who looks for a nonce after he has seen the victim's wins never, and always where the commitment is not checked", () => {
    expect(wins(100, () => searcher(short))).toBe(0);
    expect(wins(100, () => searcher({ ...short, commitment: "unchecked" }))).toBe(100);
  });
});

it("wins none of 1,000 ceremonies with strings of 30 bits", () => {
  expect(wins(1000, () => honestOnBoth(standard))).toBe(0);
});
