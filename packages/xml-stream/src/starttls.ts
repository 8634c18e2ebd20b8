import type { Duplex } from "node:stream";
import type { WaitOptions } from "@balcony/channel";
import { clone, type Element, type Jid, type Limits, normalize } from "@balcony/xml";
import { runExchange } from "./exchange.js";
import type { Role } from "./header.js";
import { type StartTlsState, stepStartTls } from "./starttls-machine.js";

const TIMEOUT = 15_000;
const PLAIN_BYTES = 16 * 1024;

export interface StartTlsOptions<T> extends WaitOptions {
  /** Ours in the stream: the initiator becomes the TLS client. */
  readonly role: Role;
  readonly self: Jid;
  readonly peer: Jid;
  /** Whether our header tells the addresses. `hidden` on paths that the server does not carry: before TLS the wire would show who talks to whom. */
  readonly addresses: "shown" | "hidden";
  /** The XEP-0250 `<offer/>` to send; none by default. */
  readonly offer?: Element | undefined;
  /** Makes TLS of the bytes, which it gets paused, without a listener, and with nothing read ahead. It has a deadline of its own. */
  readonly secure: (bytes: Duplex) => Promise<T>;
  /** `plainBytes`: what the peer may send before TLS, in all. Default 16 KiB. */
  readonly limits?: Partial<Limits & { readonly plainBytes: number }> | undefined;
}

export interface StartedTls<T> {
  /** What `secure` made of the bytes. */
  readonly secured: T;
  /** The peer's XEP-0250 `<offer/>`. It came in the clear: anybody may have written it. */
  readonly remoteOffer: Element | undefined;
}

/**
 * Agrees on TLS by an XML stream in the clear, then has the bytes secured (RFC 6120 §5.4, XEP-0246 §3, XEP-0250 §3.3).
 * Where it fails the bytes are closed.
 * @param options timeout: 15 s by default, absolute, up to where TLS begins
 * @throws `starttls-missing`, `starttls-refused`, `starttls-injection`, `not-authorized` for a stanza before TLS, `invalid-from`, `improper-addressing`,
 * `unsupported-version`, `unsupported-stanza-type`, `stream-error`, the codes of malformed XML, `policy-violation`, `closed`, `truncated`, `connection-lost`,
 * `timeout`, `aborted`, and whatever `secure` throws
 */
export async function startTls<T>(bytes: Duplex, options: StartTlsOptions<T>): Promise<StartedTls<T>> {
  const { role, addresses, offer, secure, timeout = TIMEOUT, signal, limits } = options;
  const peer = normalize(options.peer);
  const initial: StartTlsState = { at: "idle", role, self: normalize(options.self), peer, offer: offer && clone(offer), remoteOffer: undefined };
  const { reader, remoteOffer } = await runExchange(
    bytes,
    { initial, step: stepStartTls, addresses, timeout, waitingFor: `${peer} to agree on TLS`, signal, limits, budget: limits?.plainBytes ?? PLAIN_BYTES },
    (state, plain) => ({ reader: plain, remoteOffer: state.remoteOffer }),
  );
  reader.release();
  try {
    return { secured: await secure(bytes), remoteOffer };
  } catch (error) {
    bytes.destroy();
    throw error;
  }
}
