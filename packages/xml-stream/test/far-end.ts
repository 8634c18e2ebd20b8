import { once } from "node:events";
import type { Duplex } from "node:stream";
import { memoryBytePair } from "@balcony/channel";

export const romeo = "romeo@montague.lit/orchard";
export const juliet = "juliet@capulet.lit/balcony";

/** Whatever a handler throws or an answer that cannot be sent fails the test. */
export const report = (error: unknown): void => {
  throw error;
};

/** Lets everything that is under way in memory arrive: some turns of the event loop, no time. */
export async function settle(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The other side of a stream, played by hand: it says what it is told to say, and remembers what it heard. */
export class FarEnd {
  /** Everything heard so far. */
  heard = "";
  /** An error of the bytes, if there was one. */
  lost: Error | undefined;

  constructor(readonly bytes: Duplex) {
    bytes.on("data", (chunk: Buffer) => {
      this.heard += chunk.toString("latin1");
    });
    bytes.on("error", (error: Error) => {
      this.lost = error;
    });
  }

  /** Says it, in one segment. */
  say(text: string | Uint8Array): this {
    if (this.bytes.writable) this.bytes.write(text);
    return this;
  }

  /** Says it cut into segments of that many bytes. */
  sayCut(text: string | Uint8Array, size: number): this {
    const bytes = Buffer.from(text as string);
    for (let at = 0; at < bytes.length; at += size) this.say(bytes.subarray(at, at + size));
    return this;
  }

  /** Waits until it has heard that. */
  async hears(text: string): Promise<this> {
    while (!this.heard.includes(text)) await once(this.bytes, "data");
    return this;
  }

  async closed(): Promise<void> {
    if (!this.bytes.closed) await new Promise((resolve) => this.bytes.once("close", resolve));
  }
}

/** Bytes in memory, with the far end played by hand. */
export function handPlayed(): { readonly near: Duplex; readonly far: FarEnd } {
  const [near, far] = memoryBytePair();
  return { near, far: new FarEnd(far) };
}

const NAMESPACES = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

/** A stream header as Romeo (the initiator) or Juliet (the responder) would send it, with some attributes replaced; `""` leaves one out. */
export function headerOf(role: "initiator" | "responder", changes: Record<string, string> = {}): string {
  const { from, to } = role === "initiator" ? { from: romeo, to: juliet } : { from: juliet, to: romeo };
  const attrs = { from, to, ...(role === "responder" ? { id: "s1" } : {}), version: "1.0", ...changes };
  const written = Object.entries(attrs).filter(([, value]) => value !== "");
  return `<stream:stream ${NAMESPACES}${written.map(([name, value]) => ` ${name}='${value}'`).join("")}>`;
}

export const tls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
export const features = (content = ""): string => `<stream:features>${content}</stream:features>`;
export const starttlsFeature = features(`<starttls ${tls}><required/></starttls>`);
