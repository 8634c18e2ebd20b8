import type { Role } from "../../contract.js";
import type { Secure, Transport } from "../play.js";

export const sections = ["jingle", "ibb", "s5b", "stream", "starttls", "tls", "xtls"] as const;
export type Section = (typeof sections)[number];

export const sectionTitles: Readonly<Record<Section, string>> = {
  jingle: "Jingle (XEP-0166, XEP-0247)",
  ibb: "In-band bytestreams (XEP-0261, XEP-0047)",
  s5b: "SOCKS5 bytestreams (XEP-0260, XEP-0065)",
  stream: "The end-to-end stream (XEP-0246, XEP-0247, RFC 6120)",
  starttls: "STARTTLS (RFC 6120 §5, XEP-0250)",
  tls: "TLS and certificates (RFC 8446, RFC 6120 §13.7)",
  xtls: "TLS at once (Jingle-XTLS)",
};

interface Common {
  readonly id: string;
  readonly section: Section;
  /** Where the rule stands. */
  readonly text: string;
  /** The rule in a sentence. */
  readonly rule: string;
  /** The peer's roles in which it can be seen. */
  readonly roles: readonly Role[];
}

/** What the peer sends by itself, in sessions in which the tester keeps every rule. */
export interface Kept extends Common {
  readonly kind: "kept";
  /** At what it is seen. */
  readonly seenAt: string;
}

/** What the peer makes of one thing that the tester does wrong, in a session of its own. */
export interface Provoked extends Common {
  readonly kind: "provoked";
  /** What the tester breaks. */
  readonly breach: string;
  /** What is sent, in a sentence. */
  readonly sent: string;
  /** What has to be heard of it: one of these. `iq:bad-request`, `stream:not-well-formed`, `tls`, `terminate`, `end`; a word alone stands for all of its kind. */
  readonly heard: readonly string[];
  /** The session goes on, and ends well. */
  readonly goesOn: boolean;
  readonly transport: Transport;
  readonly secure: Secure;
}

export type Requirement = Kept | Provoked;

export const both: readonly Role[] = ["initiator", "responder"];
