import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balcony, type Running } from "../../examples/cli/test/running.js";
import { ejabberd } from "../rigs/ejabberd.js";
import { federatedProsodys, prosody, type RigServer } from "../rigs/prosody.js";

const alone = async (server: Promise<RigServer>): Promise<readonly [RigServer, RigServer]> => {
  const one = await server;
  return [one, one];
};

const cases = [
  { title: "Prosody", start: () => alone(prosody({ limits: "none" })), alice: "alice@alpha.test", bob: "bob@beta.test" },
  { title: "ejabberd", start: () => alone(ejabberd({ limits: "none" })), alice: "alice@ej1.test", bob: "bob@ej2.test" },
  { title: "two domains, federated", start: async () => await federatedProsodys(["127.0.1.1", "127.0.1.2"]), alice: "alice@127.0.1.1", bob: "bob@127.0.1.2" },
];

/** Codes of a stream that broke, whichever way it was found out. */
const BROKEN = /\[(peer-dead|connection-lost|ibb-lost|session-ended|truncated)\]/;

describe.each(cases)("balcony listen and balcony open, over $title", ({ start, alice, bob }) => {
  let servers: readonly [RigServer, RigServer];
  let folder: string;
  let count = 0;

  beforeAll(async () => {
    servers = await start();
    folder = await mkdtemp(join(tmpdir(), "balcony-faults-"));
    await writeFile(join(folder, "password"), servers[0].password);
  });

  afterAll(async () => {
    for (const server of new Set(servers)) await server.stop();
    await rm(folder, { recursive: true });
  });

  const options = (jid: string, server: RigServer): readonly string[] => {
    const account = ["--account", jid, "--data", join(folder, jid), "--password-file", join(folder, "password"), "--service", server.service];
    // A direct path outlives the servers: here the servers carry it.
    return [...account, "--relay-only", "--keepalive", "4", "--insecure-plaintext-server", "--insecure-any-server-certificate"];
  };

  /** Bob listens, alice opens, and both have heard a line of the other. */
  async function talking(): Promise<{ open: Running; listen: Running }> {
    const resource = `balcony${++count}`;
    const listen = await balcony("listen", "--resource", resource, "--yes", "--allow", alice, ...options(bob, servers[1])).until("listening");
    const open = balcony("open", `${bob}/${resource}`, ...options(alice, servers[0]));
    open.child.stdin.write("but soft\n");
    listen.child.stdin.write("ay me\n");
    await Promise.all([listen.until("but soft"), open.until("ay me")]);
    return { open, listen };
  }

  it("talk, and end with 0 where both have said all", async () => {
    const { open, listen } = await talking();
    open.child.stdin.end();
    listen.child.stdin.end();
    const [left, right] = await Promise.all([open.ended, listen.ended]);
    expect([left.code, left.stdout.toString(), right.code, right.stdout.toString()]).toEqual([0, "ay me\n", 0, "but soft\n"]);
  });

  it.each(["open", "listen"] as const)("%s is killed: the other ends with 7 and says why", async (victim) => {
    const both = await talking();
    const other = both[victim === "open" ? "listen" : "open"];
    both[victim].child.kill("SIGKILL");
    const { code, stderr } = await other.ended;
    expect([code, stderr]).toEqual([7, expect.stringMatching(BROKEN)]);
    expect((await both[victim].ended).code).toBe(null);
  });

  it("the server is killed: both end with 7 and say why", async () => {
    const { open, listen } = await talking();
    for (const server of new Set(servers)) await server.kill();
    for (const { code, stderr } of await Promise.all([open.ended, listen.ended])) expect([code, stderr]).toEqual([7, expect.stringMatching(BROKEN)]);
  });
});
