import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.js";
import { exec, listening, start, stop } from "./processes.js";

export interface RigServer {
  readonly name: string;
  /** For @xmpp/client's `service`. */
  readonly service: string;
  readonly webSocket: string | undefined;
  readonly domains: readonly string[];
  readonly accounts: readonly string[];
  readonly password: string;
  /** Where an external component (XEP-0114) is let in. */
  readonly component?: { readonly port: number; readonly domain: string; readonly secret: string };
  /** The server stops, as in a power cut. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = "secret";
const USERS = ["alice", "bob", "carol"];

/** Debian's own configuration limits client connections to this (`limits` in /etc/prosody/prosody.cfg.lua). */
const STOCK_LIMITS = 'limits = { c2s = { rate = "10kb/s" }; s2sin = { rate = "30kb/s" } }';

/** A real Prosody on loopback with two domains in one instance. `stock` puts Debian's limits on. */
export async function prosody({ limits }: { readonly limits: "stock" | "none" }): Promise<RigServer> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-prosody-"));
  const [c2s, http, proxy, component] = await freePorts(4);
  const domains = ["alpha.test", "beta.test"];
  await Promise.all(["data", "certs", "run"].map((name) => mkdir(join(folder, name))));
  const config = join(folder, "prosody.cfg.lua");
  await writeFile(
    config,
    `
run_as_root = true
pidfile = "${folder}/run/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}/certs"
plugin_paths = {}
network_backend = "epoll"
use_ipv6 = false
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
c2s_direct_tls_ports = {}
s2s_ports = {}
http_ports = { ${http} }
http_interfaces = { "127.0.0.1" }
https_ports = {}
component_ports = { ${component} }
component_interfaces = { "127.0.0.1" }
proxy65_ports = { ${proxy} }
proxy65_interfaces = { "127.0.0.1" }
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "pep"; "carbons"; "smacks"; "websocket"; "mam"; ${limits === "stock" ? '"limits";' : ""} }
modules_disabled = { "s2s" }
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
cross_domain_websocket = true
http_default_host = "alpha.test"
${limits === "stock" ? STOCK_LIMITS : ""}
log = { info = "${folder}/prosody.log" }
VirtualHost "alpha.test"
VirtualHost "beta.test"
Component "proxy.alpha.test" "proxy65"
  proxy65_address = "127.0.0.1"
  proxy65_acl = { "alpha.test", "beta.test" }
Component "bots.alpha.test"
  component_secret = "${PASSWORD}"
`,
  );
  for (const domain of domains) for (const user of USERS) await exec("prosodyctl", ["--config", config, "register", user, domain, PASSWORD]);
  const child = start("prosody", ["--config", config, "-F"]);
  await listening("127.0.0.1", c2s as number, child);
  await listening("127.0.0.1", http as number, child);
  await listening("127.0.0.1", component as number, child);
  return {
    name: `prosody (${limits === "stock" ? "stock limits" : "no limits"})`,
    service: `xmpp://127.0.0.1:${c2s}`,
    webSocket: `ws://127.0.0.1:${http}/xmpp-websocket`,
    domains,
    accounts: domains.flatMap((domain) => USERS.map((user) => `${user}@${domain}`)),
    password: PASSWORD,
    component: { port: component as number, domain: "bots.alpha.test", secret: PASSWORD },
    kill: async () => await stop(child, "SIGKILL"),
    stop: async () => {
      await stop(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Two Prosodys, each with a domain that is an address on loopback, so that they find each other without DNS: real federation, with TLS and dialback.
 * @param addresses of each test file its own: without DNS the port between servers is always the same
 */
export async function federatedProsodys(addresses: readonly [string, string]): Promise<readonly [RigServer, RigServer]> {
  const [c2s] = await freePorts(1);
  const one = await federated(addresses[0], c2s as number);
  const two = await federated(addresses[1], c2s as number);
  return [one, two];
}

const BETWEEN_SERVERS = 5269;

async function federated(address: string, c2s: number): Promise<RigServer> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-prosody-s2s-"));
  await Promise.all(["data", "certs", "run"].map((name) => mkdir(join(folder, name))));
  const [key, certificate] = [join(folder, "certs", `${address}.key`), join(folder, "certs", `${address}.crt`)];
  const subject = ["-subj", `/CN=${address}`, "-addext", `subjectAltName=DNS:${address},IP:${address}`];
  await exec("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", certificate]);
  const config = join(folder, "prosody.cfg.lua");
  await writeFile(
    config,
    `
run_as_root = true
pidfile = "${folder}/run/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}/certs"
use_ipv6 = false
interfaces = { "${address}" }
c2s_ports = { ${c2s} }
c2s_direct_tls_ports = {}
s2s_ports = { ${BETWEEN_SERVERS} }
modules_enabled = { "roster"; "saslauth"; "tls"; "dialback"; "disco"; "ping" }
modules_disabled = {}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = true
s2s_secure_auth = false
log = { info = "${folder}/prosody.log" }
VirtualHost "${address}"
`,
  );
  for (const user of USERS) await exec("prosodyctl", ["--config", config, "register", user, address, PASSWORD]);
  const child = start("prosody", ["--config", config, "-F"]);
  await listening(address, c2s, child);
  await listening(address, BETWEEN_SERVERS, child);
  return {
    name: `prosody ${address} (federated)`,
    service: `xmpp://${address}:${c2s}`,
    webSocket: undefined,
    domains: [address],
    accounts: USERS.map((user) => `${user}@${address}`),
    password: PASSWORD,
    kill: async () => await stop(child, "SIGKILL"),
    stop: async () => {
      await stop(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
