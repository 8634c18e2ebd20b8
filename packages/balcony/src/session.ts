import { EventEmitter } from "node:events";
import { BalconyError, type StanzaChannel } from "@balcony/channel";
import type { Session as JingleSession, Reason } from "@balcony/jingle";
import type { Device } from "@balcony/trust";
import type { Element, Jid } from "@balcony/xml";
import { type IqCallee, type IqCaller, iqCallee, iqCaller } from "./client-shape.js";
import { type JID, jid } from "./jid.js";
import type { Security } from "./security.js";
import type { Ceremony } from "./verification/ceremony.js";
import { Verification, type VerificationParts, type VerificationRequest, type VerifyOptions } from "./verification/verification.js";

/** `online` from the start, `closing` while the closing handshake runs, `offline` for good. */
export type SessionStatus = "online" | "closing" | "offline";

export interface SessionEvents {
  /** Each stanza from the peer, IQs too, as @xmpp/client has it. `from` and `to` are full JIDs and vouched for. */
  stanza: [stanza: Element];
  /** The same, under @xmpp/client's other name. */
  element: [element: Element];
  status: [status: SessionStatus];
  /** The other person asks to verify each other. Without a listener they are told that this client cannot. */
  verification: [request: VerificationRequest];
  /** `security` has changed: the peer's key is verified now. */
  security: [security: Security];
  /** Why the session ended, where it was not closed properly. Only sent if somebody listens. */
  error: [error: BalconyError];
  /** The session has ended. Exactly once. */
  close: [];
}

/** Stanzas under end-to-end encryption: an XML stream, or an ESession. */
export interface SecuredStanzas extends StanzaChannel {
  /** Sees each stanza that comes in, IQs too, before anybody acts on it. */
  observer: ((stanza: Element) => void) | undefined;
  /** Looks at each stanza and request before it is sent, whichever way it was handed in; what it throws refuses it. Answers to requests of the peer's do not pass it. */
  guard: ((stanza: Element) => void) | undefined;
  /** Lets come in what was held until now. */
  deliver(): void;
}

/** What open() and accept() hand over once everything stands. */
export interface SessionParts {
  readonly stream: SecuredStanzas;
  /** What carries it, and ends with it. */
  readonly jingle: Pick<JingleSession, "peer" | "role" | "terminate">;
  readonly security: Security;
  /** Undefined where the peer has no key that could be verified. */
  readonly verification: VerificationParts | undefined;
  /** Told of what a handler of the application's threw. */
  readonly report: (error: unknown) => void;
}

/**
 * An end-to-end stream with one peer. It has @xmpp/client's own `send`, `sendMany`, `iqCaller`, `iqCallee`, `jid`, `status` and events, so that a function
 * written for one runs on the other.
 */
export class Session extends EventEmitter<SessionEvents> {
  /** Our own full address. */
  readonly jid: JID;
  /** The peer's full address, in normal form. */
  readonly peer: Jid;
  /** Whether we opened it. Where both sides called at once there is one session, and one of the two opened it. */
  readonly role: "initiator" | "responder";
  readonly iqCaller: IqCaller;
  readonly iqCallee: IqCallee;
  /** The stream as a StanzaChannel: what Jingle or any other protocol of ours runs on. */
  readonly channel: StanzaChannel;
  #status: SessionStatus = "online";
  #security: Security;
  readonly #verification: Verification | undefined;
  readonly #jingle: SessionParts["jingle"];
  readonly #ended: Promise<void>;

  constructor({ stream, jingle, security, verification, report }: SessionParts) {
    super();
    this.jid = jid(stream.self);
    this.peer = jingle.peer;
    this.role = jingle.role;
    this.#security = security;
    this.channel = stream;
    this.#jingle = jingle;
    this.iqCaller = iqCaller(stream);
    this.iqCallee = iqCallee(stream);
    this.#verification = verification && this.#verifying(stream, verification, report);
    // Here, where every way of sending meets: send(), iqCaller, the channel and whatever is narrowed from it.
    stream.guard = (stanza) => verification?.ceremonies.check(stanza);
    stream.observer = (stanza) => {
      try {
        this.emit("element", stanza);
        this.emit("stanza", stanza);
      } catch (error) {
        report(error); // a defect in a handler must not end the stream, nor the process
      }
    };
    // Whoever gets the session adds handlers in the turn in which they get it; nothing comes in before.
    setImmediate(() => stream.deliver());
    this.#ended = new Promise<void>((resolve) => {
      if (stream.closed.aborted) resolve();
      else stream.closed.addEventListener("abort", () => resolve(), { once: true });
    }).then(() => this.#over(stream));
  }

  #verifying(stream: SecuredStanzas, parts: VerificationParts, report: (error: unknown) => void): Verification {
    const listeners = {
      listening: () => this.listenerCount("verification") > 0,
      asked: (request: VerificationRequest) => this.emit("verification", request),
      verified: (device: Device) => {
        this.#security = { ...this.#security, trust: "verified", ...(device.verified && { verified: device.verified }) };
        this.emit("security", this.#security);
      },
      report,
    };
    return new Verification(stream, parts, listeners, this.peer);
  }

  get status(): SessionStatus {
    return this.#status;
  }

  /** What protects the session, and whether the peer's key is verified. */
  get security(): Security {
    return this.#security;
  }

  /**
   * Two people verify each other: both are asked, then both see the same symbols, or one reads numbers aloud and the other types them. Takes the other person's request, where there
   * is one. docs/xep-e2e-verification.md has the protocol.
   * @returns once there is something to compare; what the person says about it goes to the ceremony's `confirm()` or `differ()`
   * @throws `verification-busy`, `verification-cancelled`, `verification-unsupported`, `verification-violation`, `guesses-spent`, `commitment-mismatch`, `reflection`, `address-mismatch`,
   * `timeout` after 10 minutes, `aborted`, `closed`, `connection-lost`, and what the store throws
   */
  async verify(options: VerifyOptions = {}): Promise<Ceremony> {
    if (this.#verification) return await this.#verification.verify(options);
    throw new BalconyError("verification-unsupported", `The client of ${this.peer} has no key that could be verified.`, { phase: "trust", peer: this.peer });
  }

  /**
   * Sends one stanza to the peer. Resolves once the layer below has room for more.
   * @throws `closed`, `connection-lost`, `invalid-argument` for what is no stanza or cannot be written as XML, `resource-constraint` where too much waits,
   * `verification-open` for one that tells what is being compared
   */
  async send(stanza: Element): Promise<void> {
    await this.channel.send(stanza);
  }

  /** Sends stanzas in their order. */
  async sendMany(stanzas: Iterable<Element>): Promise<void> {
    const sent = [...stanzas].map((stanza) => this.send(stanza));
    await Promise.all(sent);
  }

  /** Closes the stream on both sides, then the Jingle session. What was sent before arrives. Resolves when all of it is done or its deadline has passed. */
  async close(): Promise<void> {
    if (this.#status === "online") {
      this.#to("closing");
      await this.channel.close();
    }
    await this.#ended;
  }

  /** The stream is over, one way or the other: its bytes are closed on both sides, then the Jingle session that carried them (XEP-0247 §2). */
  async #over(stream: SecuredStanzas): Promise<void> {
    const { reason } = stream.closed;
    const proper = reason.code === "closed";
    if (proper && this.#status === "online") this.#to("closing");
    if (proper) await stream.close();
    const told = this.#jingle.terminate(...terminationFor(reason));
    if (proper) await told; // where something broke, nobody waits for an answer that may never come
    this.#to("offline");
    if (!proper && this.listenerCount("error") > 0) this.emit("error", reason);
    this.emit("close");
  }

  #to(status: SessionStatus): void {
    this.#status = status;
    this.emit("status", status);
  }
}

/** How the end of a stream is told in Jingle (XEP-0166 §7.4). */
function terminationFor({ code }: BalconyError): [reason: Reason, text?: string] {
  if (code === "closed") return ["success"];
  if (code === "connection-lost" || code === "truncated" || code === "peer-dead") return ["connectivity-error", code];
  return ["failed-application", code];
}
