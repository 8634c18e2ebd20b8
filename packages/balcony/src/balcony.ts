import { EventEmitter } from "node:events";
import { BalconyError, type StanzaChannel, type StanzaRouter } from "@balcony/channel";
import type { Findings } from "@balcony/doctor";
import type { ESessions, Keys as RsaKeys } from "@balcony/esessions";
import { Jingle, type Offer } from "@balcony/jingle";
import type { Identity } from "@balcony/tls";
import { decide, type Statement, TrustStore } from "@balcony/trust";
import { bare, type Element, type Jid, XmlError } from "@balcony/xml";
import { AbsentResource } from "./absent-resource.js";
import { accept } from "./accept.js";
import { Acquaintances } from "./acquaintances.js";
import { NS_XMLSTREAM, xmlStreamApplication } from "./application.js";
import { blocked, describe } from "./blocked-key.js";
import type { ClientInternals, XmppClient } from "./client.js";
import { ClientChannels } from "./client-channel.js";
import { Contacts } from "./contacts.js";
import type { Context } from "./context.js";
import { DirectedPresence } from "./directed-presence.js";
import { Advertisement, NS_DISCO_INFO } from "./discovery.js";
import { admit, answered } from "./esessions/answer.js";
import { Away, type AwayKey, type AwayMessage } from "./esessions/away.js";
import { allowsFallback, esessionFeatures, NS_ENCRYPTED } from "./esessions/permission.js";
import { rsaKeys } from "./esessions/rsa-keys.js";
import { sealing, storedSecrets } from "./esessions/sealing.js";
import { parametersOf, usesRsa } from "./esessions/settings.js";
import { trustKey } from "./esessions/trust.js";
import { Gains } from "./esessions/upgrade.js";
import { type ExamineOptions, examine } from "./examine.js";
import { ExternalServices } from "./external-services.js";
import { hardenClient, serverFault } from "./hardened-client.js";
import { type Invitation, type InviteOptions, invite } from "./invite.js";
import { open } from "./open.js";
import { type PublishedOpenPgpKey, publishedOpenPgpKeys, publishOpenPgpKey } from "./openpgp-keys.js";
import { type BalconyOptions, type OpenOptions, type Settings, settingsOf } from "./options.js";
import { currentIdentity } from "./own-identity.js";
import type { OnProgress, Progress } from "./progress.js";
import { readAddress } from "./read-address.js";
import type { Session } from "./session.js";
import { openStore } from "./store.js";
import { Ceremonies } from "./verification/ceremonies.js";
import { readCode } from "./verification/invitations.js";
import { NS_XTLS, xtlsSecurity } from "./xtls.js";

const NS_JINGLE = "urn:xmpp:jingle:1";
const NS_IBB = "http://jabber.org/protocol/ibb";
const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";
const NS_PING = "urn:xmpp:ping";
/** Milliseconds. */
const MOST_AWAY = 30 * 24 * 60 * 60_000;

export interface BalconyEvents {
  /** Somebody opened a stream to us, and policy let it in. */
  session: [session: Session];
  /**
   * Somebody has opened a stream on which nothing but a verification goes, since one of the two keys is not accepted before it is verified. `session` follows once both are. Without a listener
   * such a stream is refused, as its key is, unless an invitation waits for them.
   */
  restricted: [session: Session];
  /** A path stands: "s5b direct 192.0.2.7:51234", "ibb via capulet.lit and montague.lit". Another may follow for the same stream while it is being opened, where the first one broke. */
  path: [path: { readonly peer: Jid; readonly path: string }];
  /** The client at the other end of an ESession has end-to-end streams now: `upgrade()` opens one. */
  upgradable: [session: Session];
  /** A message that was sent while this account was away, by what `publishAway()` had published. It is given once: without a listener it is lost. */
  away: [message: AwayMessage];
  /** A step of an incoming stream; open() has `onProgress` for its own. */
  progress: [progress: Progress & { readonly peer: Jid }];
  /** Something went wrong that no caller waits for: an incoming stream that failed, a server that sends what is no XMPP. Only sent if somebody listens. */
  error: [error: BalconyError];
  /** The client is online and streams can be opened and offered. */
  ready: [self: Jid];
}

/**
 * Makes an @xmpp/client able to open and accept end-to-end streams.
 * Call it before the client's first `start()`: from then on what the server sends is read by a parser that no server can crash.
 * @param client what `client({ … })` of @xmpp/client returned
 * @throws `invalid-argument`, `store-corrupt`, `store-tampered`, `store-locked`, `store-passphrase`, `store-version`
 */
export async function balcony(client: XmppClient, options: BalconyOptions = {}): Promise<Balcony> {
  hardenClient(client as ClientInternals);
  const store = options.store instanceof TrustStore ? options.store : await openStore(options.store ?? {});
  return new Balcony(client as ClientInternals, store, options);
}

interface Connection {
  readonly channel: StanzaRouter;
  readonly jingle: Jingle;
  readonly esessions: ESessions | undefined;
  readonly away: Away;
  readonly identity: () => Promise<Identity>;
}

/** End-to-end streams over one @xmpp/client. Made by `balcony()`. */
export class Balcony extends EventEmitter<BalconyEvents> {
  readonly store: TrustStore;
  readonly #settings: Settings;
  readonly #channels: ClientChannels;
  readonly #contacts = new Contacts((error) => this.#report(error));
  readonly #acquaintances: Acquaintances;
  readonly #presence: DirectedPresence;
  readonly #absent = new AbsentResource();
  readonly #advertisement: Advertisement;
  readonly #sessions = new Set<Session>();
  readonly #ceremonies = new Ceremonies();
  readonly #gains: Gains;
  readonly #closing = new AbortController();
  #connection: Promise<Connection> | undefined;

  /** @internal */
  constructor(
    readonly client: ClientInternals,
    store: TrustStore,
    options: BalconyOptions,
  ) {
    super();
    this.store = store;
    this.#settings = settingsOf(options);
    this.#acquaintances = new Acquaintances({
      self: () => this.#channels.current.self,
      settings: this.#settings,
      contacts: this.#contacts,
      store,
      invited: (from) => this.#invited(from),
      report: (error) => this.#report(error),
    });
    const { transports, secure, policy } = this.#settings;
    const spoken = transports.flatMap(({ namespace, features = [] }) => [namespace, ...features]);
    const xtls = secure === "starttls" ? [] : [NS_XTLS];
    const streams = spoken.length === 0 ? [] : [NS_JINGLE, NS_XMLSTREAM, ...xtls, ...spoken];
    this.#advertisement = new Advertisement([...streams, ...(policy.fallback === "never" ? [] : esessionFeatures)]);
    this.#presence = new DirectedPresence({
      contacts: this.#contacts,
      withCapabilities: (presence) => this.#advertisement.outgoing(presence),
      report: (error) => this.#report(error),
    });
    this.#gains = new Gains({
      transports,
      sessions: () => (this.listenerCount("upgradable") === 0 ? [] : [...this.#sessions].filter(({ security }) => security.protocol === "ESession")),
      ask: { timeout: this.#settings.timeouts.discovery, signal: this.#closing.signal },
      gained: (session) => void this.emit("upgradable", session),
      report: (error) => this.#report(error),
    });
    this.#channels = new ClientChannels(client, {
      namespaces: new Set([NS_JINGLE, NS_IBB, NS_BYTESTREAMS, NS_DISCO_INFO, NS_PING, ...(policy.fallback === "never" ? [] : [NS_ENCRYPTED])]),
      knows: (from) => this.#acquaintances.knows(from),
      refusal: (request) => this.#absent.refusal(request),
      observe: (stanza, from) => this.#observe(stanza, from),
      outgoing: (stanza) => this.#outgoing(stanza),
      onOnline: (channel) => this.#online(channel),
      onStopping: async () => await this.#stopping(),
      report: (error) => this.#report(error),
    });
    client.on("error", this.#onClientError);
  }

  /** The sessions that stand. */
  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** Our own key and certificate for the account that is online, as the next stream shows them. Throws `client-offline`, and what the store throws. */
  async identity(): Promise<Identity> {
    return await (await this.#connected()).identity();
  }

  /**
   * Opens a stream to a peer.
   * @param address a full JID, or a bare one, whose best resource that can is picked
   * @returns once the stream stands, the peer's key is accepted and pinned
   * @throws every code of docs/errors.md but the store's own writing; `phase` says in which step
   */
  async open(address: string, options: OpenOptions = {}): Promise<Session> {
    return await this.#open(address, options, { verifying: options.code !== undefined });
  }

  /**
   * Opens a stream to verify each other, also where the peer's key is blocked for want of that: it is new for an address of which one was verified once, or policy takes verified keys alone.
   * @returns the session. While it is `restricted` nothing but `verify()` goes, here and there, and the key is not pinned; `unrestricted` tells when it has become one like any other
   * @throws what `open()` does; `verification-unsupported` where the peer's client knows none
   */
  async verify(address: string, options: OpenOptions = {}): Promise<Session> {
    return await this.#open(address, options, { verifying: true });
  }

  /**
   * Opens a stream with the peer of an ESession whose client has streams by now, as `upgradable` tells, and then closes the ESession.
   * @throws `invalid-argument` for a session that is a stream; what `open()` does: `unsupported-peer` where the client has none yet. The ESession then stands as before
   */
  async upgrade(session: Session, options: OpenOptions = {}): Promise<Session> {
    if (session.security.protocol !== "ESession") throw new BalconyError("invalid-argument", "That session is a stream already.");
    const stream = await this.#open(session.peer, options, { streamsAlone: true });
    await session.close();
    return stream;
  }

  async #open(
    address: string,
    options: OpenOptions,
    { streamsAlone = false, verifying = false }: { readonly streamsAlone?: boolean; readonly verifying?: boolean },
  ): Promise<Session> {
    const connected = await this.#connected();
    const connection = streamsAlone ? { ...connected, esessions: undefined } : connected;
    const peer = readAddress(address);
    if (options.code !== undefined) readCode(options.code, peer); // what cannot be tried is told before anything is sent
    const disengage = this.#acquaintances.engage(peer);
    try {
      const context = await this.#context(connection, this.#tellingPaths(peer, options.onProgress ?? (() => undefined)), { ...options, verifying });
      const session = this.#adopt(await open(context, peer));
      return options.code === undefined ? session : await proved(session, options.code, options.signal);
    } finally {
      disengage();
    }
  }

  /**
   * Makes a code with which the other person opens a stream to us, or verifies one that is open: both are verified by it, and nothing has to be compared. One try each.
   * @throws `client-offline`, `invalid-jid`, `invalid-argument`
   */
  async invite(options: InviteOptions = {}): Promise<Invitation> {
    const { channel } = await this.#connected();
    const sessionOn = (stream: StanzaChannel): Session | undefined => [...this.#sessions].find((session) => session.channel === stream);
    return invite(options, { invitations: this.#ceremonies.invitations, self: channel.self, sessionOn });
  }

  /**
   * Finds out what this network and our server offer for streams, by trying it; with an address, also what can be had with its devices. `verdict()` puts it into words.
   * @throws `client-offline`, `invalid-jid`, `aborted`: a probe that fails says why in its place
   */
  async examine(address?: string, options: ExamineOptions = {}): Promise<Findings> {
    const { channel } = await this.#connected();
    const peer = address === undefined ? undefined : readAddress(address);
    const disengage = peer === undefined ? () => undefined : this.#acquaintances.engage(peer);
    try {
      const known = { channel, contacts: this.#contacts, presence: this.#presence, timeouts: this.#settings.timeouts };
      return await examine(known, { ...options, peer, dangerouslyUseLoopback: this.#settings.loopback });
    } finally {
      disengage();
    }
  }

  /**
   * The OpenPGP keys that an address has published (XEP-0373): fetched from its server, which may give what it likes; a person says whose they are.
   * @throws `client-offline`, `invalid-jid`, `stanza-error` where there are none, `openpgp-statement` where what is there is malformed, `timeout`, `aborted`
   */
  async openPgpKeys(address: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly PublishedOpenPgpKey[]> {
    const { channel } = await this.#connected();
    return await publishedOpenPgpKeys(channel, bare(readAddress(address)), options);
  }

  /**
   * Publishes our own OpenPGP key, for everybody to fetch (XEP-0373).
   * @throws `client-offline`, `stanza-error` where our server does not take it, `timeout`, `aborted`
   */
  async publishOpenPgpKey(key: PublishedOpenPgpKey, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await publishOpenPgpKey((await this.#connected()).channel, key, options);
  }

  /**
   * Before going offline: publishes by what those who see our presence can send to us meanwhile (XEP-0187), with our RSA key for everybody (XEP-0189). Peers who have verified this device are told of that
   * key in their next stream. After the next login nobody can send so any more, and `away` has what was sent.
   * @param options `lifetime`: milliseconds, a week by default, 30 days at most
   * @throws `client-offline`; `invalid-argument` where policy never falls back, or for another lifetime; `stanza-error` where the server takes no such thing, `timeout`, and what the store throws
   */
  async publishAway({ lifetime }: { readonly lifetime?: number } = {}): Promise<void> {
    if (this.#settings.policy.fallback === "never")
      throw new BalconyError("invalid-argument", "Policy takes no ESessions (`fallback`), and so nothing by which one could be sent.");
    if (lifetime !== undefined && !(lifetime > 0 && lifetime <= MOST_AWAY)) throw new BalconyError("invalid-argument", "For more than 30 days nobody takes what is published.");
    await (await this.#connected()).away.publish(lifetime);
  }

  /**
   * Sends one message to somebody who is away, by what they have published: an ESession of its own, weaker than any other (docs/esessions.md). Policy is asked (`fallback`), and whether their key will do as
   * for a stream: where one of theirs is verified, only a verified one, or one that it vouches for.
   * @param address bare, or full, which then is made bare
   * @returns once it is sent, to which key; nobody says that it was read
   * @throws `unsupported-peer` where policy or they have nothing of it; `key-changed`, `key-revoked`, `not-trusted`, `too-many-devices`, `expired`, `esession-options`, `esession-check`, `esession-form`,
   *   `invalid-argument`, `invalid-jid`, `client-offline`, `timeout`
   */
  async sendAway(address: string, message: Element): Promise<AwayKey> {
    const connection = await this.#connected();
    const peer = bare(readAddress(address));
    const context = await this.#context(connection, () => undefined, { verifying: false });
    if (!(await allowsFallback(context, peer, "initiator"))) throw new BalconyError("unsupported-peer", `Policy takes no ESession with ${peer}.`, { peer });
    return await connection.away.send(peer, message);
  }

  /**
   * What the server had stored has come: destroys the secret halves of what was published, so that nothing that was sent by it can be opened again, by anybody. Until then forward secrecy waits; they are
   * of no use any more once they have expired.
   */
  async forgetAway(): Promise<void> {
    await (await this.#connected()).away.forget();
  }

  /** Closes every session properly, then lets go of the client, which stays as it is. */
  async close(): Promise<void> {
    this.#closing.abort(new BalconyError("closed", "Balcony was closed."));
    this.#ceremonies.close();
    await Promise.all([...this.#sessions].map(async (session) => await session.close()));
    const connection = await this.#connection?.catch(() => undefined); // a connection that never came has nothing to close
    await connection?.jingle.close();
    await connection?.esessions?.close();
    await connection?.away.close();
    if (connection && !connection.channel.closed.aborted) await this.#presence.withdraw(connection.channel).catch((error: unknown) => this.#report(error));
    await this.#channels.close();
    this.client.removeListener("error", this.#onClientError);
    await this.store.close();
  }

  /** XEP-0116, "ESession Termination": every one, before going offline. */
  async #stopping(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined); // there is nothing to end on a connection that never came
    if (connection && !connection.channel.closed.aborted) await connection.esessions?.close().catch((error: unknown) => this.#report(error));
  }

  readonly #onClientError = (error: unknown): void => {
    if (error instanceof XmlError) this.#report(serverFault(error));
    else if (error instanceof BalconyError) this.#report(error);
  };

  #online(channel: StanzaRouter): void {
    const connection = this.#prepare(channel);
    this.#connection = connection;
    connection.then(
      () => this.emit("ready", channel.self),
      (error: unknown) => this.#report(error),
    );
  }

  async #prepare(channel: StanzaRouter): Promise<Connection> {
    const { loopback, paths, policy, sealing: sealed, secure, servers, timeouts, transports } = this.#settings;
    this.#presence.begin();
    const away = this.#awayOver(channel);
    const identity = currentIdentity(this.store, bare(channel.self));
    await Promise.all([identity(), this.#contacts.begin(channel), this.#absent.ask(channel), away.back()]);
    // What is decided on a key that was shown waits until the session stands: only then is it known whether the other side has a better one.
    const rsa = policy.fallback !== "never" && usesRsa(sealed) ? await rsaKeys(this.store, bare(channel.self), () => true) : undefined;
    const external = new ExternalServices(channel, { loopback, report: (error) => this.#report(error) });
    const connection: Connection = {
      channel,
      identity,
      jingle: new Jingle(channel, {
        transports,
        applications: [xmlStreamApplication],
        securities: secure === "starttls" ? [] : [xtlsSecurity],
        knows: (from) => this.#acquaintances.knows(from),
        addresses: (peer) => this.#acquaintances.addresses(peer, paths),
        servers: async () => (typeof servers === "function" ? await servers() : (servers ?? (await external.servers()))),
        onOffer: (offer) => void this.#accept(connection, offer),
        favours: (from) => this.#acquaintances.favours(from),
        timing: { offer: timeouts.person },
        report: (error) => this.#report(error),
      }),
      esessions: policy.fallback === "never" ? undefined : this.#sealing(channel, () => connection, rsa),
      away,
    };
    for (const transport of transports) transport.prepare?.({ channel, paths, servers: async () => (servers === undefined ? await external.servers() : []) });
    return connection;
  }

  #awayOver(channel: StanzaRouter): Away {
    return new Away(channel, {
      store: this.store,
      trust: async (peer, spki) => await trustKey(await this.#context(await this.#connected(), () => undefined, { verifying: false }), peer, spki),
      onMessage: (message) => void this.emit("away", message),
      report: (error) => this.#report(error),
    });
  }

  async #connected(): Promise<Connection> {
    void this.#channels.current; // throws where there is none
    const connection = await this.#connection;
    if (!connection) throw new BalconyError("client-offline", "The XMPP client is not online.", { phase: "client" });
    return connection;
  }

  async #accept(connection: Connection, offer: Offer): Promise<void> {
    const onProgress = this.#tellingPaths(offer.peer, (progress) => this.emit("progress", { ...progress, peer: offer.peer }));
    const disengage = this.#acquaintances.engage(offer.peer);
    try {
      const context = await this.#context(connection, onProgress, { signal: offer.signal, verifying: this.listenerCount("restricted") > 0 || this.#invited(offer.peer) });
      const session = await accept(context, offer);
      if (session) this.#hand(this.#adopt(session));
    } catch (error) {
      this.#report(error);
    } finally {
      disengage();
    }
  }

  #tellingPaths(peer: Jid, onProgress: OnProgress): OnProgress {
    return (progress) => {
      onProgress(progress);
      if (progress.path !== undefined) this.emit("path", { peer, path: progress.path });
    };
  }

  /** ESessions that others begin with us, and those that open() falls back to. */
  #sealing(channel: StanzaRouter, connection: () => Connection, keys: RsaKeys | undefined): ESessions {
    const { otherSecret, renegotiate } = this.#settings.sealing;
    const context = async (peer: Jid, signal?: AbortSignal): Promise<Context> =>
      await this.#context(connection(), (progress) => this.emit("progress", { ...progress, peer }), signal ? { signal, verifying: false } : { verifying: false });
    return sealing(channel, {
      accept: async (peer, signal) => (this.#acquaintances.knows(peer) ? await admit(await context(peer, signal), peer) : "ignore"),
      onSession: (session) => {
        const disengage = this.#acquaintances.engage(session.peer);
        answered(context(session.peer), session, (error) => this.#report(error))
          .then((taken) => this.emit("session", this.#adopt(taken)))
          .catch((error: unknown) => this.#report(error))
          .finally(disengage);
      },
      secrets: storedSecrets(this.store, bare(channel.self)),
      parameters: parametersOf(this.#settings.sealing),
      ...(keys && { keys }),
      ...(otherSecret && { otherSecret }),
      ...(renegotiate && { renegotiate }),
      limits: this.#settings.limits,
      timeout: this.#settings.timeouts.person,
      report: (error) => this.#report(error),
    });
  }

  async #context(
    { channel, esessions, identity, jingle }: Connection,
    onProgress: OnProgress,
    { paths = this.#settings.paths, signal, timeouts, verifying }: OpenOptions & { readonly verifying: boolean },
  ): Promise<Context> {
    const { policy, anchors, openpgp, transports, sealing, secure, limits, keepalive } = this.#settings;
    return {
      channel,
      jingle,
      esessions,
      sealing,
      transports,
      features: this.#advertisement.features,
      addresses: (peer) => this.#acquaintances.addresses(peer, paths),
      identity: await identity(),
      contacts: this.#contacts,
      presence: this.#presence,
      store: this.store,
      ceremonies: this.#ceremonies,
      verifying,
      policy,
      anchors,
      openpgp,
      timeouts: { ...this.#settings.timeouts, ...timeouts },
      secure,
      limits,
      keepalive,
      signal: AbortSignal.any(signal ? [signal, this.#closing.signal] : [this.#closing.signal]), // one of its own for each call: many may run at once
      onProgress,
      report: (error) => this.#report(error),
    };
  }

  #hand(session: Session): void {
    if (!session.restricted) {
      this.emit("session", session);
      return;
    }
    session.once("unrestricted", () => this.emit("session", session));
    this.emit("restricted", session);
  }

  #adopt(session: Session): Session {
    const disengage = this.#acquaintances.engage(session.peer);
    this.#sessions.add(session);
    session.on("statement", (statement) => this.#review(statement));
    session.once("close", () => {
      this.#sessions.delete(session);
      disengage();
    });
    return session;
  }

  /** Something was said of a key: what it means for the sessions that stand. */
  #review({ owner }: Statement): void {
    for (const session of this.#sessions) {
      const spki = session.security.peer?.fingerprint;
      if (bare(session.peer) !== owner || spki === undefined) continue;
      const { record, otherOwners } = this.store.view(bare(session.channel.self), owner);
      const { verified } = session.security;
      const attested = verified?.how === "ca" || verified?.how === "openpgp" ? verified : undefined; // it was shown in this very session
      const decision = decide({ record, spki, otherOwners: otherOwners(spki), policy: this.#settings.policy, attested });
      session.reviewed(decision, (code) => blocked(code, owner, { shown: spki, known: (record?.devices ?? []).map(describe) }));
    }
  }

  #invited(from: Jid): boolean {
    return this.#ceremonies.invitations.waitingFor(bare(from)) !== undefined;
  }

  #observe(stanza: Element, from: Jid): void {
    const { self } = this.#channels.current;
    this.#absent.received(stanza, from);
    const acquainted = this.#acquaintances.knows(from);
    this.#contacts.received(stanza, { from, self, acquainted });
    if (!acquainted) return;
    this.#advertisement.received(stanza, from);
    this.#gains.received(this.#channels.current, stanza, from);
    this.#presence.answer(this.#channels.current, stanza, from);
  }

  #outgoing(stanza: Element): Element {
    const { type } = stanza.attrs;
    if (type !== "result" && type !== "error") this.#ceremonies.check(stanza); // an answer is nothing that a person types, and nobody would catch what is thrown over it
    this.#contacts.sent(stanza);
    this.#presence.sent(stanza);
    return this.#advertisement.outgoing(stanza);
  }

  #report(error: unknown): void {
    if (this.listenerCount("error") === 0) return;
    this.emit("error", error instanceof BalconyError ? error : new BalconyError("internal", error instanceof Error ? error.message : String(error), { cause: error }));
  }
}

/** A session that is not verified by the code is not handed over. */
async function proved(session: Session, code: string, signal: AbortSignal | undefined): Promise<Session> {
  try {
    await session.verify({ code, ...(signal && { signal }) });
    if (session.restricted) await new Promise<void>((resolve) => session.once("unrestricted", resolve).once("close", resolve)); // the other side is about to say so
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
