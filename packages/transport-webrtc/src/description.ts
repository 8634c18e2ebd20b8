import { stanzaError } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";
import { type Candidate, readCandidate, writeCandidate } from "./candidate.js";

export const NS_ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1";
const NS_DTLS = "urn:xmpp:jingle:apps:dtls:0";
const NS_SCTP = "urn:xmpp:jingle:transports:dtls-sctp:1";
const NS_CHANNEL = "urn:xmpp:jingle:transports:webrtc-datachannel:0";

/** What else is said in disco#info (XEP-0320 §3, XEP-0343). */
export const features: readonly string[] = [NS_DTLS, NS_SCTP, NS_CHANNEL];

/** The DTLS role of whoever says it (RFC 4145 §4): the client is `active`. */
export type Setup = "active" | "passive" | "actpass";

export interface Fingerprint {
  readonly hash: string;
  /** Hex digits in pairs, upper case, with colons. */
  readonly value: string;
}

/** What one side says of itself in a `<transport/>`. */
export interface Description {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprints: readonly Fingerprint[];
  readonly setup: Setup;
  readonly sctpPort: number;
  readonly candidates: readonly Candidate[];
}

export interface Credentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** What a transport-info brings: candidates, with the credentials that they belong to. */
export interface Info {
  readonly credentials: Credentials | undefined;
  readonly fingerprints: readonly Fingerprint[];
  readonly candidates: readonly Candidate[];
}

/** docs/limits.md */
const MAX_CANDIDATES = 32;
/** Hex digits of each hash that is good enough for a certificate (RFC 8122 §5; sha-1 and shorter are not). */
const digits: Readonly<Record<string, number>> = { "sha-256": 64, "sha-384": 96, "sha-512": 128 };

/**
 * Reads what a peer offers, or answers, by the rules of XEP-0176 §5.3, XEP-0320 §1 and XEP-0343 §4.
 * @throws `stanza-error`: bad-request, feature-not-implemented, resource-constraint
 */
export function readDescription(transport: Element, place: "offer" | "answer"): Description {
  const credentials = readCredentials(transport);
  if (!credentials) throw stanzaError("bad-request", { text: "ufrag and pwd are missing" });
  refuseChannels(transport);
  const { fingerprints, setup } = readFingerprints(transport);
  if (fingerprints.length === 0 || setup === undefined) throw stanzaError("bad-request", { text: "no fingerprint of a kind that is accepted" });
  // RFC 8842 §5.3: whoever answers has to choose.
  if (place === "answer" && setup === "actpass") throw stanzaError("bad-request", { text: "an answer is active or passive" });
  return { ...credentials, fingerprints, setup, sctpPort: readSctpPort(transport, place), candidates: readCandidates(transport) };
}

/** Reads a transport-info. Throws as readDescription() does. */
export function readInfo(transport: Element): Info {
  const credentials = readCredentials(transport);
  const candidates = readCandidates(transport);
  if (!credentials && transport.getChildren("candidate", NS_ICE_UDP).length > 0) throw stanzaError("bad-request", { text: "candidates without ufrag and pwd" });
  return { credentials, fingerprints: readFingerprints(transport).fingerprints, candidates };
}

export function writeDescription({ ufrag, pwd, fingerprints, setup, sctpPort, candidates }: Description): Element {
  const port = String(sctpPort);
  return xml(
    "transport",
    { xmlns: NS_ICE_UDP, ufrag, pwd },
    // XEP-0343's table says port, its examples and schema say number.
    xml("sctpmap", { xmlns: NS_SCTP, number: port, port, protocol: "webrtc-datachannel", streams: "1024" }),
    fingerprints.map(({ hash, value }) => xml("fingerprint", { xmlns: NS_DTLS, hash, setup }, value)),
    candidates.map(writeCandidate),
  );
}

export function writeInfo({ ufrag, pwd }: Credentials, candidates: readonly Candidate[]): Element {
  return xml("transport", { xmlns: NS_ICE_UDP, ufrag, pwd }, candidates.map(writeCandidate));
}

// RFC 8839 §5.4: ice-char, 4 to 256 of them for the user name fragment and 22 to 256 for the password.
const ufragForm = /^[A-Za-z0-9+/]{4,256}$/;
const pwdForm = /^[A-Za-z0-9+/]{22,256}$/;

function readCredentials({ attrs: { ufrag, pwd } }: Element): Credentials | undefined {
  if (ufrag === undefined && pwd === undefined) return undefined;
  if (ufrag === undefined || !ufragForm.test(ufrag)) throw stanzaError("bad-request", { text: "ufrag is missing or malformed" });
  if (pwd === undefined || !pwdForm.test(pwd)) throw stanzaError("bad-request", { text: "pwd is missing or malformed" });
  return { ufrag, pwd };
}

function readFingerprints(transport: Element): { readonly fingerprints: readonly Fingerprint[]; readonly setup: Setup | undefined } {
  const elements = transport.getChildren("fingerprint", NS_DTLS);
  const setups = new Set(elements.map(({ attrs }) => attrs.setup));
  const [setup] = setups;
  if (setups.size > 1) throw stanzaError("bad-request", { text: "fingerprints of different setup" });
  if (elements.length > 0 && setup !== "active" && setup !== "passive" && setup !== "actpass")
    throw stanzaError("bad-request", { text: "setup is not active, passive or actpass" });
  const fingerprints = elements.flatMap((element) => {
    const hash = element.attrs.hash?.toLowerCase();
    if (hash === undefined) throw stanzaError("bad-request", { text: "a fingerprint without hash" });
    const length = digits[hash];
    if (length === undefined) return [];
    const value = element.getText().trim().toUpperCase();
    if (!/^[0-9A-F]{2}(:[0-9A-F]{2})*$/.test(value) || value.replaceAll(":", "").length !== length) throw stanzaError("bad-request", { text: `no fingerprint by ${hash}` });
    return [{ hash, value }];
  });
  return { fingerprints, setup: setup as Setup | undefined };
}

function readSctpPort(transport: Element, place: "offer" | "answer"): number {
  const [sctpmap, ...more] = transport.getChildren("sctpmap", NS_SCTP);
  if (more.length > 0) throw stanzaError("bad-request", { text: "more than one sctpmap" });
  if (!sctpmap) {
    // §4.3: whoever answers only SHOULD say it.
    if (place === "answer") return 5000;
    throw stanzaError("bad-request", { text: "no sctpmap" });
  }
  const { number, port, protocol, streams } = sctpmap.attrs;
  if (protocol !== "webrtc-datachannel") throw stanzaError("bad-request", { text: "the protocol is not webrtc-datachannel" });
  if (streams !== undefined && !(/^\d{1,5}$/.test(streams) && Number(streams) > 0)) throw stanzaError("bad-request", { text: "streams is no number of streams" });
  if (number !== undefined && port !== undefined && number !== port) throw stanzaError("bad-request", { text: "number and port differ" });
  const text = port ?? number ?? "";
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65_535) throw stanzaError("bad-request", { text: "number and port are missing, or no port" });
  return value;
}

/** §4.1: channels agreed in signalling. Ours is agreed within the association (RFC 8832). */
function refuseChannels(transport: Element): void {
  for (const { attrs } of transport.getChildren("channel", NS_CHANNEL)) {
    const { ordered = "true", maxRetransmits, maxPacketLifeTime, negotiated = "false" } = attrs;
    const reliable = ["true", "1"].includes(ordered) && maxRetransmits === undefined && maxPacketLifeTime === undefined;
    if (!reliable) throw stanzaError("bad-request", { text: "channels are reliable and in order (XEP-0343 §1)" });
    if (!["false", "0"].includes(negotiated)) throw stanzaError("feature-not-implemented", { text: "channels are agreed within the association" });
  }
}

function readCandidates(transport: Element): readonly Candidate[] {
  const elements = childElements(transport).filter((child) => child.is("candidate", NS_ICE_UDP));
  if (elements.length > MAX_CANDIDATES) throw stanzaError("resource-constraint", { text: `more than ${MAX_CANDIDATES} candidates` });
  return elements.flatMap((element) => readCandidate(element) ?? []);
}
