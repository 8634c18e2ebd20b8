import { createServer, type Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import { closed, listen, portOf } from "./listen.js";

export const WEBSOCKET_PATH = "/xmpp-websocket";
const UPGRADE_REQUIRED = 426;
const PROTOCOL_ERROR = 1002;

/** Takes WebSocket connections for the subprotocol `xmpp` (RFC 7395 §3.1), on a port of its own. */
export class WebSocketListener {
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;

  constructor(maxPayload: number, maxConnections: number, accept: (socket: WebSocket) => void) {
    this.#http = createServer((_request, response) => response.writeHead(UPGRADE_REQUIRED).end());
    this.#http.maxConnections = maxConnections;
    this.#webSockets = new WebSocketServer({
      server: this.#http,
      path: WEBSOCKET_PATH,
      maxPayload,
      handleProtocols: (protocols) => (protocols.has("xmpp") ? "xmpp" : false),
    });
    this.#webSockets.on("connection", (socket) => {
      if (socket.protocol === "xmpp") accept(socket);
      else socket.close(PROTOCOL_ERROR, "The subprotocol is xmpp");
    });
  }

  get port(): number {
    return portOf(this.#http);
  }

  listen(host: string): Promise<void> {
    return listen(this.#http, 0, host);
  }

  /** Stops listening, and resolves once every connection is gone. */
  async stop(): Promise<void> {
    this.#webSockets.close();
    const stopped = closed(this.#http);
    this.#http.closeIdleConnections();
    await stopped;
  }
}
