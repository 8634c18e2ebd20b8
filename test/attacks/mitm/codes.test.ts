import { describe, expect, it } from "vitest";
import { type CodeParameters, standardCode } from "../../../packages/trust/src/code/machine.js";
import { bytes, contexts } from "../../../packages/trust/test/ceremony/sides.js";
import { CodeSide, carry, code, sentBy } from "../../../packages/trust/test/code/sides.js";
import { honestLeg, type TlsLeg, tlsLeg } from "./legs.js";

// Juliet has invited romeo, and romeo types her code. A man in the middle ends both of their channels, and does not know the code: he relays, or he guesses.
const real = code("ridge-lemon-4020");
/** The same stage without TLS, where only the machines matter. */
const quick = (): readonly [TlsLeg, TlsLeg] => {
  const [one, two] = [contexts({ ekm: bytes(32, 3) }), contexts({ certificates: [bytes(300, 7), bytes(300, 2)], ekm: bytes(32, 4) })];
  return [
    { victim: one.I, attacker: one.R },
    { victim: two.R, attacker: two.I },
  ];
};

/** Carries each message from one victim to the other, as it is. */
function relay([romeos, juliets]: readonly [TlsLeg, TlsLeg], parameters: CodeParameters = standardCode): readonly [CodeSide, CodeSide] {
  const romeo = new CodeSide(romeos.victim, undefined, parameters).ask(real);
  const juliet = new CodeSide(juliets.victim, undefined, parameters).waitWith(real);
  carry(romeo, juliet);
  return [romeo, juliet];
}

/** Plays juliet toward romeo by the rules, with a code that he guesses. */
function guessAtRomeo({ attacker, victim }: TlsLeg, wanted: string, guess: string): CodeSide {
  const romeo = new CodeSide(victim).ask(code(wanted));
  carry(romeo, new CodeSide(attacker).waitWith(code(guess)));
  return romeo;
}

/** Plays romeo toward juliet likewise. */
function guessAtJuliet({ attacker, victim }: TlsLeg, wanted: string, guess: string): CodeSide {
  const juliet = new CodeSide(victim).waitWith(code(wanted));
  carry(new CodeSide(attacker).ask(code(guess)), juliet);
  return juliet;
}

const isVerified = (side: CodeSide): boolean => side.done.includes("save");

describe("over real TLS", () => {
  it("whoever relays a whole run is seen in each of 200, by both, and the code is used up", async () => {
    for (let run = 0; run < 200; run++) {
      const sides = relay([await tlsLeg("romeo", "initiator"), await tlsLeg("juliet", "responder")]);
      for (const side of sides) expect([side.ending, isVerified(side), side.done.filter((one) => one === "spend").length]).toEqual(["code-wrong", false, 1]);
    }
  }, 120_000);

  it("whoever guesses on both legs, in either role, verifies with nobody in each of 100", async () => {
    for (let run = 0; run < 100; run++) {
      const role = run % 2 === 0 ? "initiator" : "responder";
      const romeo = guessAtRomeo(await tlsLeg("romeo", role), real.text, "ridge-lemon-4015");
      const juliet = guessAtJuliet(await tlsLeg("juliet", role), real.text, "orchard-wall-1234");
      expect([romeo.ending, juliet.ending]).toEqual(["code-wrong", "code-wrong"]);
    }
  }, 120_000);

  it("a run is not carried over into another stream of the same two: each has its own exporter", async () => {
    const [first, second] = [await honestLeg("romeo", "initiator"), await honestLeg("romeo", "initiator")];
    const [romeo, juliet] = relay([first, { victim: second.attacker, attacker: second.victim }]);
    expect([romeo.ending, juliet.ending]).toEqual(["code-wrong", "code-wrong"]);
  });

  it("two with nobody between them are verified: the same stage, without the attacker", async () => {
    const leg = await honestLeg("romeo", "initiator");
    const [romeo, juliet] = relay([leg, { victim: leg.attacker, attacker: leg.victim }]);
    expect([romeo.ending, juliet.ending]).toEqual(["verified", "verified"]);
  });
});

describe("with codes cut to a few", () => {
  const some = (count: number): string[] => Array.from({ length: count }, (_, index) => `code ${index}`);

  it("one guess wins for one code of 16: all 256 pairs of code and guess are played, and 16 win", () => {
    const [romeos, juliets] = quick();
    const pairs = some(16).flatMap((wanted) => some(16).map((guess) => [wanted, guess] as const));
    const won = pairs.map(
      ([wanted, guess], index) => isVerified(index % 2 === 0 ? guessAtRomeo(romeos, wanted, guess) : guessAtJuliet(juliets, wanted, guess)) === (wanted === guess),
    );
    expect([won.every(Boolean), pairs.filter(([wanted, guess]) => wanted === guess).length]).toEqual([true, 16]);
  });

  it("one guess at each of the two wins for two codes of 6: 60 of all 180 plays", () => {
    const [romeos, juliets] = quick();
    let [plays, won] = [0, 0];
    for (const wanted of some(6)) {
      for (const first of some(6)) {
        for (const second of some(6).filter((guess) => guess !== first)) {
          plays++;
          if (isVerified(guessAtRomeo(romeos, wanted, first)) || isVerified(guessAtJuliet(juliets, wanted, second))) won++;
        }
      }
    }
    expect([plays, won]).toEqual([180, 60]);
  }, 60_000);

  /** Tries one code after the other on an invitation, and cuts before his tag where he sees that it was wrong. */
  function tries(parameters: CodeParameters, codes: readonly string[], wanted: string): { readonly verified: boolean; readonly answers: number } {
    const [, { attacker, victim }] = quick();
    let [left, answers] = [1, 0];
    for (const guess of codes) {
      const juliet = new CodeSide(victim, () => --left >= 0, parameters).waitWith(code(wanted));
      const mallory = new CodeSide(attacker).ask(code(guess));
      juliet.receive(sentBy(mallory, "code-request"));
      mallory.receive(sentBy(juliet, "code-ready"));
      juliet.receive(sentBy(mallory, "code-share"));
      const answer = juliet.effects.flatMap((effect) => (effect.do === "send" && effect.message.type === "code-answer" ? [effect.message] : []))[0];
      if (!answer) continue;
      answers++;
      mallory.receive(answer);
      if (!mallory.done.includes("save")) {
        juliet.do({ type: "lost" });
        continue;
      }
      juliet.receive(sentBy(mallory, "code-tag"));
      return { verified: isVerified(juliet), answers };
    }
    return { verified: false, answers };
  }

  it("whoever cuts and comes again has had the one try: the second gets no answer to guess at", () => {
    expect(tries(standardCode, some(32), "code 31")).toEqual({ verified: false, answers: 1 });
  });

  it("wins always where a code is used up only once it was proved: the lab can fail", () => {
    expect(tries({ ...standardCode, spending: "after" }, some(32), "code 31")).toEqual({ verified: true, answers: 32 });
  });

  it("whoever relays wins always where the run is not bound to the channel: the lab can fail", () => {
    const unbound: CodeParameters = { ...standardCode, binding: "none" };
    for (let run = 0; run < 20; run++) expect(relay(quick(), unbound).map(({ ending }) => ending)).toEqual(["verified", "verified"]);
    expect(relay(quick()).map(({ ending }) => ending)).toEqual(["code-wrong", "code-wrong"]);
  });
});
