import { BalconyError } from "@balcony/channel";
import { ClientParser, type Element, FramedClientParser, type XmlError } from "@balcony/xml";
import type { ClientInternals, ConnectionTransport } from "./client.js";

const NS_SM = "urn:xmpp:sm:3";
const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";

/**
 * Puts our parsers and decoder under an @xmpp/client, over TCP, TLS and WebSocket. Its own (ltx) throws out of a data event on one `&foo;`, which ends the process, corrupts
 * UTF-8 cut between chunks, has no limits, and acts on what was injected behind `<proceed/>`: a hostile server or network needs no more than that.
 *
 * The client must not have been started yet: it binds its handlers at the first connection.
 * @throws `invalid-argument` where it is, or was, started, or is no @xmpp/client
 */
export function hardenClient(client: ClientInternals): void {
  if (!Array.isArray(client.transports) || typeof client._onElement !== "function") {
    throw new BalconyError("invalid-argument", "That is no @xmpp/client.", { phase: "client", hint: "Pass what client({ … }) of @xmpp/client 0.14 returned." });
  }
  if (client.status !== "offline" || client.socket) {
    throw new BalconyError("invalid-argument", "The client was started before balcony() was called with it.", {
      phase: "client",
      hint: "Call `await balcony(xmpp)` first and `xmpp.start()` afterwards.",
    });
  }
  client.transports = client.transports.map((transport) => hardened(transport, client));
  // The connection's own would decode each chunk by itself. A parser that has failed is gone already.
  client._onData = (data) => client.parser?.write(data);
  answerOnlyWhileOnline(client);
  // Many small stanzas, each of which somebody waits for: Nagle's algorithm costs a delayed acknowledgement each.
  client.on("connect", () => {
    client.socket?.setNoDelay?.(true);
    const webSocket = client.socket?.socket;
    if (webSocket?.binaryType !== undefined) webSocket.binaryType = "arraybuffer"; // the platform's own would hand out a Blob, which nobody can read at once
  });
}

/**
 * Its own answers to requests are sent where nobody waits for them: one that cannot leave, as the connection is closing or has gone, would be an unhandled rejection, and end the
 * process. A server needs only send a request behind our closing tag.
 */
function answerOnlyWhileOnline(client: ClientInternals): void {
  const onElement = client._onElement.bind(client);
  const send = client.send.bind(client);
  client._onElement = (element) => {
    if (acknowledgesTooMuch(element, client)) {
      cut(client);
      return;
    }
    const { type } = element.attrs;
    if (element.name === "iq" && (type === "get" || type === "set") && client.status !== "online") return;
    onElement(element);
  };
  client.send = async (stanza: Element) => {
    const sent = send(stanza);
    if (stanza.name !== "iq" || (stanza.attrs.type !== "result" && stanza.attrs.type !== "error")) return await sent;
    return await sent.catch(() => undefined); // whoever asked hears from the server that we have gone
  };
}

/** XEP-0198 §5: more acknowledged than was sent. @xmpp/client would take what is not there out of its queue, and throw where nobody catches it. */
function acknowledgesTooMuch(element: Element, { streamManagement }: ClientInternals): boolean {
  if (!streamManagement || !(element.is("a", NS_SM) || element.is("resumed", NS_SM))) return false;
  return Number(element.attrs.h) - streamManagement.outbound > streamManagement.outbound_q.length;
}

function hardened(transport: ConnectionTransport, client: ClientInternals): ConnectionTransport {
  const framed = transport.prototype.socketParameters("wss://localhost/") !== undefined;
  const Parser = framed ? overWebSocket(client) : overTcp(client);
  const Hardened = class extends (transport as unknown as new (...args: unknown[]) => object) {};
  Object.assign(Hardened.prototype, { Parser });
  return Hardened as unknown as ConnectionTransport;
}

/** What a server's malformed XML is called toward the application. @xmpp/client emits the parser's own error. */
export function serverFault(error: XmlError): BalconyError {
  return new BalconyError(error.condition, `The server sent what is no XMPP: ${error.message}`, { phase: "client", cause: error, condition: error.condition });
}

const overTcp = (client: ClientInternals) =>
  class extends ClientParser {
    constructor() {
      super({ last: (element) => element.is("proceed", NS_TLS) });
      this.on("error", () => cut(client));
    }
  };

const overWebSocket = (client: ClientInternals) =>
  class extends FramedClientParser {
    constructor() {
      super();
      this.on("error", () => cut(client));
    }
  };

/** At the first fault the socket is gone, and the client's own reconnecting sees it: a hostile server is not waited for. */
function cut({ socket }: ClientInternals): void {
  if (socket?.destroy) socket.destroy();
  else if (socket?.socket?.destroy) socket.socket.destroy();
  else if (socket?.socket?.terminate) socket.socket.terminate();
  else socket?.end();
}
