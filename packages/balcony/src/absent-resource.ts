import { randomId, type StanzaChannel } from "@balcony/channel";
import { bare, childElements, clone, type Element, type Jid, xml } from "@balcony/xml";

const NS_PING = "urn:xmpp:ping";

/**
 * What our own server says on behalf of a resource that is not there. Servers word it differently (ejabberd repeats the request and adds a text), and a stranger who is to take us
 * for absent must hear the same of us: so it is asked once, about a resource that nobody can have.
 */
export class AbsentResource {
  #asked: Jid | undefined;
  #answer: { readonly repeats: boolean; readonly error: Element } | undefined;

  /** Asks; what comes is seen by `received()`. */
  async ask(channel: StanzaChannel): Promise<void> {
    this.#asked = `${bare(channel.self)}/${randomId()}`;
    this.#answer = undefined;
    await channel.send(xml("iq", { type: "get", id: randomId(), to: this.#asked }, xml("ping", NS_PING)));
  }

  received(stanza: Element, from: Jid): void {
    if (from !== this.#asked || stanza.name !== "iq" || stanza.attrs.type !== "error") return;
    const error = stanza.getChild("error");
    if (error)
      this.#answer = { repeats: stanza.getChild("ping", NS_PING) !== undefined, error: xml("error", { ...error.attrs, xmlns: undefined }, childElements(error).map(clone)) };
    this.#asked = undefined;
  }

  /** The children of the error that refuses this request as the server would; undefined where it is not known how. */
  refusal(request: Element): readonly Element[] | undefined {
    if (!this.#answer) return undefined;
    const { error, repeats } = this.#answer;
    return [...(repeats ? childElements(request).map(clone) : []), clone(error)];
  }
}
