import type { ESession } from "@balcony/esessions";
import type { Acceptance } from "@balcony/trust";
import { bare, domainOf } from "@balcony/xml";
import type { Context } from "../context.js";
import { inPhase } from "../progress.js";
import type { SealedSecurity, SecurityAlert } from "../security.js";
import type { SessionParts } from "../session.js";
import { type Proven, proveDevices } from "./device-proof.js";
import { type NamedRsaKey, named } from "./rsa-keys.js";
import { SealedStanzas } from "./sealed-stanzas.js";
import { trustKey, trustKeyless } from "./trust.js";

const kinds = ["message", "presence", "iq"] as const;

/** What stands: the peer's key, where it has one, and what was decided on it. */
interface Identified {
  /** Between two Balconies. */
  readonly proven: Proven | undefined;
  /** By which the other side, which has no device key, was identified in the negotiation (XEP-0116). */
  readonly rsa: NamedRsaKey | undefined;
  readonly decision: Acceptance | undefined;
  readonly alerts: readonly SecurityAlert[];
}

/** From keys that were agreed on to a session: whose keys they are, whether that will do, and what is to be said about it. Either role. */
export async function secured(context: Context, session: ESession): Promise<SessionParts> {
  const { ceremonies, report, store } = context;
  const { peer } = session;
  const identified = await identify(context, session);
  const { decision, proven, rsa } = identified;
  const [account, other] = [bare(context.channel.self), bare(peer)];
  const shown = proven ?? rsa;
  const pinned = shown && decision && (await store.accepted(account, other, { spki: shown.spki, decision, streamed: false, ...(rsa && { key: rsa.der }) }));
  return {
    stream: new SealedStanzas(session),
    jingle: { peer, role: session.role, terminate: () => Promise.resolve() },
    report,
    verification: { store, ceremonies, ...bindingOf(session, identified) },
    renegotiate: async (wanted) => await session.renegotiate(wanted),
    security: { ...securityOf(context, session, identified), ...(pinned?.label !== undefined && { petname: pinned.label }) },
  };
}

/** What a ceremony runs on: between two Balconies always; with another client where both have shown a key, and it takes requests. */
function bindingOf(session: ESession, { proven, rsa }: Identified): Pick<SessionParts["verification"], "binding"> {
  const { role, security } = session;
  const own = security.ownKey && named(security.ownKey);
  const shown = proven ?? (rsa && own && session.carries("iq") ? { spki: rsa.spki, binding: session.bind({ own: own.der, peer: rsa.der }) } : undefined);
  return shown ? { binding: { role, spki: shown.spki, ctx: shown.binding.ctx, ekm: shown.binding.ekm } } : {};
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
    if (proven) return { proven, rsa: undefined, decision, alerts: secret };
    const rsa = security.peerKey && named(security.peerKey);
    if (rsa) {
      await decide(rsa.spki);
      return { proven, rsa, decision, alerts: secret };
    }
    return { proven, rsa, decision, alerts: (await trustKeyless(context, peer)) ? [...secret, { kind: "key-missing" }] : secret };
  });
}

function securityOf({ channel, identity }: Context, session: ESession, { alerts, decision, proven, rsa }: Identified): SealedSecurity {
  const { peer, security } = session;
  const own = proven ? undefined : security.ownKey && named(security.ownKey);
  const shown = proven ?? rsa;
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
    own: { fingerprint: own?.spki ?? identity.spki, certificate: identity.fingerprint },
    peer: shown && { fingerprint: shown.spki },
    esession: {
      setting: security.setting,
      stanzas: security.balcony ? kinds : kinds.filter((kind) => session.carries(kind)),
      sas: security.sas,
      ...((own || rsa) && { keyValues: { own: own?.keyValue, peer: rsa?.keyValue } }),
      retained: security.retained,
      get logging() {
        return security.logging; // it may be agreed on anew
      },
    },
  };
}
