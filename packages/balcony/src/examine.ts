import { type ExamineOptions as DoctorOptions, examine as examineBy, type Findings } from "@balcony/doctor";
import type { Jid } from "@balcony/xml";
import type { Context } from "./context.js";

export type ExamineOptions = Pick<DoctorOptions, "service" | "servers" | "signal" | "onProgress">;

/** Runs the probes of @balcony/doctor over the client's connection, with what is known here of who is online. */
export async function examine(
  { channel, contacts, presence, timeouts }: Pick<Context, "channel" | "contacts" | "presence" | "timeouts">,
  options: ExamineOptions & { readonly peer: Jid | undefined; readonly dangerouslyUseLoopback: boolean },
): Promise<Findings> {
  const resources: DoctorOptions["resources"] = async (account, { signal }) => {
    const known = (): readonly Jid[] => contacts.resources(account).flatMap(({ address }) => (address === channel.self ? [] : [address]));
    if (known().length === 0) await presence.seek(channel, account, { timeout: timeouts.presence, signal });
    return known();
  };
  return await examineBy(channel, { ...options, resources });
}
