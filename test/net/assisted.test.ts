import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stop } from "../rigs/processes.js";
import { Internet, SERVER } from "./internet.js";
import { type Namespace, removeStale } from "./namespaces.js";
import { type PublicHost, publicHost } from "./public-host.js";
import { RemoteHost } from "./remote-host.js";
import { makeSite, type Site } from "./sites.js";

/** miniupnpd maps no ports to an address kept for documentation, so its router has another one beside it, and those who dial it know the way. */
const PUBLIC = { UPnP: "11.0.0.9", "NAT-PMP": "11.0.0.10" } as const;

let folder: string;
let server: PublicHost;
let internet: Internet;
const namespaces: Namespace[] = [];

beforeAll(async () => {
  await removeStale();
  folder = await mkdtemp(join(tmpdir(), "balcony-assisted-"));
  internet = await Internet.make((namespace) => namespaces.push(namespace));
  server = await publicHost(internet);
}, 60_000);

afterAll(async () => {
  await server?.stop();
  for (const namespace of namespaces.reverse()) await namespace.remove();
  await rm(folder, { recursive: true });
});

async function mappingRouter({ router }: Site, protocol: keyof typeof PUBLIC, protocols: { readonly upnp: boolean; readonly natPmp: boolean }) {
  if (!router) throw new Error("There is no router.");
  await router.ip(`addr add ${PUBLIC[protocol]}/24 dev wan`);
  for (const chain of [
    "-t nat -N MINIUPNPD",
    "-t nat -A PREROUTING -i wan -j MINIUPNPD",
    "-t nat -N MINIUPNPD-POSTROUTING",
    "-t nat -A POSTROUTING -o wan -j MINIUPNPD-POSTROUTING",
    "-t filter -N MINIUPNPD",
    "-t filter -A FORWARD -i wan -j MINIUPNPD",
    "-t mangle -N MINIUPNPD",
  ])
    await router.run("iptables-legacy", ...chain.split(" "));
  const file = join(folder, `${protocol}.conf`);
  const yes = (on: boolean): string => (on ? "yes" : "no");
  const network = ["ext_ifname=wan", `ext_ip=${PUBLIC[protocol]}`, "listening_ip=lan", `enable_upnp=${yes(protocols.upnp)}`, `enable_natpmp=${yes(protocols.natPmp)}`];
  const rest = ["secure_mode=yes", "uuid=fc4ec57e-b051-11db-88f8-0060085db3f6", "allow 1024-65535 192.168.0.0/16 1024-65535", "deny 0-65535 0.0.0.0/0 0-65535", ""];
  await writeFile(file, [...network, ...rest].join("\n"));
  const daemon = router.spawn("miniupnpd", ["-d", "-f", file, "-P", join(folder, `${protocol}.pid`)], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [daemon.stdout, daemon.stderr])
      stream?.on("data", (chunk) => {
        said += String(chunk);
        if (/listening (on|for)/i.test(said)) resolve();
      });
    daemon.once("close", (code) => reject(new Error(`miniupnpd ended with ${code}: ${said}`)));
  });
  const mappings = async (): Promise<string[]> => (await router.run("iptables-legacy", "-t", "nat", "-S", "MINIUPNPD")).split("\n").filter((line) => line.startsWith("-A"));
  /** The mapping is taken away while nobody waits for it, and netfilter tells nobody of that. */
  const unmapped = async (): Promise<void> => {
    let left = await mappings();
    for (let attempt = 0; attempt < 100 && left.length > 0; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      left = await mappings();
    }
    expect(left).toEqual([]);
  };
  return { unmapped, stop: async () => await stop(daemon) };
}

describe.each([
  ["UPnP", { upnp: true, natPmp: false }],
  ["NAT-PMP", { upnp: false, natPmp: true }],
] as const)("a router that maps ports by %s", (protocol, protocols) => {
  it("leads a peer behind another NAT to us, and is left without a mapping", async () => {
    const name = protocol.toLowerCase();
    const mapped = await makeSite(internet, "cone", `${name}-a`);
    const other = await makeSite(internet, "cone", `${name}-b`);
    await other.router?.ip(`route add 11.0.0.0/24 dev wan`);
    const router = await mappingRouter(mapped, protocol, protocols);
    const [a, b] = [mapped, other].map(({ host }) => new RemoteHost(host)) as [RemoteHost, RemoteHost];
    try {
      const address = (label: string): string => `${name}-${label}@${SERVER.name}/s5b`;
      const common = { service: server.service, servers: [], transports: ["s5b"] };
      await a.login({ ...common, jid: address("a"), mapPorts: true });
      await b.login({ ...common, jid: address("b") });
      for (const [from, to, jid, peer] of [
        [a, b, address("a"), address("b")],
        [b, a, address("b"), address("a")],
      ] as const) {
        const outcome = await from.open({ jid, peer, timeout: 30_000 });
        expect(outcome.path, JSON.stringify([outcome, to])).toMatch(/^s5b assisted /);
        await router.unmapped();
      }
    } finally {
      await Promise.all([a.stop(), b.stop()]);
      await router.stop();
    }
  }, 120_000);
});
