import type { IceServer } from "@balcony/jingle";

export interface ServerAddress {
  readonly kind: "stun" | "turn";
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly credential: string;
}

/** Reads `stun:host:port`, `turn:host:port?transport=tcp`, `turns:host` (RFC 7064, RFC 7065); undefined for what cannot be used: STUN over TLS, and TURN without a password. */
export function serverAddress(url: string, { username = "", credential = "" }: IceServer): ServerAddress | undefined {
  const match = /^(stun|turn|turns):(\[[0-9a-f:.]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url);
  if (!match) return undefined;
  const [, scheme = "", host = "", port, transport] = match;
  const secure = scheme.toLowerCase() === "turns";
  const kind = scheme.toLowerCase() === "stun" ? "stun" : "turn";
  if (kind === "turn" && (!username || !credential)) return undefined;
  return {
    kind,
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? (secure ? 5349 : 3478)),
    transport: secure ? "tls" : transport === "tcp" ? "tcp" : "udp",
    username,
    credential,
  };
}
