import type { Element } from "@balcony/xml";

/** A stanza taken apart: what of it is encrypted, and the stanza around that. */
export interface Sealable {
  readonly content: string;
  /** What is encrypted within `<error/>`, behind the rest. Undefined where the stanza is no error. */
  readonly errorContent: string | undefined;
  readonly wrap: (c: Element, errorC: Element | undefined) => Element;
}

/** What was decrypted of a stanza. */
export interface Decrypted {
  readonly content: Uint8Array | undefined;
  readonly errorContent: Uint8Array | undefined;
}

/** How stanzas travel in a session: whole in a message, or only their content encrypted. */
export interface Wrapping {
  /** May a stanza of type error come, encrypted by the peer? Otherwise one is a stanza of ours that came back. */
  readonly errors: boolean;
  /** @throws `invalid-argument`, XmlError */
  takeApart(stanza: Element): Sealable;
  /**
   * @returns undefined where there is nothing to deliver: the stanza was there for its new key
   * @throws `tampered` for an outside that no sender writes; XmlError, and what is no stanza
   */
  putTogether(outer: Element, decrypted: Decrypted): Element | undefined;
}
