import { once } from "node:events";
import { isIPv6, type Server } from "node:net";

/** Listens on TCP; a port of 0 is one that is free. */
export async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
}

export function portOf(server: Server): number {
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}

/** Stops listening, and resolves once every connection is gone. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** An address as it stands in a URI. */
export function uriHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
