import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Element, StreamParser, xml } from "@balcony/xml";
import { client } from "@xmpp/client";

const NS_IBB = "http://jabber.org/protocol/ibb";
const HEADER = (domain: string) => `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='${domain}'>`;

export interface Account {
  readonly port: number;
  /** Bare JID. */
  readonly jid: string;
  readonly password: string;
}

/** What sends blocks and acknowledges them. */
export interface Connection {
  /** Full JID. */
  readonly self: string;
  onElement: (element: Element) => void;
  sendBlock(to: string, seq: number, base64: string): void;
  acknowledge(block: Element): void;
  close(): Promise<void>;
}

/** A connection to a server with as little between program and socket as can be: text is written as it is, elements come from our parser. */
export class RawConnection implements Connection {
  onElement: (element: Element) => void = () => undefined;

  private constructor(
    readonly self: string,
    readonly socket: Socket,
  ) {}

  static async login({ port, jid, password }: Account): Promise<RawConnection> {
    const [username, domain] = jid.split("@") as [string, string];
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    let take: (element: Element) => void = () => undefined;
    let parser: StreamParser;
    const restart = (): void => {
      parser = new StreamParser({ open: () => undefined, element: (element) => take(element), close: () => undefined });
      socket.write(HEADER(domain));
    };
    const next = async (): Promise<Element> =>
      await new Promise((resolve) => {
        take = resolve;
      });
    restart();
    socket.on("data", (chunk: Uint8Array) => parser.write(chunk));
    await next();
    socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${username}\0${password}`).toString("base64")}</auth>`);
    const success = await next();
    if (success.name !== "success") throw new Error(`login: ${success}`);
    restart();
    await next();
    socket.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    const bound = (await next()).getChild("bind")?.getChildText("jid");
    if (!bound) throw new Error("no address was bound");
    socket.write("<presence/>");
    const connection = new RawConnection(bound, socket);
    take = (element) => connection.onElement(element);
    return connection;
  }

  sendBlock(to: string, seq: number, text: string): void {
    this.socket.write(`<iq type='set' to='${to}' id='b${seq}'><data xmlns='${NS_IBB}' sid='s' seq='${seq % 65536}'>${text}</data></iq>`);
  }

  acknowledge(block: Element): void {
    this.socket.write(`<iq type='result' to='${block.attrs.from}' id='${block.attrs.id}'/>`);
  }

  close(): Promise<void> {
    this.socket.destroy();
    return Promise.resolve();
  }
}

/** A connection of @xmpp/client with the least of it in the way: iqs go past its middleware. */
export class ClientConnection implements Connection {
  onElement: (element: Element) => void = () => undefined;

  private constructor(private readonly xmpp: ReturnType<typeof client>) {}

  static async login({ port, jid, password }: Account): Promise<ClientConnection> {
    const [username, domain] = jid.split("@") as [string, string];
    const xmpp = client({ service: `xmpp://127.0.0.1:${port}`, domain, username, password });
    const connection = new ClientConnection(xmpp);
    const inside = xmpp as unknown as { _onElement(element: Element): void; socket: Socket; streamManagement: { enabled: boolean; inbound: number } };
    const passOn = inside._onElement.bind(xmpp);
    let online = false;
    inside._onElement = (element) => {
      if (!online || element.name !== "iq") return void passOn(element);
      // Stanzas that are never acknowledged are never asked for again either, and the server has half as much to do (XEP-0198 §4).
      if (inside.streamManagement.enabled) inside.streamManagement.inbound += 1;
      connection.onElement(element);
    };
    xmpp.on("connect", () => inside.socket.setNoDelay(true));
    await xmpp.start();
    online = true;
    return connection;
  }

  get self(): string {
    return String(this.xmpp.jid);
  }

  sendBlock(to: string, seq: number, text: string): void {
    const iq = xml("iq", { type: "set", to, id: `b${seq}` }, xml("data", { xmlns: NS_IBB, sid: "s", seq: String(seq % 65536) }, text));
    this.xmpp.send(iq).catch(rethrow);
  }

  acknowledge(block: Element): void {
    this.xmpp.send(xml("iq", { type: "result", to: block.attrs.from, id: block.attrs.id })).catch(rethrow);
  }

  async close(): Promise<void> {
    this.xmpp.reconnect.stop();
    await this.xmpp.stop();
  }
}

function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/** Sends blocks by hand (XEP-0047 §2.2): so many unacknowledged at once, each answered at once. Resolves when all are acknowledged. */
export async function blocksByHand(
  from: Connection,
  to: Connection,
  { bytes, block, window }: { readonly bytes: Buffer; readonly block: number; readonly window: number },
): Promise<void> {
  const blocks = Math.ceil(bytes.length / block);
  let received = 0;
  let seq = 0;
  let acknowledged = 0;
  await new Promise<void>((resolve) => {
    to.onElement = (element) => {
      const data = element.getChild("data", NS_IBB);
      if (!data) return;
      received += Buffer.from(data.getText(), "base64").length;
      to.acknowledge(element);
    };
    const send = (): void => {
      for (; seq < blocks && seq - acknowledged < window; seq++) {
        from.sendBlock(to.self, seq, bytes.toString("base64", seq * block, (seq + 1) * block));
      }
    };
    from.onElement = (element) => {
      if (element.name !== "iq" || element.attrs.type !== "result") return;
      acknowledged++;
      if (acknowledged === blocks) resolve();
      else send();
    };
    send();
  });
  if (received !== bytes.length) throw new Error(`${received} of ${bytes.length} bytes came`);
}
