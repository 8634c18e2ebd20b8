import { BalconyError } from "@balcony/channel";
import type { Transport } from "@balcony/jingle";
import { bare, isFull, type Jid } from "@balcony/xml";
import { NS_XMLSTREAM } from "./application.js";
import type { Resource } from "./contacts.js";
import type { Context } from "./context.js";
import { unknownResource } from "./directed-presence.js";
import { askFeatures } from "./discovery.js";
import { hasStreamed, NS_ESESSIONS, refused } from "./esessions/permission.js";
import type { FallbackPlan } from "./esessions/seal.js";
import { inPhase } from "./progress.js";
import { NS_XTLS } from "./xtls.js";

/** Whom to open a stream with, and by which transports. */
export interface Plan {
  readonly protocol: "TLSv1.3";
  readonly self: Jid;
  /** Full address, in normal form. */
  readonly peer: Jid;
  readonly role: "initiator" | "responder";
  /** Has the peer said that it knows XTLS: in disco, or by offering it? */
  readonly xtls: boolean;
  /** What the peer said that it supports; undefined where it called and was not asked. */
  readonly seenFeatures: ReadonlySet<string> | undefined;
  /** Those that both sides have, in our order of preference. */
  readonly transports: readonly Transport[];
}

/** Finds out who is meant and asks them directly what they support: no cache decides anything. */
export async function discover(context: Context, asked: Jid): Promise<Plan | FallbackPlan> {
  return await inPhase("discover", { text: `asking ${asked} what it supports`, deadline: context.timeouts.discovery, peer: asked, onProgress: context.onProgress }, async () => {
    await context.store.refresh(); // another process may have learnt what this peer can do
    if (asked === context.channel.self) throw new BalconyError("invalid-argument", "That is your own address, on this very connection.");
    if (context.contacts.inRoom(asked)) {
      throw new BalconyError("room-occupant", `${asked} is a chat room, or somebody in it: that says nothing about who they are, and their key would be taken for the room's.`, {
        hint: "Ask them for their own address, and open a stream to that.",
      });
    }
    return isFull(asked) ? await ask(context, asked) : await bestResource(context, asked);
  });
}

const featuresOf = (context: Context, peer: Jid) => askFeatures(context.channel.to(peer), { timeout: context.timeouts.discovery, signal: context.signal });

/** Asks a resource what it supports, and whether that is enough. */
async function ask(context: Context, peer: Jid): Promise<Plan | FallbackPlan> {
  const { self } = context.channel;
  const features = await featuresOf(context, peer);
  const transports = context.transports.filter(({ namespace }) => features.has(namespace));
  const streams = features.has(NS_XMLSTREAM);
  if (streams && transports.length > 0) return { protocol: "TLSv1.3", self, peer, role: "initiator", xtls: features.has(NS_XTLS), seenFeatures: features, transports };
  if (hasStreamed(context, peer)) {
    throw new BalconyError("downgrade-suspected", `${bare(peer)} has spoken end-to-end streams before, and ${peer} now says that it cannot.`, {
      hint: "They may be on another client. Or the server hides the feature: ask them by another way.",
    });
  }
  const unable = !streams || context.transports.length === 0;
  if (unable && features.has(NS_ESESSIONS)) {
    if (!context.esessions) throw refused(peer, "policy allows none");
    return { protocol: "ESession", self, peer, esessions: context.esessions };
  }
  throw new BalconyError("unsupported-peer", `The client at ${peer} does not support end-to-end streams.`, { hint: "Ask them to use a client that does." });
}

/** The best resource of a bare address that can do streams, else ESessions: highest priority first, then the one heard of last. */
async function bestResource(context: Context, account: Jid): Promise<Plan | FallbackPlan> {
  const others = (): Resource[] => context.contacts.resources(account).filter(({ address }) => address !== context.channel.self);
  if (others().length === 0) await appears(context, account);
  const resources = others();
  if (resources.length === 0) throw unknownResource(account);
  const answers = await Promise.allSettled(resources.map(async ({ address }) => await ask(context, address)));
  const plans = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const [best] = [...plans.filter(({ protocol }) => protocol === "TLSv1.3"), ...plans];
  if (best) return best;
  // The most telling reason wins: a suspected downgrade above a missing feature above nobody answering.
  const reasons = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as BalconyError] : []));
  const telling: readonly string[] = ["unsupported-peer", "downgrade-suspected"];
  const [first] = reasons.sort((a, b) => telling.indexOf(b.code) - telling.indexOf(a.code));
  throw first ?? new BalconyError("internal", "No device answered, and none failed to.");
}

/** No resource is known: shows ourselves to the account, so that one which allows us does the same. */
async function appears({ channel, onProgress, presence, signal, timeouts }: Context, account: Jid): Promise<void> {
  const timeout = timeouts.presence;
  onProgress({ phase: "discover", state: "step", text: `waiting for a device of ${account} to show itself`, deadline: timeout });
  await presence.seek(channel, account, { timeout, signal });
}
