import { canonical, childElements, type Element } from "@balcony/xml";
import { NS_JINGLE } from "./namespaces.js";

/** What one `<content/>` of an action said. Each part is in its canonical form; undefined where there was none. */
export interface TranscriptContent {
  readonly creator: string | undefined;
  readonly name: string | undefined;
  readonly senders: string | undefined;
  readonly description: string | undefined;
  readonly security: string | undefined;
  readonly transport: string | undefined;
  /** Namespace of the transport. */
  readonly transportNamespace: string | undefined;
}

/** An action that negotiates what the session is, as its sender wrote it or as it came in. */
export interface TranscriptEntry {
  readonly action: string;
  readonly contents: readonly TranscriptContent[];
}

/** What was said about one session, by either side, as this side has it. The servers between may have given the other side something else. */
export interface Transcript {
  readonly sent: readonly TranscriptEntry[];
  readonly received: readonly TranscriptEntry[];
}

/** The others end the session, or say nothing about what it is. */
const negotiating: ReadonlySet<string> = new Set([
  "session-initiate",
  "session-accept",
  "transport-info",
  "transport-replace",
  "transport-accept",
  "transport-reject",
  "security-info",
  "description-info",
]);
/** Entries that are kept of each direction: whoever sends more has no use for being compared. */
const MOST = 256;

/** Writes down one session's negotiation, until somebody has taken it. */
export class TranscriptRecorder {
  #kept: { readonly sent: TranscriptEntry[]; readonly received: TranscriptEntry[] } | undefined = { sent: [], received: [] };

  sent(jingle: Element): void {
    this.#note("sent", jingle);
  }

  received(jingle: Element): void {
    this.#note("received", jingle);
  }

  /** What was written down. From now on nothing is; the next call finds nothing. */
  take(): Transcript {
    const kept = this.#kept ?? { sent: [], received: [] };
    this.#kept = undefined;
    return kept;
  }

  #note(direction: "sent" | "received", jingle: Element): void {
    const entries = this.#kept?.[direction];
    if (entries && entries.length < MOST && negotiating.has(jingle.attrs.action ?? "")) entries.push(entryOf(jingle));
  }
}

function entryOf(jingle: Element): TranscriptEntry {
  return { action: jingle.attrs.action ?? "", contents: jingle.getChildren("content", NS_JINGLE).map(contentOf) };
}

function contentOf(content: Element): TranscriptContent {
  const part = (name: string): Element | undefined => childElements(content).find((child) => child.getName() === name);
  const form = (element: Element | undefined): string | undefined => element && canonical(element);
  const { creator, name, senders } = content.attrs;
  const transport = part("transport");
  return {
    creator,
    name,
    senders,
    description: form(part("description")),
    security: form(part("security")),
    transport: form(transport),
    transportNamespace: transport?.getNS(),
  };
}
