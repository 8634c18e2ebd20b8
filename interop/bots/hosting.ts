import { startLocalServer } from "@balcony/local-server";
import { type Jid, normalize, xml } from "@balcony/xml";
import { client } from "@xmpp/client";
import type { XmppClient } from "balcony";
import { Component } from "./component.js";
import type { Client } from "./line.js";

/** An address that is not online yet. */
export interface Hosted {
  readonly client: Client & XmppClient;
  readonly self: Jid;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where bots have their addresses. */
export interface Hosting {
  readonly domain: string;
  /** In words: how one gets there. */
  readonly reached: string;
  host(name: string): Hosted;
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly names: readonly string[];
  /** Accounts of those who come to see the bots, and their passwords. */
  readonly visitors: Readonly<Record<string, string>>;
  readonly port: number;
  /** Default 4,096, as RFC 7677 §4 has it: some clients refuse fewer. */
  readonly scramIterations?: number;
}

/** The bots' own server, in this process and on loopback. */
export async function embedded({ names, port, scramIterations = 4_096, visitors }: EmbeddedOptions): Promise<Hosting & { readonly service: string }> {
  const domain = "bots.example";
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
  const server = await startLocalServer({
    domains: [domain],
    accounts: Object.fromEntries([
      ...names.map((name) => [`${name}@${domain}`, secret] as const),
      ...Object.entries(visitors).map(([name, password]) => [`${name}@${domain}`, password] as const),
    ]),
    port,
    scramIterations,
    sharedRoster: true,
  });
  const { service } = server;
  return {
    domain,
    service,
    reached: `${service}, domain ${domain}, no TLS; as ${Object.entries(visitors)
      .map(([name, password]) => `${name}@${domain} with password ${password}`)
      .join(" or ")}`,
    host: (name) => {
      const xmpp = client({ service, domain, username: name, password: secret, resource: "bot" });
      return {
        client: xmpp as unknown as Hosted["client"], // it has what is asked for; its types leave out `_onElement`, and have elements of another origin
        self: normalize(`${name}@${domain}/bot`),
        start: async () => {
          await xmpp.start();
          await xmpp.send(xml("presence"));
        },
        stop: async () => {
          xmpp.reconnect.stop();
          await xmpp.stop();
        },
      };
    },
    close: async () => await server.stop(),
  };
}

/** A component of somebody's server. */
export async function component(options: Parameters<typeof Component.connect>[0]): Promise<Hosting> {
  const connected = await Component.connect(options);
  return {
    domain: options.domain,
    reached: `the component ${options.domain}`,
    host: (name) => {
      const one = connected.client(name);
      return {
        client: one,
        self: one.self,
        start: async () => {
          one.online();
          await one.send(xml("presence"));
        },
        stop: () => Promise.resolve(one.goOffline()),
      };
    },
    close: async () => await connected.close(),
  };
}
