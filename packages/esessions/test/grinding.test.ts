import { expect, it } from "vitest";
import { canonicalForm } from "../src/canonical.js";
import { strict } from "../src/compatibility.js";
import { stepInitiator } from "../src/initiator.js";
import { nodeCrypto } from "../src/node/index.js";
import { fromBase64 } from "../src/octets.js";
import { sas28x5 } from "../src/sas.js";
import { given, machine, sent } from "./machines.js";

/** Of five characters, so that the test takes a moment; all five take a man in the middle 2²⁴ trials, which is under a minute. */
const SHOWN = 2;

it("a man in the middle makes both people see the same SAS, by choosing the random values among his rshashes after he knows Bob's key", async () => {
  // His leg to Alice, as its responder: her string is fixed once she has sent her identity.
  const [alice, toAlice] = [machine("initiator"), machine("responder")];
  const answer = sent(await toAlice.take(sent(await alice.start())));
  const completion = await alice.take(answer);
  const final = await toAlice.take(sent(completion));
  const [hers] = final.flatMap((effect) => (effect.kind === "established" ? [effect.outcome.sas] : []));
  if (!hers) throw new Error("Alice's leg does not stand");

  // His leg to Bob, as its initiator: he tries one padding after the other before he sends.
  const mine = given();
  const [toBob, bob] = [machine("initiator", mine), machine("responder")];
  const response = sent(await bob.take(sent(await toBob.start())));
  const formB = canonicalForm(response, strict);
  // Taken up to where he holds the secret, and no further.
  let held: Parameters<typeof stepInitiator>[1] | undefined;
  let secret: readonly Uint8Array[] = [];
  const capturing = machine("initiator", mine);
  await capturing.start();
  const offered = capturing.state as Parameters<typeof stepInitiator>[1];
  const { readForm } = await import("../src/form.js");
  const next = stepInitiator(mine, offered, { kind: "received", form: readForm(response), wrapper: "feature" });
  for (const effect of next.effects) {
    if (effect.kind !== "compute") continue;
    const { nodeArithmetic } = await import("../src/node/index.js");
    secret = await nodeArithmetic.powers(effect.powers);
    held = next.state;
  }
  if (!held) throw new Error("Bob's leg does not stand");
  for (let trial = 0; trial < 100_000; trial++) {
    const decoys = [nodeCrypto.random(32), mine.decoys[1], mine.decoys[2]] as const;
    const form = sent(stepInitiator({ ...mine, decoys }, held, { kind: "computed", results: secret }).effects);
    const mac = fromBase64(
      form
        .getChildren("field")
        .find(({ attrs }) => attrs.var === "mac")
        ?.getChildText("value") ?? "",
    );
    if (!mac || sas28x5(nodeCrypto, mac, formB).slice(-SHOWN) !== hers.slice(-SHOWN)) continue;
    const [his] = (await bob.take(form)).flatMap((effect) => (effect.kind === "established" ? [effect.outcome.sas] : []));
    expect(his?.slice(-SHOWN)).toBe(hers.slice(-SHOWN)); // Bob's leg stands, and the people compare the same characters
    return;
  }
  throw new Error("no collision was found");
});
