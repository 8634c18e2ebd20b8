import { Buffer } from "node:buffer";
import { BalconyError, type ErrorCode, type StanzaCondition, type StanzaErrorDetail, stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";

export const NS_IBB = "http://jabber.org/protocol/ibb";

/** Which stanzas carry the blocks (XEP-0047 §2.1): IQs, which are acknowledged one by one, or messages. */
export type StanzaKind = "iq" | "message";

/** What both sides agree on about one bytestream, by `<open/>` or in Jingle. */
export interface Agreement {
  /** The bytestream's id: an NMTOKEN. */
  readonly sid: string;
  /** Bytes in a block before base64, at most: 1–65535. */
  readonly blockSize: number;
  readonly stanza: StanzaKind;
}

/** XEP-0047 §2.1: "which MUST NOT be greater than 65535". */
const MAX_BLOCK_SIZE = 65_535;
/** XEP-0261's schema says xs:short: what we offer never exceeds it. */
export const MAX_OFFERED_BLOCK_SIZE = 32_767;
/** XEP-0047 §2.2: 16 bits, "after value 65535 the 'seq' MUST start again at 0". */
export const SEQUENCE_LENGTH = 65_536;

// XML 1.0 §2.3 [7]
const nmtoken =
  /^[-.:\w\u00B7\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u037D\u037F-\u1FFF\u200C-\u200D\u203F-\u2040\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\u{10000}-\u{EFFFF}]+$/u;

/** Is this a sid that an `<open/>` could carry? */
export const isSid = (sid: string | undefined): sid is string => sid !== undefined && nmtoken.test(sid);

/** Reads xs:unsignedShort, or undefined where it is none. */
const readShort = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= MAX_BLOCK_SIZE ? value : undefined;
};

// XEP-0047's examples of errors are all of type cancel but the preference for smaller blocks, which is modify.
const types: Partial<Record<StanzaCondition, StanzaErrorDetail["type"]>> = { "resource-constraint": "modify" };

/** An error answer as XEP-0047 words it. */
export function refusal(condition: StanzaCondition, text?: string): BalconyError {
  return stanzaError(condition, { type: types[condition] ?? "cancel", ...(text === undefined ? {} : { text }) });
}

/**
 * Reads sid, block-size and stanza from `<open/>` or from XEP-0261's `<transport/>`, which has the same attributes.
 * @throws `stanza-error` (bad-request)
 */
export function readAgreement(element: Element): Agreement {
  const { sid, stanza = "iq" } = element.attrs;
  const blockSize = readShort(element.attrs["block-size"]);
  if (!isSid(sid)) throw refusal("bad-request", "sid is missing or no NMTOKEN");
  if (!blockSize) throw refusal("bad-request", "block-size is missing or not from 1 to 65535");
  if (stanza !== "iq" && stanza !== "message") throw refusal("bad-request", "stanza is neither iq nor message");
  return { sid, blockSize, stanza };
}

const request = (payload: Element): Element => xml("iq", { type: "set" }, payload);

export function openRequest({ sid, blockSize, stanza }: Agreement): Element {
  return request(xml("open", { xmlns: NS_IBB, "block-size": String(blockSize), sid, stanza }));
}

export function closeRequest(sid: string): Element {
  return request(xml("close", { xmlns: NS_IBB, sid }));
}

/** A block in the stanza that carries it. */
export function blockStanza({ sid, stanza }: Agreement, seq: number, bytes: Buffer): Element {
  const data = xml("data", { xmlns: NS_IBB, seq: String(seq), sid }, bytes.toString("base64"));
  return stanza === "iq" ? request(data) : xml("message", {}, data);
}

/** A block as received, or what is wrong with it. */
export type Block = { readonly seq: number; readonly bytes: Buffer } | Malformed;

export interface Malformed {
  readonly code: ErrorCode;
  readonly condition: StanzaCondition;
  readonly message: string;
}

/** Reads `<data/>` (XEP-0047 §2.2 and §6). */
export function readBlock(data: Element, blockSize: number): Block {
  const seq = readShort(data.attrs.seq);
  if (seq === undefined) return { code: "ibb-sequence", condition: "bad-request", message: "A block has no seq, or none from 0 to 65535." };
  const bytes = decode(data);
  if (!bytes) return { code: "ibb-base64", condition: "bad-request", message: `Block ${seq} is not strict base64.` };
  if (bytes.length > blockSize) return { code: "ibb-block-size", condition: "bad-request", message: `Block ${seq} has ${bytes.length} bytes where ${blockSize} were agreed.` };
  return { seq, bytes };
}

// RFC 4648 §4, and §3.5's canonical bits: Node's decoder forgives everything, so only what encodes back to the same text was right.
function decode(data: Element): Buffer | undefined {
  let text = "";
  for (const child of data.children) {
    if (typeof child !== "string") return undefined;
    text += child;
  }
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** What it means for the bytestream that a block of ours did not get through (XEP-0047 §2.2). */
export function lostBlock(error: unknown, peer: string): BalconyError {
  if (!(error instanceof BalconyError)) return new BalconyError("ibb-lost", `A block to ${peer} could not be sent.`, { peer, cause: error });
  if (!error.stanza) return error; // the channel's own end, or a deadline
  const { condition } = error.stanza;
  return new BalconyError(codeOf[condition] ?? "ibb-lost", `A block to ${peer} was refused: ${condition}.`, { peer, condition, cause: error });
}

const codeOf: Partial<Record<string, ErrorCode>> = {
  "item-not-found": "ibb-unknown-sid",
  "unexpected-request": "ibb-sequence",
  "bad-request": "ibb-base64",
  "resource-constraint": "resource-constraint",
};
