import { createSocket } from "node:dgram";
import { once } from "node:events";
import { BalconyError, withDeadline } from "@balcony/channel";
import { addressKind } from "@balcony/jingle";
import type { FindRouters } from "./router.js";

/** A port of the router's that leads to one of ours. */
export interface PortMapping {
  /** Where others reach it. */
  readonly host: string;
  readonly port: number;
  readonly by: "UPnP" | "NAT-PMP";
  /** Takes the mapping away. Never rejects: a router that does not answer forgets it by itself, within the hour. */
  release(): Promise<void>;
}

/** ms for a router to take a mapping away */
const RELEASING = 2_000;

/**
 * Has a router map a TCP port of ours, by UPnP or NAT-PMP, whichever comes first. What the other has mapped by then is taken away again.
 * @throws `failed-transport` where there is no router that does, or one that maps to an address that nobody has; `timeout`, `aborted`
 */
export async function mapPort(
  port: number,
  { find, timeout, signal }: { readonly find?: readonly FindRouters[] /** ms */; readonly timeout: number; readonly signal: AbortSignal },
): Promise<PortMapping> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  let chosen: PortMapping | undefined;
  const attempts = (find ?? (await known())).map(async (routers) => {
    const mapping = await mapBy(routers, port, stop);
    if (over.signal.aborted || chosen) await mapping.release();
    else chosen = mapping;
    return mapping;
  });
  const first = Promise.any(attempts).catch((error: AggregateError) => {
    throw error.errors.find((one) => one instanceof BalconyError) ?? new BalconyError("failed-transport", "No router maps ports.", { cause: error });
  });
  try {
    await withDeadline(first, { timeout, signal, waitingFor: "a router to map a port" });
    if (!chosen) throw new BalconyError("internal", "A router has mapped a port, and none is known.");
    return chosen;
  } finally {
    over.abort(new BalconyError("closed", "No router is looked for any more."));
  }
}

/** What speaks to routers is large, and only loaded by whoever wants one asked. */
async function known(): Promise<readonly FindRouters[]> {
  const { natPmp, upnp } = await import("./routers.js");
  return [upnp, natPmp];
}

async function mapBy(routers: FindRouters, port: number, signal: AbortSignal): Promise<PortMapping> {
  for await (const router of routers(signal)) {
    let mapped: { readonly host: string; readonly port: number };
    try {
      mapped = await router.map({ host: await addressToward(router.host), port }, signal);
    } catch (error) {
      await router.close();
      if (signal.aborted) throw error;
      continue; // another one, perhaps
    }
    const release = async (): Promise<void> => {
      const closing = router.close({ localPort: port, port: mapped.port });
      await withDeadline(closing, { timeout: RELEASING, waitingFor: "the router to take its mapping away" }).catch(() => undefined);
    };
    if (["public", "private"].includes(addressKind(mapped.host) ?? "") && mapped.port >= 1 && mapped.port <= 65_535) return { ...mapped, by: router.by, release };
    await release();
    throw new BalconyError("failed-transport", `The router says that ${JSON.stringify(mapped.host)} is its address, which no host has.`);
  }
  throw new BalconyError("failed-transport", "There is no router that maps ports.");
}

/** Our own address on the network that this one is on. Nothing is sent. */
async function addressToward(host: string): Promise<string> {
  const socket = createSocket("udp4");
  try {
    socket.connect(9, host);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}
