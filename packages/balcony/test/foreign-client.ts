import { EventEmitter } from "node:events";
import { StanzaRouter } from "@balcony/channel";
import { type ESession, ESessions, type ESessionsOptions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import type { Element } from "@balcony/xml";
import { client } from "@xmpp/client";
import { afterEach } from "vitest";
import type { Stage } from "../../../test/attacks/stage.js";
import { next } from "../../../test/rigs/login.js";
import { xml } from "../src/index.js";

const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
const present: ReturnType<typeof client>[] = [];

/** What a client of 2007 has, at the end of Juliet's connection, until the end of the test. */
export async function foreign({ server }: Stage, { parameters, ...options }: Partial<ESessionsOptions> = {}) {
  const xmpp = client({ service: server.service, domain: "capulet.lit", username: "juliet", password: "secret" });
  xmpp.on("error", () => undefined);
  present.push(xmpp);
  const self = String(await xmpp.start());
  xmpp.iqCallee.get(NS_DISCO_INFO, "query", () => xml("query", NS_DISCO_INFO, xml("feature", { var: "http://www.xmpp.org/extensions/xep-0116.html#ns" })));
  const channel = new StanzaRouter({
    self,
    transmit: async (stanza) => void (await xmpp.send(stanza)),
    shutdown: () => Promise.resolve(),
    report: () => undefined,
  });
  xmpp.on("stanza", (stanza: Element) => void channel.receive(stanza, stanza.attrs.from ?? self));
  const come = new EventEmitter();
  const esessions = new ESessions(channel, {
    crypto: nodeCrypto,
    arithmetic: nodeArithmetic,
    secrets: memorySecrets(),
    parameters: { wholeStanzas: false, groups: [14], ...parameters },
    accept: () => true,
    onSession: (session) => {
      come.emit("session", session);
      setImmediate(() => session.deliver());
    },
    report: () => undefined,
    ...options,
  });
  const incoming = (): Promise<ESession> => next<ESession>(come, "session");
  return { juliet: { self, xmpp }, esessions, incoming };
}

/** To be called where the tests are described. */
export function foreignClientsLeave(): void {
  afterEach(async () => {
    for (const xmpp of present.splice(0)) {
      xmpp.reconnect.stop();
      await xmpp.stop();
    }
  });
}
