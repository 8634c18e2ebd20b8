import { type Element, type Session, xml } from "balcony";
import type { Stage } from "./stage.js";

export const NS_TIME = "urn:xmpp:time";

export interface Speaker {
  readonly name: string;
  readonly session: Session;
}

const next = (session: Session): Promise<Element> => new Promise((resolve) => session.once("stanza", resolve));
const between = (from: Speaker, sign: string, to = ""): string => `${from.name.padEnd(6)} ${sign} ${to.padEnd(6)}  `;

export async function say(on: Stage, from: Speaker, to: Speaker, words: string): Promise<void> {
  const heard = next(to.session);
  await from.session.send(xml("message", { type: "chat" }, xml("body", {}, words)));
  const body = (await heard).getChildText("body");
  on.tell("message", { from: from.name, body }, `${between(from, "→", to.name)}“${body}”`);
}

export async function appear(on: Stage, from: Speaker, to: Speaker, words: string): Promise<void> {
  const seen = next(to.session);
  await from.session.send(xml("presence", {}, xml("status", {}, words)));
  const status = (await seen).getChildText("status");
  on.tell("presence", { from: from.name, status }, `${between(from, "·", "is")}${status}`);
}

export async function askTime(on: Stage, from: Speaker, to: Speaker): Promise<void> {
  to.session.iqCallee.get(NS_TIME, "time", () => xml("time", NS_TIME, xml("utc", {}, new Date().toISOString())));
  const utc = (await from.session.iqCaller.get(xml("time", NS_TIME)))?.getChildText("utc");
  on.tell("iq", { from: from.name, utc }, `${between(from, "?", to.name)}what time is it: ${utc}`);
}
