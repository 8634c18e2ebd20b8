import type { Ceremony, Session, VerificationRequest } from "balcony";
import type { PeerProcess } from "../peer-process.js";
import { endToEnd, talk } from "./e2e.js";
import { expect, type OurSide, type OurTask } from "./side.js";

/** An end-to-end stream on which two people verify each other, then a message and its echo. The runner is the voice by which they compare. */
export const ceremony = (task: OurTask): Promise<OurSide> =>
  endToEnd(task, async (_, session, peer, fingerprint, failed) => {
    await verify(task, session, peer, failed);
    await talk(task, session, peer, fingerprint);
  });

async function verify({ options }: OurTask, session: Session, peer: PeerProcess, failed: Promise<never>): Promise<void> {
  const { asks = "peer" } = options;
  const shown = await (asks === "peer"
    ? Promise.race([asked(session), failed]).then(async (request) => await request.accept())
    : session.verify({ readAloud: options.typist === "balcony" }));
  const ended = new Promise<void>((resolve, reject) => shown.once("end", (error) => (error ? reject(error) : resolve())));
  const told = new Promise((resolve) => shown.once("peer", resolve));
  const broken = ended.then(() => new Promise<never>(() => undefined));
  broken.catch(() => undefined); // raced with
  const same = await Promise.race([compare(shown, peer), broken]);
  if (shown.mode === "type") {
    expect(same, "The numbers that the peer read were refused.");
  } else if (options.says === "differ") {
    await ended; // they say so by voice, too
  } else {
    // Who reads aloud is asked whether the other one was told that they are right.
    if (shown.mode === "read") await Promise.race([told, ended]);
    if (!same || options.weSay === "differ") await shown.differ();
    else await shown.confirm();
  }
  await ended;
  expect((await told) === "match", "The peer does not say that its person has confirmed.");
  expect(session.security.trust === "verified", `After all that the peer is ${session.security.trust}.`);
}

const asked = (session: Session): Promise<VerificationRequest> => new Promise((resolve) => session.on("verification", resolve));

/** Whether the symbols are the same. Whoever is to type is read to. */
async function compare(shown: Ceremony, peer: PeerProcess): Promise<boolean> {
  const { numbers = [], emoji = [] } = await peer.event("symbols");
  if (shown.mode === "type") return await shown.enter(numbers.join(" "));
  if (shown.mode === "read") peer.signal({ event: "signal", numbers: shown.symbols.numbers });
  const ours = { numbers: shown.symbols.numbers, emoji: shown.symbols.emoji.map(({ name }) => name) };
  return JSON.stringify(ours) === JSON.stringify({ numbers, emoji });
}
