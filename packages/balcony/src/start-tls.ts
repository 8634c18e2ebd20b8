import { BalconyError, type RefusedKey } from "@balcony/channel";
import { type SecureOptions, secure, type Secured as Tls } from "@balcony/tls";
import { type Acceptance, type BlockCode, type Decision, type Device, decide } from "@balcony/trust";
import { bare, type Element, xml } from "@balcony/xml";
import { startTls as exchangeStartTls } from "@balcony/xml-stream";
import type { Context } from "./context.js";
import { misrouted } from "./misrouted.js";
import type { Connected } from "./negotiate.js";
import { inPhase } from "./progress.js";
import type { Undo } from "./unwinding.js";
import { agreedOnXtls, checkAnnounced, demandingXml, xtls } from "./xtls.js";

/** The bytes under TLS, the peer's certificate, and what the store makes of its key. */
export interface Secured extends Connected {
  readonly tls: Tls;
  readonly decision: Acceptance;
}

/**
 * STARTTLS, or XTLS where both sides offered it, then TLS 1.3 in the role that the Jingle session gives. What is known of the peer was loaded before: a key that is blocked ends the handshake in the very
 * callback that shows it, before anything of ours has left (docs/security.md).
 */
export async function startTls(context: Context, previous: Connected, undo: Undo): Promise<Secured> {
  const { peer, role, self } = previous;
  const { identity, onProgress, signal, store, timeouts } = context;
  return await inPhase("starttls", { text: "agreeing on TLS 1.3", deadline: timeouts.handshake, peer, onProgress }, async () => {
    await store.refresh();
    const known = store.view(bare(self), bare(peer));
    let decision: Decision | undefined;
    const options: SecureOptions = {
      role: role === "initiator" ? "client" : "server",
      identity,
      timeout: timeouts.handshake,
      signal,
      peerAddress: bare(peer),
      accept: (certificate) => {
        checkAnnounced(previous.jingle.remoteSecurity, certificate);
        const { spki } = certificate;
        decision = decide({ record: known.record, spki, otherOwners: known.otherOwners(spki), policy: context.policy });
        if (decision.action === "block") throw blocked(decision.code, bare(peer), { shown: spki, known: (known.record?.devices ?? []).map(describe) });
      },
    };
    const tls = await (agreedOnXtls(previous.jingle) ? xtls(previous.bytes, options) : afterStartTls(context, previous, options)).catch((error: unknown) => {
      throw misrouted(known.record?.everStreamed ? suspectingDowngrade(error) : error);
    });
    undo(() => void tls.bytes.destroy());
    if (decision?.action !== "accept") throw new BalconyError("internal", "TLS stands without a decision on the peer's key.");
    return { ...previous, bytes: tls.bytes, tls, decision };
  });
}

/** The exchange in the clear, then TLS. */
async function afterStartTls({ limits, signal, timeouts }: Context, { bytes, jingle, peer, role, self }: Connected, options: SecureOptions): Promise<Tls> {
  const exchange = async () =>
    await exchangeStartTls(bytes, {
      role,
      self,
      peer,
      offer: x509Offer(),
      addresses: jingle.transport === "urn:xmpp:jingle:transports:ibb:1" ? "shown" : "hidden", // the server that carries IBB knows both anyway
      timeout: timeouts.handshake,
      signal,
      limits,
      secure: async (plain) => await secure(plain, options),
    });
  return (await demandingXml(bytes, exchange)).secured;
}

/**
 * What we offer to authenticate by (XEP-0250 §2): certificates, also ones that cannot be verified yet. It names no key and never depends on what is trusted: else anybody could ask
 * whom we trust.
 */
const x509Offer = (): Element => xml("offer", "urn:xmpp:tmp:c2ctls", xml("insecure"));

export const describe = ({ spki, status, label, verified, lastSeen }: Device): RefusedKey["known"][number] => ({
  fingerprint: spki,
  status,
  label,
  how: verified?.how,
  at: verified?.at,
  lastSeen,
});

/** A key that `decide()` blocks. */
export function blocked(code: BlockCode, peer: string, key: RefusedKey): BalconyError {
  const said: Record<BlockCode, string> = {
    "key-changed": `${peer} shows a key that is not among those you know, and you have verified another: somebody may be between you.`,
    "key-revoked": `${peer} shows a key that was revoked.`,
    "not-trusted": `The key of ${peer} is not verified, and policy asks for a verified one.`,
    "too-many-devices": `${peer} has shown more unverified keys than are kept.`,
  };
  return new BalconyError(code, said[code], {
    phase: "trust",
    peer,
    key,
    hint: "Ask them by another way, by voice for example, whether they have a new device, and compare fingerprints.",
  });
}

function suspectingDowngrade(error: unknown): unknown {
  if (!(error instanceof BalconyError) || error.code !== "starttls-missing") return error;
  return new BalconyError("downgrade-suspected", "The peer offers no STARTTLS, and has spoken encrypted streams before.", { cause: error });
}
