import { createHmac, timingSafeEqual } from "node:crypto";
import { classes, Message, methods, parseMessage } from "werift";

const HEADER = 20;
const COOKIE = 0x2112a442;
const MESSAGE_INTEGRITY = 0x0008;
const FINGERPRINT = 0x8028;
/** Bytes of what has a fixed size (RFC 8489 §14, RFC 8445 §16.1): the codec takes longer ones, too. */
const sizes: Readonly<Record<number, number>> = { [MESSAGE_INTEGRITY]: 20, 36: 4, 37: 0, 32809: 8, 32810: 8, [FINGERPRINT]: 4 };

/** An address and port as STUN tells them. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** A STUN message as it came in. Nothing in it is to be believed before `isFrom()`. */
export interface Stun {
  readonly kind: "request" | "indication" | "success" | "error";
  /** 24 lower-case hex digits */
  readonly transaction: string;
  readonly username: string | undefined;
  readonly priority: number | undefined;
  readonly useCandidate: boolean;
  readonly controlling: bigint | undefined;
  readonly controlled: bigint | undefined;
  readonly mapped: Endpoint | undefined;
  readonly errorCode: number | undefined;
  /** Attributes that must be understood and are not (RFC 8489 §6.3.1). */
  readonly unknown: readonly number[];
  readonly hasIntegrity: boolean;
  /** Does its MESSAGE-INTEGRITY hold under this password (RFC 8489 §9.1.3)? In constant time. */
  isFrom(password: string): boolean;
}

/** Is this frame STUN? Both looks and length decide, so that what the stream sends can never be taken for it by chance (RFC 8489 §5). */
export function looksLikeStun(frame: Uint8Array, length = frame.length): boolean {
  const [type = 255, , high = 0, low = 0, ...cookie] = frame.subarray(0, 8);
  return type < 4 && length >= HEADER && (high << 8) + low === length - HEADER && cookie.every((byte, at) => byte === ((COOKIE >>> (24 - 8 * at)) & 0xff));
}

/**
 * Reads a Binding message; undefined for one that is malformed. The codec alone would not do: it believes what follows MESSAGE-INTEGRITY, where anybody on the way
 * can add a USE-CANDIDATE, and the last of several attributes of one kind (RFC 8489 §14.5, §14).
 */
export function readStun(frame: Uint8Array): Stun | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (!looksLikeStun(bytes) || !parseMessage(bytes)) return undefined;
  const read = readAttributes(bytes);
  const message = read && parseMessage(read.signed);
  if (!read || !message || message.messageMethod !== methods.BINDING) return undefined;
  const mapped = message.getAttributeValue("XOR-MAPPED-ADDRESS") as [string, number] | undefined;
  const error = message.getAttributeValue("ERROR-CODE") as [number, string] | undefined;
  return {
    kind: kinds[message.messageClass],
    transaction: message.transactionIdHex,
    username: message.getAttributeValue("USERNAME") as string | undefined,
    priority: message.getAttributeValue("PRIORITY") as number | undefined,
    useCandidate: message.attributesKeys.includes("USE-CANDIDATE"),
    controlling: message.getAttributeValue("ICE-CONTROLLING") as bigint | undefined,
    controlled: message.getAttributeValue("ICE-CONTROLLED") as bigint | undefined,
    mapped: mapped && { ip: mapped[0], port: mapped[1] },
    errorCode: error?.[0],
    unknown: message.unknownAttributeTypes.filter((type) => type < 0x8000),
    hasIntegrity: read.integrity !== undefined,
    isFrom: (password) => read.integrity !== undefined && timingSafeEqual(read.integrity.value, hmac(bytes.subarray(0, read.integrity.at), password)),
  };
}

const kinds = { [classes.REQUEST]: "request", [classes.INDICATION]: "indication", [classes.RESPONSE]: "success", [classes.ERROR]: "error" } as const;

interface Attributes {
  /** A message of the first attribute of each kind, up to MESSAGE-INTEGRITY. */
  readonly signed: Buffer;
  readonly integrity: { readonly at: number; readonly value: Buffer } | undefined;
}

function readAttributes(bytes: Buffer): Attributes | undefined {
  const kept: Buffer[] = [];
  const seen = new Set<number>();
  let integrity: Attributes["integrity"];
  let fingerprint = false;
  for (let at = HEADER; at < bytes.length; ) {
    if (fingerprint) return undefined; // RFC 8489 §14.7: nothing comes behind it
    const type = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    const end = at + 4 + length + (-length & 3);
    if (sizes[type] !== undefined && sizes[type] !== length) return undefined;
    if (type === FINGERPRINT) fingerprint = true;
    else if (type === MESSAGE_INTEGRITY) integrity ??= { at, value: bytes.subarray(at + 4, at + 24) };
    else if (!integrity && !seen.has(type)) kept.push(bytes.subarray(at, end));
    seen.add(type);
    at = end;
  }
  const body = Buffer.concat(kept);
  const header = Buffer.from(bytes.subarray(0, HEADER));
  header.writeUInt16BE(body.length, 2);
  return { signed: Buffer.concat([header, body]), integrity };
}

// RFC 8489 §14.5: over all that precedes, with a length that ends behind the attribute.
function hmac(before: Buffer, password: string): Buffer {
  const header = Buffer.from(before.subarray(0, HEADER));
  header.writeUInt16BE(before.length - HEADER + 24, 2);
  return createHmac("sha1", password).update(header).update(before.subarray(HEADER)).digest();
}

/** A connectivity check (RFC 8445 §7.2.4), or with no credentials a question to a STUN server. */
export interface Check {
  readonly username: string;
  readonly password: string;
  readonly priority: number;
  readonly controlling: boolean;
  readonly tieBreaker: bigint;
  readonly nominate: boolean;
}

export interface Sent {
  readonly bytes: Buffer;
  readonly transaction: string;
}

export function writeCheck({ username, password, priority, controlling, tieBreaker, nominate }: Check): Sent {
  const message = new Message(methods.BINDING, classes.REQUEST);
  message.setAttribute("USERNAME", username).setAttribute("PRIORITY", priority);
  message.setAttribute(controlling ? "ICE-CONTROLLING" : "ICE-CONTROLLED", tieBreaker);
  if (nominate) message.setAttribute("USE-CANDIDATE", null);
  message.addMessageIntegrity(Buffer.from(password)).addFingerprint();
  return { bytes: message.bytes, transaction: message.transactionIdHex };
}

export function writeQuestion(): Sent {
  const message = new Message(methods.BINDING, classes.REQUEST);
  message.addFingerprint();
  return { bytes: message.bytes, transaction: message.transactionIdHex };
}

/** The answer to a check that holds. */
export function writeSuccess(transaction: string, mapped: Endpoint, password: string): Buffer {
  const message = new Message(methods.BINDING, classes.RESPONSE, Buffer.from(transaction, "hex"));
  message.setAttribute("XOR-MAPPED-ADDRESS", [mapped.ip, mapped.port]);
  return message.addMessageIntegrity(Buffer.from(password)).addFingerprint().bytes;
}

const reasons = { 400: "Bad Request", 401: "Unauthenticated", 420: "Unknown Attribute", 487: "Role Conflict" } as const;

export type StunError = keyof typeof reasons;

/** @param detail the password for errors to whoever has shown that they know it; the attributes that are unknown */
export function writeError(transaction: string, code: StunError, detail: { readonly password?: string; readonly unknown?: readonly number[] } = {}): Buffer {
  const message = new Message(methods.BINDING, classes.ERROR, Buffer.from(transaction, "hex"));
  message.setAttribute("ERROR-CODE", [code, reasons[code]]);
  if (detail.unknown) message.setAttribute("UNKNOWN-ATTRIBUTES", [...detail.unknown]);
  if (detail.password !== undefined) message.addMessageIntegrity(Buffer.from(detail.password));
  return message.addFingerprint().bytes;
}
