import { memoryBytePair } from "@balcony/channel";
import { openStream, type StreamOptions, type XmlStream } from "../src/index.js";
import { type FarEnd, features, handPlayed, headerOf, juliet, report, romeo, settle } from "./far-end.js";

export type Options = Partial<StreamOptions>;

/** An open stream whose other end is played by hand: we are Juliet, the responder, unless told otherwise. */
export async function openedByHand(options: Options = {}): Promise<{ readonly stream: XmlStream; readonly far: FarEnd }> {
  const { near, far } = handPlayed();
  const role = options.role ?? "responder";
  const opening = openStream(near, { role, self: role === "initiator" ? romeo : juliet, peer: role === "initiator" ? juliet : romeo, report, ...options });
  far.say(role === "initiator" ? headerOf("responder") + features() : headerOf("initiator"));
  const stream = await opening;
  await settle(2);
  far.heard = "";
  return { stream, far };
}

/** Two ends of one stream: Romeo opened it to Juliet. */
export async function openedPair(options: Options = {}): Promise<{ readonly a: XmlStream; readonly b: XmlStream }> {
  const [near, far] = memoryBytePair();
  const [a, b] = await Promise.all([
    openStream(near, { role: "initiator", self: romeo, peer: juliet, report, ...options }),
    openStream(far, { role: "responder", self: juliet, peer: romeo, report, ...options }),
  ]);
  return { a, b };
}

/** The code with which the stream ended, once it has. */
export async function endOf(stream: XmlStream): Promise<string> {
  if (!stream.closed.aborted) await new Promise((resolve) => stream.closed.addEventListener("abort", resolve, { once: true }));
  return stream.closed.reason.code;
}

/** Bodies of the messages that arrive from now on. */
export function bodiesOf(stream: XmlStream): (string | null)[] {
  const bodies: (string | null)[] = [];
  stream.onStanza(({ stanza }) => {
    bodies.push(stanza.getChildText("body"));
    return true;
  });
  return bodies;
}
