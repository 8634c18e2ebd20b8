import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range from which outgoing connections take theirs: a port from there can be gone again by the time a slow server binds it.
const LOWEST = 15_000;
const ABOVE = 32_000;

/** Ports on loopback that nobody listens on just now. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, ABOVE);
    if (await isFree(port, host)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
