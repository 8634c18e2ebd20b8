// Brings the real servers that the tests need: on Debian as root by apt, without starting any system service.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";

/** Package, and a file by which it is known to be there. */
const servers = [
  { name: "prosody", file: "/usr/bin/prosody" },
  { name: "ejabberd", file: "/usr/sbin/ejabberdctl" },
  { name: "coturn", file: "/usr/bin/turnserver" },
  { name: "openssl", file: "/usr/bin/openssl" },
  { name: "libnice-dev", file: "/usr/include/nice/agent.h" },
  { name: "libjson-glib-dev", file: "/usr/include/json-glib-1.0/json-glib/json-glib.h" },
  { name: "pkg-config", file: "/usr/bin/pkg-config" },
  { name: "gcc", file: "/usr/bin/gcc" },
];

const missing = () => servers.filter(({ file }) => !existsSync(file)).map(({ name }) => name);

/** @returns the names of the servers that are not there and could not be brought */
export function bringServers() {
  const wanted = missing();
  if (wanted.length === 0) return [];
  const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
  if (!debian) return wanted;
  process.stderr.write(`· Installing the servers that the tests talk to, without starting them as services: ${wanted.join(", ")} …\n`);
  withoutServices(() => {
    apt(["update", "-qq"]);
    apt(["install", "-y", "-qq", "--no-install-recommends", ...wanted]);
  });
  return missing();
}

// invoke-rc.d asks policy-rc.d before it starts a service: 101 forbids it.
function withoutServices(work) {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    work();
  } finally {
    if (ours) rmSync(policy);
  }
}

function apt(args) {
  const { status, stdout, stderr } = spawnSync("apt-get", args, { encoding: "utf8", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  if (status !== 0) process.stderr.write(`${stdout}${stderr}apt-get ${args.join(" ")} ended with ${status}\n`);
}
