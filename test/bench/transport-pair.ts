import type { Duplex } from "node:stream";
import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Role, Transport, TransportAttempt } from "@balcony/jingle";
import { juliet, type Pair, romeo } from "./pairs.js";

const overLoopback: AddressPolicy = { paths: "direct", privateNetworks: true, dangerouslyUseLoopback: true };

/** The two ends that a transport connects, without Jingle: the initiator's first. */
export async function transportPair(transport: Transport): Promise<Pair<Duplex>> {
  const [channelI, channelR] = memoryStanzaPair({ a: romeo.jid, b: juliet.jid });
  const attempts: Partial<Record<Role, TransportAttempt>> = {};
  const begin = (role: Role): TransportAttempt => {
    const attempt = transport.attempt({
      channel: role === "initiator" ? channelI.to(juliet.jid) : channelR.to(romeo.jid),
      role,
      sid: "bench",
      addresses: overLoopback,
      sendInfo: async (info) => attempts[role === "initiator" ? "responder" : "initiator"]?.info(info),
      progress: () => undefined,
    });
    attempts[role] = attempt;
    return attempt;
  };
  const [initiator, responder] = [begin("initiator"), begin("responder")];
  initiator.accepted(await responder.answer(await initiator.offer()));
  const { signal } = new AbortController();
  const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
  return [near.bytes, far.bytes];
}
