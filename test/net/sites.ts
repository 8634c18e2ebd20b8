import type { Addresses, Internet } from "./internet.js";
import { cable, type Namespace } from "./namespaces.js";

/**
 * What a host may stand behind (RFC 4787, RFC 5382 for TCP). `mapping` and `filtering` are those of what lies between it and the Internet: none where it has an address of its own.
 * Port preservation makes netfilter's masquerading map endpoint-independently as long as no two hosts behind it use one port.
 */
export interface Behaviour {
  readonly title: string;
  readonly families: readonly ("ipv4" | "ipv6")[];
  readonly mapping: "none" | "endpoint-independent" | "symmetric";
  /** Who may send to an address that the host has sent from: anybody, or whom it has sent to. */
  readonly filtering: "none" | "endpoint-independent" | "address-and-port-dependent";
  readonly udp: boolean;
}

const both = ["ipv4", "ipv6"] as const;
const only4 = ["ipv4"] as const;
const only6 = ["ipv6"] as const;

export const behaviours = {
  open: { title: "public addresses, IPv4 and IPv6", families: both, mapping: "none", filtering: "none", udp: true },
  ipv4: { title: "a public IPv4 address alone", families: only4, mapping: "none", filtering: "none", udp: true },
  ipv6: { title: "a public IPv6 address alone", families: only6, mapping: "none", filtering: "none", udp: true },
  firewall: { title: "a public IPv4 address; nothing comes in unasked", families: only4, mapping: "none", filtering: "address-and-port-dependent", udp: true },
  "full-cone": { title: "NAT: mapping and filtering endpoint-independent", families: only4, mapping: "endpoint-independent", filtering: "endpoint-independent", udp: true },
  cone: {
    title: "NAT: mapping endpoint-independent, filtering by address and port",
    families: only4,
    mapping: "endpoint-independent",
    filtering: "address-and-port-dependent",
    udp: true,
  },
  "no-udp": { title: "as cone, and UDP is blocked", families: only4, mapping: "endpoint-independent", filtering: "address-and-port-dependent", udp: false },
  symmetric: { title: "NAT: a port of its own for each destination", families: only4, mapping: "symmetric", filtering: "address-and-port-dependent", udp: true },
} as const satisfies Record<string, Behaviour>;

export type Kind = keyof typeof behaviours;

/** A host, and what stands between it and the Internet. */
export interface Site {
  readonly host: Namespace;
  /** What translates addresses, where something does. */
  readonly router?: Namespace;
  readonly addresses: Addresses;
}

export async function makeSite(internet: Internet, kind: Kind, label: string): Promise<Site> {
  const behaviour: Behaviour = behaviours[kind];
  const host = await internet.namespace(label);
  if (behaviour.mapping === "none") {
    const addresses = await internet.join(host, "wan", { ipv4: behaviour.families.includes("ipv4"), ipv6: behaviour.families.includes("ipv6") });
    if (behaviour.filtering !== "none") await host.rules("ipv4", ["*filter", ":INPUT ACCEPT", ...nothingUnasked("INPUT"), "COMMIT"]);
    return { host, addresses };
  }
  const router = await internet.namespace(`${label}-nat`);
  const addresses = await internet.join(router, "wan");
  const lan = await joinLan(router, host, { device: "lan", subnet: `192.168.${lanNumber++}` });
  await router.rules("ipv4", [...translation(behaviour, addresses.ipv4 ?? "", [{ host: lan }]), ...filter(behaviour)]);
  return { host, router, addresses };
}

let lanNumber = 10;

/** Two hosts behind one NAT. */
export async function makeHousehold(
  internet: Internet,
  options: { readonly mapping: "endpoint-independent" | "symmetric"; readonly lans: "one" | "apart"; readonly hairpin: boolean },
  label: string,
): Promise<readonly [Site, Site]> {
  const [a, b, router] = await Promise.all([internet.namespace(`${label}-a`), internet.namespace(`${label}-b`), internet.namespace(`${label}-nat`)]);
  const addresses = await internet.join(router, "wan");
  const behaviour: Behaviour = { ...behaviours.cone, mapping: options.mapping };
  if (options.lans === "one") {
    await router.ip("link add lan type bridge forward_delay 0");
    await router.ip("link set lan up");
  }
  const places: Place[] = [];
  for (const [index, host] of [a, b].entries()) {
    const device = options.lans === "one" ? `port${index}` : `lan${index}`;
    const place = { device, subnet: options.lans === "one" ? "192.168.1" : `192.168.${index + 1}`, bridged: options.lans === "one", number: index + 2 };
    const ports = PORTS[index] ?? "";
    places.push({ host: await joinLan(router, host, place), ports });
    await host.run("sysctl", "-qw", `net.ipv4.ip_local_port_range=${ports.replace(":", " ")}`);
  }
  await router.rules("ipv4", [...translation(behaviour, addresses.ipv4 ?? "", places, options), ...filter(behaviour)]);
  return [a, b].map((host) => ({ host, addresses })) as [Site, Site];
}

/** Each host of a household has its own ports, so that the NAT's mapping, which keeps them, can be written down as rules. */
const PORTS = ["20000:29999", "30000:39999"] as const;

interface Place {
  /** IPv4 address. */
  readonly host: string;
  readonly ports?: string;
}

async function joinLan(router: Namespace, host: Namespace, place: { readonly device: string; readonly subnet: string; readonly bridged?: boolean; readonly number?: number }) {
  const { device, subnet, bridged = false, number = 2 } = place;
  await cable(host, "eth0", router, device);
  if (bridged) await router.ip(`link set ${device} master lan`);
  const gateway = bridged ? "lan" : device;
  await router.ip(`addr replace ${subnet}.1/24 dev ${gateway}`);
  await router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", `net.ipv6.conf.${device}.disable_ipv6=1`);
  await host.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1");
  await host.ip(`addr add ${subnet}.${number}/24 dev eth0`);
  await host.ip(`route add default via ${subnet}.1`);
  return `${subnet}.${number}`;
}

/**
 * netfilter finds a way in only for what has gone out to the same place. A mapping that anybody may use is therefore written down: everything to the one host behind it (endpoint-independent
 * filtering), or by the ports that each of two hosts has, for what comes from the inside (hairpinning, RFC 4787 §6: with the public address as source).
 */
function translation({ mapping, filtering }: Behaviour, wan: string, places: readonly Place[], { hairpin = false } = {}): string[] {
  const random = mapping === "symmetric" ? " --random-fully" : "";
  const open = filtering === "endpoint-independent" ? places.map(({ host }) => `-A PREROUTING -i wan -d ${wan} -j DNAT --to-destination ${host}`) : [];
  const turned = hairpin
    ? places.flatMap(({ host, ports }) => ["tcp", "udp"].map((protocol) => `-A PREROUTING ! -i wan -d ${wan} -p ${protocol} --dport ${ports} -j DNAT --to-destination ${host}`))
    : [];
  const own = hairpin ? [`-A POSTROUTING ! -o wan -m conntrack --ctstate DNAT -j SNAT --to-source ${wan}${random}`] : [];
  return ["*nat", ":PREROUTING ACCEPT", ":POSTROUTING ACCEPT", ...open, ...turned, `-A POSTROUTING -o wan -j MASQUERADE${random}`, ...own, "COMMIT"];
}

function filter({ filtering, udp }: Behaviour): string[] {
  const blocked = udp ? [] : ["-A FORWARD -p udp -j REJECT --reject-with icmp-admin-prohibited"];
  // What the router has been asked to let in (test of assisted candidates) is translated by the time it comes here.
  const inward =
    filtering === "endpoint-independent" ? [] : ["-A FORWARD -i wan -m conntrack --ctstate DNAT -j ACCEPT", "-A FORWARD -i wan -m conntrack --ctstate NEW,INVALID -j DROP"];
  // Between two networks of one house nothing passes but what hairpins.
  const between = [
    "-A FORWARD -i lan0 -o lan1 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED -j DROP",
    "-A FORWARD -i lan1 -o lan0 -m conntrack ! --ctstate DNAT,ESTABLISHED,RELATED -j DROP",
  ];
  // What is dropped makes no entry in the table of connections: one would take the port from a packet that goes out later.
  return ["*filter", ":INPUT ACCEPT", ":FORWARD ACCEPT", ...blocked, ...inward, ...between, "-A INPUT -i wan -m conntrack --ctstate NEW,INVALID -j DROP", "COMMIT"];
}

const nothingUnasked = (chain: string): string[] => [`-A ${chain} -i lo -j ACCEPT`, `-A ${chain} -m conntrack --ctstate NEW,INVALID -j DROP`];
