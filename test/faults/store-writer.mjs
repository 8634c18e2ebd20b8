// A process that changes a trust store until it is killed, started by store-kills.test.ts: `store-writer.mjs FOLDER ROUND`. Prints a line for each change that is promised.
import { createHash } from "node:crypto";
import { TrustStore } from "../../packages/trust/dist/index.js";

const [folder, round] = process.argv.slice(2);
const juliet = "juliet@capulet.lit";
/** Each peer has keys of its own: a revoked one is refused under every address. */
const key = (peer, number) => createHash("sha256").update(`${peer} ${number}`).digest("hex");
const firstUse = { action: "accept", trust: "unverified", firstUse: true, alerts: [] };

const store = await TrustStore.open({ folder });
for (let index = 0; ; index++) {
  const peer = `peer-${round}-${index}@montague.lit`;
  const changes = {
    met: () => store.accepted(juliet, peer, { spki: key(peer, 1), decision: firstUse, streamed: true }),
    verified: () => store.setVerified(juliet, peer, key(peer, 2), "qr"),
    vouched: () => store.vouch(juliet, peer, { by: key(peer, 2), spki: key(peer, 3) }),
    revoked: () => store.revoke(juliet, peer, key(peer, 1)),
    kept: () => store.changeSecrets(juliet, peer, () => [{ current: Buffer.from(key(peer, 4), "hex") }]),
  };
  for (const [deed, change] of Object.entries(changes)) {
    await change();
    process.stdout.write(`${deed} ${peer}\n`);
  }
}
