import { once } from "node:events";
import { createServer } from "node:net";
import { mapPort } from "@balcony/transport-s5b";
import type { Gateway } from "./findings.js";

/** Has the router map a port of ours, and take the mapping away again. @throws `failed-transport`, `timeout` */
export async function gateway({ timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal }): Promise<Gateway> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0);
  await once(server, "listening");
  try {
    const { port } = server.address() as { readonly port: number };
    const mapping = await mapPort(port, { timeout, signal });
    await mapping.release();
    return { protocol: mapping.by, external: { ip: mapping.host, port: mapping.port } };
  } finally {
    server.close();
  }
}
