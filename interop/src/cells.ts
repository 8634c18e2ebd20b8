import { certificateKinds } from "./certificates.js";
import { type Layer, layers, type Role } from "./contract.js";
import type { Peer } from "./peer-folder.js";
import { type ServerName, serverNames } from "./servers.js";

/** One square of the matrix. */
export interface Cell {
  readonly peer: string;
  readonly layer: Layer;
  /** The peer's. */
  readonly role: Role;
  readonly server: ServerName | "none";
  /** What is varied within the layer: a kind of certificate, a rule that is broken. */
  readonly variant: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  /** The code by which Balcony's end has to fail; undefined where all has to go well. */
  readonly code: string | undefined;
  /** What the peer has to hear of a rule that it breaks. */
  readonly heard?: string | undefined;
  /** A rule was broken, and the session goes on. */
  readonly goesOn?: boolean | undefined;
}

/** Layers that need no server. */
const bare: readonly Layer[] = ["ice-tcp", "webrtc", "starttls"];

export interface Filter {
  readonly layer?: string | undefined;
  readonly server?: string | undefined;
}

/** Every cell that a peer says it can fill, in the order of the table. */
export function cellsOf(peer: Peer, { layer: onlyLayer, server: onlyServer }: Filter = {}): Cell[] {
  return layers
    .filter((layer) => onlyLayer === undefined || layer === onlyLayer)
    .flatMap((layer) => (peer.layers[layer] ?? []).flatMap((role) => serversOf(layer, onlyServer).flatMap((server) => variantsOf(peer, { peer: peer.name, layer, role, server }))));
}

function serversOf(layer: Layer, only: string | undefined): readonly Cell["server"][] {
  if (bare.includes(layer)) return only === undefined || only === "none" ? ["none"] : [];
  return serverNames.filter((name) => only === undefined || name === only);
}

function variantsOf(peer: Peer, at: Pick<Cell, "peer" | "layer" | "role" | "server">): Cell[] {
  const well = { ...at, code: undefined };
  switch (at.layer) {
    case "ibb":
      return [{ ...well, variant: undefined, options: { bytes: 20_000, blockSize: 4096, sid: "interop" } }];
    case "s5b":
      return [{ ...well, variant: undefined, options: { bytes: 20_000, sid: "interop" } }];
    case "ice-tcp":
      // By what can be connected: whatever either side finds, only we connect, only the peer.
      return [undefined, "active", "passive"].map((tcptype) => ({
        ...well,
        variant: tcptype,
        options: { bytes: 20_000, ...(tcptype && { tcptype }), ...peer.options["ice-tcp"] },
      }));
    case "starttls":
      return certificateKinds.map(({ kind, code }) => ({ ...at, variant: kind, options: { text: greeting, kind }, code }));
    case "e2e":
      return [
        ...(["starttls", "xtls"] as const).flatMap((secure) =>
          (["ibb", "s5b", "proxy"] as const).map((transport) => ({ ...well, variant: `${secure}-${transport}`, options: { text: greeting, transport, secure } })),
        ),
        ...breaches(peer, at),
      ];
    case "e2e-2009":
      return [{ ...well, variant: undefined, options: { text: greeting } }];
    case "ceremony": {
      // Within TLS no server makes a difference: once with each is enough.
      const elsewhere = at.server !== "embedded";
      return [
        ...ceremonies
          .filter(({ variant }) => !elsewhere || variant === "peer-asks")
          .map(({ options, code, ...cell }) => ({ ...at, ...cell, options: { ...stream, ...options }, code })),
        ...breaches(peer, at),
      ];
    }
    case "esession": {
      const everywhere = ["deployed", "strict"];
      return [
        ...esessions
          .filter(({ role = at.role, variant }) => role === at.role && (at.server === "embedded" || everywhere.includes(variant)))
          .map(({ options, code, ...cell }) => ({ ...at, ...cell, options: { texts, ...options }, code })),
        ...breaches(peer, at),
      ];
    }
    default:
      return [{ ...well, variant: undefined, options: { bytes: 20_000 } }];
  }
}

/** What a peer does wrong is no matter of the server between: once is enough. */
function breaches(peer: Peer, at: Pick<Cell, "peer" | "layer" | "role" | "server">): Cell[] {
  if (at.server !== "embedded") return [];
  return (peer.misbehaviours[at.layer] ?? [])
    .filter(({ role }) => role === at.role)
    .map(({ name, code, heard, goesOn, secure, transport, options }) => ({
      ...at,
      variant: name,
      options: {
        ...(at.layer === "esession" ? { texts: [greeting], setting: "deployed" } : stream),
        ...(secure && { secure }),
        ...(transport && { transport }),
        ...options,
        misbehave: name,
      },
      code: code ?? undefined,
      heard,
      goesOn,
    }));
}

/** Who asks, who types what the other reads, whose person says that the symbols differ. */
const ceremonies: readonly { readonly variant: string; readonly options: Readonly<Record<string, unknown>>; readonly code: string | undefined }[] = [
  { variant: "peer-asks", options: { asks: "peer" }, code: undefined },
  { variant: "balcony-asks", options: { asks: "balcony" }, code: undefined },
  { variant: "both-ask", options: { asks: "both" }, code: undefined },
  { variant: "peer-types", options: { asks: "peer", typist: "peer" }, code: undefined },
  { variant: "balcony-types", options: { asks: "balcony", typist: "balcony" }, code: undefined },
  { variant: "peer-says-differ", options: { asks: "balcony", says: "differ" }, code: "verification-differs" },
  { variant: "balcony-says-differ", options: { asks: "peer", says: "nothing", weSay: "differ" }, code: "verification-differs" },
];

/** By what the two take from the texts (docs/esessions.md), group and cipher; with the secret of the session before; ended as those do who deployed it. */
const esessions: readonly { readonly variant: string; readonly role?: Role; readonly options: Readonly<Record<string, unknown>>; readonly code: string | undefined }[] = [
  { variant: "deployed", options: { setting: "deployed" }, code: undefined },
  { variant: "strict", options: { setting: "strict" }, code: undefined },
  { variant: "deployed-group-16", options: { setting: "deployed", group: 16 }, code: undefined },
  { variant: "strict-group-15-aes256", options: { setting: "strict", group: 15, cipher: "aes256-ctr" }, code: undefined },
  { variant: "strict-aes192", options: { setting: "strict", cipher: "aes192-ctr" }, code: undefined },
  { variant: "deployed-again", options: { setting: "deployed", again: true }, code: undefined },
  { variant: "strict-again", options: { setting: "strict", again: true }, code: undefined },
  { variant: "deployed-peer-rekeys", options: { setting: "deployed", rekeys: "peer" }, code: undefined },
  { variant: "strict-peer-rekeys", options: { setting: "strict", rekeys: "peer" }, code: undefined },
  { variant: "deployed-balcony-rekeys", options: { setting: "deployed", rekeys: "balcony" }, code: undefined },
  { variant: "strict-balcony-rekeys", options: { setting: "strict", rekeys: "balcony" }, code: undefined },
  // Who has sent the first message ends it: only then is it the peer.
  { variant: "deployed-ended-in-clear", role: "initiator", options: { setting: "deployed", ends: "in-clear" }, code: "ended-unverified" },
];

const greeting = "Good night, good night!";
const texts = [greeting, "Grüße, gute Nacht 🌙 <&>", "x".repeat(3000)];
const stream = { text: greeting, transport: "ibb", secure: "starttls" };

export const cellName = ({ peer, layer, role, server, variant }: Pick<Cell, "peer" | "layer" | "role" | "server" | "variant">): string =>
  [peer, layer, role, server, ...(variant === undefined ? [] : [variant])].join(" ");
