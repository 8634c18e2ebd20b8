import ipaddr from "ipaddr.js";

/**
 * What a transport may show a peer of where we are, and what of the peer's it may connect to (docs/security.md). To connect to an address that a peer names shows ours to whoever
 * is there, as well as to offer it does.
 */
export interface AddressPolicy {
  /**
   * - `any`: our own addresses are offered, the peer's are connected to, and relays of either side.
   * - `relayed`: the peer learns no address of ours. Nothing but our own relays is offered or connected to: what a peer calls a relay may be the peer itself.
   * - `direct`: no relay, and nothing that a server carries.
   */
  readonly paths: "any" | "direct" | "relayed";
  /** May addresses in private networks be connected to? For peers that are known; anybody else could have us try the ports of our own network. */
  readonly privateNetworks: boolean;
  /** Offers and connects to addresses of this very machine: for tests, never for peers that are somebody else. Default false. */
  readonly dangerouslyUseLoopback?: boolean | undefined;
}

/** For peers of whom nothing is known. */
export const strangersAddresses: AddressPolicy = Object.freeze({ paths: "relayed", privateNetworks: false });

/**
 * What an IP address is: `private` is RFC 1918, RFC 4193, RFC 6598 and what else is not routed on the Internet (reserved, documentation, benchmarking); `special` is what no
 * host has: multicast, broadcast, unspecified. An IPv4 address within an IPv6 one (mapped, translated, 6to4) is judged as itself.
 */
export type AddressKind = "public" | "private" | "loopback" | "link-local" | "special";

/** The kind of an IP address in its usual notation; undefined for what is none, as host names and `0x7f.1` are. */
export function addressKind(address: string): AddressKind | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return kindOf(ipaddr.IPv4.parse(address));
  if (!ipaddr.IPv6.isValid(address)) return undefined;
  const parsed = ipaddr.IPv6.parse(address);
  return kindOf(embedded(parsed) ?? parsed);
}

/** Why a peer may not have us connect to this IP address; undefined where it may. */
export function addressRefusal(address: string, policy: AddressPolicy): string | undefined {
  const kind = addressKind(address);
  if (kind === undefined) return `${JSON.stringify(address)} is no IP address`;
  if (kind === "public" || (kind === "private" && policy.privateNetworks) || (kind === "loopback" && policy.dangerouslyUseLoopback)) return undefined;
  return kind === "private" ? `${address} is in a private network, and this peer is not known` : `${address} is ${kind === "special" ? "an address that no host has" : kind}`;
}

function kindOf(address: ipaddr.IPv4 | ipaddr.IPv6): AddressKind {
  switch (address.range() as string) {
    case "unicast":
      return "public";
    case "private":
    case "uniqueLocal":
    case "carrierGradeNat":
    case "reserved":
    case "benchmarking":
    case "deprecatedSiteLocal":
    case "rfc6052": // embedded() knows the one prefix that is everybody's; the others are local (RFC 8215)
      return "private";
    case "loopback":
      return "loopback";
    case "linkLocal":
      return "link-local";
    default:
      return "special";
  }
}

/** The IPv4 address that packets to an IPv6 one end up at. */
function embedded(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray();
  const range = address.range() as string;
  const at = range === "rfc6052" && bytes.slice(4, 12).some((byte) => byte !== 0) ? undefined : places[range];
  return at === undefined ? undefined : new ipaddr.IPv4(bytes.slice(at, at + 4));
}

/** RFC 4291 §2.5.5.2, RFC 6052 §2.1, RFC 6145 §2.2, RFC 3056 §2. */
const places: Readonly<Record<string, number>> = { ipv4Mapped: 12, rfc6052: 12, rfc6145: 12, "6to4": 2 };
