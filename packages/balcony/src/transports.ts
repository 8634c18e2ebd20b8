import { BalconyError } from "@balcony/channel";
import { sideBySide, type Transport } from "@balcony/jingle";
import { ibb } from "@balcony/transport-ibb";
import { iceTcp } from "@balcony/transport-ice-tcp";
import { s5b } from "@balcony/transport-s5b";
import { webrtc } from "@balcony/transport-webrtc";

const known = { s5b, "ice-tcp": iceTcp, webrtc, ibb } as const;

/** SOCKS5 bytestreams, ICE-TCP, WebRTC data channels, in-band bytestreams. */
export type TransportName = keyof typeof known;

/** The one that carries most first, and what the server carries last. */
export const defaultTransports: readonly TransportName[] = ["s5b", "ice-tcp", "webrtc", "ibb"];

/** Those named with their defaults, and those made elsewhere; ahead of neighbours that look for a path of their own, what tries them side by side. Throws `invalid-argument`. */
export function transportsOf(wanted: readonly (TransportName | Transport)[], { mapPorts }: { readonly mapPorts: boolean }): readonly Transport[] {
  if (wanted.length === 0) throw new BalconyError("invalid-argument", "No transport is left.");
  const transports = wanted.map((one) => {
    if (typeof one !== "string") return one;
    if (!Object.hasOwn(known, one)) throw new BalconyError("invalid-argument", `${JSON.stringify(one)} is no transport: ${Object.keys(known).join(", ")} are.`);
    return one === "s5b" && mapPorts ? s5b({ assisted: "router" }) : known[one]();
  });
  return abreast(transports);
}

/** The first neighbours of which each can lead directly: in-band bytestreams stay where they are. */
function abreast(transports: readonly Transport[]): readonly Transport[] {
  const from = transports.findIndex(leadsDirectly);
  if (from === -1) return transports;
  const end = transports.findIndex((one, index) => index > from && !leadsDirectly(one));
  const neighbours = transports.slice(from, end === -1 ? undefined : end);
  return neighbours.length < 2 ? transports : [...transports.slice(0, from), sideBySide(neighbours), ...transports.slice(from)];
}

const leadsDirectly = ({ reaches }: Transport): boolean => reaches?.includes("direct") === true;
