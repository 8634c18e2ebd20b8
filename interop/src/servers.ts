import { startLocalServer } from "@balcony/local-server";
import { ejabberd } from "../../test/rigs/ejabberd.js";
import { prosody } from "../../test/rigs/prosody.js";

export const serverNames = ["embedded", "prosody", "ejabberd"] as const;
export type ServerName = (typeof serverNames)[number];

export interface Server {
  readonly name: ServerName;
  readonly service: string;
  readonly webSocket: string | undefined;
  /** Bare addresses of two accounts, in two domains. */
  readonly accounts: readonly [peer: string, ours: string];
  readonly password: string;
  /** Address of its SOCKS5 bytestreams proxy, where it has one. */
  readonly proxy: string | undefined;
  stop(): Promise<void>;
}

export async function startServer(name: ServerName): Promise<Server> {
  if (name === "embedded") return await embedded();
  const rig = name === "prosody" ? await prosody({ limits: "none" }) : await ejabberd({ limits: "none" });
  const [one, two] = rig.domains as [string, string];
  return {
    name,
    service: rig.service,
    webSocket: rig.webSocket,
    accounts: [`alice@${two}`, `bob@${one}`], // the proxy belongs to the domain of our own end
    password: rig.password,
    proxy: `proxy.${one}`,
    stop: async () => await rig.stop(),
  };
}

async function embedded(): Promise<Server> {
  const password = "secret";
  const accounts = ["alice@montague.lit", "bob@capulet.lit"] as const;
  // RFC 7677 §4: some clients refuse fewer iterations.
  const server = await startLocalServer({
    domains: ["montague.lit", "capulet.lit"],
    accounts: Object.fromEntries(accounts.map((account) => [account, password])),
    scramIterations: 4096,
  });
  return { name: "embedded", service: server.service, webSocket: server.webSocketService, accounts, password, proxy: "proxy.montague.lit", stop: async () => await server.stop() };
}
