import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { memoryStanzaPair } from "@balcony/channel";
import { Jingle, type Session, strangersAddresses } from "@balcony/jingle";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { Message, methods, parseMessage } from "werift";
import { iceTcp } from "../src/index.js";
import { connected, loopback, negotiate, pair } from "./pair.js";

const NS_ICE = "urn:xmpp:jingle:transports:ice:0";
const never = new AbortController().signal;
const unexpected = (error: unknown): never => {
  throw error;
};

/** A STUN server over TCP that sees everybody at 198.51.100.7. */
async function stunServer(): Promise<{ readonly port: number; readonly asked: Promise<Socket>; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      const question = parseMessage(bytes);
      const answer = new Message(methods.BINDING, 0x100, question?.transactionId);
      socket.write(answer.setAttribute("XOR-MAPPED-ADDRESS", ["198.51.100.7", socket.remotePort]) && answer.addFingerprint().bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    asked: once(server, "connection").then(([socket]) => socket as Socket),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe("ICE-TCP as a Jingle transport", () => {
  it("carries a session that Jingle negotiates", async () => {
    const [channelI, channelR] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "juliet@capulet.lit/balcony" });
    const application = xml("description", { xmlns: "urn:example:stream" });
    const common = { transports: [iceTcp()], applications: [{ namespace: "urn:example:stream" }], knows: () => true, addresses: () => loopback, report: unexpected };
    let came: (session: Promise<Session>) => void = () => undefined;
    const incoming = new Promise<Session>((resolve, reject) => {
      came = (session) => void session.then(resolve, reject);
    });
    const initiator = new Jingle(channelI, { ...common, onOffer: unexpected });
    const responder = new Jingle(channelR, { ...common, onOffer: (offer) => came(offer.accept({ application })) });
    const session = await initiator.initiate("juliet@capulet.lit/balcony", { application });
    const other = await incoming;
    expect([session.transport, session.connection.path]).toEqual([NS_ICE, expect.stringMatching(/^ice-tcp (host|prflx) (127\.0\.0\.1|\d|\[)/)]);
    session.connection.bytes.write("Good night");
    expect(String((await once(other.connection.bytes, "data"))[0])).toBe("Good night");
    await session.terminate("success");
    await Promise.all([initiator.close(), responder.close()]);
  });

  it("trickles what a STUN server says, and the end of gathering, by transport-info", async () => {
    const stun = await stunServer();
    const both = pair({ options: { stun: [{ host: "127.0.0.1", port: stun.port }] }, addresses: { ...loopback } });
    await negotiate(both);
    const connections = await Promise.all([both.initiator.attempt.connect(never), both.responder.attempt.connect(never)]);
    for (const { infos } of [both.initiator, both.responder]) for (const info of infos) expect([info.attrs.ufrag, info.attrs.pwd]).not.toContain(undefined);
    for (const { bytes } of connections) bytes.destroy();
    stun.close();
  });

  it("offers a server reflexive candidate whose base it listens at", async () => {
    const stun = await stunServer();
    const { initiator, responder, announce } = pair({ options: { stun: [{ host: "127.0.0.1", port: stun.port }] } });
    announce();
    let told: (() => void) | undefined;
    const complete = new Promise<void>((resolve) => {
      told = resolve;
    });
    const original = responder.attempt.info.bind(responder.attempt);
    responder.attempt.info = (transport) => {
      original(transport);
      told?.();
    };
    await responder.attempt.answer(await initiator.attempt.offer());
    await complete;
    const [info] = initiator.infos;
    const reflexive = info?.getChildren("candidate").filter(({ attrs }) => attrs.type === "srflx");
    const [candidate] = reflexive?.filter(({ attrs }) => attrs.tcptype === "passive") ?? [];
    const together = reflexive?.filter(({ attrs }) => attrs.tcptype === "so" && attrs["rel-addr"] === "127.0.0.1") ?? [];
    expect(info?.getChild("gathering-complete")).toBeDefined();
    expect(candidate?.attrs).toMatchObject({ ip: "198.51.100.7", protocol: "tcp", tcptype: "passive", "rel-addr": "127.0.0.1" });
    expect(candidate?.attrs.port).toBe(candidate?.attrs["rel-port"]);
    expect(together).toHaveLength(1);
    expect(together[0]?.attrs["rel-port"]).not.toBe(candidate?.attrs["rel-port"]); // nobody connects from a port that is listened at
    initiator.attempt.abort();
    responder.attempt.abort();
    stun.close();
  });

  it("shows and dials nothing where only relays are allowed", async () => {
    const { initiator, responder } = pair({ addresses: strangersAddresses });
    await expect(initiator.attempt.offer()).rejects.toMatchObject({ code: "failed-transport" });
    const offer = parseElement(`<transport xmlns='${NS_ICE}' ufrag='abcd' pwd='aaaaaaaaaaaaaaaaaaaaaa'/>`);
    await expect(responder.attempt.answer(offer)).rejects.toMatchObject({ code: "failed-transport" });
  });

  it("dials no loopback, link-local, multicast or private address on a peer's word, and says so", async () => {
    const { responder } = pair({ addresses: { paths: "any", privateNetworks: false } });
    const ips = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.1.1", "fe80::1", "224.0.0.1", "10.0.0.1", "0.0.0.0"];
    const candidates = ips.map((ip, at) => `<candidate component='1' foundation='${at}' ip='${ip}' port='22' priority='1' protocol='tcp' tcptype='passive' type='host'/>`);
    await responder.attempt.answer(parseElement(`<transport xmlns='${NS_ICE}' ufrag='abcd' pwd='aaaaaaaaaaaaaaaaaaaaaa'>${candidates.join("")}</transport>`));
    const refused = responder.steps.filter(([step]) => step.includes("is not tried"));
    expect(refused.map(([step]) => step.replace(/:22 .*/, "").replace("ice-tcp: ", ""))).toEqual(ips);
    responder.attempt.abort();
  });

  it("ignores UDP candidates and other components", async () => {
    const both = pair();
    const udp = "<candidate component='1' foundation='u' ip='127.0.0.1' port='9' priority='1' protocol='udp' type='host'/>";
    const second = "<candidate component='2' foundation='s' ip='127.0.0.1' port='9' priority='1' protocol='tcp' tcptype='passive' type='host'/>";
    await negotiate(both, (element) => {
      for (const one of [udp, second]) element.append(parseElement(one.replace("/>", ` xmlns='${NS_ICE}'/>`)));
      return element;
    });
    const connections = await Promise.all([both.initiator.attempt.connect(never), both.responder.attempt.connect(never)]);
    expect([...both.initiator.steps, ...both.responder.steps].filter(([step]) => step.includes(":9 "))).toEqual([]);
    for (const { bytes } of connections) bytes.destroy();
  });

  it("connects whichever side alone can be connected to", async () => {
    for (const blocked of ["initiator", "responder"] as const) {
      const withoutPassive = (text: string) => parseElement(text.replace(/<candidate [^>]*tcptype="passive"[^>]*\/>/g, ""));
      const [a, b] = await connected({ tamper: (element, from) => (from === blocked ? withoutPassive(element.toString()) : element) });
      a.bytes.write("x");
      expect(String((await once(b.bytes, "data"))[0])).toBe("x");
      a.bytes.destroy();
      b.bytes.destroy();
    }
  });

  it("fails with ice-failed, and why, when nobody can be connected to", async () => {
    const both = pair({ options: { times: { all: 300 } } });
    await negotiate(both, (element) => parseElement(element.toString().replace(/<candidate [^>]*tcptype="passive"[^>]*\/>/g, "")));
    const ends = await Promise.allSettled([both.initiator.attempt.connect(never), both.responder.attempt.connect(never)]);
    expect(ends.map((end) => end.status === "rejected" && end.reason)).toEqual([expect.objectContaining({ code: "ice-failed" }), expect.objectContaining({ code: "ice-failed" })]);
  });

  it("does not take the peer's end of gathering, come before its first candidates, for the end", async () => {
    const { initiator, responder, announce } = pair();
    announce(); // transport-infos overtake the answer
    const offer = await initiator.attempt.offer();
    const answer = await responder.attempt.answer(offer);
    await new Promise(setImmediate);
    expect(responder.infos).toHaveLength(1);
    initiator.attempt.accepted(answer);
    const connections = await Promise.all([initiator.attempt.connect(never), responder.attempt.connect(never)]);
    for (const { bytes } of connections) bytes.destroy();
  });

  it("stops at once when it is aborted, and leaves nothing behind", async () => {
    const both = pair();
    await negotiate(both);
    const stop = new AbortController();
    const connecting = both.initiator.attempt.connect(stop.signal);
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: "closed" });
    both.responder.attempt.abort();
  });
});
