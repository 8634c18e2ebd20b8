import { notMine, type Received, type Request, type RequestHandler, type StanzaChannel, type Unsubscribe } from "@balcony/channel";
import { childElements, type Jid } from "@balcony/xml";
import { InBandBytestream } from "./bytestream.js";
import type { BytestreamLimits } from "./limits.js";
import { NS_PING } from "./message-blocks.js";
import { type Agreement, isSid, NS_IBB, readAgreement, readBlock, refusal } from "./stanzas.js";

/** Takes an `<open/>` for a sid that nobody here has agreed on. */
export interface Acceptor {
  /** May this sender know that in-band bytestreams are spoken here? Others are left to the channel. */
  readonly serves: (peer: Jid) => boolean;
  /** Accepts by returning, refuses by throwing what answers the IQ. */
  readonly open: (asked: Agreement, peer: Jid) => void;
}

type Outcome = ReturnType<RequestHandler>;

const registries = new WeakMap<StanzaChannel, Registry>();

/** The bytestreams of the wire under `channel`. */
export function registryOf(channel: StanzaChannel): Registry {
  const known = registries.get(channel.wide) ?? new Registry(channel.wide);
  registries.set(channel.wide, known);
  return known;
}

/**
 * All bytestreams on one wire, each found by (full JID, sid). Only here it can be told which sid is nobody's, and which is taken.
 * Its handlers are on the wire as long as there is anything to be found.
 */
export class Registry {
  readonly #bytestreams = new Map<Jid, Map<string, InBandBytestream>>();
  readonly #acceptors = new Set<Acceptor>();
  #subscriptions: Unsubscribe[] = [];

  constructor(private readonly wide: StanzaChannel) {}

  /**
   * Makes the bytestream that was agreed on with the peer of `channel`.
   * @throws `stanza-error` (conflict) where this peer has one of that sid
   */
  add(channel: StanzaChannel, peer: Jid, setting: { readonly agreement: Agreement; readonly opens: boolean; readonly limits: BytestreamLimits }): InBandBytestream {
    const { sid } = setting.agreement;
    const ofPeer = this.#bytestreams.get(peer) ?? new Map<string, InBandBytestream>();
    if (ofPeer.has(sid)) throw refusal("conflict", `the sid ${sid} is in use`);
    const own = this.wide.to(peer);
    // Node 20 keeps a reference on each source of AbortSignal.any() for as long as that lives: never one on the wide channel's.
    const closed = channel === this.wide ? own.closed : AbortSignal.any([channel.closed, own.closed]);
    const forget = () => {
      this.#remove(peer, sid);
      void own.close(); // a narrowed channel has nothing to wait for
    };
    const bytestream = new InBandBytestream({ ...setting, channel: own, closed, forget });
    this.#bytestreams.set(peer, ofPeer.set(sid, bytestream));
    this.#listen();
    return bytestream;
  }

  accept(acceptor: Acceptor): Unsubscribe {
    this.#acceptors.add(acceptor);
    this.#listen();
    return () => {
      this.#acceptors.delete(acceptor);
      this.#unlisten();
    };
  }

  #remove(peer: Jid, sid: string): void {
    const ofPeer = this.#bytestreams.get(peer);
    ofPeer?.delete(sid);
    if (ofPeer?.size === 0) this.#bytestreams.delete(peer);
    this.#unlisten();
  }

  #listen(): void {
    if (this.#subscriptions.length > 0) return;
    const handle = (name: string, handler: RequestHandler) => this.wide.onRequest({ type: "set", name, xmlns: NS_IBB }, handler);
    this.#subscriptions = [
      handle("open", (request) => this.#open(request)),
      handle("data", ({ payload, from }) => {
        const bytestream = this.#find(payload.attrs.sid, from);
        return bytestream instanceof InBandBytestream ? bytestream.receive({ type: "block", block: readBlock(payload, bytestream.blockSize) }) : bytestream;
      }),
      handle("close", ({ payload, from }) => {
        const bytestream = this.#find(payload.attrs.sid, from);
        return bytestream instanceof InBandBytestream ? bytestream.receive({ type: "close" }) : bytestream;
      }),
      this.wide.onStanza((received) => this.#message(received)),
      this.wide.onRequest({ type: "get", name: "ping", xmlns: NS_PING }, ({ from }) => this.#ping(from)),
    ];
  }

  #unlisten(): void {
    if (this.#bytestreams.size > 0 || this.#acceptors.size > 0) return;
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
  }

  /** The bytestream, or for one that is nobody's: item-not-found to those who may know, silence to strangers. */
  #find(sid: string | undefined, from: Jid): InBandBytestream | typeof notMine {
    const ofPeer = this.#bytestreams.get(from);
    const bytestream = ofPeer?.get(sid ?? "");
    if (bytestream) return bytestream;
    if (!ofPeer && !this.#acceptorFor(from)) return notMine;
    throw refusal(isSid(sid) ? "item-not-found" : "bad-request");
  }

  #acceptorFor(from: Jid): Acceptor | undefined {
    return [...this.#acceptors].find((acceptor) => acceptor.serves(from));
  }

  #open({ payload, from }: Request): Outcome {
    const ofPeer = this.#bytestreams.get(from);
    const acceptor = this.#acceptorFor(from);
    if (!ofPeer && !acceptor) return notMine;
    const asked = readAgreement(payload);
    const bytestream = ofPeer?.get(asked.sid);
    if (bytestream) return bytestream.receive({ type: "open", asked });
    if (!acceptor) throw refusal("not-acceptable");
    acceptor.open(asked, from);
    return undefined;
  }

  /** A ping behind blocks in messages asks whether they have come: it is answered when they are read, if nobody else has answered it. */
  #ping(from: Jid): Outcome {
    for (const bytestream of this.#bytestreams.get(from)?.values() ?? []) {
      const read = bytestream.agreement.stanza === "message" ? bytestream.whenRead() : undefined;
      if (read) return read;
    }
    return notMine;
  }

  /** Blocks in messages, and those of ours that came back as an error (RFC 6120 §8.3.1: it may hold what was sent). */
  #message({ stanza, from }: Received): boolean {
    if (stanza.getName() !== "message") return false;
    const data = childElements(stanza).find((child) => child.is("data", NS_IBB));
    const bytestream = data && this.#bytestreams.get(from)?.get(data.attrs.sid ?? "");
    if (!data || bytestream?.agreement.stanza !== "message") return false;
    if (stanza.attrs.type === "error") bytestream.bounced(stanza);
    else bytestream.takeMessage(readBlock(data, bytestream.blockSize));
    return true;
  }
}
