import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../rigs/processes.js";
import { type Internet, SERVER } from "./internet.js";
import type { Namespace } from "./namespaces.js";

/** TURN as XEP-0215 tells of it, with the account that coturn knows. */
export const TURN = { username: "balcony", password: "orchard", port: 3478 } as const;

export interface PublicHost {
  readonly namespace: Namespace;
  /** For @xmpp/client. */
  readonly service: string;
  /** File of the certificate, where there is one. */
  readonly certificate: string;
  /** STUN and TURN. */
  readonly servers: readonly { readonly urls: readonly string[]; readonly username: string; readonly credential: string }[];
  stop(): Promise<void>;
}

/** The public host of the lab: Prosody with proxy65 and XEP-0215, and coturn with STUN and TURN by UDP and TCP, on IPv4 and IPv6. */
/** @param tls with a certificate of its own making, which `certificate` is; else none, which is cheaper for many hosts */
export async function publicHost(internet: Internet, { tls = false }: { readonly tls?: boolean } = {}): Promise<PublicHost> {
  const host = await internet.namespace("server");
  await internet.joinServer(host);
  const folder = await mkdtemp(join(tmpdir(), "balcony-net-"));
  await Promise.all(["data", "certs"].map((name) => mkdir(join(folder, name))));
  const config = join(folder, "prosody.cfg.lua");
  const certificate = join(folder, "certs", `${SERVER.name}.crt`);
  if (tls) {
    const names = `subjectAltName=DNS:${SERVER.name}`;
    const key = join(folder, "certs", `${SERVER.name}.key`);
    await exec("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${SERVER.name}`,
      "-addext",
      names,
      "-keyout",
      key,
      "-out",
      certificate,
    ]);
  }
  await writeFile(config, configuration(folder, tls));
  const prosody = host.spawn("prosody", ["--config", config, "-F"], { stdio: "ignore" });
  const coturn = host.spawn("turnserver", turnArguments(folder), { stdio: "ignore" });
  await Promise.all([listens(host, 5222), listens(host, TURN.port), listens(host, 5000)]);
  const turn = `turn.${SERVER.name}:${TURN.port}`;
  return {
    namespace: host,
    certificate,
    service: `xmpp://${SERVER.name}:5222`,
    servers: [{ urls: [`stun:${turn}`, `turn:${turn}?transport=udp`, `turn:${turn}?transport=tcp`], username: TURN.username, credential: TURN.password }],
    stop: async () => {
      await Promise.all([prosody, coturn].map(async (child) => await ended(child)));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Neither has anything to save, and Prosody takes SIGTERM only when something else wakes it (its handlers run between two instructions of Lua): nobody is left who would. */
async function ended(child: ReturnType<Namespace["spawn"]>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** Every account is there, with any password: it is the paths that are measured. */
function configuration(folder: string, tls: boolean): string {
  const services = [
    `{ type = "stun", transport = "udp", host = "turn.${SERVER.name}", port = ${TURN.port} }`,
    ...["udp", "tcp"].map(
      (transport) =>
        `{ type = "turn", transport = "${transport}", host = "turn.${SERVER.name}", port = ${TURN.port}, username = "${TURN.username}", password = "${TURN.password}", ttl = 86400 }`,
    ),
  ];
  return `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}/certs"
plugin_paths = { "${folder}" }
network_backend = "epoll"
interfaces = { "*", "::" }
c2s_ports = { 5222 }
c2s_direct_tls_ports = {}
s2s_ports = {}
http_ports = {}
https_ports = {}
proxy65_ports = { 5000 }
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "external_services"; ${tls ? '"tls";' : ""} }
modules_disabled = { "s2s" }
authentication = "insecure"
insecure_open_authentication = "Yes please, I know what I'm doing!"
storage = "memory"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
external_services = { ${services.join("; ")} }
log = { info = "${folder}/prosody.log" }
VirtualHost "${SERVER.name}"
Component "proxy.${SERVER.name}" "proxy65"
  proxy65_address = "proxy.${SERVER.name}"
  proxy65_acl = { "${SERVER.name}" }
`;
}

function turnArguments(folder: string): string[] {
  const addresses = [...SERVER.ipv4, ...SERVER.ipv6];
  const listening = addresses.flatMap((address) => ["--listening-ip", address]);
  const relaying = [SERVER.ipv4[0], SERVER.ipv6[0]].flatMap((address) => ["--relay-ip", address]);
  const account = ["--lt-cred-mech", "--user", `${TURN.username}:${TURN.password}`, "--realm", SERVER.name];
  const quiet = ["-n", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "/dev/null", "--pidfile", join(folder, "turn.pid"), "--userdb", join(folder, "turn.db")];
  return [...quiet, "--listening-port", String(TURN.port), ...listening, ...relaying, ...account];
}

const ATTEMPTS = 200;

async function listens(host: Namespace, port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await host.run("ss", "-Hltn", `sport = :${port}`);
    if (found.trim() !== "") return;
    await new Promise((resolve) => setTimeout(resolve, 50)); // between looks at a server that is starting
  }
  throw new Error(`Nothing listens on port ${port} of the public host.`);
}
