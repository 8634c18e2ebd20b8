import { BalconyError } from "@balcony/channel";
import type { Connection } from "@balcony/jingle";
import { type SecureOptions, secure, type Secured as Tls } from "@balcony/tls";
import { type Decision, decide } from "@balcony/trust";
import { bare, type Element, xml } from "@balcony/xml";
import { startTls as exchangeStartTls } from "@balcony/xml-stream";
import { attest } from "./attest.js";
import { blocked, describe } from "./blocked-key.js";
import { contend } from "./contend.js";
import type { Context } from "./context.js";
import { replacedBy } from "./devices/succession.js";
import { misrouted } from "./misrouted.js";
import type { Connected } from "./negotiate.js";
import { mayBeSettledByOpenPgp } from "./openpgp-statement.js";
import { inPhase } from "./progress.js";
import type { Undo } from "./unwinding.js";
import { canBeVerified } from "./verification/restriction.js";
import { agreedOnXtls, checkAnnounced, demandingXml, xtls } from "./xtls.js";

/** The bytes under TLS, the peer's certificate, and what the store makes of its key. */
export interface Secured extends Connected {
  readonly tls: Tls;
  /** The offers of TLS methods (XEP-0250) that went and came in the clear; undefined with XTLS. */
  readonly starttls: { readonly sent: Element; readonly received: Element | undefined } | undefined;
  /** A key that is blocked for want of a verification comes this far only where `context.verifying` is set, or the peer's OpenPGP key may have a say. */
  readonly decision: Decision;
  /** Why no authority vouches for a certificate that says one does. */
  readonly attestationFailure: BalconyError | undefined;
}

/**
 * STARTTLS, or XTLS where both sides offered it, then TLS 1.3 in the role that the Jingle session gives. What is known of the peer was loaded before: a key that is blocked ends the handshake in the very
 * callback that shows it, before anything of ours has left (docs/security.md).
 */
export async function startTls(context: Context, previous: Connected, undo: Undo): Promise<Secured> {
  const { jingle, peer } = previous;
  const { onProgress, store, timeouts } = context;
  return await inPhase("starttls", { text: "agreeing on TLS 1.3", deadline: timeouts.handshake, peer, onProgress }, async () => {
    await store.refresh();
    const deadline = performance.now() + timeouts.handshake;
    const attempt = async (one: Connection, signal: AbortSignal) => await secured(context, { ...previous, bytes: one.bytes }, { signal, deadline });
    const { connection, result } = await contend(previous.connection, attempt, context.signal);
    undo(() => void result.tls.bytes.destroy());
    jingle.take(connection);
    return { ...previous, ...result, bytes: result.tls.bytes, path: connection.path };
  });
}

/** One connection under TLS, and what the store makes of the key that is at its other end. */
async function secured(
  context: Context,
  previous: Connected,
  { signal, deadline }: { readonly signal: AbortSignal; readonly deadline: number },
): Promise<Pick<Secured, "tls" | "starttls" | "decision" | "attestationFailure">> {
  const { peer, role, self } = previous;
  const { identity, store } = context;
  const known = store.view(bare(self), bare(peer));
  const timeout = Math.max(0, deadline - performance.now());
  let decision: Decision | undefined;
  let attestationFailure: BalconyError | undefined;
  const options: SecureOptions = {
    role: role === "initiator" ? "client" : "server",
    identity,
    timeout,
    signal,
    peerAddress: bare(peer),
    accept: (certificate) => {
      checkAnnounced(previous.jingle.remoteSecurity, certificate);
      const { spki } = certificate;
      const { attested, failure } = attest(certificate, { anchors: context.anchors, address: bare(peer), role: role === "initiator" ? "server" : "client", now: Date.now() });
      const replaces = replacedBy(certificate, { owner: bare(peer), record: known.record, now: Date.now() });
      decision = decide({ record: known.record, spki, otherOwners: known.otherOwners(spki), policy: context.policy, attested, replaces });
      attestationFailure = failure;
      // Where a verified key is asked for, what is wrong with the certificate says more than that it is not verified.
      if (failure && !context.verifying && !mayBeSettledByOpenPgp(context, previous) && decision.action === "block" && decision.code === "not-trusted") throw failure;
      const open = context.verifying || mayBeSettledByOpenPgp(context, previous);
      if (decision.action === "block" && !(open && canBeVerified(decision.code)))
        throw blocked(decision.code, bare(peer), { shown: spki, known: (known.record?.devices ?? []).map(describe) });
    },
  };
  const begun = agreedOnXtls(previous.jingle) ? withoutStartTls(xtls(previous.bytes, options)) : afterStartTls(context, previous, options);
  const { starttls, tls } = await begun.catch((error: unknown) => {
    throw misrouted(known.record?.everStreamed ? suspectingDowngrade(error) : error);
  });
  if (decision) return { tls, starttls, decision, attestationFailure };
  tls.bytes.destroy();
  throw new BalconyError("internal", "TLS stands without a decision on the peer's key.");
}

type Begun = Pick<Secured, "tls" | "starttls">;

const withoutStartTls = async (tls: Promise<Tls>): Promise<Begun> => ({ tls: await tls, starttls: undefined });

/** The exchange in the clear, then TLS. */
async function afterStartTls({ limits }: Context, { bytes, jingle, peer, role, self }: Connected, options: SecureOptions): Promise<Begun> {
  const offer = x509Offer();
  const exchange = async () =>
    await exchangeStartTls(bytes, {
      role,
      self,
      peer,
      offer,
      addresses: jingle.transport === "urn:xmpp:jingle:transports:ibb:1" ? "shown" : "hidden", // the server that carries IBB knows both anyway
      timeout: options.timeout,
      signal: options.signal,
      limits,
      secure: async (plain) => await secure(plain, options),
    });
  const { remoteOffer, secured } = await demandingXml(bytes, exchange);
  return { tls: secured, starttls: { sent: offer, received: remoteOffer } };
}

/**
 * What we offer to authenticate by (XEP-0250 §2): certificates, also ones that cannot be verified yet. It names no key and never depends on what is trusted: else anybody could ask
 * whom we trust.
 */
const x509Offer = (): Element => xml("offer", "urn:xmpp:tmp:c2ctls", xml("insecure"));

function suspectingDowngrade(error: unknown): unknown {
  if (!(error instanceof BalconyError) || error.code !== "starttls-missing") return error;
  return new BalconyError("downgrade-suspected", "The peer offers no STARTTLS, and has spoken encrypted streams before.", { cause: error });
}
