import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import type { PeerProcess } from "../peer-process.js";
import { CellFailure, expect } from "./side.js";

/** The octets that README.md gives. */
export function payload(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (7 * index + 3) % 251));
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The initiator's part of the exchange: sends the payload, gets it back, closes. */
export async function sendAndCompare(bytes: Duplex, length: number): Promise<void> {
  const sent = payload(length);
  bytes.write(sent);
  compare(await take(bytes, length), sent);
  const closed = new Promise((resolve) => bytes.once("close", resolve));
  bytes.end();
  await closed;
}

/** The responder's: takes the payload, sends it back, waits for the end. */
export async function echo(bytes: Duplex, length: number): Promise<void> {
  const came = await take(bytes, length);
  compare(came, payload(length));
  const closed = new Promise((resolve) => bytes.once("close", resolve));
  bytes.write(came);
  bytes.resume();
  await closed;
}

/** The peer, too, says that it got the whole. */
export async function peerReceived(peer: PeerProcess, length: number): Promise<void> {
  const said = await peer.event("received");
  expect(said.bytes === length, `The peer says that ${said.bytes} bytes came, of ${length}.`);
  expect(said.sha256 === sha256(payload(length)), "The peer got other bytes than were sent.");
}

function compare(came: Buffer, sent: Buffer): void {
  expect(came.equals(sent), `Of ${sent.length} bytes others came than were sent.`);
}

function take(bytes: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let count = 0;
    const over = () => reject(bytes.errored ?? new CellFailure(`The bytes ended after ${count} of ${length}.`));
    const data = (chunk: Buffer) => {
      parts.push(chunk);
      count += chunk.length;
      if (count < length) return;
      bytes.off("data", data).off("close", over);
      bytes.pause();
      resolve(Buffer.concat(parts));
    };
    bytes.once("close", over).on("data", data);
  });
}
