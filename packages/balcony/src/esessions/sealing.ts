import type { StanzaChannel } from "@balcony/channel";
import { ESessions, type ESessionsOptions, type SecretStore } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import type { TrustStore } from "@balcony/trust";
import type { Jid } from "@balcony/xml";

/** Retained secrets lie in the store, beside the private keys and under the same passphrase: it was asked for when the store was opened, before any negotiation. */
export function storedSecrets(store: TrustStore, account: Jid): SecretStore {
  return {
    list: async (peer) => {
      await store.refresh();
      return store.secrets(account, peer);
    },
    change: async (peer, next) => await store.changeSecrets(account, peer, next),
  };
}

/** The ESessions of one connection, with what they need of this machine. */
export function sealing(channel: StanzaChannel, options: Omit<ESessionsOptions, "crypto" | "arithmetic">): ESessions {
  return new ESessions(channel, { ...options, crypto: nodeCrypto, arithmetic: nodeArithmetic });
}
