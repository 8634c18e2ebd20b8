import { createHash } from "node:crypto";
import { stanzaError } from "@balcony/channel";
import type { Transcript, TranscriptEntry } from "@balcony/jingle";
import { childElements, type Element, xml } from "@balcony/xml";

/** What both sides tell each other of the negotiation, inside TLS: docs/xep-e2e-signalling.md. */
export const NS_SIGNALLING = "urn:xmpp:balcony:signalling:0";

/** What a `<content/>` said, but for its transport. Parts are digests; undefined where there was none. */
export interface ContentTerms {
  readonly creator: string | undefined;
  readonly name: string | undefined;
  readonly senders: string | undefined;
  readonly description: string | undefined;
  readonly security: string | undefined;
}

export interface Terms {
  readonly action: string;
  readonly contents: readonly ContentTerms[];
}

/** What one side sent and what it received: what must be the other's, exchanged. */
export interface Statement {
  readonly role: "initiator" | "responder";
  /** `verification`: the sender takes nothing else until it has verified the other. */
  readonly purpose: "any" | "verification";
  /** What the sender tells those who ask it what it supports. */
  readonly features: readonly string[];
  /** Digests of what the other said it supports, where the sender has asked. */
  readonly seen: ReadonlySet<string> | undefined;
  readonly sent: readonly Terms[];
  readonly received: readonly Terms[];
  /** A digest of each `<transport/>` with its action, in their order. */
  readonly transportsSent: readonly string[];
  readonly transportsReceived: readonly string[];
  /** Digests of the offers within STARTTLS (XEP-0250); undefined with XTLS. */
  readonly starttls: { readonly sent: string | undefined; readonly received: string | undefined } | undefined;
}

/** What must not be the same for two different things that a server could write: 128 bits. */
const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
/** For what may at most warn: 64 bits. */
const shortDigest = (text: string): string => digest(text).slice(0, 16);

export const featureDigest = shortDigest;

/** The others stand among the transports. */
const termActions: ReadonlySet<string> = new Set(["session-initiate", "session-accept", "security-info", "description-info"]);
const MOST = 256;

export function makeStatement(
  transcript: Transcript,
  rest: Pick<Statement, "role" | "purpose" | "features"> & {
    readonly seen: Iterable<string> | undefined;
    readonly starttls: { readonly sent: string | undefined; readonly received: string | undefined } | undefined;
  },
): Statement {
  const { seen, starttls, ...same } = rest;
  return {
    ...same,
    seen: seen && new Set([...seen].map(featureDigest)),
    sent: termsOf(transcript.sent),
    received: termsOf(transcript.received),
    transportsSent: transportsOf(transcript.sent),
    transportsReceived: transportsOf(transcript.received),
    starttls: starttls && { sent: starttls.sent && digest(starttls.sent), received: starttls.received && digest(starttls.received) },
  };
}

function termsOf(entries: readonly TranscriptEntry[]): readonly Terms[] {
  return entries
    .filter(({ action }) => termActions.has(action))
    .map(({ action, contents }) => ({
      action,
      contents: contents.map(({ creator, name, senders, description, security }) => ({
        creator,
        name,
        senders,
        description: description && digest(description),
        security: security && digest(security),
      })),
    }));
}

function transportsOf(entries: readonly TranscriptEntry[]): readonly string[] {
  return entries.flatMap(({ action, contents }) => contents.flatMap(({ transport }) => (transport === undefined ? [] : [shortDigest(JSON.stringify([action, transport]))])));
}

export function writeStatement({ features, purpose, received, role, seen, sent, starttls, transportsReceived, transportsSent }: Statement): Element {
  const list = (name: string, values: Iterable<string>): Element => xml(name, {}, [...values].join(" "));
  const terms = ({ action, contents }: Terms): Element =>
    xml(
      "action",
      { name: action },
      contents.map((content) => xml("content", { ...content })),
    );
  return xml(
    "signalling",
    { xmlns: NS_SIGNALLING, role, purpose: purpose === "verification" ? purpose : undefined },
    list("features", features),
    seen && list("seen", seen),
    xml("sent", {}, sent.map(terms), list("transports", transportsSent)),
    xml("received", {}, received.map(terms), list("transports", transportsReceived)),
    starttls && xml("starttls", { sent: starttls.sent, received: starttls.received }),
  );
}

/** Throws `bad-request` for what is no statement. */
export function readStatement(element: Element): Statement {
  const { purpose, role } = element.attrs;
  if (role !== "initiator" && role !== "responder") throw bad("no role");
  const child = (name: string): Element | undefined => element.getChild(name, NS_SIGNALLING);
  const [sent, received, features] = [child("sent"), child("received"), child("features")];
  if (!sent || !received || !features) throw bad("a part is missing");
  const [seen, starttls] = [child("seen"), child("starttls")];
  return {
    role,
    purpose: purpose === "verification" ? purpose : "any", // what is not known asks for nothing
    features: words(features, /^\S{1,1024}$/u),
    seen: seen && new Set(words(seen, SHORT)),
    sent: readTerms(sent),
    received: readTerms(received),
    transportsSent: words(sent.getChild("transports", NS_SIGNALLING), SHORT),
    transportsReceived: words(received.getChild("transports", NS_SIGNALLING), SHORT),
    starttls: starttls && { sent: digestIn(starttls, "sent"), received: digestIn(starttls, "received") },
  };
}

const SHORT = /^[0-9a-f]{16}$/u;

function words(element: Element | undefined, pattern: RegExp): readonly string[] {
  const list =
    element
      ?.getText()
      .split(" ")
      .filter((word) => word !== "") ?? [];
  if (list.length > 2 * MOST || list.some((word) => !pattern.test(word))) throw bad(`<${element?.name}/> is malformed`);
  return list;
}

function readTerms(parent: Element): readonly Terms[] {
  return childElements(parent)
    .filter((child) => child.is("action", NS_SIGNALLING))
    .map((action) => ({
      action: action.attrs.name ?? "",
      contents: childElements(action).map((content) => ({
        creator: content.attrs.creator,
        name: content.attrs.name,
        senders: content.attrs.senders,
        description: digestIn(content, "description"),
        security: digestIn(content, "security"),
      })),
    }));
}

function digestIn({ attrs }: Element, name: string): string | undefined {
  const value = attrs[name];
  if (value !== undefined && !/^[0-9a-f]{32}$/u.test(value)) throw bad(`${name} is no digest`);
  return value;
}

const bad = (text: string) => stanzaError("bad-request", { text: `signalling: ${text}` });
