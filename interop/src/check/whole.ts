import { childElements, type Element, xml } from "@balcony/xml";
import { credentialsFor } from "./credentials.js";
import { Broken, type Findings } from "./findings.js";
import { Cut, innerStream } from "./inner.js";
import { type Channel, JingleSession } from "./jingle.js";
import { NS_DISCO, NS_IBB, NS_JINGLE, NS_JINGLE_IBB, NS_JINGLE_S5B, NS_PING, NS_XMLSTREAM, NS_XTLS } from "./namespaces.js";
import { Ended, type Play, Silence } from "./play.js";
import { Security } from "./secure.js";
import { NoPath } from "./socks.js";
import { startTlsAsInitiator, startTlsAsResponder } from "./starttls.js";

/** How far a play came, and how it ended. */
export interface Outcome {
  readonly ended: "well" | "broken" | "ended" | "silent" | "no path" | "not offered";
  readonly text: string;
  /** Which rule the peer broke, where that ended it. */
  readonly rule?: string;
}

/** What the tester says of itself. */
function features(play: Play): readonly string[] {
  const transport = play.options.transport === "s5b" ? NS_JINGLE_S5B : NS_JINGLE_IBB;
  return [NS_DISCO, NS_JINGLE, NS_XMLSTREAM, transport, NS_IBB, NS_XTLS, NS_PING];
}

/**
 * A whole session: discovery, Jingle, a transport, TLS, the stream within it, the end.
 * @param begin has the peer play, once the tester is ready for it; what it gives ends the peer
 */
export async function playWhole(play: Play, begin: () => Promise<() => Promise<void>>): Promise<Outcome> {
  play.on(NS_DISCO, () =>
    xml(
      "query",
      NS_DISCO,
      xml("identity", { category: "client", type: "bot" }),
      features(play).map((name) => xml("feature", { var: name })),
    ),
  );
  const credentials = await credentialsFor(play.self.split("/")[0] as string, play.options.breach); // what stands before the slash is there
  const session = new JingleSession(play, credentials.fingerprint);
  let security: Security | undefined;
  let channel: Channel | undefined;
  let stop: (() => Promise<void>) | undefined;
  try {
    stop = await begin();
    if (play.role === "initiator") await discover(play);
    channel = play.role === "initiator" ? await session.initiate() : await session.accept();
    // Another way than the one that this play is about is not this play.
    if (play.options.secure === "xtls" && !channel.atOnce) throw new NotOffered("TLS at once was not agreed on.");
    if (play.breaks("xtls-agreed-and-not-kept")) channel = { ...channel, atOnce: !channel.atOnce };
    if (!channel.atOnce) {
      if (play.role === "initiator") await startTlsAsInitiator(play, channel.duplex);
      else await startTlsAsResponder(play, channel.duplex, () => session.settle());
    }
    security = await Security.begin(play, channel, credentials);
    await innerStream(play, security);
    await finish(channel);
    await session.terminate("success");
    return { ended: "well", text: "" };
  } catch (error) {
    const outcome = outcomeOf(play.stopped ?? error, play.findings);
    if (error instanceof Cut && channel) await listenAfterCut(play, channel, session);
    if (play.options.breach !== undefined) await reaction(play, channel, session);
    return outcome;
  } finally {
    security?.destroy();
    channel?.duplex.destroy();
    await session.terminate("general-error");
    await stop?.();
  }
}

async function finish({ duplex }: Channel): Promise<void> {
  if (!duplex.writable) return;
  await new Promise<void>((resolve) => duplex.end(() => resolve()));
}

/** What the peer makes of what we broke, where that is not heard yet. */
async function reaction(play: Play, channel: Channel | undefined, session: JingleSession): Promise<void> {
  if (play.reached && play.heard.length === 0 && !play.stopped) {
    const ended = new Promise<void>((resolve) => {
      channel?.duplex.once("end", () => {
        play.hear("end");
        resolve();
      });
      channel?.duplex.resume();
    });
    await play.until(Promise.race([session.ended, ended]), "what the peer makes of it", "iq-answered").catch(() => undefined); // that nothing comes is judged by what was heard
  }
  await play.overhear();
}

/** What a peer says whose stream was cut off. */
async function listenAfterCut(play: Play, channel: Channel, session: JingleSession): Promise<void> {
  await finish(channel);
  await play.until(session.ended, "the session-terminate", "session-kept").catch(() => undefined); // that nothing comes is judged by what was heard
}

/** The peer is not to be had for what the play is about. */
class NotOffered extends Error {
  override readonly name = "NotOffered";
}

function outcomeOf(error: unknown, { broken }: Findings): Outcome {
  if (error instanceof Broken) return { ended: "broken", text: error.message, rule: error.rule };
  // A peer that was told of a rule it broke may well end the session.
  const [first] = broken;
  const because = first === undefined ? "" : `, after ${first[0]}: ${first[1].why}`;
  if (error instanceof Ended) return { ended: "ended", text: error.message + because };
  if (error instanceof Silence) return { ended: "silent", text: error.message + because };
  if (error instanceof NotOffered) return { ended: "not offered", text: error.message };
  if (error instanceof NoPath) return { ended: "no path", text: error.message };
  throw error;
}

/** XEP-0030 and XEP-0247 §3.1: what the peer says of itself. */
async function discover(play: Play): Promise<void> {
  const { findings } = play;
  const answered = await play.until(play.wire.ask(xml("query", NS_DISCO), { type: "get" }), "an answer to disco#info", "disco-answered");
  findings.must("disco-answered", answered.type === "result", `disco#info was answered with ${answered.condition}.`, answered.stanza);
  findings.must("disco-query", answered.payload?.is("query", NS_DISCO) === true, "disco#info was answered without <query/>.", answered.stanza);
  const known = featuresOf(answered.payload ?? answered.stanza);
  findings.must("disco-xmlstream", known.has(NS_JINGLE) && known.has(NS_XMLSTREAM), `disco#info does not list ${NS_XMLSTREAM}.`, answered.stanza);
  play.advertised = known;
  findings.must("disco-transport", known.has(NS_JINGLE_IBB) || known.has(NS_JINGLE_S5B), "disco#info lists no transport that carries a stream.", answered.stanza);
  const wanted = play.options.transport === "s5b" ? NS_JINGLE_S5B : NS_JINGLE_IBB;
  if (!known.has(wanted)) throw new NotOffered(`disco#info does not list ${wanted}.`);
}

export const featuresOf = (query: Element): ReadonlySet<string> => new Set(childElements(query).map(({ attrs }) => attrs.var ?? ""));
