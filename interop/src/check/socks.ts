import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { randomId } from "@balcony/channel";
import { dial } from "@balcony/transport-s5b";
import { bare, childElements, domainOf, type Element, xml } from "@balcony/xml";
import { NS_BYTESTREAMS, NS_DISCO, NS_JINGLE_S5B } from "./namespaces.js";
import { Ended, type Play } from "./play.js";
import { Queue } from "./queue.js";

interface Candidate {
  readonly cid: string;
  readonly jid: string;
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly proxy: boolean;
  readonly ours: boolean;
}

interface Told {
  readonly name: string;
  readonly cid: string | undefined;
}

/** XEP-0260 §2.2: the preference of a proxy is 10. */
const PROXY = 10 * 65_536;
const NS_ITEMS = "http://jabber.org/protocol/disco#items";

/** One SOCKS5 bytestream (XEP-0260) of the tester's, who offers the proxy of its own server and no address of its own. */
export class Socks {
  readonly #play: Play;
  readonly #sid: string;
  readonly #tell: (transport: Element) => Promise<void>;
  #ours: readonly Candidate[] = [];
  #theirs: readonly Candidate[] = [];
  #theirAddress: string | undefined;
  readonly #told = new Queue<Told>();

  constructor(play: Play, sid: string, tell: (transport: Element) => Promise<void>) {
    this.#play = play;
    this.#sid = sid;
    this.#tell = tell;
  }

  /** Judges a transport element as it is offered or accepted: XEP-0260 §2.2. */
  static judge(transport: Element, must: (rule: string, holds: boolean, why: string) => void): void {
    must("transport-sid", (transport.attrs.sid ?? "") !== "", "The transport has no sid.");
    const { dstaddr } = transport.attrs;
    must("s5b-dstaddr", dstaddr === undefined || /^[0-9a-f]{40}$/i.test(dstaddr), `The dstaddr is no SHA-1: ${dstaddr}.`);
    for (const { attrs } of transport.getChildren("candidate")) {
      const port = attrs.port ?? "1080";
      must(
        "s5b-candidate",
        [attrs.cid, attrs.jid, attrs.host].every((value) => (value ?? "") !== ""),
        "A candidate lacks its cid, jid or host.",
      );
      must("s5b-candidate", /^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535, `A candidate has the port ${port}.`);
      must("s5b-candidate", /^\d{1,10}$/.test(attrs.priority ?? ""), `A candidate has the priority ${attrs.priority}.`);
    }
  }

  /** The transport element with what we offer. */
  async offer(): Promise<Element> {
    const play = this.#play;
    const taken = new Set(this.#theirs.map(({ host, port }) => `${host} ${port}`));
    this.#ours = (await proxies(play)).filter(({ host, port }) => !taken.has(`${host} ${port}`));
    const candidates = this.#ours.map(({ cid, jid, host, port, priority }) => xml("candidate", { cid, jid, host, port, priority, type: "proxy" }));
    const bad = { cid: "bad", jid: "x.example", host: "127.0.0.1", port: "9", priority: "1", type: "proxy" };
    if (play.breaks("s5b-candidate-without-cid")) candidates.push(xml("candidate", { ...bad, cid: undefined }));
    if (play.breaks("s5b-candidate-port-beyond-range")) candidates.push(xml("candidate", { ...bad, port: "70000" }));
    if (play.breaks("s5b-candidate-priority-no-number")) candidates.push(xml("candidate", { ...bad, priority: "high" }));
    const sid = play.breaks("s5b-transport-without-sid") ? undefined : this.#sid;
    return xml("transport", { xmlns: NS_JINGLE_S5B, sid, dstaddr: destination(this.#sid, play.self, play.peer) }, candidates);
  }

  read(transport: Element): void {
    const { findings, self, peer } = this.#play;
    this.#theirAddress = transport.attrs.dstaddr;
    this.#theirs = transport.getChildren("candidate").map(({ attrs }) => ({
      cid: String(attrs.cid),
      jid: String(attrs.jid),
      host: String(attrs.host),
      port: Number(attrs.port ?? 1080),
      priority: Number(attrs.priority),
      proxy: attrs.type === "proxy",
      ours: false,
    }));
    const known = [destination(this.#sid, peer, self), destination(this.#sid, self, peer)];
    const address = this.#theirAddress;
    findings.must("s5b-dstaddr", address === undefined || known.includes(address.toLowerCase()), "The dstaddr is not the SHA-1 of sid and addresses (XEP-0260 §2.2).", transport);
  }

  /** A transport-info of the peer's. */
  told(transport: Element, iq: Element): void {
    const { findings } = this.#play;
    for (const child of childElements(transport)) {
      const { cid } = child.attrs;
      const name = child.getName();
      if (name === "candidate-used")
        findings.must(
          "s5b-candidate-used",
          this.#ours.some((candidate) => candidate.cid === cid),
          `A candidate is used that was not offered: ${cid}.`,
          iq,
        );
      if (name === "activated") {
        findings.must(
          "s5b-activated",
          this.#theirs.some((candidate) => candidate.cid === cid && candidate.proxy),
          `A proxy was activated that was not offered: ${cid}.`,
          iq,
        );
      }
      // Nobody may be waiting for it any more.
      if (name === "proxy-error" && this.#play.blameless) this.#play.stop(findings.breach("s5b-told", "The peer says proxy-error, of a proxy that lets both in.", iq));
      this.#told.put({ name, cid });
    }
  }

  async connect(): Promise<Socket> {
    const play = this.#play;
    const connections = new Map<string, Socket>();
    for (const candidate of [...this.#theirs].sort((a, b) => b.priority - a.priority)) {
      const socket = await this.#dial(candidate, this.#theirAddress ?? destination(this.#sid, play.peer, play.self)).catch((error: unknown) =>
        play.log(`! ${candidate.host}:${candidate.port}: ${String(error)}`),
      );
      if (!socket) continue;
      connections.set(candidate.cid, socket);
      break;
    }
    const [used] = connections.keys();
    if (play.breaks("s5b-candidate-used-of-nobody")) await this.#say("candidate-used", "nobody");
    if (play.breaks("s5b-candidate-used-without-cid")) await this.#say("candidate-used");
    await this.#say(used === undefined ? "candidate-error" : "candidate-used", used);
    const theirWord = await this.#next("candidate-used", "candidate-error");
    const byUs = this.#theirs.find(({ cid }) => cid === used);
    const byThem = this.#ours.find(({ cid }) => cid === theirWord.cid);
    const nominated = this.#nominate(byUs, byThem);
    if (!nominated) throw new NoPath("Neither side could connect to what the other has offered.");
    play.findings.must("s5b-connects", byThem !== undefined || !this.#ours.length, "The peer does not connect to the proxy that was offered, though that lets us in.");
    if (!nominated.ours) return await this.#theirProxy(nominated, connections.get(nominated.cid) as Socket); // it was among what we could connect to
    for (const socket of connections.values()) socket.destroy();
    const socket = await this.#dial(nominated, destination(this.#sid, play.self, play.peer));
    if (play.breaks("s5b-proxy-error")) {
      await this.#say("proxy-error");
      throw new NoPath("proxy-error");
    }
    if (play.breaks("s5b-activated-of-nobody")) await this.#say("activated", "nobody");
    const activate = xml("query", { xmlns: NS_BYTESTREAMS, sid: this.#sid }, xml("activate", null, play.peer));
    const answered = await play.until(play.wire.ask(activate, { to: nominated.jid }), "the proxy to activate the bytestream", "s5b-connects");
    if (answered.type === "error")
      throw play.findings.breach(
        "s5b-connects",
        `The proxy refused to activate: ${answered.condition}. The peer has not connected to it, or not with the right address.`,
        answered.stanza,
      );
    // What the peer says of it meanwhile may be that it gives up.
    if (this.#told.length > 0) await this.#next();
    await this.#say("activated", nominated.cid);
    return socket;
  }

  async #theirProxy({ proxy }: Candidate, socket: Socket): Promise<Socket> {
    if (proxy) await this.#next("activated");
    return socket;
  }

  async #next(...names: readonly string[]): Promise<Told> {
    const play = this.#play;
    const told = await play.until(this.#told.next(), names.join(" or ") || "what the peer says", "s5b-told");
    if (told.name === "proxy-error" || !names.includes(told.name)) {
      throw play.blameless ? play.findings.breach("s5b-told", `The peer says ${told.name}, where ${names.join(" or ") || "nothing"} was to come.`) : new Ended(told.name);
    }
    play.findings.kept.add("s5b-told");
    return told;
  }

  async #say(name: string, cid?: string): Promise<void> {
    await this.#tell(xml("transport", { xmlns: NS_JINGLE_S5B, sid: this.#sid }, xml(name, cid === undefined ? null : { cid })));
  }

  async #dial({ host, port }: Candidate, hash: string): Promise<Socket> {
    const timeout = this.#play.options.timeout;
    const addresses = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true } as const; // who tests chooses where
    return await dial({ host, port, hash, addresses, timeout, signal: AbortSignal.timeout(timeout) });
  }

  /** XEP-0260 §2.4. */
  #nominate(byUs: Candidate | undefined, byThem: Candidate | undefined): Candidate | undefined {
    if (!byUs || !byThem) return byUs ?? byThem;
    if (byUs.priority !== byThem.priority) return byUs.priority > byThem.priority ? byUs : byThem;
    return this.#play.role === "initiator" ? byThem : byUs; // ties go to the initiator's
  }
}

/** No bytes can flow, and nobody has broken a rule. */
export class NoPath extends Error {
  override readonly name = "NoPath";
}

export const destination = (sid: string, offerer: string, other: string): string => createHash("sha1").update(`${sid}${offerer}${other}`).digest("hex");

/** The proxies of our own server (XEP-0065 §4). */
async function proxies(play: Play): Promise<Candidate[]> {
  const ask = async (to: string, namespace: string) =>
    (await play.until(play.wire.ask(xml("query", namespace), { type: "get", to }), `${to} to say what it has`, "iq-answered")).payload;
  const items = (await ask(domainOf(bare(play.self)), NS_ITEMS))?.getChildren("item") ?? [];
  const found: Candidate[] = [];
  for (const { attrs } of items.slice(0, 16)) {
    const jid = attrs.jid ?? "";
    const identities = (await ask(jid, NS_DISCO))?.getChildren("identity") ?? [];
    if (!identities.some(({ attrs: { category, type } }) => category === "proxy" && type === "bytestreams")) continue;
    const host = (await ask(jid, NS_BYTESTREAMS))?.getChild("streamhost");
    if (host?.attrs.host === undefined) continue;
    found.push({
      cid: randomId(),
      jid: String(host.attrs.jid),
      host: host.attrs.host,
      port: Number(host.attrs.port ?? 1080),
      priority: PROXY + 9 - found.length,
      proxy: true,
      ours: true,
    });
  }
  return found;
}
