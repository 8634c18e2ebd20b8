import { childElements, clone, type Element, xml } from "@balcony/xml";
import { NS_JINGLE } from "./namespaces.js";
import type { Role } from "./plugins.js";
import { type ReceivedReason, readReason } from "./reason.js";
import { refusal } from "./refusal.js";

/** XEP-0166 §7.2. */
export const actionNames = [
  "content-accept",
  "content-add",
  "content-modify",
  "content-reject",
  "content-remove",
  "description-info",
  "security-info",
  "session-accept",
  "session-info",
  "session-initiate",
  "session-terminate",
  "transport-accept",
  "transport-info",
  "transport-reject",
  "transport-replace",
] as const;

export type ActionName = (typeof actionNames)[number];

/** Which parties send application data (XEP-0166 §7.3). */
export type Senders = "both" | "initiator" | "none" | "responder";

/** A `<content/>` as it came in. */
export interface Content {
  readonly creator: Role | undefined;
  readonly name: string | undefined;
  readonly disposition: string;
  readonly senders: Senders | undefined;
  readonly description: Element | undefined;
  readonly transport: Element | undefined;
  readonly security: Element | undefined;
}

/** A well-formed `<jingle/>` as it came in. The initiator and responder attributes are left out: nobody may act on them (§7.1). */
export interface Action {
  readonly name: ActionName;
  readonly sid: string;
  readonly contents: readonly Content[];
  readonly reason: ReceivedReason | undefined;
  /** Of a session-info: what it says. Undefined in a ping. */
  readonly payload: Element | undefined;
}

type Part = "name" | "senders" | "description" | "transport" | "security";

/** What each `<content/>` of an action must have; an action that is not listed needs no content. §7.2, §7.3. */
const needed: Partial<Record<ActionName, readonly Part[]>> = {
  "content-accept": ["description", "transport"],
  "content-add": ["name", "description", "transport"],
  "content-modify": ["senders"],
  "content-reject": [],
  "content-remove": [],
  "description-info": ["description"],
  "security-info": ["security"],
  "session-accept": ["description", "transport"],
  "session-initiate": ["name", "description", "transport"],
  "transport-accept": ["transport"],
  "transport-info": ["transport"],
  "transport-reject": [],
  "transport-replace": ["transport"],
};

const longestSid = 256;

/** Reads a `<jingle/>`. Throws the stanza error `bad-request` for one that XEP-0166 §7 does not allow, whatever sessions there are. */
export function readAction(jingle: Element): Action {
  const { action, sid } = jingle.attrs;
  if (!isActionName(action)) throw refusal("bad-request", "no known action");
  if (!sid || sid.length > longestSid) throw refusal("bad-request", "no usable sid");
  const contents = jingle.getChildren("content", NS_JINGLE).map(readContent);
  const parts = needed[action];
  if (parts && contents.length === 0) throw refusal("bad-request", "no content");
  for (const part of parts ?? []) if (contents.some((content) => content[part] === undefined)) throw refusal("bad-request", `a content has no ${part}`);
  if (action === "session-initiate") checkOffer(contents);
  const payload = childElements(jingle).find((child) => child.getNS() !== NS_JINGLE);
  return { name: action, sid, contents, reason: readReason(jingle), payload };
}

function checkOffer(contents: readonly Content[]): void {
  // §7.3: the creator of what the initiator offers is the initiator, which is also the default.
  const names = contents.map(({ name }) => name);
  if (new Set(names).size < names.length) throw refusal("bad-request", "two contents have the same name");
  if (contents.some(({ creator }) => creator === "responder")) throw refusal("bad-request", "only the initiator can have created an offered content");
  // §7.2.10
  if (contents.every(({ disposition }) => disposition !== "session")) throw refusal("bad-request", "no content has the disposition session");
}

function readContent(content: Element): Content {
  const { creator, name, senders } = content.attrs;
  if (creator !== undefined && creator !== "initiator" && creator !== "responder") throw refusal("bad-request", "creator is initiator or responder");
  if (senders !== undefined && !isSenders(senders)) throw refusal("bad-request", "senders is both, initiator, none or responder");
  return {
    creator,
    name,
    disposition: content.attrs.disposition ?? "session",
    senders,
    description: atMostOne(content, "description"),
    transport: atMostOne(content, "transport"),
    security: atMostOne(content, "security"),
  };
}

function atMostOne(content: Element, name: string): Element | undefined {
  const found = childElements(content).filter((child) => child.getName() === name);
  if (found.length > 1) throw refusal("bad-request", `a content has more than one ${name}`);
  return found[0];
}

function isActionName(action: string | undefined): action is ActionName {
  return actionNames.some((name) => name === action);
}

function isSenders(senders: string): senders is Senders {
  return senders === "both" || senders === "initiator" || senders === "none" || senders === "responder";
}

/** A `<content/>` to send. Elements given are copied. */
export interface OutgoingContent {
  readonly creator: Role;
  readonly name: string;
  readonly senders?: Senders | undefined;
  readonly description?: Element | undefined;
  readonly transport?: Element | undefined;
  readonly security?: Element | undefined;
}

/** An action to send. */
export interface OutgoingAction {
  readonly name: ActionName;
  readonly sid: string;
  /** §7.1: set in session-initiate and session-accept. */
  readonly initiator?: string | undefined;
  readonly responder?: string | undefined;
  readonly contents?: readonly OutgoingContent[] | undefined;
  readonly reason?: Element | undefined;
  readonly payload?: Element | undefined;
}

export function writeAction({ name, sid, initiator, responder, contents = [], reason, payload }: OutgoingAction): Element {
  return xml("jingle", { xmlns: NS_JINGLE, action: name, initiator, responder, sid }, contents.map(writeContent), reason, copy(payload));
}

function writeContent({ creator, name, senders, description, transport, security }: OutgoingContent): Element {
  return xml("content", { creator, name, senders }, copy(description), copy(transport), copy(security));
}

// An element has one parent: what is put into a stanza must not be taken out of its owner's tree.
function copy(element: Element | undefined): Element | undefined {
  return element && clone(element);
}
