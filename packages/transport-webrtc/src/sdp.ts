import { BalconyError } from "@balcony/channel";
import type { Candidate, CandidateType } from "./candidate.js";
import type { Description, Setup } from "./description.js";

/** The one media section of our descriptions. */
export const MID = "0";

/** The session description (RFC 8866, RFC 8841) that tells a peer connection what `<transport/>` told us. Nothing in it has not been read strictly before. */
export function writeSdp({ ufrag, pwd, fingerprints, setup, sctpPort }: Description): string {
  return [
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    `a=group:BUNDLE ${MID}`,
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    "a=ice-options:trickle",
    ...fingerprints.map(({ hash, value }) => `a=fingerprint:${hash} ${value}`),
    `a=setup:${setup}`,
    `a=mid:${MID}`,
    `a=sctp-port:${sctpPort}`,
    `a=max-message-size:${MAX_MESSAGE}`,
    "",
  ].join("\r\n");
}

/** XEP-0343 cannot say another: RFC 8841 §6.1's default. */
export const MAX_MESSAGE = 65_536;

/** Reads what a peer connection of ours says of itself. */
export function readSdp(sdp: string): Omit<Description, "candidates"> {
  const all = (name: string) => [...sdp.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, "gm"))].map(([, value]) => (value ?? "").trim());
  const [ufrag] = all("ice-ufrag");
  const [pwd] = all("ice-pwd");
  const [setup] = all("setup");
  const [port = "5000"] = all("sctp-port");
  const fingerprints = all("fingerprint").map((text) => {
    const [hash = "", value = ""] = text.split(/ +/);
    return { hash: hash.toLowerCase(), value: value.toUpperCase() };
  });
  if (!ufrag || !pwd || !setup || fingerprints.length === 0) throw new BalconyError("internal", "The peer connection's description lacks what every one has.");
  return { ufrag, pwd, setup: setup as Setup, sctpPort: Number(port), fingerprints };
}

export function writeCandidateLine({ foundation, priority, address, port, type }: Candidate): string {
  // RFC 8839 §5.1: a related address is there for every type but host, and may say nothing.
  const related = type === "host" ? "" : ` raddr ${address.includes(":") ? "::" : "0.0.0.0"} rport 9`;
  return `candidate:${foundation} 1 udp ${priority} ${address} ${port} typ ${type}${related}`;
}

/** Reads a candidate line of our own peer connection; undefined where it is not one over UDP with an address. */
export function readCandidateLine(line: string): Candidate | undefined {
  const match = /^(?:candidate:)+(\S+) 1 udp (\d+) (\S+) (\d+) typ (host|srflx|prflx|relay)\b/i.exec(line.trim());
  if (!match) return undefined;
  const [, foundation = "", priority, address = "", port, type] = match;
  return { foundation, priority: Number(priority), address, port: Number(port), type: type?.toLowerCase() as CandidateType };
}
