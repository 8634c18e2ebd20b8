import { Buffer } from "node:buffer";
import type { Jid } from "@balcony/xml";
import type { Action, Content } from "./action.js";
import type { Application, Security, Transport } from "./plugins.js";

/** How many sessions there may be. */
export interface Limits {
  /** Offers of one bare address that are not connected yet. Default 4. */
  readonly pendingPerPeer: number;
  /** Offers of all peers that are not connected yet. Half are kept for those whom `favours` names. Default 64. */
  readonly pending: number;
  /** Sessions in all. Default 4,096. */
  readonly sessions: number;
}

export const defaultLimits: Limits = Object.freeze({ pendingPerPeer: 4, pending: 64, sessions: 4096 });

/** What is known here, by namespace. */
export interface Plugins {
  readonly applications: ReadonlyMap<string, Application>;
  readonly transports: ReadonlyMap<string, Transport>;
  readonly securities: ReadonlyMap<string, Security>;
}

/** An offered content that we can do. */
export interface Usable extends Content {
  readonly name: string;
  readonly description: NonNullable<Content["description"]>;
  readonly transport: NonNullable<Content["transport"]>;
}

/**
 * The first content of an offer that we can do; or what to terminate with where there is none (XEP-0166 §6.3.1).
 * Throws the stanza error of a plug-in that finds its part malformed.
 */
export function choose({ contents }: Action, { applications, transports, securities }: Plugins): Usable | "unsupported-applications" | "unsupported-transports" {
  const meant = contents.filter(
    (content): content is Usable => content.disposition === "session" && content.name !== undefined && content.description !== undefined && content.transport !== undefined,
  );
  const ours = meant.filter(({ description }) => applications.has(description.getNS() ?? ""));
  for (const { description, security } of ours) {
    applications.get(description.getNS() ?? "")?.check?.(description);
    if (security) securities.get(security.getNS() ?? "")?.check?.(security);
  }
  if (ours.length === 0) return "unsupported-applications";
  const usable = ours.find(({ transport }) => transports.has(transport.getNS() ?? ""));
  if (!usable) return "unsupported-transports";
  transports.get(usable.transport.getNS() ?? "")?.check?.(usable.transport);
  // A precondition that we do not know is one that we do not meet: the answer goes without, and the initiator decides (§9).
  return { ...usable, security: usable.security && securities.has(usable.security.getNS() ?? "") ? usable.security : undefined };
}

/** XEP-0166 §7.2.16: does offer `a` overrule offer `b`? The lower sid does, in the order of octets; of equal ones the lower address's. */
export function overrules(a: { readonly sid: string; readonly initiator: Jid }, b: { readonly sid: string; readonly initiator: Jid }): boolean {
  return (Buffer.compare(Buffer.from(a.sid), Buffer.from(b.sid)) || Buffer.compare(Buffer.from(a.initiator), Buffer.from(b.initiator))) < 0;
}
