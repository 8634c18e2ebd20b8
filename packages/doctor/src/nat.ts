import { isIP } from "node:net";
import { BalconyError } from "@balcony/channel";
import type { AddressPolicy } from "@balcony/jingle";
import { serverAddresses, UdpAsker } from "./exchange.js";
import type { Endpoint, Nat, Service } from "./findings.js";
import { bindingRequest } from "./stun.js";

/** ms for a question whose answer may be that none comes. */
const SILENCE = 1_500;

/**
 * How what lies between us and the Internet treats UDP, by RFC 5780 §4 as far as there are servers for it: mapping wants two addresses that answer (a server's other one, or another server's),
 * filtering a server that answers from the other. By IPv4, which is what NATs translate.
 * @throws `failed-transport` where no server answers
 */
export async function nat(servers: readonly Service[], addresses: AddressPolicy, signal: AbortSignal): Promise<Nat> {
  const places = (
    await Promise.all(
      servers.map(async ({ host, port }) => (await serverAddresses(host, addresses).catch(() => [])).filter((ip) => isIP(ip) === 4).map((ip): Endpoint => ({ ip, port }))),
    )
  ).flat();
  const asker = await UdpAsker.open(4, signal);
  for (const place of places) {
    const answer = await asker.ask(bindingRequest(), place, { timeout: SILENCE });
    if (!answer?.mapped) continue;
    const local = { ip: await asker.localAddress(place), port: asker.port };
    const mapped = answer.mapped;
    // RFC 5780 §4.3: a server's other address may be anywhere; what may not be asked is not.
    const other = answer.other && (await serverAddresses(answer.other.ip, addresses).catch(() => [])).length > 0 ? answer.other : undefined;
    const elsewhere = [...(other && other.ip !== place.ip ? [{ ip: other.ip, port: place.port }] : []), ...places.filter(({ ip }) => ip !== place.ip)];
    const [mapping, filtering, hairpin] = await Promise.all([mappingBy(asker, local, mapped, elsewhere), filteringBy(place, other, signal), hairpins(asker, mapped, signal)]);
    return { local, mapped, mapping, filtering, hairpin };
  }
  throw new BalconyError("failed-transport", servers.length === 0 ? "There is no STUN server to ask." : "No STUN server answers by UDP, which may be blocked.");
}

async function mappingBy(asker: UdpAsker, local: Endpoint, mapped: Endpoint, elsewhere: readonly Endpoint[]): Promise<Nat["mapping"]> {
  if (same(local, mapped)) return "none";
  for (const place of elsewhere) {
    const answer = await asker.ask(bindingRequest(), place, { timeout: SILENCE });
    if (answer?.mapped) return same(answer.mapped, mapped) ? "endpoint-independent" : "address-dependent";
  }
  return "unknown";
}

/** §4.4, from a port that has sent to nobody else. An answer from an unasked place counts only if it is the one that the server has told of. */
async function filteringBy(place: Endpoint, other: Endpoint | undefined, signal: AbortSignal): Promise<Nat["filtering"]> {
  if (!other || other.ip === place.ip) return "unknown";
  const asker = await UdpAsker.open(4, signal);
  const from = (ip: string) => ({ timeout: SILENCE, answerFrom: (answering: Endpoint) => answering.ip === ip && answering.port !== place.port });
  if (await asker.ask(bindingRequest({ ip: true, port: true }), place, from(other.ip))) return "endpoint-independent";
  if (await asker.ask(bindingRequest({ port: true }), place, from(place.ip))) return "address-dependent";
  return "address-and-port-dependent";
}

/** §4.5 */
async function hairpins(asker: UdpAsker, mapped: Endpoint, signal: AbortSignal): Promise<boolean> {
  const sender = await UdpAsker.open(4, signal);
  return await asker.reaches(sender, mapped, bindingRequest(), SILENCE);
}

const same = (a: Endpoint, b: Endpoint): boolean => a.ip === b.ip && a.port === b.port;
