import type { StanzaRouter, Unsubscribe } from "@balcony/channel";
import { isOffline, OfflineESessions, type OfflineMessage, type OfflineStore, pepOver, type RsaKey } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto, rsaFromSpki } from "@balcony/esessions/node";
import type { Acceptance, TrustStore } from "@balcony/trust";
import { bare, type Element, type Jid } from "@balcony/xml";
import type { Security } from "../security.js";
import { named, rsaKeys } from "./rsa-keys.js";

/** Stanzas that may wait for a moment. */
const MOST_HELD = 1_024;

/** Whose key it was, of a message to or from somebody who is away. */
export interface AwayKey extends Pick<Security, "trust" | "verified" | "firstUse" | "alerts"> {
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly fingerprint: string;
}

/** A message that was sent while this account was away (XEP-0187), and the key that has signed it. docs/esessions.md says what that gives, and what it does not. */
export interface AwayMessage extends AwayKey {
  /** Full address of its sender. */
  readonly peer: Jid;
  /** Content alone, `from` and `to` are full addresses. */
  readonly stanza: Element;
  /** When it was encrypted, by its sender's word (XEP-0187, "Created"), as it was written. */
  readonly created: string | undefined;
}

export interface AwayParts {
  readonly store: TrustStore;
  /** Is this key to be used for this address? Throws where it is not; resolves with what was decided. */
  readonly trust: (peer: Jid, spki: string) => Promise<Acceptance>;
  readonly onMessage: (message: AwayMessage) => void;
  readonly report: (error: unknown) => void;
}

/** Messages to and from who is away, over one connection. Nothing is made, published or asked for before somebody wants it. */
export class Away {
  readonly #account: Jid;
  readonly #decided = new WeakMap<RsaKey, Acceptance>();
  #offline: Promise<OfflineESessions> | undefined;
  /** What comes before it is known whether it can be opened: a server gives what it has stored as soon as we have shown ourselves. */
  readonly #held: { readonly stanza: Element; readonly from: Jid }[] = [];
  readonly #unhold: Unsubscribe;

  /** To be made before anything can come. */
  constructor(
    private readonly channel: StanzaRouter,
    private readonly parts: AwayParts,
  ) {
    this.#account = bare(channel.self);
    this.#unhold = channel.onStanza((received) => {
      if (!isOffline(received.stanza) || this.#held.length >= MOST_HELD) return undefined;
      this.#held.push(received);
      return true;
    });
  }

  /** We are online: what was sent by what we had published is taken from now on, and nobody is to send by it any more. */
  async back(): Promise<void> {
    const { report, store } = this.parts;
    try {
      await store.refresh();
      if (!store.sealing(this.#account).away?.length) return;
      const offline = await this.#ready();
      offline.online().catch(report);
    } finally {
      this.#unhold();
      for (const { from, stanza } of this.#held.splice(0)) this.channel.receive(stanza, from);
    }
  }

  /** @param lifetime milliseconds */
  async publish(lifetime: number | undefined): Promise<void> {
    const offline = await this.#ready();
    await this.#introduce();
    await offline.publishKey();
    await offline.publish(lifetime);
  }

  async send(peer: Jid, message: Element): Promise<AwayKey> {
    const offline = await this.#ready();
    await this.#introduce();
    return this.#keyOf(await offline.send(peer, message));
  }

  async forget(): Promise<void> {
    const { store } = this.parts;
    await store.refresh();
    if (store.sealing(this.#account).away?.length) await (await this.#ready()).forget();
  }

  async close(): Promise<void> {
    const offline = await this.#offline?.catch(() => undefined); // whoever wanted it has heard why there is none
    offline?.close();
  }

  /** Peers who have verified this device are told in their next stream that the RSA key is ours, too: then no server can show them another. */
  async #introduce(): Promise<void> {
    const { store } = this.parts;
    const { signer } = await rsaKeys(store, this.#account, () => false);
    const { spki } = named(signer.publicKey);
    const known = store.show(this.#account, this.#account)?.devices.find((device) => device.spki === spki);
    if (known?.status !== "verified") await store.setVerified(this.#account, this.#account, spki, "imported");
  }

  #ready(): Promise<OfflineESessions> {
    this.#offline ??= this.#open().catch((error: unknown) => {
      this.#offline = undefined;
      throw error;
    });
    return this.#offline;
  }

  async #open(): Promise<OfflineESessions> {
    const { report, store } = this.parts;
    return new OfflineESessions(this.channel, {
      crypto: nodeCrypto,
      arithmetic: nodeArithmetic,
      keys: await rsaKeys(store, this.#account, async (peer, key) => await this.#trusts(peer, key)),
      fromSpki: rsaFromSpki,
      pep: pepOver(this.channel),
      store: this.#store(),
      onMessage: (message) => this.#received(message),
      report,
    });
  }

  async #trusts(peer: Jid, key: RsaKey): Promise<boolean> {
    const { der, spki } = named(key);
    const decision = await this.parts.trust(peer, spki);
    await this.parts.store.accepted(this.#account, bare(peer), { spki, decision, streamed: false, key: der });
    this.#decided.set(key, decision);
    return true;
  }

  #received({ created, from, key, stanza }: OfflineMessage): void {
    this.parts.onMessage({ peer: from, stanza, created, ...this.#keyOf(key) });
  }

  #keyOf(key: RsaKey): AwayKey {
    const decision = this.#decided.get(key);
    if (!decision) throw new Error("A key was used that nobody has decided on.");
    const { alerts, firstUse, trust, verification } = decision;
    return { fingerprint: named(key).spki, trust, ...(verification && { verified: verification }), firstUse, alerts };
  }

  #store(): OfflineStore {
    const { store } = this.parts;
    return {
      list: async () => {
        await store.refresh();
        return store.sealing(this.#account).away ?? [];
      },
      change: async (next) => void (await store.changeSealing(this.#account, (keys) => ({ ...keys, away: next(keys.away ?? []) }))),
    };
  }
}
