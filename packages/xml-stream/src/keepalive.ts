/** When to speak into silence, so that the path stays open and a dead peer is noticed, and when to give up. */
export interface KeepaliveTimes {
  /** Milliseconds between two looks at whether there was silence. Default 60 s. */
  readonly interval: number;
  /** Milliseconds without any byte of progress, in either direction, after which a silent peer that was asked counts as dead. Default 30 s. */
  readonly deadline: number;
}

export interface KeepaliveActions {
  /** Sends something that the peer must answer. */
  ask(): void;
  /** Sends a space. */
  space(): void;
  /** The peer has not answered. */
  dead(): void;
}

export const defaultKeepalive: KeepaliveTimes = Object.freeze({ interval: 60_000, deadline: 30_000 });

/**
 * Whitespace keepalive (RFC 6120 §4.6.1) and detection of dead peers. While both sides speak it costs two flags and one timer:
 * at the end of an interval in which nothing was heard the peer is asked; in which nothing was sent it gets a space.
 */
export class Keepalive {
  readonly #times: KeepaliveTimes;
  readonly #actions: KeepaliveActions;
  #heard = false;
  #sent = false;
  #asked = false;
  #timer: ReturnType<typeof setTimeout>;

  constructor(times: KeepaliveTimes, actions: KeepaliveActions) {
    this.#times = times;
    this.#actions = actions;
    this.#timer = setTimeout(this.#onInterval, times.interval);
  }

  /** Bytes came. */
  heard(): void {
    this.#heard = true;
    if (this.#asked) this.#restart();
  }

  /** A stanza is going out. */
  sent(): void {
    this.#sent = true;
  }

  /** The layer below has taken bytes. */
  progressed(): void {
    if (this.#asked) this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #restart(): void {
    this.#asked = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onInterval, this.#times.interval);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onDeadline, this.#times.deadline);
  }

  readonly #onInterval = (): void => {
    if (!this.#heard) {
      this.#asked = true;
      this.#wait();
      this.#actions.ask();
      return;
    }
    if (!this.#sent) this.#actions.space();
    this.#heard = false;
    this.#sent = false;
    this.#restart();
  };

  readonly #onDeadline = (): void => this.#actions.dead();
}
