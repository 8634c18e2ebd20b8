import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.js";
import { listening } from "./processes.js";

/** coturn on loopback: STUN, and TURN by UDP and TCP with one account. */
export async function coturn() {
  const folder = await mkdtemp(join(tmpdir(), "balcony-coturn-"));
  const [port = 0] = await freePorts(1);
  const loopback = ["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--allow-loopback-peers", "--listening-port", String(port)];
  const account = ["--lt-cred-mech", "--user", "romeo:orchard", "--realm", "capulet.lit"];
  const quiet = ["-n", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "/dev/null", "--pidfile", join(folder, "pid"), "--userdb", join(folder, "db")];
  const child = spawn("turnserver", [...quiet, ...loopback, ...account], { stdio: "ignore" });
  await listening("127.0.0.1", port, child);
  return {
    port,
    username: "romeo",
    credential: "orchard",
    stop: async () => {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
