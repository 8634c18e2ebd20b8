import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { BalconyError, withDeadline } from "@balcony/channel";
import { type Element, type Session, xml } from "balcony";
import type { Output } from "./output.js";

/** Bytes from one program to another, inside a stream. An end that is not stated is a truncation: TLS itself does not tell (docs/security.md). */
const NS_PIPE = "urn:xmpp:balcony:pipe:0";
const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
/** Bytes in one stanza, which base64 makes 64 KiB. */
const CHUNK = 48 * 1024;
/** Chunks on their way, so that a long round trip is not waited for each time. */
const WINDOW = 4;
/** Milliseconds for the peer to say whether it is a program. */
const ASK = 15_000;
/** Milliseconds for the side that opened the stream to close it, once both have said all. */
const PEER_CLOSES = 15_000;
/** The longest that a timer can be set to: whoever reads slowly may, and a peer that has died is found by the stream's keepalive. */
const PATIENT = 2 ** 31 - 1;

/** Says to whoever asks inside the stream that this end is a pipe. */
export function advertisePipe(session: Session): void {
  session.iqCallee.get(NS_DISCO_INFO, "query", () => xml("query", NS_DISCO_INFO, xml("feature", { var: NS_PIPE })));
}

/** Is the other end a pipe too? Otherwise a person sits there, and lines of text are exchanged. */
export async function peerIsPipe(session: Session): Promise<boolean> {
  try {
    const info = await session.iqCaller.get(xml("query", NS_DISCO_INFO), undefined, ASK);
    return info?.getChildren("feature").some(({ attrs }) => attrs.var === NS_PIPE) ?? false;
  } catch (error) {
    if (error instanceof BalconyError && error.code === "stanza-error") return false;
    throw error;
  }
}

/** Both directions at once, until both have ended. */
export async function exchangeBytes(session: Session, incoming: Promise<number>, output: Output): Promise<void> {
  try {
    const [sent, received] = await Promise.all([sendBytes(session, process.stdin), incoming]);
    output.tell({ event: "piped", sent, received }, `${sent} bytes sent, ${received} received`);
    if (session.role === "responder") await peerCloses(session);
  } finally {
    process.stdin.destroy(); // else a stdin that stays open keeps the process
  }
}

/** Sends all that `input` has, each chunk acknowledged by the peer, then states its end: how many bytes, and their SHA-256. */
export async function sendBytes(session: Session, input: Readable): Promise<number> {
  const hash = createHash("sha256");
  const underway = new Set<Promise<unknown>>();
  let refused = (_: unknown): void => undefined;
  const failed = new Promise<never>((_, reject) => {
    refused = reject;
  });
  failed.catch(() => undefined); // whoever waits below hears of it
  let sent = 0;
  for await (const data of input) {
    const bytes = data as Uint8Array;
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const chunk = bytes.subarray(at, at + CHUNK);
      hash.update(chunk);
      sent += chunk.length;
      const acknowledged: Promise<boolean> = session.iqCaller
        .set(xml("data", NS_PIPE, Buffer.from(chunk).toString("base64")), undefined, PATIENT)
        .then(() => underway.delete(acknowledged));
      acknowledged.catch(refused);
      underway.add(acknowledged);
      if (underway.size >= WINDOW) await Promise.race([failed, ...underway]);
    }
  }
  await Promise.all(underway);
  await session.iqCaller.set(xml("end", { xmlns: NS_PIPE, bytes: sent, "sha-256": hash.digest("hex") }), undefined, PATIENT);
  return sent;
}

/**
 * Writes what the peer sends to `output`; a chunk is acknowledged once `output` has room.
 * @returns resolves with the number of bytes at the end that the peer states; rejects with `truncated` where the session ends before, or what came is not what was sent
 */
export function receiveBytes(session: Session, output: Writable): Promise<number> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    let received = 0;
    session.iqCallee.set(NS_PIPE, "data", async ({ element }) => {
      const bytes = Buffer.from(element.getText(), "base64");
      received += bytes.length;
      hash.update(bytes);
      if (!output.write(bytes)) await once(output, "drain");
      return true;
    });
    session.iqCallee.set(NS_PIPE, "end", ({ element }) => {
      // The acknowledgement goes out before whoever waits here can close the session.
      if (whole(element, received, hash)) setImmediate(resolve, received);
      else reject(new BalconyError("truncated", `The peer stated ${element.attrs.bytes} bytes and other content than the ${received} bytes that came.`));
      return true;
    });
    session.once("close", () => reject(new BalconyError("truncated", `The session ended before the peer had stated the end of its data; ${received} bytes had come.`)));
  });
}

/** Both have said all: whoever opened the stream closes it, so that neither closes while the other still acknowledges. */
async function peerCloses(session: Session): Promise<void> {
  if (session.status === "offline") return;
  const closed = new Promise<void>((resolve) => session.once("close", resolve));
  await withDeadline(closed, { timeout: PEER_CLOSES, waitingFor: `${session.peer} to close the stream` });
}

const whole = ({ attrs }: Element, received: number, hash: Hash): boolean => attrs.bytes === String(received) && attrs["sha-256"] === hash.digest("hex");
