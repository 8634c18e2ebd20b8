import { createHash } from "node:crypto";
import { BalconyError, type StanzaChannel, stanzaError } from "@balcony/channel";
import { checkSignature, type Identity, signBytes } from "@balcony/tls";
import { checkStatement, type Device, MAX_VOUCHED, type SignedStatement, type Statement, statementBytes, type TrustStore } from "@balcony/trust";
import { bare, type Element, type Jid, xml } from "@balcony/xml";
import { NS_TRUST_MESSAGE, readStatement, writeStatement } from "./stanzas.js";

/** Milliseconds for the peer to answer. */
const ANSWER = 30_000;

/** A statement signed by our own key. */
export function signStatement(identity: Identity, said: Pick<Statement, "kind" | "owner" | "subject" | "audience">, now = Date.now()): SignedStatement {
  const statement: Statement = { ...said, signer: identity.address, by: identity.spki, at: new Date(now).toISOString() };
  return { statement, ...signBytes(identity, statementBytes(statement)) };
}

/**
 * Whose key has signed it? Throws `statement-invalid`, `key-unacceptable`.
 * @returns the SHA-256 of the signer's SubjectPublicKeyInfo
 */
export const signerOf = ({ key, signature, statement }: SignedStatement): string => checkSignature({ key, signature }, statementBytes(statement));

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Has the store heed a statement that was checked. Throws what the store does where its signer is not trusted enough. */
export async function heed(store: TrustStore, account: Jid, { by, kind, owner, signer, subject }: Statement): Promise<Device | undefined> {
  if (signer !== owner)
    return kind === "revoke" ? await store.importRevoked(account, owner, { by, spki: subject }) : await store.importVerified(account, owner, { by, spki: subject });
  if (kind === "vouch") return await store.vouch(account, owner, { by, spki: subject });
  if (kind === "rotate") return await store.rotate(account, owner, { from: by, to: subject });
  return await store.disown(account, owner, { by, spki: subject });
}

/** What introductions need of a session. */
export interface IntroductionParts {
  readonly store: TrustStore;
  readonly identity: Identity;
  /** SHA-256 of the peer's SubjectPublicKeyInfo, which it has proved to hold. */
  readonly peerKey: string;
}

interface Listeners {
  /** Is the peer's key verified by now? */
  readonly verified: () => boolean;
  /** Something that the peer said was heeded. */
  readonly heeded: (statement: Statement) => void;
  readonly report: (error: unknown) => void;
}

/**
 * Within one session: tells the peer of our other devices and of keys of ours that are to be refused, and heeds what it tells of its own. Only to and from a peer whose key is verified: what it says before
 * waits until it is, in this session (XEP-0450 §5). What became of a statement is not told: else anybody could ask whom we trust.
 */
export class Introductions {
  readonly #self: Jid;
  readonly #peer: Jid;
  #waiting: Statement[] = [];
  /** One after the other, in the order in which they came. */
  #turn: Promise<void> = Promise.resolve();
  #told = false;

  constructor(
    private readonly channel: StanzaChannel,
    peer: Jid,
    private readonly parts: IntroductionParts,
    private readonly listeners: Listeners,
  ) {
    this.#self = bare(channel.self);
    this.#peer = bare(peer);
    channel.onRequest({ type: "set", name: "trust-message", xmlns: NS_TRUST_MESSAGE }, ({ payload }) => this.#receive(payload));
  }

  /** The peer's key is verified: tells what there is to tell, once, and heeds what it has said before. */
  async trusted(): Promise<void> {
    for (const statement of this.#waiting.splice(0)) this.#heed(statement);
    if (this.#told) return;
    this.#told = true;
    const ours = this.parts.store.show(this.#self, this.#self)?.devices ?? [];
    for (const { spki, status, verified } of ours) {
      if (spki === this.parts.identity.spki) continue;
      if (status === "revoked") await this.tell({ kind: "revoke", subject: spki });
      else if (status === "verified" && verified?.how !== "vouched") await this.tell({ kind: "vouch", subject: spki });
    }
  }

  /**
   * Says something of a key of our own account's, over our signature.
   * @throws `stanza-error` where the peer knows no such statements or refuses this one, `timeout`, `closed`, `connection-lost`
   */
  async tell(said: Pick<Statement, "kind" | "subject">): Promise<void> {
    const signed = signStatement(this.parts.identity, { ...said, owner: this.#self, audience: this.#peer });
    await this.channel.request(xml("iq", { type: "set" }, writeStatement(signed)), { timeout: ANSWER });
  }

  #receive(payload: Element): undefined {
    const signed = readStatement(payload, sha256);
    const { statement } = signed;
    try {
      checkStatement(statement, { account: this.#self, signedBy: signerOf(signed), now: Date.now(), channel: { peer: this.#peer, spki: this.parts.peerKey } });
    } catch (error) {
      this.listeners.report(this.#about(error));
      throw stanzaError("not-acceptable");
    }
    if (this.listeners.verified()) this.#heed(statement);
    else if (this.#waiting.length < 2 * MAX_VOUCHED) this.#waiting.push(statement);
    else throw stanzaError("resource-constraint");
    return undefined;
  }

  #heed(statement: Statement): void {
    this.#turn = this.#turn.then(async () => {
      try {
        await heed(this.parts.store, this.#self, statement);
        this.listeners.heeded(statement);
      } catch (error) {
        this.listeners.report(this.#about(error));
      }
    });
  }

  #about(error: unknown): unknown {
    if (!(error instanceof BalconyError)) return error;
    const { code, hint, message } = error;
    return new BalconyError(code, message, { phase: "trust", peer: this.#peer, hint, cause: error });
  }
}
