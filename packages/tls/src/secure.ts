import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { connect, TLSSocket } from "node:tls";
import { abortError, BalconyError, type ByteChannel, type WaitOptions, withDeadline } from "@balcony/channel";
import { asByteChannel } from "./as-byte-channel.js";
import { contextOf } from "./context.js";
import type { Identity } from "./identity.js";
import { type Expectation, judge } from "./judge.js";
import type { PeerCertificate } from "./read-certificate.js";
import { RecordBudget } from "./record-budget.js";
import { tlsError } from "./tls-error.js";
import { Underlay } from "./underlay.js";

const TIMEOUT = 15_000;
const WAITING_FOR = "the TLS handshake";
const ALPN = "xmpp-client";

export interface SecureOptions extends Expectation, WaitOptions {
  /** The Jingle initiator is the TLS client. */
  readonly role: "client" | "server";
  readonly identity: Identity;
  /**
   * Judges the peer's certificate: throws the BalconyError that refuses it. Synchronous, and called in the very event that ends the handshake, before anything of ours
   * but the handshake has left, as client not even our certificate: what it needs was loaded before.
   */
  readonly accept: (peer: PeerCertificate) => void;
}

/** Bytes under TLS 1.3, both certificates known. */
export interface Secured {
  /** A ByteChannel. Its errors are BalconyErrors, or what it was destroyed with. */
  readonly bytes: TLSSocket;
  readonly role: "client" | "server";
  readonly peerCertificate: PeerCertificate;
  readonly ownCertificate: PeerCertificate;
  readonly protocol: "TLSv1.3";
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  /** `X25519`, `X25519MLKEM768`, …; known to the client only. */
  readonly group: string | undefined;
  /** How many more records may be sent, of 2²³ at first: none is left where a write fails with `tls-failed`. A new session begins anew (RFC 8446 §5.5). */
  recordsLeft(): number;
  /**
   * The exporter of RFC 8446 §7.5: both ends get the same bytes for the same arguments.
   * @param length in bytes
   * @throws `closed` once the connection is
   */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array): Uint8Array;
}

/**
 * Runs the TLS 1.3 handshake over any byte channel; a `net.Socket` is handed to OpenSSL as it is. Bytes that were read too early are given back by `unshift()` before the
 * call. Where the handshake fails, the channel is destroyed.
 *
 * As client it resolves before the server has judged our certificate: the server's first bytes tell that it did, and an alert instead is an error of `bytes`, `tls-rejected`.
 * An end without close_notify looks like any other end: whoever reads must know by itself where its data ends, as XML streams do.
 * @param options timeout: 15 s by default, absolute
 * @throws `no-certificate`, `certificate-invalid`, `key-unacceptable`, `reflection`, `resumption`, `address-mismatch`, `fingerprint-mismatch`, `alpn-mismatch`, `tls-version`,
 * `tls-rejected`, `tls-failed`, `connection-lost`, `timeout`, `aborted`, what `accept` throws, and what the channel fails with
 */
export async function secure(bytes: ByteChannel, options: SecureOptions): Promise<Secured> {
  const { signal, timeout = TIMEOUT } = options;
  if (bytes.destroyed) throw new BalconyError("connection-lost", "The channel is closed already.");
  let socket: TLSSocket | undefined;
  try {
    if (signal?.aborted) throw abortError(signal, WAITING_FOR); // before our first message leaves
    bytes.pause();
    const budget = new RecordBudget();
    socket = tlsOver(bytes, budget, options);
    return await withDeadline(handshake(socket, bytes, budget, options), { timeout, signal, waitingFor: WAITING_FOR });
  } catch (error) {
    socket?.destroy(error as Error);
    bytes.destroy();
    throw error;
  }
}

function tlsOver(bytes: ByteChannel, budget: RecordBudget, { identity, role }: SecureOptions): TLSSocket {
  const { secureContext } = contextOf(identity);
  const below = bytes instanceof Socket ? bytes : new Underlay(bytes);
  const socket =
    role === "client"
      ? connect({ socket: below, secureContext, rejectUnauthorized: false, checkServerIdentity: () => undefined, ALPNProtocols: [ALPN] })
      : // Bare, never of a tls.Server. In a bare one rejectUnauthorized makes OpenSSL demand a certificate, and nothing more.
        new TLSSocket(below, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true, ALPNProtocols: [ALPN] });
  asByteChannel(socket, below, budget);
  return socket;
}

function handshake(socket: TLSSocket, bytes: ByteChannel, budget: RecordBudget, options: SecureOptions): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const established = options.role === "client" ? "secureConnect" : "secure";
    const over = (settle: () => void) => (): void => {
      socket.off("error", reject).off("end", lost).off("close", lost).off(established, done);
      settle();
    };
    const lost = over(() => reject(bytes.errored ? tlsError(bytes.errored) : new BalconyError("connection-lost", "The connection was closed in the TLS handshake.")));
    const done = over(() => {
      try {
        resolve(secured(socket, budget, options));
      } catch (error) {
        socket.destroy(); // now, and not a turn later: nothing more of ours may leave
        reject(error as Error);
      }
    });
    socket.once("error", reject).once("end", lost).once("close", lost).once(established, done);
  });
}

function secured(socket: TLSSocket, budget: RecordBudget, options: SecureOptions): Secured {
  const peerCertificate = judge(socket, options);
  options.accept(peerCertificate);
  const group = socket.getEphemeralKeyInfo();
  return {
    bytes: socket,
    role: options.role,
    peerCertificate,
    ownCertificate: contextOf(options.identity).certificate,
    protocol: "TLSv1.3",
    cipher: socket.getCipher().name,
    group: group && "name" in group ? group.name : undefined,
    recordsLeft: () => budget.left,
    exportKeyingMaterial: (length, label, context) => {
      if (socket.destroyed) throw new BalconyError("closed", "The connection is closed, and its keys are gone.");
      return socket.exportKeyingMaterial(length, label, Buffer.from(context));
    },
  };
}
