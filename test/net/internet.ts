import { cable, Namespace } from "./namespaces.js";

/** What stands for the Internet: addresses kept for documentation (RFC 5737, RFC 3849), on one link. */
export const SERVER = { name: "capulet.example", ipv4: ["198.51.100.2", "198.51.100.3"], ipv6: ["2001:db8:1::2", "2001:db8:1::3"] } as const;

const hosts = [`${SERVER.ipv4[0]} ${SERVER.name} turn.${SERVER.name} proxy.${SERVER.name}`, `${SERVER.ipv6[0]} ${SERVER.name} turn.${SERVER.name} proxy.${SERVER.name}`];

/** The link that all sites and the public host are on. Its router drops in silence whatever is for an address that is not on it, as the Internet does with private ones. */
export class Internet {
  #next = 10;
  #ports = 0;

  private constructor(
    readonly core: Namespace,
    private readonly made: (namespace: Namespace) => void,
  ) {}

  /** @param made is told of each namespace, for whoever takes them away */
  static async make(made: (namespace: Namespace) => void): Promise<Internet> {
    const core = await Namespace.make("internet", hosts);
    made(core);
    await core.ip("link add br0 type bridge forward_delay 0");
    await core.ip("link set br0 up");
    await core.ip("addr add 198.51.100.1/24 dev br0");
    await core.ip("addr add 2001:db8:1::1/64 dev br0 nodad");
    await core.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    await core.ip("route add blackhole default");
    await core.ip("-6 route add blackhole default");
    return new Internet(core, made);
  }

  /** A network that knows the public host by its names. */
  async namespace(label: string): Promise<Namespace> {
    const namespace = await Namespace.make(label, hosts);
    this.made(namespace);
    return namespace;
  }

  /** Puts an interface of a namespace on the link. @returns its addresses */
  async join(namespace: Namespace, device: string, { ipv4 = true, ipv6 = false }: { readonly ipv4?: boolean; readonly ipv6?: boolean } = {}): Promise<Addresses> {
    const number = this.#next++;
    const port = `p${this.#ports++}`;
    await cable(namespace, device, this.core, port);
    await this.core.ip(`link set ${port} master br0`);
    const addresses = { ipv4: ipv4 ? `198.51.100.${number}` : undefined, ipv6: ipv6 ? `2001:db8:1::${number}` : undefined };
    await assign(namespace, device, addresses);
    return addresses;
  }

  /** As `join`, with the addresses of the public host. */
  async joinServer(namespace: Namespace): Promise<void> {
    await cable(namespace, "wan", this.core, "server");
    await this.core.ip("link set server master br0");
    for (const at of [0, 1] as const) await assign(namespace, "wan", { ipv4: SERVER.ipv4[at], ipv6: SERVER.ipv6[at] });
  }
}

export interface Addresses {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

async function assign(namespace: Namespace, device: string, { ipv4, ipv6 }: Addresses): Promise<void> {
  if (ipv4 !== undefined) {
    await namespace.ip(`addr add ${ipv4}/24 dev ${device}`);
    await namespace.ip(`route replace default via 198.51.100.1`);
  }
  if (ipv6 === undefined) await namespace.run("sysctl", "-qw", `net.ipv6.conf.${device}.disable_ipv6=1`);
  else {
    await namespace.ip(`addr add ${ipv6}/64 dev ${device} nodad`);
    await namespace.ip(`-6 route replace default via 2001:db8:1::1`);
  }
}
