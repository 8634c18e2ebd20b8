import { BalconyError, withDeadline } from "@balcony/channel";
import { bare, isFull, type Jid, xml } from "@balcony/xml";
import type { Account } from "./account.js";
import { NS_DISCO, NS_XMLSTREAM } from "./namespaces.js";
import { featuresOf } from "./whole.js";
import { Wire } from "./wire.js";

/**
 * Logs in, shows itself to a bare address, and asks each of its clients that is shown in return what it supports (XEP-0030): the first that has end-to-end streams is meant.
 * @param timeout ms
 * @throws `unknown-resource`: no client is shown; `unsupported-peer`: those that are have none; `connection-lost`
 */
export async function resourceOf(account: Account, peer: Jid, timeout: number): Promise<Jid> {
  const wires = new Map<Jid, Wire>();
  const found = new Promise<Jid>((resolve, reject) => {
    account.listen(({ name, attrs: { type } }, from) => {
      if (name !== "presence" || type !== undefined || bare(from) !== peer || !isFull(from) || from === account.self || wires.has(from)) return false;
      const wire = new Wire(account, from, () => undefined);
      wires.set(from, wire);
      wire.ask(xml("query", NS_DISCO), { type: "get" }).then(({ payload }) => {
        if (payload && featuresOf(payload).has(NS_XMLSTREAM)) resolve(from);
      }, reject);
      return true;
    });
  });
  await account.login();
  try {
    await account.send(xml("presence", { to: peer }));
    return await withDeadline(found, { timeout, waitingFor: `a client of ${peer} to show itself` });
  } catch (error) {
    if (!(error instanceof BalconyError && error.code === "timeout")) throw error;
    if (wires.size > 0) throw new BalconyError("unsupported-peer", `${[...wires.keys()].join(", ")}: no end-to-end streams.`, { cause: error });
    throw new BalconyError("unknown-resource", `No client of ${peer} shows itself.`, {
      cause: error,
      hint: `Name the client that is meant: ${peer}/… Or let it see the tester's account, and show itself.`,
    });
  } finally {
    for (const wire of wires.values()) wire.close();
    await account.logout();
  }
}
