import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import { classes, Message, methods } from "werift";
import { Agent, defaultTimes, type Nominated } from "../src/agent.js";
import type { Credentials } from "../src/candidate.js";
import { FrameReader, stunFrame } from "../src/framing.js";
import { Gathering } from "../src/gather.js";
import { type Check, readStun, type Stun, writeCheck } from "../src/stun.js";

/** What the peer has told of itself, in signalling. */
export const peer: Credentials = { ufrag: "peerUfrag", pwd: "thePasswordOfThePeer+22" };

/** An agent with one passive port on loopback, in the controlled role, and whoever is to connect to it. */
export interface Target {
  readonly agent: Agent;
  readonly port: number;
  readonly nominated: Promise<Nominated>;
  /** Resolves with the next error that a connection ends with. */
  readonly nextError: () => Promise<BalconyError>;
  readonly stop: () => void;
}

export async function target({ controlling = false, times = {} } = {}): Promise<Target> {
  const errors: BalconyError[] = [];
  let wake: () => void = () => undefined;
  const progress = (_: string, error?: Error) => {
    if (error instanceof BalconyError) errors.push(error);
    wake();
  };
  const agent = new Agent({ controlling, times: { ...defaultTimes, ...times }, progress });
  const gathering = new Gathering((socket, local) => agent.accept(socket, local));
  const candidates = await gathering.hosts(["127.0.0.1"]);
  for (const candidate of candidates) agent.addLocal(candidate);
  agent.setRemote(peer);
  const nominated = agent.run();
  nominated.catch(() => undefined);
  return {
    agent,
    port: candidates.find(({ tcptype }) => tcptype === "passive")?.port ?? 0,
    nominated,
    nextError: async () => {
      while (errors.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return errors.shift() as BalconyError;
    },
    stop: () => {
      agent.stop();
      gathering.stop();
    },
  };
}

/** A connection to the target, by hand. */
export class Hand {
  readonly stuns: Stun[] = [];
  readonly data: Buffer[] = [];
  readonly closed: Promise<unknown>;
  #wake: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    const reader = new FrameReader({
      stun: (message) => this.#came(() => this.stuns.push(readStun(message) as Stun)),
      data: (bytes) => this.#came(() => this.data.push(bytes)),
    });
    socket.on("data", (bytes: Buffer) => reader.take(bytes));
    socket.on("error", () => undefined);
    this.closed = once(socket, "close");
  }

  static async connect(port: number): Promise<Hand> {
    const socket = connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    return new Hand(socket);
  }

  #came(take: () => void): void {
    take();
    this.#wake();
  }

  frame(message: Buffer): void {
    this.socket.write(stunFrame(message));
  }

  check(agent: Agent, change: Partial<Check> = {}): void {
    this.frame(checkFor(agent, change));
  }

  /** Waits for a STUN message that fits. */
  async stun(fits: (stun: Stun) => boolean): Promise<Stun> {
    for (;;) {
      const found = this.stuns.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Answers the agent's own check, as the true peer. */
  async answerItsCheck(): Promise<void> {
    const { transaction } = await this.stun(({ kind }) => kind === "request");
    const answer = new Message(methods.BINDING, classes.RESPONSE, Buffer.from(transaction, "hex"));
    answer.setAttribute("XOR-MAPPED-ADDRESS", ["127.0.0.1", 9]);
    this.frame(answer.addMessageIntegrity(Buffer.from(peer.pwd)).addFingerprint().bytes);
  }
}

export function checkFor({ credentials }: Agent, change: Partial<Check> = {}): Buffer {
  const { ufrag, pwd } = credentials;
  return writeCheck({ username: `${ufrag}:${peer.ufrag}`, password: pwd, priority: 1000, controlling: true, tieBreaker: 7n, nominate: false, ...change }).bytes;
}
