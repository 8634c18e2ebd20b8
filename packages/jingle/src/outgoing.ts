import type { WaitOptions } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { ActionName, OutgoingAction } from "./action.js";
import { writeReason } from "./reason.js";
import type { Signalling } from "./signalling.js";
import type { Send, State } from "./state.js";
import type { TranscriptRecorder } from "./transcript.js";

export interface OutgoingOptions {
  readonly signalling: Signalling;
  readonly transcript: TranscriptRecorder;
  readonly ended: AbortSignal;
  /** ms for the acknowledgement of session-terminate. */
  readonly farewell: number;
  readonly state: () => State;
  /** The peer answers an action with an error, or not at all. */
  readonly refused: (action: ActionName, attempt: number, error: unknown) => void;
  /** It has acknowledged the offer. */
  readonly acknowledged: () => void;
}

/** What one session sends, with its addresses and sid, and what becomes of it. */
export class Outgoing {
  /** Resolves once the peer has acknowledged the end, or cannot. */
  farewell: Promise<void> = Promise.resolve();

  constructor(private readonly options: OutgoingOptions) {}

  send({ name, content, contents, reason, text, alternative }: Send): void {
    const { self, sid, attempt } = this.options.state();
    const sent = this.#request({
      name,
      sid,
      initiator: name === "session-initiate" ? self : undefined,
      responder: name === "session-accept" ? self : undefined,
      contents: contents ?? (content ? [content] : []),
      reason: reason && writeReason(reason, { text, alternative }),
    });
    // Whatever comes of it, the session is over: a peer that is gone, or knows no such session any more, is as good as one that acknowledges.
    if (name === "session-terminate") this.farewell = sent.catch(() => undefined);
    else sent.catch((error: unknown) => this.options.refused(name, attempt, error));
  }

  async transportInfo(attempt: number, transport: Element): Promise<void> {
    this.options.ended.throwIfAborted();
    const { sid, content } = this.options.state();
    try {
      await this.#request({ name: "transport-info", sid, contents: [{ creator: "initiator", name: content, transport }] });
    } catch (error) {
      this.options.refused("transport-info", attempt, error);
      throw error;
    }
  }

  async info(payload: Element | undefined, { timeout, signal }: WaitOptions = {}): Promise<void> {
    const { ended, refused, signalling, state } = this.options;
    ended.throwIfAborted();
    const either = signal ? AbortSignal.any([signal, ended]) : ended;
    try {
      await signalling.request(state().peer, { name: "session-info", sid: state().sid, payload }, { timeout, signal: either });
    } catch (error) {
      refused("session-info", state().attempt, error);
      throw error;
    }
  }

  async #request(action: OutgoingAction): Promise<void> {
    const { acknowledged, ended, farewell, signalling, state, transcript } = this.options;
    const wait = action.name === "session-terminate" ? { timeout: farewell } : { signal: ended };
    await signalling.request(state().peer, action, wait, transcript);
    if (action.name === "session-initiate") acknowledged();
  }
}
