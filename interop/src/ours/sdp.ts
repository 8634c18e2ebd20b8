import { childElements, type Element, xml } from "@balcony/xml";
import type { Signal } from "../contract.js";
import { CellFailure } from "./side.js";

/** Signals of the contract on one side, `<transport/>` on the other: RFC 8839 §5.1 and RFC 6544 §4.5 against XEP-0176 and XEP-0371. */

const NS_DTLS = "urn:xmpp:jingle:apps:dtls:0";
const NS_SCTP = "urn:xmpp:jingle:transports:dtls-sctp:1";

export interface Candidate {
  readonly ip: string;
  readonly port: string;
  readonly tcptype: string | undefined;
  readonly attrs: Readonly<Record<string, string | undefined>>;
}

let ids = 0;

/** Reads `candidate:1 1 TCP 1 127.0.0.1 9 typ host tcptype active`. */
export function readCandidateLine(line: string): Candidate {
  const [foundation, component, protocol, priority, ip = "", port = "", , type, ...rest] = line.replace(/^candidate:/, "").split(" ");
  const tcptype = rest.includes("tcptype") ? rest[rest.indexOf("tcptype") + 1] : undefined;
  const attrs = { foundation, component, generation: "0", id: `p${ids++}`, ip, network: "0", port, priority, protocol: protocol?.toLowerCase(), tcptype, type };
  return { ip, port, tcptype, attrs };
}

export function writeCandidateLine({ attrs: { foundation, protocol, priority, ip, port, type, tcptype } }: Element): string {
  return `candidate:${foundation} 1 ${protocol} ${priority} ${ip} ${port} typ ${type}${tcptype ? ` tcptype ${tcptype}` : ""}`;
}

export const candidatesOf = (transport: Element): Element[] => childElements(transport).filter(({ name }) => name === "candidate");

interface Reading {
  readonly xmlns: string;
  /** What the peer has said before: in SDP credentials are told once, in Jingle with every candidate. */
  readonly before: Readonly<Record<string, string | undefined>> | undefined;
  readonly fits: (candidate: Candidate) => Candidate | undefined;
}

/** What a peer has signalled, as the `<transport/>` that Jingle would have brought. */
export function readSignal({ setup, fingerprint, sdp, candidates = [], end, ...given }: Signal, { xmlns, before, fits }: Reading): Element {
  const told = sdp === undefined ? { ufrag: given.ufrag ?? before?.ufrag, pwd: given.pwd ?? before?.pwd, setup, fingerprint, lines: [] } : readSdp(sdp);
  const lines = [...told.lines, ...candidates].filter((line) => line !== "");
  const elements = lines.flatMap((line) => fits(readCandidateLine(line)) ?? []).map(({ attrs }) => xml("candidate", { ...attrs }));
  const [hash, value] = told.fingerprint?.split(" ") ?? [];
  return xml(
    "transport",
    { xmlns, ufrag: told.ufrag, pwd: told.pwd },
    value === undefined ? undefined : xml("sctpmap", { xmlns: NS_SCTP, number: "5000", protocol: "webrtc-datachannel", streams: "1024" }),
    value === undefined ? undefined : xml("fingerprint", { xmlns: NS_DTLS, hash, setup: told.setup }, value),
    elements,
    end ? xml("gathering-complete") : undefined,
  );
}

function readSdp(sdp: string) {
  const all = (name: string): string[] => [...sdp.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, "gm"))].map(([, value = ""]) => value.trim());
  const [ufrag] = all("ice-ufrag");
  const [pwd] = all("ice-pwd");
  const [setup] = all("setup") as Array<NonNullable<Signal["setup"]>>;
  const [fingerprint] = all("fingerprint");
  if (!ufrag || !pwd || !setup || !fingerprint) throw new CellFailure("The peer's description lacks credentials, setup or fingerprint.");
  return { ufrag, pwd, setup, fingerprint, lines: all("candidate").map((line) => `candidate:${line}`) };
}

/** Our `<transport/>` in every form that a peer may want: fields, candidates, and a whole description. */
export function writeSignal(transport: Element, { type, end, without }: { readonly type?: "offer" | "answer"; readonly end: boolean; readonly without: Without }): Signal {
  const { ufrag, pwd } = transport.attrs as { ufrag: string; pwd: string };
  const print = transport.getChild("fingerprint", NS_DTLS);
  const fingerprint = print ? `${print.attrs.hash} ${print.getText()}` : without.fingerprint;
  const setup = (print?.attrs.setup as NonNullable<Signal["setup"]> | undefined) ?? (type === "answer" ? "passive" : "actpass");
  const candidates = candidatesOf(transport).filter(without.keep).map(writeCandidateLine);
  const described = type && { type, setup, fingerprint, sdp: writeSdp({ ufrag, pwd, setup, fingerprint }) };
  return { event: "signal", ufrag, pwd, candidates, ...described, ...(end && { end }) };
}

export interface Without {
  /** For a transport that has none, toward a peer that cannot do without. */
  readonly fingerprint: string;
  readonly keep: (candidate: Element) => boolean;
}

function writeSdp({ ufrag, pwd, setup, fingerprint }: Readonly<Record<"ufrag" | "pwd" | "setup" | "fingerprint", string>>): string {
  return [
    ...["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0"],
    ...[`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, "a=ice-options:trickle", `a=fingerprint:${fingerprint}`, `a=setup:${setup}`],
    ...["a=mid:0", "a=sctp-port:5000", "a=max-message-size:65536", ""],
  ].join("\r\n");
}
