import { createHash } from "node:crypto";
import { classes, Message, methods, parseMessage } from "werift";
import type { Endpoint } from "./findings.js";

const LONGEST = 1500;
const HEADER = 20;
const UDP = 17 << 24; // RFC 8656 §18.7: REQUESTED-TRANSPORT, the protocol number and three octets of nothing

/** A request, and what its answer has to begin with. */
export interface StunRequest {
  readonly bytes: Buffer;
  readonly transaction: string;
}

export interface StunAnswer {
  readonly mapped: Endpoint | undefined;
  readonly relayed: Endpoint | undefined;
  /** RFC 5780 §7.4: another address of the server's, from which it can answer. */
  readonly other: Endpoint | undefined;
  readonly error: { readonly code: number; readonly realm: string | undefined; readonly nonce: Buffer | undefined } | undefined;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  readonly nonce: Buffer;
}

/** @param change from where the server shall answer (RFC 5780 §7.2) */
export function bindingRequest(change: { readonly ip?: boolean; readonly port?: boolean } = {}): StunRequest {
  const message = new Message(methods.BINDING, classes.REQUEST);
  const flags = (change.ip ? 4 : 0) | (change.port ? 2 : 0);
  if (flags !== 0) message.setAttribute("CHANGE-REQUEST", flags);
  return sent(message.addFingerprint());
}

/** RFC 8656 §7.1. The server tells realm and nonce in its first answer. */
export function allocateRequest(credentials?: Credentials): StunRequest {
  return signed(new Message(methods.ALLOCATE, classes.REQUEST).setAttribute("REQUESTED-TRANSPORT", UDP).setAttribute("LIFETIME", 60), credentials);
}

/** RFC 8656 §8: a lifetime of nothing ends the allocation. */
export function releaseRequest(credentials: Credentials): StunRequest {
  return signed(new Message(methods.REFRESH, classes.REQUEST).setAttribute("LIFETIME", 0), credentials);
}

function signed(message: Message, credentials: Credentials | undefined): StunRequest {
  if (!credentials) return sent(message.addFingerprint());
  const { nonce, password, realm, username } = credentials;
  message.setAttribute("USERNAME", username).setAttribute("REALM", realm).setAttribute("NONCE", nonce);
  // RFC 8489 §9.2.2: the key of long-term credentials
  return sent(message.addMessageIntegrity(createHash("md5").update(`${username}:${realm}:${password}`).digest()).addFingerprint());
}

const sent = (message: Message): StunRequest => ({ bytes: message.bytes, transaction: message.transactionIdHex });

/** How many bytes the message has that begins so, in a stream; undefined where that cannot be told yet, and NaN where it is no STUN. */
export function stunLength(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER) return undefined;
  const length = HEADER + bytes.readUInt16BE(2);
  return bytes.readUInt32BE(4) === 0x2112a442 && length <= LONGEST ? length : Number.NaN;
}

/** The answer to this request; undefined for anything else. */
export function readAnswer(bytes: Buffer, { transaction }: StunRequest): StunAnswer | undefined {
  if (bytes.length > LONGEST || stunLength(bytes) !== bytes.length) return undefined;
  const message = parsed(bytes);
  if (!message || message.transactionIdHex !== transaction || (message.messageClass !== classes.RESPONSE && message.messageClass !== classes.ERROR)) return undefined;
  const endpoint = (name: "XOR-MAPPED-ADDRESS" | "MAPPED-ADDRESS" | "XOR-RELAYED-ADDRESS" | "OTHER-ADDRESS"): Endpoint | undefined => {
    const value = message.getAttributeValue(name) as readonly [string, number] | undefined;
    return value && { ip: value[0], port: value[1] };
  };
  const [code = 0] = (message.getAttributeValue("ERROR-CODE") as readonly [number, string] | undefined) ?? [];
  const realm = message.getAttributeValue("REALM") as string | undefined;
  const nonce = message.getAttributeValue("NONCE") as Buffer | undefined;
  return {
    mapped: endpoint("XOR-MAPPED-ADDRESS") ?? endpoint("MAPPED-ADDRESS"),
    relayed: endpoint("XOR-RELAYED-ADDRESS"),
    other: endpoint("OTHER-ADDRESS"),
    error: message.messageClass === classes.ERROR ? { code, realm, nonce } : undefined,
  };
}

/** The codec throws on some of what is no STUN. */
function parsed(bytes: Buffer): Message | undefined {
  try {
    return parseMessage(bytes) ?? undefined;
  } catch {
    return undefined;
  }
}
