import type { Socket } from "node:dgram";
import { type Gateway, pmpNat, upnpNat } from "@achingbrain/nat-port-mapper";
import { gateway4async } from "default-gateway";
import type { Router } from "./router.js";

// The inside of @achingbrain/nat-port-mapper 4.0.2 that has to be reached into, in one place. What it does by itself is not enough:
// - over UPnP it takes mappings away by the local port and no protocol, which routers refuse, and says nothing of it;
// - over NAT-PMP it takes them away by a mapping of no lifetime, which it then renews; it reads what anybody sends to its port, and a datagram that is too short ends the process.

const WAN_IP_CONNECTION = "urn:schemas-upnp-org:service:WANIPConnection:2";
const NAT_PMP_PORT = 5351;
/** RFC 6886 §3.2, §3.3: bytes of an answer with an address, and of one with a mapping. */
const SHORTEST_ANSWER = 12;
const MAPPING_ANSWER = 16;
/** RFC 6886 §3.3: operations 1 and 2 of the answer are mappings. */
const isMapping = (operation: number | undefined): boolean => operation === 129 || operation === 130;
/** Of a mapping that we could not take away: s for NAT-PMP, ms for UPnP, where the library takes no less. */
const LIFETIME = { natPmp: 600, upnp: 3_600_000 } as const;
const DESCRIPTION = "balcony";

interface UpnpInternals {
  readonly gateway: { run(service: string, action: string, args: readonly (readonly [string, string | number])[], options: { signal: AbortSignal }): Promise<unknown> };
}

interface NatPmpInternals extends Gateway {
  readonly socket: Socket;
  onMessage(message: Buffer, from: { readonly address: string; readonly port: number }): void;
  on(event: "error", listener: (error: Error) => void): unknown;
}

const CLOSING = 2_000;

/** Routers that answer UPnP's search (Internet Gateway Device 2). */
export async function* upnp(signal: AbortSignal): AsyncGenerator<Router, void> {
  for await (const gateway of upnpNat({ autoRefresh: false, description: DESCRIPTION }).findGateways({ signal })) {
    if (gateway.family !== "IPv4") continue;
    yield {
      by: "UPnP",
      host: gateway.host,
      map: async ({ host, port }, stop) => address(await gateway.map(port, host, { protocol: "TCP", ttl: LIFETIME.upnp, signal: stop })),
      close: async (mapping) => {
        if (!mapping) return;
        const { gateway: device } = gateway as unknown as UpnpInternals;
        const args = [["NewRemoteHost", ""] as const, ["NewExternalPort", mapping.port] as const, ["NewProtocol", "TCP"] as const];
        await device.run(WAN_IP_CONNECTION, "DeletePortMapping", args, { signal: AbortSignal.timeout(CLOSING) });
      },
    };
  }
}

/** The router that leads to the Internet, whether or not it knows NAT-PMP (RFC 6886). */
export async function* natPmp(signal: AbortSignal): AsyncGenerator<Router, void> {
  const { gateway: host } = await gateway4async();
  if (signal.aborted) return;
  const gateway = pmpNat(host, { autoRefresh: false, description: DESCRIPTION }) as NatPmpInternals;
  gateway.on("error", () => undefined); // a port in use, say: then nothing is answered
  gateway.socket.removeAllListeners("message").on("message", (message: Buffer, from) => {
    const shortest = isMapping(message[1]) && message.readUInt16BE(2) === 0 ? MAPPING_ANSWER : SHORTEST_ANSWER;
    if (from.address === host && from.port === NAT_PMP_PORT && message.length >= shortest) gateway.onMessage(message, from);
  });
  yield {
    by: "NAT-PMP",
    host,
    map: async ({ host: local, port }, stop) => address(await gateway.map(port, local, { protocol: "TCP", ttl: LIFETIME.natPmp, autoRefresh: false, signal: stop })),
    close: async (mapping) => {
      try {
        if (mapping) await gateway.map(mapping.localPort, "", { protocol: "TCP", ttl: 0, autoRefresh: false, signal: AbortSignal.timeout(CLOSING) });
      } finally {
        await gateway.stop();
      }
    },
  };
}

const address = ({ externalHost, externalPort }: { readonly externalHost: string; readonly externalPort: number }) => ({ host: externalHost, port: externalPort });
