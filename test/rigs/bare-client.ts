import { StanzaRouter } from "@balcony/channel";
import { bare, type Element, normalize } from "@balcony/xml";
import { client } from "@xmpp/client";
import type { RigServer } from "./prosody.js";

/** An account online without Balcony's facade, its connection a StanzaChannel. */
export async function online(server: RigServer, jid: string): Promise<StanzaRouter> {
  const [username, domain] = jid.split("@") as [string, string];
  const xmpp = client({ service: server.service, domain, username, password: server.password });
  xmpp.on("error", () => undefined);
  const started = await xmpp.start();
  const channel = new StanzaRouter({
    self: normalize(String(started)),
    transmit: async (stanza) => void (await xmpp.send(stanza)),
    shutdown: async () => {
      xmpp.reconnect.stop();
      await xmpp.stop();
    },
    report: () => undefined,
  });
  xmpp.on("stanza", (stanza: Element) => void channel.receive(stanza, normalize(stanza.attrs.from ?? bare(String(started)))));
  return channel;
}
