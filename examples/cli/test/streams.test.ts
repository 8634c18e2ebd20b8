import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { xml } from "balcony";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { login } from "../../../test/rigs/login.js";
import { atTerminal, balcony, events, type House, house, type Running } from "./running.js";

let at: House;
beforeAll(async () => {
  at = await house();
});
afterAll(async () => await at.tearDown());

let count = 0;
const address = (): readonly [resource: string, jid: string] => {
  const resource = `balcony${++count}`;
  return [resource, `juliet@capulet.lit/${resource}`];
};

/** Juliet listens and romeo opens, both pipes. */
async function pair(...more: readonly string[]): Promise<{ juliet: Running; romeo: Running }> {
  const [resource, jid] = address();
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", resource, "--yes", ...more).until("listening");
  return { juliet, romeo: balcony("open", jid, ...at.as("romeo"), ...more) };
}

describe("a pipe at both ends", () => {
  it("carries 20 MB to the last byte, and others back at once", async () => {
    const { juliet, romeo } = await pair();
    const [there, back] = [randomBytes(20_000_000), randomBytes(1_000_000)];
    romeo.child.stdin.end(there);
    juliet.child.stdin.end(back);
    const [right, left] = await Promise.all([juliet.ended, romeo.ended]);
    expect([left.code, right.code, right.stderr]).toEqual([0, 0, expect.stringContaining("1000000 bytes sent, 20000000 received")]);
    expect([right.stdout.equals(there), left.stdout.equals(back)]).toEqual([true, true]);
  });

  it("carries nothing, and says so", async () => {
    const { juliet, romeo } = await pair();
    romeo.child.stdin.end();
    juliet.child.stdin.end();
    const [right, left] = await Promise.all([juliet.ended, romeo.ended]);
    expect([left.code, right.code, left.stdout.length, right.stdout.length]).toEqual([0, 0, 0, 0]);
  });

  it("never passes a part for the whole: Ctrl-C in the middle is 130 here, and 7 there", async () => {
    const { juliet, romeo } = await pair();
    romeo.child.stdin.write("half of it");
    await juliet.until("half of it");
    romeo.child.kill("SIGINT");
    const [right, left] = await Promise.all([juliet.ended, romeo.ended]);
    expect([left.code, right.code, right.stderr]).toEqual([130, 7, expect.stringContaining("[truncated]")]);
    expect(left.stderr).toContain("closing (at most");
  });

  it("breaks with 7 where the other end is killed", async () => {
    const { juliet, romeo } = await pair("--keepalive", "4");
    romeo.child.stdin.write("half of it");
    await juliet.until("half of it");
    romeo.child.kill("SIGKILL");
    const right = await juliet.ended;
    expect([right.code, right.stdout.toString(), right.stderr]).toEqual([
      7,
      "half of it",
      expect.stringMatching(/\[(peer-dead|connection-lost|ibb-lost|session-ended|truncated)\]/),
    ]);
  });

  it("breaks with 7 where whoever reads the output leaves", async () => {
    const { juliet, romeo } = await pair();
    romeo.child.stdin.end(randomBytes(3_000_000));
    await once(juliet.child.stdout, "data");
    juliet.child.stdout.destroy();
    const left = await Promise.race([romeo.ended, juliet.ended]);
    expect(left.code).toBe(7);
    juliet.child.stdin.end();
    romeo.child.kill("SIGKILL");
    await Promise.all([romeo.ended, juliet.ended]);
  });
});

describe("a person at one end", () => {
  it("exchanges lines with a program, and sees nothing of what would move the cursor", async () => {
    const [resource, jid] = address();
    const juliet = await atTerminal(["listen", ...at.as("juliet"), "--resource", resource, "--yes", "--once"]).until("listening");
    const romeo = balcony("open", jid, ...at.as("romeo"));
    await juliet.until("Type what you want to say");
    romeo.child.stdin.write("good \u001b[31mnight\u009b2J\u202e\u200b\n");
    await juliet.until("│ good �[31mnight·2J··");
    juliet.child.stdin.write("parting is such sweet sorrow\r");
    await romeo.until("parting is such sweet sorrow");
    juliet.child.stdin.write("/quit\r");
    const [left, right] = await Promise.all([romeo.ended, juliet.ended]);
    expect([left.code, left.stdout.toString(), right.code]).toEqual([0, "parting is such sweet sorrow\n", 0]);
    expect(right.stdout.toString()).not.toMatch(/\u001b\[31mnight|\u009b|\u202e|\u200b/);
  });

  it("is asked before somebody comes in, and a no is a no", async () => {
    const [resource, jid] = address();
    const juliet = await atTerminal(
      ["listen", ...at.as("juliet"), "--data", `${at.folder}/asked`, "--account", "juliet@capulet.lit", "--service", at.server.service, "--resource", resource],
      {
        NO_COLOR: "1",
      },
    ).until("Choose a passphrase");
    juliet.child.stdin.write("\r"); // none
    await juliet.until("listening");
    const romeo = balcony("open", jid, ...at.as("romeo"));
    await juliet.until("wants to open a stream with you");
    juliet.child.stdin.write("n");
    const { code, stderr } = await romeo.ended;
    expect([code, stderr]).toEqual([4, expect.stringContaining("[declined]")]);
    juliet.child.stdin.write("\u0003");
    const { stdout, code: own } = await juliet.ended;
    expect(own).toBe(0);
    expect(stdout.toString()).toContain("your keys have no passphrase");
  });
});

describe("a peer that has ESessions alone", () => {
  it("is talked to, and told plainly to be less than a stream", async () => {
    const nurse = await login({
      service: at.server.service,
      jid: "nurse@capulet.lit", // who has never had a stream: of juliet it would be a downgrade
      password: "wormwood",
      resource: "sealed",
      options: { transports: [], policy: { fallback: () => true } },
    });
    try {
      nurse.e2e.on("session", (session) => {
        session.on("stanza", (stanza) => {
          if (stanza.name === "message") void session.send(xml("message", {}, xml("body", {}, `${stanza.getChildText("body")}?`)));
        });
      });
      const refused = await balcony("open", nurse.self, ...at.as("romeo"), "--streams-only").ended;
      expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("[unsupported-peer]")]);
      const romeo = await balcony("open", nurse.self, ...at.as("romeo")).until("this is an ESession, stanza by stanza through both servers");
      romeo.child.stdin.write("art thou not Romeo\n");
      await romeo.until("art thou not Romeo?");
      romeo.child.stdin.end();
      const { code, stderr } = await romeo.ended;
      expect([code, stderr]).toEqual([0, expect.stringContaining("not verified")]);
    } finally {
      await nurse.logout();
    }
  });
});

describe("two people", () => {
  it("talk, and Ctrl-C closes properly on both sides", async () => {
    const [resource, jid] = address();
    const juliet = await atTerminal(["listen", ...at.as("juliet"), "--resource", resource, "--yes", "--once"]).until("listening");
    const romeo = await atTerminal(["open", jid, ...at.as("romeo")], { NO_COLOR: "1" }).until("Type what you want to say");
    await juliet.until("Type what you want to say");
    romeo.child.stdin.write("but soft\r");
    await juliet.until("│ but soft");
    juliet.child.stdin.write("/info\r");
    await juliet.until("encrypted   TLSv1.3");
    romeo.child.stdin.write("\u0003");
    const [left, right] = await Promise.all([romeo.ended, juliet.ended]);
    expect([left.code, right.code]).toEqual([0, 0]);
    expect(right.stdout.toString()).toContain("romeo has closed the stream");
    expect(left.stdout.toString()).not.toMatch(/\u001b\[[\d;]*[1-9]m/); // NO_COLOR
  });
});

describe("--json", () => {
  it("tells everything as one event a line, and nothing else", async () => {
    const { juliet, romeo } = await pair("--json");
    await juliet.until('"event":"open"');
    romeo.child.stdin.write("\u001b[31mred\n");
    romeo.child.stdin.write("parting\n");
    await juliet.until("parting");
    romeo.child.stdin.end();
    const left = await romeo.ended;
    expect(left.code).toBe(0);
    await juliet.until('"event":"close"');
    juliet.child.kill("SIGINT");
    const right = await juliet.ended;
    const names = (stdout: Buffer) => [...new Set(events(stdout).map(({ event }) => event))];
    expect([right.code, left.stderr, right.stderr]).toEqual([0, "", ""]);
    expect(names(left.stdout)).toEqual(["warning", "connecting", "online", "progress", "open", "close"]);
    expect(names(right.stdout)).toEqual(["warning", "connecting", "online", "listening", "progress", "open", "message", "close", "closing"]);
    expect(events(left.stdout).find(({ event }) => event === "open")).toMatchObject({
      role: "initiator",
      security: { protocol: "TLSv1.3", trust: "unverified", path: expect.any(String) },
    });
    expect(events(left.stdout).filter(({ event, deadline }) => event === "progress" && deadline !== undefined).length).toBeGreaterThan(3);
  });
});

describe("waiting", () => {
  it("ends idly with 0 on Ctrl-C, and with 130 where something was not done", async () => {
    const [resource] = address();
    const juliet = await balcony("listen", ...at.as("juliet"), "--resource", resource).until("listening");
    juliet.child.kill("SIGINT");
    expect((await juliet.ended).code).toBe(0);
    const asked = await atTerminal(["login", "romeo@montague.lit", ...at.online]).until("Password of romeo@montague.lit");
    asked.child.stdin.write("\u0003");
    expect((await asked.ended).code).toBe(130);
  });

  it("says whom it declined: a pipe asks nobody", async () => {
    const [resource, jid] = address();
    const data = ["--data", `${at.folder}/pipe`, "--account", "juliet@capulet.lit", "--service", at.server.service];
    const juliet = await balcony("listen", ...at.as("juliet"), ...data, "--resource", resource).until("listening");
    const { code } = await balcony("open", jid, ...at.as("romeo")).ended;
    expect(code).toBe(4);
    await juliet.until("was declined");
    juliet.child.kill("SIGTERM");
    expect((await juliet.ended).code).toBe(0);
  });
});

describe("two people who verify", () => {
  it("see the same, say so, and are known to each other the next time", async () => {
    const [resource, jid] = address();
    const juliet = await atTerminal(["listen", ...at.as("juliet"), "--resource", resource, "--yes"], { NO_COLOR: "1" }).until("listening");
    const romeo = await atTerminal(["verify", jid, ...at.as("romeo")], { NO_COLOR: "1" }).until("Asking juliet@capulet.lit");
    await juliet.until("wants to verify that nobody is between you");
    juliet.child.stdin.write("/verify\r");
    await Promise.all([romeo.until("Is anything different?"), juliet.until("Is anything different?")]);
    const seen = ({ stdout }: Running): string | undefined => /\d{4} {3}\d{4} {3}\d{4}/u.exec(stdout)?.[0];
    expect([seen(romeo), seen(juliet)]).toEqual([seen(juliet), expect.any(String)]);
    romeo.child.stdin.write(`they are ${seen(romeo)}\r`);
    await romeo.until("[verification-open]");
    romeo.child.stdin.write("/same\r");
    juliet.child.stdin.write("/same\r");
    await Promise.all([romeo.until("Verified: nobody is between you and juliet@capulet.lit"), juliet.until("Verified: nobody is between you and romeo@montague.lit")]);
    romeo.child.stdin.write("/quit\r");
    expect((await romeo.ended).code).toBe(0);
    const again = await atTerminal(["open", jid, ...at.as("romeo")], { NO_COLOR: "1" }).until("verified: you have compared this key");
    again.child.stdin.write("/quit\r");
    await again.ended;
    juliet.child.stdin.write("\u0003");
    await juliet.ended;
  });
});
