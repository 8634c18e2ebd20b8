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

/** Questions to the peer of one session: a server can show other capabilities as often as it likes, and each would be one more. */
const MOST_ASKED = 32;

/** What one session's peer has shown, and was asked. */
interface Asking {
  shown: string;
  asked: number;
  underWay: boolean;
}

/**
 * Sees when the client at the other end of an ESession gains end-to-end streams: it is asked whenever its presence shows other capabilities (XEP-0115), and they decide nothing themselves. One question at a
 * time, after which what was shown last meanwhile is asked about, and so many in all: whoever shows more is no client.
 */
export class Gains {
  readonly #asking = new WeakMap<Session, Asking>();

  constructor(private readonly options: GainsOptions) {}

  received(channel: StanzaChannel, stanza: Element, from: Jid): void {
    const capabilities = stanza.name === "presence" && stanza.attrs.type === undefined ? stanza.getChild("c", NS_CAPS)?.attrs : undefined;
    if (!capabilities) return;
    const shown = `${capabilities.node} ${capabilities.ver}`;
    for (const session of this.options.sessions()) {
      if (session.peer !== from) continue;
      const asking = this.#asking.get(session) ?? { shown: "", asked: 0, underWay: false };
      this.#asking.set(session, asking);
      if (asking.shown === shown) continue;
      asking.shown = shown;
      if (!asking.underWay) this.#follow(channel, session, asking).catch((error: unknown) => this.options.report(error));
    }
  }

  async #follow(channel: StanzaChannel, session: Session, asking: Asking): Promise<void> {
    asking.underWay = true;
    try {
      let about: string | undefined;
      while (about !== asking.shown && asking.asked < MOST_ASKED && session.status === "online") {
        about = asking.shown;
        asking.asked++;
        await this.#ask(channel, session);
      }
    } finally {
      asking.underWay = false;
    }
  }

  async #ask(channel: StanzaChannel, session: Session): Promise<void> {
    const { ask, gained, transports } = this.options;
    const features = await askFeatures(channel.to(session.peer), ask);
    const able = features.has(NS_XMLSTREAM) && transports.some(({ namespace }) => features.has(namespace));
    if (able && session.status === "online") gained(session);
  }
}
