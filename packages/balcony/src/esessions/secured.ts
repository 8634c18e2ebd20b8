import type { ESession } from "@balcony/esessions";
import type { Acceptance } from "@balcony/trust";
import { bare, domainOf } from "@balcony/xml";
import type { Context } from "../context.js";
import { inPhase } from "../progress.js";
import type { SealedSecurity, SecurityAlert } from "../security.js";
import type { SessionParts } from "../session.js";
import { type Proven, proveDevices } from "./device-proof.js";
import { SealedStanzas } from "./sealed-stanzas.js";
import { trustKey, trustKeyless } from "./trust.js";

/** What stands: the peer's key, where it has one, and what was decided on it. */
interface Identified {
  readonly proven: Proven | undefined;
  readonly decision: Acceptance | undefined;
  readonly alerts: readonly SecurityAlert[];
}

/** From keys that were agreed on to a session: whose keys they are, whether that will do, and what is to be said about it. Either role. */
export async function secured(context: Context, session: ESession): Promise<SessionParts> {
  const { ceremonies, report, store } = context;
  const { peer } = session;
  const identified = await identify(context, session);
  const { decision, proven } = identified;
  const [account, other] = [bare(context.channel.self), bare(peer)];
  const pinned = proven && decision && (await store.accepted(account, other, { spki: proven.spki, decision, streamed: false }));
  return {
    stream: new SealedStanzas(session),
    jingle: { peer, role: session.role, terminate: () => Promise.resolve() },
    report,
    verification: { store, ceremonies, ...(proven && { binding: { role: session.role, spki: proven.spki, ctx: proven.binding.ctx, ekm: proven.binding.ekm } }) },
    security: { ...securityOf(context, session, identified), ...(pinned?.label !== undefined && { petname: pinned.label }) },
  };
}

async function identify(context: Context, session: ESession): Promise<Identified> {
  const { identity, onProgress, signal, timeouts } = context;
  const { peer, security } = session;
  return await inPhase("trust", { text: `deciding on who is at the other end of the ESession with ${peer}`, deadline: timeouts.person, peer, onProgress }, async () => {
    const secret: SecurityAlert[] = security.retained === "missing" ? [{ kind: "secret-missing" }] : [];
    let decision: Acceptance | undefined;
    const decide = async (spki: string): Promise<void> => {
      decision = await trustKey(context, peer, spki);
    };
    const proven = security.balcony ? await proveDevices(session, { identity, signal, timeout: timeouts.person, decide }) : undefined;
    if (proven) return { proven, decision, alerts: secret };
    return { proven, decision, alerts: (await trustKeyless(context, peer)) ? [...secret, { kind: "key-missing" }] : secret };
  });
}

function securityOf({ channel, identity }: Context, { peer, security }: ESession, { alerts, decision, proven }: Identified): SealedSecurity {
  const servers = [...new Set([domainOf(channel.self), domainOf(peer)])];
  return {
    protocol: "ESession",
    cipher: `${security.cipher}, HMAC-SHA-256, MODP ${security.group}`,
    path: `stanza by stanza via ${servers.join(" and ")}`,
    trust: decision?.trust ?? "unverified",
    ...(decision?.verification && { verified: decision.verification }),
    firstUse: decision?.firstUse ?? security.retained !== "matched",
    alerts: [...(decision?.alerts ?? []), ...alerts],
    signalling: "same",
    own: { fingerprint: identity.spki, certificate: identity.fingerprint },
    peer: proven && { fingerprint: proven.spki },
    esession: {
      setting: security.setting,
      sas: security.sas,
      retained: security.retained,
      get logging() {
        return security.logging; // it may be agreed on anew
      },
    },
  };
}
