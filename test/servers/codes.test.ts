import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atTerminal, balcony, events, type Running } from "../../examples/cli/test/running.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

// Two processes of the command, over a real Prosody: people who are in nobody's contacts.
let server: RigServer;
let folder: string;
const [alice, bob] = ["alice@alpha.test", "bob@beta.test"];
const as = (who: string): readonly string[] => ["--data", join(folder, who), "--password-file", join(folder, "password"), "--insecure-plaintext-server"];

beforeAll(async () => {
  server = await prosody({ limits: "none" });
  folder = await mkdtemp(join(tmpdir(), "balcony-codes-"));
  await writeFile(join(folder, "password"), `${server.password}\n`);
  for (const who of [alice, bob]) {
    const { code, stderr } = await balcony("login", who, ...as(who), "--service", server.service).ended;
    if (code !== 0) throw new Error(stderr);
  }
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const printed = ({ stdout, stderr }: Running): string => /\b[a-z]+-[a-z]+-\d{4}\b/u.exec(`${stdout}\n${stderr}`)?.[0] ?? "none";

/** Bob listens and alice opens: what each of them is told about trust, at once. */
async function nextSession(): Promise<readonly unknown[]> {
  const listening = await balcony("listen", "--json", "--allow", alice, "--resource", "next", ...as(bob)).until('"event":"listening"');
  const opening = balcony("open", `${bob}/next`, "--json", ...as(alice));
  opening.child.stdin.end();
  const { stdout } = await opening.ended;
  await listening.until('"event":"close"');
  listening.child.kill("SIGINT");
  const opened = [events(stdout), events((await listening.ended).stdout)].map((told) => told.find(({ event }) => event === "open"));
  return opened.map((event) => (event?.security as { verified?: { how: string } } | undefined)?.verified?.how);
}

describe("over Prosody", () => {
  it("invite and open --code verify both, and the next session is verified at once", async () => {
    const inviting = await balcony("invite", alice, "--json", ...as(bob)).until('"event":"waiting"');
    const opening = balcony("open", bob, "--code", printed(inviting), "--json", ...as(alice));
    opening.child.stdin.end("parting is such sweet sorrow\n");
    const left = await opening.ended;
    await inviting.until('"event":"close"');
    inviting.child.stdin.end();
    const right = await inviting.ended;
    expect([left.code, right.code]).toEqual([0, 0]);
    for (const { stdout } of [left, right])
      expect(events(stdout).find(({ event }) => event === "open")).toMatchObject({ security: { trust: "verified", verified: { how: "code" } } });
    expect(events(right.stdout).find(({ event }) => event === "message")).toMatchObject({ body: "parting is such sweet sorrow" });
    expect(await nextSession()).toEqual(["code", "code"]);
  });

  it("two people at terminals compare symbols, and the next session is verified at once", async () => {
    const listening = await atTerminal(["listen", "--yes", "--allow", alice, "--resource", "terminal", ...as(bob)], { NO_COLOR: "1" }).until("listening");
    const verifying = await atTerminal(["verify", `${bob}/terminal`, ...as(alice)], { NO_COLOR: "1" }).until("Asking bob@beta.test");
    await listening.until("wants to verify that nobody is between you");
    listening.child.stdin.write("/verify\r");
    await Promise.all([verifying.until("Is anything different?"), listening.until("Is anything different?")]);
    const seen = ({ stdout }: Running): string | undefined => /\d{4} {3}\d{4} {3}\d{4}/u.exec(stdout)?.[0];
    expect([seen(verifying), seen(listening)]).toEqual([seen(listening), expect.any(String)]);
    for (const one of [verifying, listening]) one.child.stdin.write("/same\r");
    await Promise.all([verifying, listening].map(async (one) => await one.until("Verified: nobody is between you")));
    verifying.child.stdin.write("/quit\r");
    expect((await verifying.ended).code).toBe(0);
    listening.child.stdin.write("\u0003");
    await listening.ended;
    expect(await nextSession()).toEqual(["symbols", "symbols"]);
  });
});
