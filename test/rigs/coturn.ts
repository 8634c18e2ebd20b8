import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.js";
import { listening } from "./processes.js";

/** coturn on loopback: STUN, and TURN by UDP, TCP and TLS with one account; `ca` is the certificate that it shows, `key` its key. */
export async function coturn() {
  const folder = await mkdtemp(join(tmpdir(), "balcony-coturn-"));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=turn", "-addext", "subjectAltName=IP:127.0.0.1"], {
    stdio: "ignore",
  });
  const loopback = ["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--allow-loopback-peers", "--listening-port", String(port), "--tls-listening-port", String(tlsPort)];
  const account = ["--lt-cred-mech", "--user", "romeo:orchard", "--realm", "capulet.lit"];
  const quiet = ["-n", "--cert", cert, "--pkey", key, "--no-dtls", "--no-cli", "--log-file", "/dev/null", "--pidfile", join(folder, "pid"), "--userdb", join(folder, "db")];
  const child = spawn("turnserver", [...quiet, ...loopback, ...account], { stdio: "ignore" });
  await listening("127.0.0.1", port, child);
  await listening("127.0.0.1", tlsPort, child);
  return {
    port,
    tlsPort,
    ca: await readFile(cert, "utf8"),
    key: await readFile(key, "utf8"),
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
