// libnice as the other end of ICE-TCP (interop/peers/libnice): candidates and credentials by hand, as the harness carries them.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { memoryStanzaPair } from "@balcony/channel";
import type { Connection, TransportAttempt } from "@balcony/jingle";
import { iceTcp } from "@balcony/transport-ice-tcp";
import { type Element, xml } from "@balcony/xml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const NS_ICE = "urn:xmpp:jingle:transports:ice:0";
const BYTES = 200_000;
const payload = Buffer.from(Array.from({ length: BYTES }, (_, at) => (7 * at + 3) % 251));
const sha256 = createHash("sha256").update(payload).digest("hex");
const never = new AbortController().signal;

interface Said {
  readonly event: string;
  readonly ufrag?: string;
  readonly pwd?: string;
  readonly candidates?: readonly string[];
  readonly sha256?: string;
}

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "balcony-libnice-"));
  const flags = execFileSync("pkg-config", ["--cflags", "--libs", "nice", "json-glib-1.0"], { encoding: "utf8" }).trim().split(/\s+/);
  const source = fileURLToPath(new URL("../../interop/peers/libnice/peer.c", import.meta.url));
  execFileSync("gcc", ["-Wall", "-o", join(folder, "peer"), source, ...flags]);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The peer, and what it says, one event after another. */
function start(role: "initiator" | "responder"): { readonly child: ChildProcess; readonly event: (name: string) => Promise<Said> } {
  const child = spawn(join(folder, "peer"), { env: { ...process.env, INTEROP_ROLE: role, INTEROP_OPTIONS: JSON.stringify({ bytes: BYTES }) }, stdio: ["pipe", "pipe", "ignore"] });
  const said: Said[] = [];
  let wake: () => void = () => undefined;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    said.push(JSON.parse(line) as Said);
    wake();
  });
  const event = async (name: string): Promise<Said> => {
    for (;;) {
      const found = said.find((one) => one.event === name || one.event === "error");
      if (found) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { child, event };
}

/** RFC 8839 §5.1 and RFC 6544 §4.5 on one side, XEP-0371 on the other. */
function fromSdp(line: string): Element {
  const [foundation, component, protocol, priority, ip, port, , type, ...rest] = line.replace("candidate:", "").split(" ");
  return xml("candidate", { foundation, component, protocol: protocol?.toLowerCase(), priority, ip, port, type, tcptype: rest[rest.indexOf("tcptype") + 1], network: "0" });
}
const toSdp = ({ attrs: { foundation, priority, ip, port, type, tcptype } }: Element): string =>
  `candidate:${foundation} 1 TCP ${priority} ${ip} ${port} typ ${type} tcptype ${tcptype}`;

async function connect(
  role: "initiator" | "responder",
  only: string | undefined,
  peer: ReturnType<typeof start>,
): Promise<{ readonly connection: Connection; readonly attempt: TransportAttempt }> {
  const [channel] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "juliet@capulet.lit/balcony" });
  const attempt = iceTcp().attempt({
    channel: channel.to("juliet@capulet.lit/balcony"),
    role: role === "initiator" ? "responder" : "initiator",
    sid: "libnice",
    addresses: { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true },
    sendInfo: async () => undefined,
    progress: () => undefined,
  });
  const ours = await attempt.offer();
  const candidates = ours.getChildren("candidate").filter(({ attrs }) => attrs.ip === "127.0.0.1" && (only === undefined || attrs.tcptype === only));
  const { ufrag, pwd } = ours.attrs;
  peer.child.stdin?.write(`${JSON.stringify({ event: "signal", ufrag, pwd, candidates: candidates.map(toSdp), end: true })}\n`);
  const signal = await peer.event("signal");
  // Where only our passive candidates count, libnice's are left out but the active one: it has to come to us.
  const theirs = (signal.candidates ?? []).map(fromSdp).filter(({ attrs }) => only !== "passive" || attrs.tcptype === "active");
  attempt.accepted(xml("transport", { xmlns: NS_ICE, ufrag: signal.ufrag, pwd: signal.pwd }, theirs, xml("gathering-complete")));
  return { connection: await attempt.connect(never), attempt };
}

describe("ICE-TCP with libnice", () => {
  for (const role of ["initiator", "responder"] as const) {
    for (const only of [undefined, "active", "passive"]) {
      it(`which is ${role}${only ? `, where ours is ${only}` : ""}, carries every byte both ways`, async () => {
        const peer = start(role);
        const over = once(peer.child, "exit");
        const { connection } = await connect(role, only, peer);
        const { bytes } = connection;
        const got: Buffer[] = [];
        let count = 0;
        const all = new Promise<void>((resolve) => {
          bytes.on("data", (piece: Buffer) => {
            got.push(piece);
            count += piece.length;
            if (role === "initiator") bytes.write(piece);
            if (count === BYTES) resolve();
          });
        });
        if (role === "responder") bytes.write(payload);
        await all;
        expect(createHash("sha256").update(Buffer.concat(got)).digest("hex")).toBe(sha256);
        expect(await peer.event("received")).toMatchObject({ event: "received", sha256 });
        expect((await over)[0]).toBe(0);
        bytes.destroy();
      });
    }
  }
});
