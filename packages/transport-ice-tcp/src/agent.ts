import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import { type Candidate, type Credentials, newCredentials } from "./candidate.js";
import { FramedChannel } from "./channel.js";
import { begin, type CheckList, type Effect, type Event, type Pair, step } from "./check-list.js";
import { Link } from "./link.js";
import { priorityOf } from "./priority.js";
import { readStun, type Stun, writeCheck, writeError, writeSuccess } from "./stun.js";

/** All in ms. */
export interface AgentTimes {
  /** Between two connections being opened (RFC 8445 §14.2's Ta). Default 50. */
  readonly pace: number;
  /** For a connection to be made: one packet may be lost on the way (RFC 6298 §2.1: a second), and one more. Default 3,000. */
  readonly connect: number;
  /** For the peer to connect to us, from when both sides have told all their candidates. Default 3,000. */
  readonly arrivals: number;
  /** For each check to be answered, and each STUN server. Default 5,000. */
  readonly check: number;
  /** How long a better pair is waited for, once one is valid. Default 500. */
  readonly patience: number;
  /** For everything, from both sides' candidates to a nominated pair. Default 15,000. */
  readonly all: number;
  /** For whoever connects to us to show that they are the peer. Default 5,000. */
  readonly stranger: number;
}

export const defaultTimes: AgentTimes = Object.freeze({ pace: 50, connect: 3000, arrivals: 3000, check: 5000, patience: 500, all: 15_000, stranger: 5000 });

/** Connections of nobody known that are kept waiting for their first check; the oldest goes first. */
const STRANGERS = 16;

export interface AgentOptions {
  readonly controlling: boolean;
  readonly times: AgentTimes;
  readonly progress: (step: string, error?: Error) => void;
}

/** The connection that was nominated. */
export interface Nominated {
  readonly bytes: FramedChannel;
  readonly local: Candidate;
  readonly remote: Candidate;
}

/** An ICE agent for TCP candidates (RFC 8445, RFC 6544): does what the check list says, with sockets and timers. */
export class Agent {
  readonly credentials: Credentials = newCredentials();
  readonly #options: AgentOptions;
  #state: CheckList;
  #remote: Credentials | undefined;
  readonly #links = new Map<string, Link>();
  /** Sockets that came before we began. */
  readonly #waiting = new Set<{ readonly socket: Socket; readonly local: Candidate }>();
  readonly #connecting = new Map<string, Socket>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #done: { resolve: (nominated: Nominated) => void; reject: (error: BalconyError) => void } | undefined;
  readonly #complete = new Set<"local" | "remote">();
  #pacing: ReturnType<typeof setTimeout> | undefined;
  #incoming = 0;
  #lastError: Error | undefined;
  #over = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#state = begin(options.controlling, randomBytes(8).readBigUInt64BE());
  }

  addLocal(candidate: Candidate): void {
    this.#take({ type: "local", candidate });
  }

  addRemote(candidate: Candidate): void {
    this.#take({ type: "remote", candidate });
  }

  /** This side has no more candidates. Counts from `run()` on: until then the peer's first ones may be still to come, whatever it says of the end. */
  complete(side: "local" | "remote"): void {
    if (this.#done) this.#take({ type: `${side}-complete` });
    else this.#complete.add(side);
  }

  setRemote(credentials: Credentials): void {
    this.#remote = credentials;
  }

  /** Takes a connection that came to a passive candidate. Nothing of it is read before `run()`. */
  accept(socket: Socket, local: Candidate): void {
    if (this.#over) {
      socket.destroy();
      return;
    }
    socket.on("error", () => undefined);
    if (this.#done) this.#adopt(socket, local);
    else if (this.#waiting.size < STRANGERS) this.#waiting.add({ socket: socket.pause(), local });
    else socket.destroy();
  }

  /** Resolves with the nominated connection, rejects with `ice-failed`. All other connections are closed by then. */
  run(): Promise<Nominated> {
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(new BalconyError("closed", "The agent was stopped."));
        return;
      }
      this.#done = { resolve, reject };
      this.#after(this.#options.times.all, () => {
        this.#lastError ??= new BalconyError("timeout", `Waited ${this.#options.times.all / 1000} s for a connection.`);
        this.#take({ type: "expired" });
      });
      for (const { socket, local } of this.#waiting) this.#adopt(socket, local);
      this.#waiting.clear();
      this.#pace();
      for (const side of this.#complete) this.complete(side);
    });
  }

  /** Closes everything but a connection that was nominated. */
  stop(error = new BalconyError("closed", "The agent was stopped.")): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#pacing);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const link of this.#links.values()) link.close();
    for (const { socket } of this.#waiting) socket.destroy();
    for (const socket of this.#connecting.values()) socket.destroy();
    this.#links.clear();
    this.#waiting.clear();
    this.#connecting.clear();
    this.#done?.reject(error);
  }

  #take(event: Event): void {
    if (this.#over) return;
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (this.#done) this.#pace();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        this.#connect(effect.pair);
        break;
      case "check":
        this.#check(effect.pair, effect.nominate);
        break;
      case "close":
        this.#links.get(effect.pair)?.close();
        this.#links.delete(effect.pair);
        this.#connecting.get(effect.pair)?.destroy();
        this.#connecting.delete(effect.pair);
        break;
      case "selected":
        this.#selected(effect.pair);
        break;
      case "await-patience":
        this.#after(this.#options.times.patience, () => this.#take({ type: "patience-over" }));
        break;
      case "await-arrivals":
        this.#after(this.#options.times.arrivals, () => this.#take({ type: "arrivals-over" }));
        break;
      case "failed":
        this.#failed();
        break;
      default: // "answer" and "conflict" are for whoever brought the request
    }
  }

  #failed(): void {
    this.stop(new BalconyError("ice-failed", "No pair of candidates connected by ICE-TCP.", { cause: this.#lastError }));
  }

  #after(ms: number, act: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #pace(): void {
    if (this.#over || this.#pacing || !this.#state.pairs.some(({ state }) => state === "waiting")) return;
    this.#pacing = setTimeout(() => {
      this.#pacing = undefined;
      this.#pace();
    }, this.#options.times.pace);
    this.#take({ type: "pace" });
  }

  #connect(pair: Pair): void {
    const { id, local, remote } = pair;
    const name = `${remote.ip}:${remote.port} (${remote.type} ${remote.tcptype})`;
    let failure: Error | undefined;
    const until = performance.now() + this.#options.times.connect;
    const timer = this.#after(this.#options.times.connect, () => {
      failure ??= new Error("the connection was not made in time");
      this.#connecting.get(id)?.destroy();
    });
    const over = (): void => {
      clearTimeout(timer);
      this.#timers.delete(timer);
      this.#connecting.delete(id);
    };
    const attempt = (): void => {
      const socket = this.#open(pair);
      this.#connecting.set(id, socket);
      const onError = (error: Error): void => {
        failure = error;
      };
      const onClose = (): void => {
        if (this.#connecting.get(id) !== socket) return; // given up
        if (mayRetry(local, failure) && performance.now() + AGAIN < until) {
          this.#after(AGAIN, () => {
            if (this.#connecting.get(id) === socket) attempt();
          });
          return;
        }
        over();
        this.#lost(id, name, failure);
      };
      socket.once("error", onError);
      socket.once("close", onClose);
      socket.once("connect", () => {
        if (this.#connecting.get(id) !== socket) return;
        over();
        socket.off("error", onError);
        socket.off("close", onClose);
        this.#adopt(socket, local, { id, remote });
        this.#take({ type: "connected", pair: id });
      });
    };
    attempt();
  }

  /** RFC 6544 §5.2, §7.1: a simultaneous-open candidate connects from the very port that its address was learnt by; so may several at once, as libuv sets SO_REUSEADDR where a port is named. */
  #open({ local, remote }: Pair): Socket {
    const from = local.base ?? local;
    return connect({ host: remote.ip, port: remote.port, localAddress: from.ip, ...(local.tcptype === "so" ? { localPort: from.port } : {}), allowHalfOpen: true });
  }

  #lost(id: string, name: string, cause: Error | undefined): void {
    this.#lastError = cause;
    this.#options.progress(`ice-tcp: ${name} failed`, cause);
    this.#take({ type: "lost", pair: id });
  }

  #adopt(socket: Socket, local: Candidate, opened?: { readonly id: string; readonly remote: Candidate }): void {
    const link = new Link({
      id: opened?.id ?? `in ${this.#incoming++}`,
      socket,
      local,
      remote: opened?.remote,
      received: (from, stun) => this.#received(from, stun),
      lost: (gone, error) => {
        this.#links.delete(gone.id);
        this.#lost(gone.id, `${socket.remoteAddress ?? "a connection"} (${opened ? "connected to" : "came in"})`, error);
      },
    });
    this.#links.set(link.id, link);
    socket.resume();
    if (opened) return;
    const strangers = [...this.#links.values()].filter((one) => !one.setting.remote && !one.authenticated);
    if (strangers.length > STRANGERS) strangers[0]?.fail(new BalconyError("resource-constraint", "Too many connections of nobody known."));
    this.#after(this.#options.times.stranger, () => {
      if (!link.authenticated && this.#links.get(link.id) === link) link.fail(new BalconyError("timeout", "Nobody showed who they are."));
    });
  }

  #check(id: string, nominate: boolean): void {
    const link = this.#links.get(id);
    const remote = this.#remote;
    if (!link || !remote) return;
    const { controlling, tieBreaker } = this.#state;
    const { ufrag } = this.credentials;
    const { local } = link.setting;
    const check = writeCheck({
      username: `${remote.ufrag}:${ufrag}`,
      password: remote.pwd,
      priority: priorityOf("prflx", local.tcptype),
      controlling,
      tieBreaker,
      nominate,
    });
    link.check(check, { controlling, nominate, timeout: this.#options.times.check });
  }

  #received(link: Link, stun: Stun): void {
    if (stun.kind === "request") this.#request(link, stun);
    else if (stun.kind !== "indication") this.#response(link, stun);
  }

  #request(link: Link, stun: Stun): void {
    const refused = this.#refusal(stun);
    if (refused) {
      link.send(refused.answer);
      if (!link.authenticated) link.fail(refused.error); // a stranger; on a connection of the peer's it was an accident
      return;
    }
    link.authenticated = true;
    const { remoteAddress: ip = "", remotePort: port = 0 } = link.setting.socket;
    const known = link.setting.remote;
    const remote = known ?? { foundation: "prflx", ip: plain(ip), port, priority: stun.priority ?? 1, type: "prflx", tcptype: "active" };
    const request = { controlling: stun.controlling !== undefined, tieBreaker: stun.controlling ?? stun.controlled ?? 0n, useCandidate: stun.useCandidate };
    const event: Event = { type: "request", pair: link.id, local: link.setting.local, remote, request };
    const { effects } = step(this.#state, event);
    const { pwd } = this.credentials;
    // The answer goes ahead of our own check and of everything that the nomination lets loose.
    if (effects.some((effect) => effect.type === "conflict")) link.send(writeError(stun.transaction, 487, { password: pwd }));
    else link.send(writeSuccess(stun.transaction, { ip: plain(ip), port }, pwd));
    this.#take(event);
  }

  #refusal(stun: Stun): { readonly answer: Buffer; readonly error: BalconyError } | undefined {
    const { ufrag, pwd } = this.credentials;
    const { transaction, unknown } = stun;
    if (!stun.hasIntegrity || stun.username === undefined) {
      return { answer: writeError(transaction, 400), error: new BalconyError("ice-integrity", "A connectivity check came without credentials.") };
    }
    if (stun.username !== `${ufrag}:${this.#remote?.ufrag ?? ""}` || !stun.isFrom(pwd)) {
      return { answer: writeError(transaction, 401), error: new BalconyError("ice-integrity", "A connectivity check came with wrong credentials.") };
    }
    if (unknown.length > 0) return { answer: writeError(transaction, 420, { password: pwd, unknown }), error: new BalconyError("ice-stun", "A check has unknown attributes.") };
    const roles = Number(stun.controlling !== undefined) + Number(stun.controlled !== undefined);
    if (stun.priority === undefined || roles !== 1) {
      return { answer: writeError(transaction, 400, { password: pwd }), error: new BalconyError("ice-stun", "A check has no priority, or not one role.") };
    }
    return undefined;
  }

  #response(link: Link, stun: Stun): void {
    const check = link.checks.get(stun.transaction);
    const remote = this.#remote;
    if (!check || !remote) return; // of nothing that we asked
    const conflict = stun.kind === "error" && stun.errorCode === 487;
    if ((stun.kind === "success" || conflict) && !stun.isFrom(remote.pwd)) {
      link.fail(new BalconyError("ice-integrity", "The answer to a check has no valid integrity."));
      return;
    }
    clearTimeout(check.timer);
    link.checks.delete(stun.transaction);
    if (conflict) {
      this.#take({ type: "refused", pair: link.id, conflict, asControlling: check.controlling });
    } else if (stun.kind === "success" && stun.mapped) {
      link.authenticated = true;
      this.#take({ type: "answered", pair: link.id, nominating: check.nominate });
    } else {
      link.fail(new BalconyError("ice-stun", `A check was answered with ${stun.errorCode ?? "no address"}.`));
    }
  }

  #selected(id: string): void {
    const link = this.#links.get(id);
    const pair = this.#state.pairs.find((one) => one.id === id);
    if (!link || !pair) throw new BalconyError("internal", "A connection was nominated that does not exist.");
    this.#links.delete(id);
    const { ip, port } = { ip: plain(link.setting.socket.remoteAddress ?? ""), port: link.setting.socket.remotePort ?? 0 };
    const socket = link.release();
    const bytes = new FramedChannel({ socket, reader: link.reader, held: link.held, answer: (message) => this.#answerLater(message, { ip, port }) });
    this.#done?.resolve({ bytes, local: pair.local, remote: pair.remote });
    this.#done = undefined;
    this.stop();
  }

  /** STUN within the stream (RFC 8445 §7.3, in RFC 4571's frames): answered, and nothing more. */
  #answerLater(message: Buffer, mapped: { readonly ip: string; readonly port: number }): Buffer | undefined {
    const stun = readStun(message);
    if (stun?.kind !== "request") return undefined;
    return this.#refusal(stun)?.answer ?? writeSuccess(stun.transaction, mapped, this.credentials.pwd);
  }
}

/** ms before a simultaneous open is tried anew. */
const AGAIN = 200;

/** Some NATs answer what nobody has asked for yet with a reset (RFC 5382 §4.3 has them wait): the peer's own packet may be on its way. */
function mayRetry({ tcptype }: Candidate, failure: Error | undefined): boolean {
  return tcptype === "so" && ["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH"].includes((failure as NodeJS.ErrnoException | undefined)?.code ?? "");
}

/** A dual-stack socket shows IPv4 addresses mapped into IPv6. */
function plain(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/, "");
}
