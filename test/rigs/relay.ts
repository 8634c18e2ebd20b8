import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** The network between a client and its server, which can be listened in on, and fail. */
export interface Relay {
  /** For @xmpp/client's `service`. */
  readonly service: string;
  /** All that has passed, from the client and from the server, in its order. */
  readonly seen: { client: string; server: string };
  /** Nothing passes any more, and nobody is told: as a cable that is pulled out. */
  stall(): void;
  /** Connections are reset. New ones are taken, by default, or refused. */
  cut(after?: "reachable" | "unreachable"): void;
  stop(): Promise<void>;
}

/** @param service where the server is: `xmpp://127.0.0.1:5222` */
export async function relayTo(service: string): Promise<Relay> {
  const { hostname: host, port } = new URL(service);
  const pairs = new Set<readonly [Socket, Socket]>();
  const seen = { client: "", server: "" };
  let reachable = true;

  const server = createServer((client) => {
    if (!reachable) return void client.resetAndDestroy();
    const upstream = connect({ host, port: Number(port) });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    pass(client, upstream, "client");
    pass(upstream, client, "server");
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.on("error", () => undefined); // what becomes of the one becomes of the other, below
      socket.once("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
  });
  const pass = (from: Socket, to: Socket, side: "client" | "server"): void => {
    from.on("data", (chunk: Buffer) => {
      seen[side] += chunk.toString("latin1");
      to.write(chunk);
    });
    from.on("end", () => to.end());
  };

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    service: `xmpp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stall: () => {
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    cut: (after = "reachable") => {
      reachable = after === "reachable";
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await closed;
    },
  };
}
