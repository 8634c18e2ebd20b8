import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.js";
import { exec, gone, listening } from "./processes.js";
import type { RigServer } from "./prosody.js";

const PASSWORD = "secret";
const USERS = ["alice", "bob", "carol"];

/** ejabberd's own example configuration limits client connections to 3,000 bytes a second in bursts of 20,000. */
const STOCK_SHAPER = `
shaper: {normal: {rate: 3000, burst_size: 20000}, fast: 100000}
shaper_rules: {c2s_shaper: {none: admin, normal: all}}
`;

/** A real ejabberd on loopback with two domains. `stock` puts its example configuration's shaper on. */
export async function ejabberd({ limits }: { readonly limits: "stock" | "none" }): Promise<RigServer> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-ejabberd-"));
  const [c2s, http, proxy] = await freePorts(3);
  const domains = ["ej1.test", "ej2.test"];
  await Promise.all(["conf", "log", "spool"].map((name) => mkdir(join(folder, name))));
  const pidFile = join(folder, "ejabberd.pid");
  const node = `balcony${c2s}@localhost`;
  const shaper = limits === "stock" ? ", shaper: c2s_shaper" : "";
  await writeFile(join(folder, "conf", "ejabberdctl.cfg"), `ERLANG_NODE=${node}\nINET_DIST_INTERFACE=127.0.0.1\nERL_EPMD_ADDRESS=127.0.0.1\nEJABBERD_PID_PATH=${pidFile}\n`);
  await writeFile(join(folder, "conf", "inetrc"), '{lookup,["file","native"]}.\n{host,{127,0,0,1},["localhost"]}.\n{file,resolv,"/etc/resolv.conf"}.\n');
  await writeFile(
    join(folder, "conf", "ejabberd.yml"),
    `
hosts: [${domains.join(", ")}]
loglevel: info
auth_password_format: plain
certfiles: []
listen:
  - {port: ${c2s}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, access: c2s, starttls: false${shaper}}
  - {port: ${http}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/ws: ejabberd_http_ws}}
s2s_access: none
acl: {local: {user_regexp: ""}, admin: {user: admin@localhost}}
access_rules: {local: {allow: local}, c2s: {allow: all}, announce: {deny: all}, register: {allow: all}}
${limits === "stock" ? STOCK_SHAPER : ""}
api_permissions: {"console": {from: [ejabberd_ctl], who: all, what: "*"}}
modules: {mod_disco: {}, mod_roster: {}, mod_ping: {}, mod_admin_extra: {}, mod_caps: {}, mod_stream_mgmt: {}}
append_host_config:
  ${domains[0]}:
    modules:
      mod_proxy65: {host: "proxy.${domains[0]}", ip: "127.0.0.1", hostname: "127.0.0.1", port: ${proxy}, access: all}
`,
  );
  // ejabberdctl drops from root to its own user.
  await chmod(folder, 0o755);
  await exec("chown", ["-R", "ejabberd", folder]);
  const control = [
    "--config-dir",
    join(folder, "conf"),
    "--config",
    join(folder, "conf", "ejabberd.yml"),
    "--ctl-config",
    join(folder, "conf", "ejabberdctl.cfg"),
    "--logs",
    join(folder, "log"),
    "--spool",
    join(folder, "spool"),
  ];
  const env = { ...process.env, ERL_EPMD_ADDRESS: "127.0.0.1" };
  const ctl = async (...args: string[]) => await exec("ejabberdctl", [...control, ...args], { env });
  await ctl("start");
  await listening("127.0.0.1", c2s as number, undefined);
  await ctl("started");
  for (const domain of domains) for (const user of USERS) await ctl("register", user, domain, PASSWORD);
  let killed = false;
  return {
    name: `ejabberd (${limits === "stock" ? "stock limits" : "no limits"})`,
    service: `xmpp://127.0.0.1:${c2s}`,
    webSocket: `ws://127.0.0.1:${http}/ws`,
    domains,
    accounts: domains.flatMap((domain) => USERS.map((user) => `${user}@${domain}`)),
    password: PASSWORD,
    kill: async () => {
      killed = true;
      const pid = Number(await readFile(pidFile, "utf8"));
      process.kill(pid, "SIGKILL");
      await gone(pid);
    },
    stop: async () => {
      if (!killed) {
        await ctl("stop");
        await ctl("stopped");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
