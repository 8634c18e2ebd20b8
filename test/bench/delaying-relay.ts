import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Lag } from "../rigs/lag.js";

export interface Relay {
  readonly port: number;
  /** ms that every byte is late, in both directions; what is on its way already is not changed. */
  delay: number;
  close(): void;
}

/** Passes TCP on to a port of loopback, every byte so many ms late, in both directions; how many are on their way is not limited. */
export async function delayingRelay(to: number, delay: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const lags = new Set<Lag>();
  const pass = (from: Socket, into: Socket): void => {
    const lag = new Lag();
    lags.add(lag);
    sockets.add(from);
    from.on("data", (chunk) => lag.after(relay.delay, () => into.write(chunk)));
    from.on("end", () => lag.after(relay.delay, () => into.end()));
    from.on("error", () => into.destroy());
    from.on("close", () => sockets.delete(from));
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: to, noDelay: true, allowHalfOpen: true });
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const relay: Relay = {
    port: (server.address() as { port: number }).port,
    delay,
    close: () => {
      server.close();
      for (const lag of lags) lag.clear();
      for (const socket of sockets) socket.destroy();
    },
  };
  return relay;
}
