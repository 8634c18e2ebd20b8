import { StanzaRouter } from "@balcony/channel";
import { bare, type Element, normalize } from "@balcony/xml";
import { client } from "@xmpp/client";
import type { OurTask } from "./side.js";

export interface Account {
  readonly channel: StanzaRouter;
  logout(): Promise<void>;
}

/** @xmpp/client with what its types leave out: they describe what applications call. */
export type Internals = ReturnType<typeof client> & { _onElement(element: Element): void; _onData(data: Buffer): void; readonly parser: { write(text: string): void } | null };

interface ClientOptions extends Pick<OurTask, "service" | "self" | "password"> {
  /** SASL PLAIN, though the connection is not encrypted: only toward a server of our own on this machine. A SCRAM of 4,096 rounds in JavaScript costs more than most cells. Default: true. */
  readonly plain?: boolean;
}

export function clientOf({ service, self, password, plain = true }: ClientOptions): Internals {
  const [account = "", resource] = self.split("/");
  const [username = "", domain] = account.split("@");
  const secret = { username, password };
  const options = { service, domain, resource };
  const xmpp = client(plain ? { ...options, credentials: async (authenticate) => await authenticate(secret, "PLAIN") } : { ...options, ...secret }) as unknown as Internals; // it has them, and its types do not
  xmpp.on("error", () => undefined); // what its sockets say when the server goes away: whoever waits for an answer hears of it
  // Its own throws out of a data event where something comes behind the end of a stream, which would end the whole run.
  xmpp._onData = (data) => xmpp.parser?.write(data.toString("utf8"));
  return xmpp;
}

/** Writes down what goes over the client's connection. */
export function logStanzas(xmpp: Internals, log: OurTask["log"]): void {
  xmpp.on("element", (element: Element) => log("in", element.toString()));
  xmpp.on("send", (element: Element) => log("out", element.toString()));
}

/** What becomes of each stanza on its way out and in. */
interface Translation {
  readonly sent: (stanza: Element) => Element;
  readonly received: (stanza: Element) => Element;
}

const asItIs = (stanza: Element): Element => stanza;

/** An account that is online, as the wide channel that the layers of Balcony work on. */
export async function login(task: OurTask, { sent, received }: Translation = { sent: asItIs, received: asItIs }): Promise<Account> {
  const xmpp = clientOf(task);
  logStanzas(xmpp, task.log);
  const channel = new StanzaRouter({
    self: normalize(task.self),
    transmit: async (stanza) => await xmpp.send(sent(stanza)),
    shutdown: () => Promise.resolve(),
    report: (error) => task.log("note", String(error)),
  });
  const passOn = xmpp._onElement.bind(xmpp);
  xmpp._onElement = (element) => {
    const stanza = element.name === "iq" || element.name === "message" || element.name === "presence";
    if (!stanza || !channel.receive(received(element), normalize(element.attrs.from ?? bare(task.self)))) passOn(element);
  };
  await xmpp.start();
  return {
    channel,
    logout: async () => {
      await channel.close();
      xmpp.reconnect.stop();
      await xmpp.stop();
    },
  };
}
