import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec, gone } from "../rigs/processes.js";

/** Every namespace of a lab begins with this and the process that made it: what a crash has left is known by that. */
const PREFIX = "balcony-net-";
const RUN = "/run/netns";
/** What `ip netns exec` shows a process in place of /etc. */
const ETC = "/etc/netns";

/** A network of its own, with processes in it. */
export class Namespace {
  private constructor(readonly name: string) {}

  /** @param hosts what /etc/hosts is within: a line for each address */
  static async make(label: string, hosts: readonly string[] = []): Promise<Namespace> {
    const namespace = new Namespace(`${PREFIX}${process.pid}-${label}`);
    const etc = join(ETC, namespace.name);
    await mkdir(etc, { recursive: true });
    await writeFile(join(etc, "hosts"), ["127.0.0.1 localhost", "::1 localhost", ...hosts, ""].join("\n"));
    await writeFile(join(etc, "resolv.conf"), ""); // no name but those: nothing of the lab asks the world
    await exec("ip", ["netns", "add", namespace.name]);
    await namespace.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0");
    await namespace.ip("link set lo up");
    return namespace;
  }

  /** `ip -n NAME …` */
  async ip(command: string): Promise<void> {
    await exec("ip", ["-n", this.name, ...command.split(" ")]);
  }

  /** Rules in the format of iptables-save, `family` by family: one process for all of them. */
  async rules(family: "ipv4" | "ipv6", lines: readonly string[]): Promise<void> {
    const child = this.spawn(family === "ipv4" ? "iptables-restore" : "ip6tables-restore", ["--noflush"], { stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += String(chunk);
    });
    child.stdin?.end(`${lines.join("\n")}\n`);
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`${this.name}: ${family} rules refused: ${said}`);
  }

  async run(command: string, ...args: readonly string[]): Promise<string> {
    return (await exec("ip", ["netns", "exec", this.name, command, ...args])).stdout;
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn("ip", ["netns", "exec", this.name, command, ...args], options);
  }

  async remove(): Promise<void> {
    await removeNamed(this.name);
  }
}

/** A cable between two namespaces, each end with its name in it. Both ends are up. */
export async function cable(a: Namespace, nameA: string, b: Namespace, nameB: string): Promise<void> {
  await exec("ip", ["link", "add", nameA, "netns", a.name, "type", "veth", "peer", "name", nameB, "netns", b.name]);
  await Promise.all([a.ip(`link set ${nameA} up`), b.ip(`link set ${nameB} up`)]);
}

/** Removes what labs have left whose process is no more. */
export async function removeStale(): Promise<void> {
  for (const folder of [RUN, ETC]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
      if (pid > 0 && !lives(pid)) await removeNamed(name);
    }
  }
}

async function removeNamed(name: string): Promise<void> {
  const { stdout } = await exec("ip", ["netns", "pids", name]).catch(() => ({ stdout: "" })); // it may never have been added
  const pids = stdout.split("\n").map(Number).filter(Boolean);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
    }
  }
  await Promise.all(pids.map(gone));
  await exec("ip", ["netns", "delete", name]).catch(() => undefined);
  await rm(join(ETC, name), { recursive: true, force: true });
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
