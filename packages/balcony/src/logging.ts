import type { Jid } from "@balcony/xml";
import type { ExtraAttribute } from "@balcony/xml-stream";

/** Said in the stream's header, inside TLS: docs/xep-e2e-logging.md. */
export const NS_LOGGING = "urn:xmpp:balcony:logging:0";
/** Whether a side keeps a transcript of what is said (XEP-0155 §7.1): it may, or it must not. */
export type LogPreference = "may" | "mustnot";

/** What both sides have said about transcripts before anything else was said. */
export interface Logging {
  readonly ours: LogPreference;
  /** Undefined where the peer's client says nothing of it. */
  readonly theirs: LogPreference | undefined;
  /** What holds for both: `mustnot` where either asked for it and the other did not refuse. Undefined where the peer's client says nothing, and only we hold to ours. */
  readonly agreed: LogPreference | undefined;
}

/** The two sides differ: we keep transcripts, and the peer asks that none be kept. */
export interface LoggingDifference {
  readonly peer: Jid;
  readonly ours: "may";
  readonly theirs: "mustnot";
  /** Aborted when the stream is given up. */
  readonly signal: AbortSignal;
}

export const statedPreference = (preference: LogPreference): ExtraAttribute => ({ xmlns: NS_LOGGING, name: "keep", value: preference });
