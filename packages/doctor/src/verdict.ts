import type { Findings, Nat, ServerSecurity } from "./findings.js";
import { isFound } from "./probe.js";

/** One thing that a person should know, and what they can do about it. */
export interface VerdictLine {
  readonly weight: "good" | "note" | "problem";
  readonly text: string;
  readonly advice?: string;
}

export interface Verdict {
  /** In one sentence: how streams will go. */
  readonly summary: string;
  readonly lines: readonly VerdictLine[];
}

/** Bytes a second below which a stream that the server carries is not for files. */
const SLOW = 100_000;

/** What the findings come to, in plain words. Texts hold names that servers have given. */
export function verdict(findings: Findings): Verdict {
  const lines = [...securityLines(findings), ...directLines(findings), ...relayLines(findings), ...inBandLines(findings), ...federationLines(findings), ...peerLines(findings)];
  return { summary: summary(findings), lines };
}

const carrying = ({ proxies }: Findings) => (isFound(proxies) ? proxies.found.filter(({ carried }) => isFound(carried)) : []);
const relaying = ({ turn }: Findings) => turn.filter(({ relayed }) => isFound(relayed));

function summary(findings: Findings): string {
  const { peer } = findings;
  if (peer && isFound(peer) && peer.found.resources.length > 0 && !peer.found.resources.some(({ streams }) => streams))
    return "No stream can be opened: none of their devices supports it.";
  if (peer && !isFound(peer)) return "No stream can be opened to them now: they do not answer.";
  const relays = carrying(findings).length + relaying(findings).length > 0;
  const slowly = isFound(findings.inBand) && findings.inBand.found.rate >= SLOW ? "" : ", slowly";
  switch (directness(findings)) {
    case "good":
      return "Streams will mostly go directly from machine to machine.";
    case "fair":
      return relays
        ? "Streams will often go directly; where they cannot, a relay carries them."
        : `Streams will often go directly; where they cannot, the server carries them${slowly}.`;
    default:
      return relays ? "Streams will mostly go through a relay." : `Streams will go directly to peers that can be reached, and else through the server${slowly}.`;
  }
}

/** How likely a direct path is, by our side alone. */
function directness({ gateway, nat }: Findings): "good" | "fair" | "poor" {
  if (isFound(gateway)) return "good";
  if (!isFound(nat)) return "poor";
  const { filtering, mapping } = nat.found;
  if (mapping === "none") return filtering === "endpoint-independent" ? "good" : "fair";
  if (mapping === "endpoint-independent") return filtering === "endpoint-independent" ? "good" : "fair";
  return "poor";
}

function securityLines({ self, server }: Findings): VerdictLine[] {
  const domain = domainIn(self);
  if (!isFound(server)) return [{ weight: "note", text: `How ${domain} secures connections could not be seen: ${server.failed.message}` }];
  return weaknesses(server.found, domain);
}

function weaknesses({ certificate, channelBinding, mechanisms, protocol, tls }: ServerSecurity, domain: string): VerdictLine[] {
  if (tls === "none")
    return [{ weight: "problem", text: `${domain} offers no TLS: your password and who you talk to go in clear.`, advice: "Use another server, or ask its operator for TLS." }];
  const lines: VerdictLine[] = [];
  if (certificate?.refusal !== undefined)
    lines.push({
      weight: "problem",
      text: `The certificate of ${domain} does not hold (${certificate.refusal}): somebody may be between you and your server.`,
      advice: "Do not log in over this network before its operator has explained it.",
    });
  if (protocol !== "TLSv1.3") lines.push({ weight: "note", text: `${domain} speaks ${protocol}; TLS 1.3 would hide more.`, advice: "Ask its operator to allow TLS 1.3." });
  if (mechanisms.length > 0 && !mechanisms.some((name) => name.endsWith("-PLUS")))
    lines.push({ weight: "note", text: `${domain} offers no login with channel binding: a false certificate would go unnoticed.`, advice: "Ask its operator for SCRAM-…-PLUS." });
  else if (channelBinding.includes("tls-exporter")) lines.push({ weight: "good", text: `Login at ${domain} can be bound to its TLS connection.` });
  if (lines.every(({ weight }) => weight !== "problem"))
    lines.unshift({ weight: "good", text: `The connection to ${domain} is encrypted (${protocol}), and its certificate holds.` });
  return lines;
}

function directLines(findings: Findings): VerdictLine[] {
  const { gateway, nat, services, stun } = findings;
  const lines: VerdictLine[] = [];
  if (isFound(nat)) lines.push(natLine(nat.found));
  else if ((isFound(services) && services.found.length > 0) || stun.length > 0)
    lines.push({
      weight: "problem",
      text: `UDP does not get through: ${nat.failed.message}`,
      advice: "WebRTC can then use nothing but TURN over TCP or TLS. On a network of your own, let UDP out.",
    });
  else
    lines.push({
      weight: "note",
      text: "There is no STUN server to ask, so how this network translates addresses is not known, and peers behind other NATs will hardly be reached directly.",
      advice: "Ask the operator of your server for STUN and TURN (XEP-0215).",
    });
  if (isFound(gateway)) lines.push({ weight: "good", text: `The router maps ports by ${gateway.found.protocol}: with --map-ports others can connect to you.` });
  else if (isFound(nat) && nat.found.mapping !== "none")
    lines.push({ weight: "note", text: "The router maps no ports on request.", advice: "If it is yours, switch on UPnP or NAT-PMP, or forward a port." });
  return lines;
}

function natLine({ filtering, mapping }: Nat): VerdictLine {
  if (mapping === "none" && filtering === "endpoint-independent") return { weight: "good", text: "This machine has a public address, and others can reach it." };
  if (mapping === "none") return { weight: "good", text: "This machine has a public address, behind a firewall that lets in answers alone: both sides have to begin at once." };
  if (mapping === "endpoint-independent" && filtering === "endpoint-independent")
    return { weight: "good", text: "The NAT of this network keeps one port for all, and lets everybody in by it: direct paths work." };
  if (mapping === "endpoint-independent") return { weight: "good", text: "The NAT of this network keeps one port for all: direct paths work with most peers." };
  if (mapping === "address-dependent")
    return {
      weight: "problem",
      text: "The NAT of this network is symmetric, a new port for each destination: only peers that can be reached from everywhere get a direct path.",
      advice: "Have relays ready (below); another network, IPv6 or a router of your own may do better.",
    };
  return { weight: "note", text: "There is a NAT. Whether it is symmetric takes a STUN server with two addresses to tell." };
}

function relayLines(findings: Findings): VerdictLine[] {
  const proxies = carrying(findings);
  const turn = relaying(findings);
  const lines: VerdictLine[] = [];
  if (isFound(findings.proxies))
    for (const { jid, carried } of findings.proxies.found)
      if (!isFound(carried)) lines.push({ weight: "problem", text: `The proxy ${jid} does not work: ${carried.failed.message}`, advice: "Tell the operator of your server." });
  const silent = !isFound(findings.nat); // UDP as such, which has been told of
  for (const { service, relayed } of findings.turn)
    if (!isFound(relayed) && !(silent && service.transport === "udp"))
      lines.push({
        weight: "problem",
        text: `TURN at ${service.host}:${service.port} by ${service.transport.toUpperCase()} does not work: ${relayed.failed.message}`,
        advice: "Tell the operator of your server.",
      });
  const names = [...proxies.map(({ jid }) => jid), ...new Set(turn.map(({ service }) => service.host))];
  if (names.length > 0) lines.push({ weight: "good", text: `Where no direct path is found, there ${names.length === 1 ? "is a relay" : "are relays"}: ${names.join(", ")}.` });
  else
    lines.push({
      weight: "problem",
      text: "There is no relay but the server itself: where no direct path is found, every byte goes through it in-band.",
      advice: "Ask its operator for a SOCKS5 proxy (XEP-0065) or TURN (XEP-0215).",
    });
  return lines;
}

function inBandLines({ inBand }: Findings): VerdictLine[] {
  if (!isFound(inBand))
    return [{ weight: "problem", text: `The server carries nothing in-band: ${inBand.failed.message}`, advice: "Tell its operator: streams have nothing to fall back to." }];
  const { rate, throttled } = inBand.found;
  const minute = `a file of 10 MB takes ${duration(10_000_000 / Math.max(rate, 1))}`;
  if (rate >= SLOW) return [{ weight: "good", text: `In-band, the server carries about ${rateText(rate)}; ${minute}.` }];
  return [
    {
      weight: "note",
      text: `In-band, the server carries ${throttled ? "no more than" : "about"} ${rateText(rate)}: enough to talk; ${minute}.`,
      ...(throttled && { advice: "Its operator limits connections; a proxy or TURN would take that load from it." }),
    },
  ];
}

function federationLines({ federation }: Findings): VerdictLine[] {
  if (!federation) return [];
  const { domain, roundTrip, security } = federation;
  const lines: VerdictLine[] = [];
  if (!isFound(roundTrip))
    lines.push({
      weight: "problem",
      text: `${domain} does not answer through your server: ${roundTrip.failed.message}`,
      advice: "The two servers may not reach each other. Ask either operator.",
    });
  if (isFound(security)) {
    const { certificate, tls } = security.found;
    if (tls === "none")
      lines.push({
        weight: "problem",
        text: `${domain} offers other servers no TLS: who talks to whom is open on the way between them.`,
        advice: "What you say is not: streams are encrypted from end to end.",
      });
    else if (certificate?.refusal !== undefined) lines.push({ weight: "note", text: `${domain} shows other servers a certificate that does not hold (${certificate.refusal}).` });
    else lines.push({ weight: "good", text: `${domain} offers other servers TLS with a certificate that holds. What the two have agreed on is not shown to clients.` });
  } else lines.push({ weight: "note", text: `How ${domain} secures connections of other servers could not be seen from here: ${security.failed.message}` });
  return lines;
}

function peerLines({ peer }: Findings): VerdictLine[] {
  if (!peer) return [];
  if (!isFound(peer)) return [{ weight: "problem", text: `They do not answer: ${peer.failed.message}`, advice: "They may be offline, or not show strangers that they are there." }];
  const { resources } = peer.found;
  if (resources.length === 0)
    return [{ weight: "note", text: "None of their devices shows itself to you.", advice: "Be in each other's contacts, or let them allow your address." }];
  return resources.map(({ address, streams, transports }) =>
    streams
      ? { weight: "good", text: `${address} takes streams, by ${transports.length > 0 ? transports.join(", ") : "no transport that is known here"}.` }
      : { weight: "note", text: `${address} does not support streams.`, advice: "Ask them to use a client that does." },
  );
}

/** "12 kB/s" */
export const rateText = (bytes: number): string => (bytes >= 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB/s` : `${Math.max(1, Math.round(bytes / 1000))} kB/s`);

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} hours`;
}

const domainIn = (address: string): string => address.replace(/^[^@]*@/, "").replace(/\/.*$/, "");
