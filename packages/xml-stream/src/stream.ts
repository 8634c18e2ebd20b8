import type { Duplex } from "node:stream";
import type { WaitOptions } from "@balcony/channel";
import { clone, type Element, type Jid, normalize } from "@balcony/xml";
import { runExchange } from "./exchange.js";
import type { ExtraAttribute, Role, StreamHeader } from "./header.js";
import type { KeepaliveTimes } from "./keepalive.js";
import { type OpeningState, stepOpening } from "./opening-machine.js";
import { type StreamLimits, XmlStream } from "./xml-stream.js";

const TIMEOUT = 15_000;

export interface StreamOptions extends WaitOptions {
  readonly role: Role;
  /** Our full JID. */
  readonly self: Jid;
  /** The peer's full JID, as authenticated. */
  readonly peer: Jid;
  readonly limits?: Partial<StreamLimits> | undefined;
  /** 60 s and 30 s by default. */
  readonly keepalive?: KeepaliveTimes | "off" | undefined;
  /** What we offer as responder, within `<stream:features/>` (RFC 6120 §4.3.2): nothing that has to be negotiated. */
  readonly features?: readonly Element[] | undefined;
  /** Attributes of other namespaces for our header: the peer finds them in its `remoteHeader`. */
  readonly extra?: readonly ExtraAttribute[] | undefined;
  /** Told of what a handler threw that is not an answer, and of an answer that could not be sent. */
  readonly report: (error: unknown) => void;
  /**
   * When what the peer sends comes in: `at-once`, where handlers added in the turn in which `openStream()` resolves miss nothing; or `held`, until `deliver()` is
   * called on the stream. Default `at-once`.
   */
  readonly delivery?: "at-once" | "held" | undefined;
}

/**
 * Opens an XML stream on bytes that are secured (XEP-0246 §2, RFC 6120 §4.2–4.3). Where it fails the bytes are closed.
 * @param options timeout: 15 s by default, absolute
 * @throws `address-mismatch` where the header is for or from somebody else, `unsupported-version`, `unsupported-feature`, `unsupported-stanza-type`, `not-authorized`
 * for a stanza that came too early, `stream-error`, the codes of malformed XML, `policy-violation`, `closed`, `truncated`, `connection-lost`, `timeout`, `aborted`
 */
export async function openStream(bytes: Duplex, options: StreamOptions): Promise<XmlStream> {
  const { role, timeout = TIMEOUT, signal, limits, keepalive, report, delivery = "at-once", features = [] } = options;
  const self = normalize(options.self);
  const peer = normalize(options.peer);
  const initial: OpeningState = { at: "idle", role, self, peer, header: undefined, offered: features.map(clone), features: [] };
  return await runExchange(
    bytes,
    { initial, step: stepOpening, addresses: "shown", extra: options.extra, timeout, waitingFor: `${peer} to open the stream`, signal, limits },
    // The machine opens only once the header has come.
    ({ features: remoteFeatures, header }, reader) =>
      new XmlStream(bytes, reader, { self, peer, remoteHeader: header as StreamHeader, remoteFeatures, limits, keepalive, report, delivery }),
  );
}
