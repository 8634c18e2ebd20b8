// A process of its own that works on a store, started by ../processes.test.ts: `writer.ts FOLDER JOB ARGUMENT`. Prints a line for each thing done.
import { TrustStore } from "../../src/index.js";
import { julietIdentity, romeoIdentity } from "../identities.js";

const [folder = "", job = "", argument = ""] = process.argv.slice(2);
const juliet = "juliet@capulet.lit";
const key = (index: number): string => index.toString(16).padStart(64, "0");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const jobs: Record<string, (store: TrustStore) => Promise<void>> = {
  /** Verifies a key for each of `argument` peers of its own, and lists what it sees at the end. */
  async verify(store) {
    const [name, count] = argument.split(" ");
    for (let index = 0; index < Number(count); index++) {
      const peer = `${name}-${index}@montague.lit`;
      await store.setVerified(juliet, peer, key(index), "fingerprint");
      say(peer);
    }
  },
  /** Asks for the identity, offering one of its own. */
  async identity(store) {
    const mine = argument === "1" ? julietIdentity : romeoIdentity;
    let made = false;
    const identity = await store.identity(juliet, async () => {
      made = true;
      return mine;
    });
    say(JSON.stringify({ made, mine: identity.privateKey === mine.privateKey }));
  },
  /** Until it is killed: meets a peer, verifies it, revokes that key, meets the next; says what is done after each. */
  async endless(store) {
    for (let index = 0; ; index++) {
      const peer = `peer-${argument}-${index}@montague.lit`;
      await store.accepted(juliet, peer, { spki: key(1), decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] }, streamed: true });
      say(`met ${peer}`);
      await store.setVerified(juliet, peer, key(2), "qr");
      say(`verified ${peer}`);
      await store.revoke(juliet, peer, key(3));
      say(`revoked ${peer}`);
    }
  },
  /** Uses a code up with romeo, says what came of it, and goes no further until it is killed: nothing made of the code has left. */
  async code(store) {
    const outcome = await store.spendCode(juliet, "romeo@montague.lit", { text: argument, entropy: 31.8 }).then(
      () => "used",
      (error: { code?: string }) => String(error.code),
    );
    say(outcome);
    if (outcome === "used") await new Promise<never>(() => setInterval(() => undefined, 60_000));
  },
  /** Charges a guess with romeo likewise. */
  async guess(store) {
    await store.chargeGuess(juliet, "romeo@montague.lit");
    say("charged");
    await new Promise<never>(() => setInterval(() => undefined, 60_000));
  },
  /** Holds the lock until it is killed. */
  async hold(store) {
    await store.identity(juliet, async () => {
      say("holding");
      return await new Promise<never>(() => setInterval(() => undefined, 60_000));
    });
  },
};

say("started");
const work = jobs[job];
if (!work) throw new Error(`no such job: ${job}`);
const store = await TrustStore.open({ folder });
await work(store);
await store.close();
