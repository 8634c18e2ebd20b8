import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { classes, Message, methods, StunOverTurnProtocol, TurnProtocol, UdpTransport } from "werift";
import type { TurnInternals } from "./internals.js";
import type { ServerAddress } from "./server-address.js";

type Address = readonly [string, number];
type Transport = ConstructorParameters<typeof TurnProtocol>[4];

/** An allocation on a TURN server (RFC 8656), by UDP, TCP or TLS, wherein candidates are checked. */
export async function relayBy({ host, port, transport, username, credential }: ServerAddress, { ca }: { readonly ca?: string | undefined } = {}): Promise<StunOverTurnProtocol> {
  const below: Transport = transport === "udp" ? await UdpTransport.init(isIP(host) === 6 ? "udp6" : "udp4") : await StreamTransport.init({ host, port, transport, ca });
  const turn = refreshing(new TurnProtocol([host, port], username, credential, 600, below));
  try {
    await turn.connectionMade();
  } catch (error) {
    await turn.close();
    throw error;
  }
  return new StunOverTurnProtocol(turn);
}

/** werift's own refreshes by a timer that nothing can stop. */
function refreshing(turn: TurnProtocol): TurnProtocol {
  const internals = turn as unknown as TurnInternals;
  let timer: ReturnType<typeof setTimeout> | undefined;
  internals.refresh = (lifetime) => {
    timer = setTimeout(
      () => {
        const request = new Message(methods.REFRESH, classes.REQUEST).setAttribute("LIFETIME", lifetime);
        internals.requestWithRetry(request, turn.server).then(
          ([answer]) => internals.refresh(answer.getAttributeValue("LIFETIME") as number),
          () => undefined, // the allocation runs out, and the checks of consent notice
        );
      },
      (lifetime * 1000 * 5) / 6,
    );
  };
  const close = turn.close.bind(turn);
  turn.close = async () => {
    clearTimeout(timer);
    for (const transaction of Object.values(turn.transactions)) transaction.cancel();
    await close();
  };
  return turn;
}

/** werift's own dials again whenever the server hangs up, and ends the process where that fails. */
class StreamTransport implements Transport {
  readonly type: "tcp" | "tls";
  readonly address = {} as Transport["address"];
  closed = false;
  onData: (data: Buffer, from: Address) => void = () => undefined;

  private constructor(
    readonly socket: Socket,
    from: Address,
    type: "tcp" | "tls",
  ) {
    this.type = type;
    socket.on("data", (data: Buffer) => this.onData(data, from));
    socket.on("close", () => {
      this.closed = true;
    });
  }

  static async init({ host, port, transport, ca }: Pick<ServerAddress, "host" | "port" | "transport"> & { readonly ca: string | undefined }): Promise<StreamTransport> {
    const socket = transport === "tls" ? connectTls({ host, port, ...(ca !== undefined && { ca }), ...(isIP(host) ? {} : { servername: host }) }) : connect({ host, port });
    socket.on("error", () => undefined); // "close" follows
    await once(socket, transport === "tls" ? "secureConnect" : "connect", { signal: AbortSignal.timeout(10_000) }).catch((error: unknown) => {
      socket.destroy();
      throw error;
    });
    return new StreamTransport(socket, [host, port], transport === "tls" ? "tls" : "tcp");
  }

  send = async (data: Buffer): Promise<void> => {
    if (!this.closed) this.socket.write(data);
  };

  close = async (): Promise<void> => {
    this.closed = true;
    this.socket.destroy();
  };
}
