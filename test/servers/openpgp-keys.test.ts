import { readOpenPgpKey } from "@balcony/trust-openpgp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newKey, publicOf } from "../../packages/trust-openpgp/test/people.js";
import { type LoggedIn, login } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

let server: RigServer;
const present: LoggedIn[] = [];
const enter = async (jid: string): Promise<LoggedIn> => {
  const person = await login({ service: server.service, jid, password: server.password });
  present.push(person);
  return person;
};
beforeAll(async () => {
  server = await prosody({ limits: "none" });
});
afterAll(async () => {
  for (const person of present) await person.logout();
  await server?.stop();
});

it("an OpenPGP key that one publishes over PEP is fetched by another who is no contact, whole and in its newest copy", async () => {
  const [alice, bob] = [await enter("alice@alpha.test"), await enter("bob@beta.test")];
  const key = await newKey({ address: "bob@beta.test" });
  const revoked = await key.revoke({ flag: 0 }, new Date());
  for (const copy of [key, revoked]) {
    const read = await readOpenPgpKey(publicOf(copy));
    await bob.e2e.publishOpenPgpKey(read);
    expect(await alice.e2e.openPgpKeys("bob@beta.test")).toEqual([{ fingerprint: read.fingerprint, key: Buffer.from(read.key) }]);
  }
  await expect(bob.e2e.openPgpKeys("alice@alpha.test")).rejects.toMatchObject({ code: "stanza-error" });
});
