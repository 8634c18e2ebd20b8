// Installs Debian packages where that is possible: on Debian as root, without starting any system service.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";

/** Does nothing on another system, or for another user: whoever calls looks again at what is there. */
export function installPackages(names, { what }) {
  const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
  if (!debian || names.length === 0) return;
  process.stderr.write(`· Installing ${what}, without starting anything as a service: ${names.join(", ")} …\n`);
  withoutServices(() => {
    apt(["update", "-qq"]);
    apt(["install", "-y", "-qq", "--no-install-recommends", ...names]);
  });
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
  // Another apt may be at work: it is waited for, not run into.
  const { status, stdout, stderr } = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status !== 0) process.stderr.write(`${stdout}${stderr}apt-get ${args.join(" ")} ended with ${status}\n`);
}
