import type { StanzaChannel } from "@balcony/channel";
import { ESessions, type ESessionsOptions } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";

/** The ESessions of one connection, with what they need of this machine. */
export function sealing(channel: StanzaChannel, options: Omit<ESessionsOptions, "crypto" | "arithmetic">): ESessions {
  return new ESessions(channel, { ...options, crypto: nodeCrypto, arithmetic: nodeArithmetic });
}
