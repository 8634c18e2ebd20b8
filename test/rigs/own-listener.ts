import { ibb } from "@balcony/transport-ibb";
import { s5b } from "@balcony/transport-s5b";
import { TrustStore } from "@balcony/trust";
import { bare } from "@balcony/xml";
import { balcony } from "balcony";
import { listenerSubject, type Subject } from "../../interop/src/check/subject.js";
import { clientOf } from "../../interop/src/ours/client.js";
import type { Server } from "../../interop/src/servers.js";

export interface OwnListener {
  readonly subject: Subject;
  stop(): Promise<void>;
}

/** Balcony itself, listening: one resource prefers STARTTLS, one TLS at once. */
export async function ownListener(server: Server): Promise<OwnListener> {
  const [account, tester] = server.accounts;
  const listeners = await Promise.all(
    (["starttls", "xtls"] as const).map(async (secure) => {
      const self = `${account}/${secure}`;
      const xmpp = clientOf({ service: server.service, self, password: server.password });
      const e2e = await balcony(xmpp, {
        store: await TrustStore.inMemory(),
        secure,
        transports: [s5b(), ibb()],
        policy: { allow: (address) => bare(address) === tester, showAddress: () => true },
        dangerouslyUseLoopback: true,
      });
      e2e.on("error", () => undefined); // what a tester does to it is no matter of the listener's person
      e2e.on("session", (session) => session.on("error", () => undefined));
      const online = new Promise((resolve) => e2e.once("ready", resolve));
      await xmpp.start();
      await online;
      const ask = (to: string): Promise<void> => {
        e2e.open(to).then(
          (session) => session.on("error", () => undefined),
          () => undefined, // judged by the tester, from what it heard
        );
        return Promise.resolve();
      };
      return { secure, e2e, xmpp, subject: listenerSubject({ peer: self, ask }) };
    }),
  );
  const of = (secure: string): Subject => (listeners.find((listener) => listener.secure === secure) ?? (listeners[0] as (typeof listeners)[number])).subject;
  return {
    subject: { contract: false, canInitiate: true, address: (wanted) => of(wanted.secure).address(wanted), begin: async (wanted) => await of(wanted.secure).begin(wanted) },
    stop: async () => {
      for (const { e2e, xmpp } of listeners) {
        await e2e.close();
        xmpp.reconnect.stop();
        await xmpp.stop();
      }
    },
  };
}
