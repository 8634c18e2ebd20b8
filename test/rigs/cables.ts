import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Element } from "@balcony/xml";
import { Lag } from "./lag.js";

interface Cable {
  /** Leads to a port of loopback from now on; returns its own. */
  lead(to: number): number;
}

/** What goes from machine to machine, by cables that can be pulled out: nothing passes any more, and nobody is told. */
export interface Cables {
  /** Puts a cable before every candidate of a transport, or streamhost of a proxy, that says where it listens: the peer gets its end of that. */
  through(transport: Element): void;
  /** All text that has passed by TCP, in latin1. */
  readonly seen: () => string;
  /** Called as bytes pass, before they go on. */
  onPass: (() => void) | undefined;
  pull(): void;
  stop(): Promise<void>;
}

export interface CablesOptions {
  /** Of each kind: so many candidates can be taken through. Default 8. */
  readonly count?: number;
  /** ms that everything takes from one end to the other. Default 0. */
  readonly delay?: number;
}

export async function cables({ count = 8, delay = 0 }: CablesOptions = {}): Promise<Cables> {
  const sockets = new Set<Socket>();
  const lags = new Set<Lag>();
  const newLag = (): Lag => {
    const lag = new Lag();
    lags.add(lag);
    return lag;
  };
  const servers = new Set<Server>();
  const datagrams = new Set<UdpSocket>();
  let seen = "";
  let pulled = false;

  const tcp = async (): Promise<Cable> => {
    let port = 0;
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ host: "127.0.0.1", port, noDelay: true });
      const begun = performance.now();
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        const lag = newLag();
        // Whoever connects is connected at once to its own end of the cable: what TCP's handshake takes, its first bytes take longer.
        const late = (): number => Math.max(delay, from === near ? 3 * delay - (performance.now() - begun) : 0);
        sockets.add(from);
        from.on("error", () => undefined);
        from.on("data", (chunk: Buffer) => {
          if (!pulled) seen += chunk.toString("latin1");
          own.onPass?.();
          if (!pulled) lag.after(late(), () => to.write(chunk));
        });
        from.on("close", () => {
          sockets.delete(from);
          if (!pulled) lag.after(late(), () => to.destroy());
        });
      }
    });
    servers.add(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      lead: (to) => {
        port = to;
        return (server.address() as AddressInfo).port;
      },
    };
  };

  /** As a NAT does: each sender is somebody else behind it. */
  const udp = async (): Promise<Cable> => {
    let port = 0;
    const open = createSocket("udp4");
    datagrams.add(open);
    const behind = new Map<string, UdpSocket>();
    const [there, back] = [newLag(), newLag()];
    open.on("message", (data, from: RemoteInfo) => {
      own.onPass?.();
      if (pulled) return;
      const key = `${from.address}:${from.port}`;
      let socket = behind.get(key);
      if (!socket) {
        socket = createSocket("udp4");
        datagrams.add(socket);
        behind.set(key, socket);
        socket.on("message", (answer) => {
          own.onPass?.();
          if (!pulled) back.after(delay, () => open.send(answer, from.port, from.address));
        });
      }
      const behindIt = socket;
      there.after(delay, () => behindIt.send(data, port, "127.0.0.1"));
    });
    open.bind(0, "127.0.0.1");
    await once(open, "listening");
    return {
      lead: (to) => {
        port = to;
        return open.address().port;
      },
    };
  };
  const many = async (make: () => Promise<Cable>): Promise<Cable[]> => await Promise.all(Array.from({ length: count }, make));
  const laid = new Map<string, Cable>();
  const spare = { tcp: await many(tcp), udp: await many(udp) };

  const own: Cables = {
    seen: () => seen,
    onPass: undefined,
    through: (transport) => {
      for (const candidate of [...transport.getChildren("candidate"), ...transport.getChildren("streamhost")]) {
        const { host, ip, port, protocol, tcptype } = candidate.attrs;
        const kind = protocol === "udp" ? "udp" : "tcp";
        const cable = (host ?? ip) === "127.0.0.1" && tcptype !== "active" ? (laid.get(`${kind} ${port}`) ?? spare[kind].shift()) : undefined;
        if (cable) {
          laid.set(`${kind} ${port}`, cable);
          candidate.attrs.port = String(cable.lead(Number(port)));
        } else transport.remove(candidate);
      }
    },
    pull: () => {
      pulled = true;
    },
    stop: async () => {
      for (const lag of lags) lag.clear();
      for (const socket of sockets) socket.destroy();
      for (const socket of datagrams) socket.close();
      await Promise.all([...servers].map(async (server) => await new Promise((resolve) => void server.close(resolve))));
    },
  };
  return own;
}
