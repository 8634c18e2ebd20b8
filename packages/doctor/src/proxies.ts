import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { BalconyError, randomId, type StanzaChannel, withDeadline } from "@balcony/channel";
import type { AddressPolicy } from "@balcony/jingle";
import { activate, dial } from "@balcony/transport-s5b";
import { type Jid, JidError, normalize } from "@balcony/xml";
import { ask, info, items } from "./disco.js";
import type { ProxyServer } from "./findings.js";
import { type Probing, probe } from "./probe.js";

const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";
const TIMEOUT = 5_000;
const CARRYING = 8_000;
/** Proxies of one server that are tried. */
const MOST = 4;

/** The bytestreams proxies of our server (XEP-0065 §4), each tried for real: a byte goes in by one connection and comes out of another. */
export async function proxies(wide: StanzaChannel, addresses: AddressPolicy, probing: Probing): Promise<readonly ProxyServer[]> {
  const { signal } = probing;
  const components = await items(wide, { timeout: TIMEOUT, signal });
  const found = (await Promise.all(components.map(async (component) => await proxyAt(wide, component, signal)))).flat().slice(0, MOST);
  return await Promise.all(
    found.map(async (proxy) => {
      const waitingFor = `the proxy ${proxy.jid} at ${proxy.host}:${proxy.port} to carry bytes`;
      return { ...proxy, carried: await probe(probing, { name: "proxy", waitingFor, timeout: CARRYING }, async (stop) => await carry(wide, proxy, addresses, stop)) };
    }),
  );
}

async function proxyAt(wide: StanzaChannel, component: Jid, signal: AbortSignal): Promise<readonly Omit<ProxyServer, "carried">[]> {
  const wait = { timeout: TIMEOUT, signal };
  try {
    const { identities } = await info(wide, component, wait);
    if (!identities.some(({ category, type }) => category === "proxy" && type === "bytestreams")) return [];
    const { attrs } = (await ask(wide, component, NS_BYTESTREAMS, wait)).getChild("streamhost", NS_BYTESTREAMS) ?? { attrs: {} as Record<string, string | undefined> };
    const port = Number(attrs.port ?? 1080);
    if (!attrs.host || attrs.host.length > 256 || !attrs.jid || !(Number.isInteger(port) && port >= 1 && port <= 65_535)) return [];
    return [{ jid: normalize(attrs.jid), host: attrs.host, port }];
  } catch (error) {
    if (signal.aborted) throw error;
    // A component that does not answer or will not serve us is no proxy of ours.
    if (error instanceof BalconyError || error instanceof JidError) return [];
    throw error;
  }
}

/** Both ends of a bytestream are ours. @throws `failed-transport`, `stanza-error`, `timeout` */
async function carry(wide: StanzaChannel, { jid, host, port }: Omit<ProxyServer, "carried">, addresses: AddressPolicy, signal: AbortSignal): Promise<{ readonly ms: number }> {
  const { self } = wide;
  const sid = randomId();
  const hash = createHash("sha1").update(`${sid}${self}${self}`).digest("hex");
  const sockets: Socket[] = [];
  try {
    const began = performance.now();
    // One after the other: XEP-0065 §6.3.2 has the target connect first.
    for (let end = 0; end < 2; end++) sockets.push(await dial({ host, port, hash, addresses, timeout: TIMEOUT, signal }));
    await activate(wide, jid, { sid, target: self, signal });
    const [a, b] = sockets as [Socket, Socket];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const sent = randomBytes(32);
      from.write(sent);
      const came = await withDeadline(read(to, sent.length), { timeout: TIMEOUT, signal, waitingFor: `${sent.length} bytes through the proxy` });
      if (!sent.equals(came)) throw new BalconyError("failed-transport", "What comes out of the proxy is not what went in.");
    }
    return { ms: Math.round(performance.now() - began) };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function read(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let come = Buffer.alloc(0);
    const done = (settle: () => void): void => {
      socket.off("data", onData).off("close", onClose);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      come = Buffer.concat([come, chunk]);
      if (come.length >= length) done(() => resolve(come));
    };
    const onClose = (): void => done(() => reject(new BalconyError("failed-transport", "The proxy closed the connection.")));
    socket.on("data", onData).once("close", onClose);
    if (socket.destroyed) onClose();
  });
}
