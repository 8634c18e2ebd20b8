import { once } from "node:events";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect, createSecureContext, type SecureContextOptions, TLSSocket, type TLSSocketOptions } from "node:tls";
import { exportIdentity, type Identity } from "../../src/index.js";
import { socketPair } from "../pairs.js";

/** What a peer shows: an identity, any certificate and key in PEM, or nothing. */
export const showing = (identity: Identity): SecureContextOptions => {
  const { certificate, privateKey } = exportIdentity(identity);
  return { cert: certificate, key: privateKey };
};

type Settings = SecureContextOptions & Pick<ConnectionOptions, "ALPNProtocols" | "session"> & Pick<TLSSocketOptions, "requestCert">;

/** A peer made of node:tls alone, who keeps to nothing but what it is told. It is destroyed with its bytes. */
export function rawClient(bytes: Duplex, settings: Settings = {}): TLSSocket {
  return quietly(bytes, connect({ socket: bytes, rejectUnauthorized: false, checkServerIdentity: () => undefined, ...settings }));
}

export function rawServer(bytes: Duplex, { ALPNProtocols, requestCert = true, ...context }: Settings = {}): TLSSocket {
  const secureContext = createSecureContext(context);
  return quietly(bytes, new TLSSocket(bytes, { isServer: true, secureContext, requestCert, rejectUnauthorized: false, ...(ALPNProtocols && { ALPNProtocols }) }));
}

/** The errors of a hostile peer are its own. */
function quietly(bytes: Duplex, socket: TLSSocket): TLSSocket {
  bytes.on("error", () => undefined);
  return socket.on("error", () => undefined).once("close", () => bytes.destroy());
}

export const gone = async (...streams: readonly Duplex[]): Promise<void> => {
  await Promise.all(streams.map(async (stream) => stream.closed || (await new Promise((resolve) => stream.once("close", resolve)))));
};

/** One piece that went over the wire. */
export interface Piece {
  readonly from: "a" | "b";
  readonly bytes: Buffer;
}

/** A pair of sockets with somebody between them who writes down, and may change, what passes. */
export async function tappedPair(change: (piece: Piece) => Buffer = ({ bytes }) => bytes): Promise<{ readonly a: Duplex; readonly b: Duplex; readonly wire: Piece[] }> {
  const [a, nearA] = await socketPair();
  const [nearB, b] = await socketPair();
  const wire: Piece[] = [];
  const relay = (from: Piece["from"], source: Duplex, sink: Duplex): void => {
    source.on("data", (bytes: Buffer) => {
      wire.push({ from, bytes });
      const passing = change({ from, bytes });
      if (passing.length > 0 && sink.writable) sink.write(passing);
    });
    source.once("end", () => sink.end());
    source.on("error", () => undefined);
    source.once("close", () => sink.destroy());
  };
  relay("a", nearA, nearB);
  relay("b", nearB, nearA);
  return { a, b, wire };
}

/** The content types of the TLS records in a byte stream (RFC 8446 §5.1): 20 change_cipher_spec, 21 alert, 22 handshake, 23 encrypted. */
export function recordTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes.readUInt8(at));
  return types;
}

export const sentBy = (wire: readonly Piece[], who: Piece["from"]): Buffer => Buffer.concat(wire.filter(({ from }) => from === who).map(({ bytes }) => bytes));

/** All that a socket decrypts until it closes. */
export function reading(socket: TLSSocket): { readonly bytes: () => Buffer } {
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  return { bytes: () => Buffer.concat(pieces) };
}

export const event = async (socket: TLSSocket, name: string): Promise<void> => void (await once(socket, name));
