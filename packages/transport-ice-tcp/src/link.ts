import type { Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import type { Candidate } from "./candidate.js";
import { FrameReader, stunFrame } from "./framing.js";
import { readStun, type Sent, type Stun } from "./stun.js";

/** Bytes that may come on a connection before it is nominated; they are held, and only from whoever has shown that they are the peer. */
const HELD_LIMIT = 256 * 1024;

interface LinkSetting {
  readonly id: string;
  readonly socket: Socket;
  readonly local: Candidate;
  /** Undefined where the peer connected to us: it is known by its first check. */
  readonly remote: Candidate | undefined;
  readonly received: (link: Link, stun: Stun) => void;
  readonly lost: (link: Link, error: BalconyError) => void;
}

/** One TCP connection on which checks run. */
export class Link {
  readonly reader = new FrameReader({ stun: (message) => this.#stun(message), data: (bytes) => this.#data(bytes) });
  readonly held: Buffer[] = [];
  /** Has the peer shown on this connection that it is the peer? */
  authenticated = false;
  /** Our checks that wait for an answer, by transaction. */
  readonly checks = new Map<string, { readonly controlling: boolean; readonly nominate: boolean; readonly timer: ReturnType<typeof setTimeout> }>();
  #heldBytes = 0;
  #over = false;

  constructor(readonly setting: LinkSetting) {
    const { socket } = setting;
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onEnd);
  }

  get id(): string {
    return this.setting.id;
  }

  send(message: Buffer): void {
    if (this.setting.socket.writable) this.setting.socket.write(stunFrame(message));
  }

  check({ bytes, transaction }: Sent, { controlling, nominate, timeout }: { readonly controlling: boolean; readonly nominate: boolean; readonly timeout: number }): void {
    const timer = setTimeout(() => this.fail(new BalconyError("timeout", `Waited ${timeout / 1000} s for the answer to a connectivity check.`)), timeout);
    this.checks.set(transaction, { controlling, nominate, timer });
    this.send(bytes);
  }

  fail(error: BalconyError): void {
    if (this.#over) return;
    this.close();
    this.setting.lost(this, error);
  }

  close(): void {
    this.#over = true;
    this.#letGo();
    this.setting.socket.on("error", () => undefined).destroy();
  }

  /** Takes the socket out of here. */
  release(): Socket {
    this.#over = true;
    this.#letGo();
    this.setting.socket.pause();
    return this.setting.socket;
  }

  #letGo(): void {
    const { socket } = this.setting;
    for (const { timer } of this.checks.values()) clearTimeout(timer);
    this.checks.clear();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("error", this.#onError);
    socket.off("close", this.#onEnd);
  }

  readonly #onData = (bytes: Buffer): void => {
    try {
      this.reader.take(bytes);
    } catch (error) {
      this.fail(error as BalconyError);
    }
  };
  readonly #onEnd = (): void => this.fail(new BalconyError("connection-lost", "The connection was closed while candidates were checked."));
  readonly #onError = (cause: Error): void => this.fail(new BalconyError("connection-lost", "The connection broke while candidates were checked.", { cause }));

  #stun(message: Buffer): void {
    if (this.#over) return;
    const stun = readStun(message);
    if (stun) this.setting.received(this, stun);
    else this.fail(new BalconyError("ice-stun", "A STUN message is malformed."));
  }

  #data(bytes: Buffer): void {
    // The nomination may have come in the same piece: what is behind it waits for its owner.
    this.#heldBytes += bytes.length;
    if (!this.authenticated) this.fail(new BalconyError("ice-framing", "Data came from somebody who has not shown that they are the peer."));
    else if (this.#heldBytes > HELD_LIMIT) this.fail(new BalconyError("ice-framing", "Too much data came before the nomination."));
    else this.held.push(bytes);
  }
}
