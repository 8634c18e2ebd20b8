import { Buffer } from "node:buffer";
import type { RTCDataChannel } from "werift";
import type { DataChannel } from "../peer-connection.js";
import { type SctpInternals, sctpTransportOf } from "./internals.js";

type Listener = (event: never) => void;

/** RFC 8831 §8: the payload protocol of an empty binary message, whose one byte is ignored. */
const BINARY_EMPTY = 57;
/** The window is told anew once so much of it has become free. */
const UPDATE = 256 * 1024;
/** Bytes of fragments that a peer may have us keep beyond the window that it was told. */
const OVERDRAFT = 1024 * 1024;
const ESTABLISHED = 4;

/**
 * werift's data channel with the W3C's closing, and with a receive window that counts what nobody has read yet: werift's own opens as soon as a message is complete,
 * so that nothing stops a peer who writes faster than we read.
 */
export class WeriftChannel implements DataChannel {
  /** One message on its way and one behind it: every further one is woken at each packet, only to wait on. */
  readonly ahead = 128 * 1024;
  readonly #channel: RTCDataChannel;
  readonly #listeners = new Map<string, Listener[]>();
  #closing = false;
  #freed = 0;

  constructor(channel: RTCDataChannel) {
    this.#channel = channel;
    channel.stateChange.subscribe((state) => this.#emit(state === "closed" ? "close" : state));
    channel.bufferedAmountLow.subscribe(() => this.#emit("bufferedamountlow"));
    channel.onMessage.subscribe((data) => {
      if (Buffer.isBuffer(data)) this.#sctp.advertisedRwnd -= data.length;
      this.#emit("message", { data });
    });
    this.#guard();
    // RFC 8832 §6: whoever opens a channel may send on it at once, behind the message that opens it. werift would wait for the answer, a round trip more.
    if (channel.readyState === "connecting") this.#sctp.stateChanged.connected.subscribe(() => channel.setReadyState("open"));
  }

  get readyState(): string {
    return this.#closing && this.#channel.readyState === "open" ? "closing" : this.#channel.readyState;
  }
  get ordered(): boolean {
    return this.#channel.ordered;
  }
  get maxRetransmits(): number | null {
    return this.#channel.maxRetransmits;
  }
  get maxPacketLifeTime(): number | null {
    return this.#channel.maxPacketLifeTime;
  }
  get bufferedAmount(): number {
    return this.#channel.bufferedAmount;
  }
  get bufferedAmountLowThreshold(): number {
    return this.#channel.bufferedAmountLowThreshold;
  }
  set bufferedAmountLowThreshold(bytes: number) {
    this.#channel.bufferedAmountLowThreshold = bytes;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(message: Uint8Array): void {
    if (message.length > 0) {
      this.#channel.send(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
      return;
    }
    const sctp = sctpTransportOf(this.#channel);
    this.#channel.addBufferedAmount(1);
    sctp.dataChannelQueue.push([this.#channel, BINARY_EMPTY, Buffer.alloc(1)]);
    sctp.dataChannelFlush().catch(() => this.#emit("error"));
  }

  taken(bytes: number): void {
    const sctp = this.#sctp;
    sctp.advertisedRwnd += bytes;
    this.#freed += bytes;
    if (this.#freed < UPDATE) return;
    this.#freed = 0;
    sctp.sackNeeded = true;
    sctp.sackImmediate = true;
    sctp.scheduleSack().catch(() => undefined); // the next one tells it too
  }

  /** Once the peer has acknowledged all: werift would reset the stream ahead of what is still on its way. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const close = async () => {
      const sctp = this.#sctp;
      while (sctp.associationState === ESTABLISHED && (sctp.outboundQueue.length > 0 || sctp.sentQueue.length > 0)) await this.#acknowledged();
      this.#channel.close();
    };
    close().catch(() => this.#emit("error"));
  }

  /** Tells the peer that the association is over (RFC 9260 §9.1). */
  async abort(): Promise<void> {
    if (this.#sctp.associationState === ESTABLISHED) await this.#sctp.abort();
  }

  get #sctp(): SctpInternals {
    return sctpTransportOf(this.#channel).sctp;
  }

  #acknowledgements: Array<() => void> = [];

  #acknowledged(): Promise<void> {
    return new Promise((resolve) => this.#acknowledgements.push(resolve));
  }

  #guard(): void {
    const transport = sctpTransportOf(this.#channel);
    const sctp = this.#sctp;
    // These two run for every packet: they make no promise and no list that they can do without.
    const onSack = sctp.onSackReceived;
    sctp.onSackReceived = () => {
      if (this.#acknowledgements.length > 0) for (const resolve of this.#acknowledgements.splice(0)) resolve();
      return onSack();
    };
    sctp.stateChanged.closed.subscribe(() => {
      for (const resolve of this.#acknowledgements.splice(0)) resolve();
      if (!this.#closing) this.#emit("error");
    });
    // What is thrown here would be an unhandled rejection: the end of the process, on the peer's word.
    const receive = sctp.handleData.bind(sctp);
    const broken = () => this.#emit("error");
    sctp.handleData = (data: Buffer) => {
      if (sctp.advertisedRwnd < -OVERDRAFT) broken();
      return receive(data).catch(broken);
    };
    const message = transport.datachannelReceive;
    sctp.onReceive.allUnsubscribe();
    sctp.onReceive.subscribe((streamId, ppId, data) => {
      message(streamId, ppId, data).catch(() => this.#emit("error"));
    });
  }

  #emit(type: string, event?: { readonly data: unknown }): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}
