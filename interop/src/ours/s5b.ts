import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { type StanzaChannel, stanzaError } from "@balcony/channel";
import { activate, dial } from "@balcony/transport-s5b";
import { type Element, normalize, xml } from "@balcony/xml";
import { login } from "./client.js";
import { echo, peerReceived, sendAndCompare } from "./payload.js";
import { CellFailure, expect, type OurSide, type OurTask } from "./side.js";

const NS = "http://jabber.org/protocol/bytestreams";
const addresses = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true } as const;

/** XEP-0065 without Jingle: what the harness adds to the package's own SOCKS5 is the one IQ by which its streamhosts are offered. */
export async function s5b(task: OurTask): Promise<OurSide> {
  const { channel, logout } = await login(task);
  const bytes = Number(task.options.bytes);
  const offered = task.role === "responder" ? taken(task, channel) : undefined;
  let socket: Socket | undefined;
  return {
    run: async (peer) => {
      await peer.event("ready");
      socket = await (offered ?? offer(task, channel));
      await (offered ? echo(socket, bytes) : sendAndCompare(socket, bytes));
      await peer.event("connected");
      await peerReceived(peer, bytes);
      await peer.event("closed");
    },
    close: async () => {
      socket?.destroy();
      await logout();
    },
  };
}

/** XEP-0065 §5.3.2: 40 hex digits in the place of a host name. */
const destination = (sid: string, requester: string, target: string): string => createHash("sha1").update(`${sid}${requester}${target}`).digest("hex");

async function connect(host: Element, hash: string, signal: AbortSignal): Promise<Socket> {
  return await dial({ host: String(host.attrs.host), port: Number(host.attrs.port), hash, addresses, timeout: 5_000, signal });
}

/** The peer asks; the first of its streamhosts that lets us in is used. */
function taken({ log, peer, self, signal }: OurTask, channel: StanzaChannel): Promise<Socket> {
  return new Promise((resolve) => {
    channel.to(normalize(peer)).onRequest({ type: "set", name: "query", xmlns: NS }, async ({ payload }) => {
      const sid = String(payload.attrs.sid);
      for (const host of payload.getChildren("streamhost", NS)) {
        try {
          resolve(await connect(host, destination(sid, peer, self), signal));
          return xml("query", { xmlns: NS, sid }, xml("streamhost-used", { jid: host.attrs.jid }));
        } catch (error) {
          log("note", String(error));
        }
      }
      throw stanzaError("item-not-found");
    });
  });
}

/** We ask, by the server's proxy. */
async function offer({ options, peer, self, signal }: OurTask, channel: StanzaChannel): Promise<Socket> {
  const [sid, target, proxy] = [String(options.sid), normalize(peer), normalize(String(options.proxy))];
  const ask = async (to: typeof target, type: "get" | "set", query: Element) => (await channel.to(to).request(xml("iq", { type }, query))).getChild("query", NS);
  const host = (await ask(proxy, "get", xml("query", NS)))?.getChild("streamhost", NS);
  if (!host) throw new CellFailure("The proxy tells no address.");
  const used = (await ask(target, "set", xml("query", { xmlns: NS, sid, mode: "tcp" }, xml("streamhost", { ...host.attrs }))))?.getChild("streamhost-used", NS);
  expect(used?.attrs.jid === host.attrs.jid, `The peer says that it uses ${used?.attrs.jid}.`);
  const socket = await connect(host, destination(sid, self, peer), signal);
  await activate(channel.to(target), proxy, { sid, target, signal });
  return socket;
}
