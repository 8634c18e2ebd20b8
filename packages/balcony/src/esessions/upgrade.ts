import type { StanzaChannel, WaitOptions } from "@balcony/channel";
import type { Transport } from "@balcony/jingle";
import type { Element, Jid } from "@balcony/xml";
import { NS_XMLSTREAM } from "../application.js";
import { askFeatures } from "../discovery.js";
import type { Session } from "../session.js";

const NS_CAPS = "http://jabber.org/protocol/caps";

export interface GainsOptions {
  /** Those that we have. */
  readonly transports: readonly Transport[];
  /** The ESessions that stand. */
  readonly sessions: () => Iterable<Session>;
  readonly ask: WaitOptions;
  /** Told of a session whose peer's client has streams now. */
  readonly gained: (session: Session) => void;
  readonly report: (error: unknown) => void;
}

/** Sees when the client at the other end of an ESession gains end-to-end streams: it is asked whenever its presence shows other capabilities (XEP-0115), and they decide nothing themselves. */
export class Gains {
  readonly #seen = new WeakMap<Session, string>();

  constructor(private readonly options: GainsOptions) {}

  received(channel: StanzaChannel, stanza: Element, from: Jid): void {
    const capabilities = stanza.name === "presence" && stanza.attrs.type === undefined ? stanza.getChild("c", NS_CAPS)?.attrs : undefined;
    if (!capabilities) return;
    const shown = `${capabilities.node} ${capabilities.ver}`;
    for (const session of this.options.sessions()) {
      if (session.peer !== from || this.#seen.get(session) === shown) continue;
      this.#seen.set(session, shown);
      this.#asked(channel, session).catch((error: unknown) => this.options.report(error));
    }
  }

  async #asked(channel: StanzaChannel, session: Session): Promise<void> {
    const { ask, gained, transports } = this.options;
    const features = await askFeatures(channel.to(session.peer), ask);
    const able = features.has(NS_XMLSTREAM) && transports.some(({ namespace }) => features.has(namespace));
    if (able && session.status === "online") gained(session);
  }
}
