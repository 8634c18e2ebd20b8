import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Connection, Transport, TransportAttempt } from "@balcony/jingle";
import { iceTcp as iceTcpTransport } from "@balcony/transport-ice-tcp";
import { webrtc as webrtcTransport } from "@balcony/transport-webrtc";
import type { Element } from "@balcony/xml";
import { freePorts } from "../../../test/rigs/free-ports.js";
import type { PeerProcess } from "../peer-process.js";
import { echo, peerReceived, sendAndCompare } from "./payload.js";
import { type Candidate, readSignal, writeSignal } from "./sdp.js";
import { CellFailure, expect, type OurSide, type OurTask } from "./side.js";

const HERE = "127.0.0.1";
const addresses: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true };
/** Of nobody's certificate: DTLS is not what the layer is about. */
const NO_CERTIFICATE = `sha-256 ${Array(32).fill("00").join(":")}`;

/** XEP-0371 with candidates and credentials carried by the harness. */
export const iceTcp = (task: OurTask): Promise<OurSide> => overSignals(task, iceTcpTransport());

/** A data channel (XEP-0343), likewise. */
export const webrtc = (task: OurTask): Promise<OurSide> => overSignals(task, webrtcTransport());

async function overSignals(task: OurTask, transport: Transport): Promise<OurSide> {
  const { role, options, signal } = task;
  let connection: Connection | undefined;
  let attempt: TransportAttempt | undefined;
  return {
    run: async (peer) => {
      await peer.event("ready");
      const begun = await begin(task, transport, peer);
      attempt = begun.attempt;
      connection = await Promise.race([attempt.connect(signal), begun.broken]);
      task.log("note", connection.path);
      const { bytes } = connection;
      await peer.event("connected");
      if (options.carries === "dtls") {
        await aHandshakeRecord(connection);
        peer.hangUp();
      } else {
        await (role === "initiator" ? sendAndCompare(bytes, Number(options.bytes)) : echo(bytes, Number(options.bytes)));
        await peerReceived(peer, Number(options.bytes));
      }
      await peer.event("closed");
    },
    close: async () => {
      attempt?.abort();
      connection?.bytes.destroy();
    },
  };
}

async function begin(task: OurTask, transport: Transport, peer: PeerProcess): Promise<{ readonly attempt: TransportAttempt; readonly broken: Promise<never> }> {
  const { role, options, log } = task;
  const [channel] = memoryStanzaPair({ a: task.self, b: task.peer });
  const [nowhere = 0] = await freePorts(1);
  const keep = ({ attrs }: Element) => attrs.ip === HERE && (options.tcptype === undefined || attrs.tcptype === options.tcptype);
  const fits = (candidate: Candidate): Candidate | undefined => {
    if (candidate.ip !== HERE) return undefined;
    // Where we only wait for connections, the peer's passive candidates are as good as behind a NAT.
    return options.tcptype === "passive" && candidate.tcptype === "passive" ? { ...candidate, attrs: { ...candidate.attrs, port: String(nowhere) } } : candidate;
  };
  const write = (element: Element, type?: "offer" | "answer") => {
    const end = element.getChild("gathering-complete") !== undefined;
    peer.signal(writeSignal(element, { ...(type && { type }), end, without: { fingerprint: NO_CERTIFICATE, keep } }));
  };
  // What the transport has to tell before its offer or answer is on its way would be ahead of it: a session holds it back, too.
  let told = false;
  const held: Element[] = [];
  const attempt = transport.attempt({
    channel: channel.to(task.peer),
    role,
    sid: "interop",
    addresses,
    sendInfo: async (info) => void (told ? write(info) : held.push(info)),
    progress: (step, error) => log("note", error ? `${step}: ${error.message}` : step),
  });
  const announce = (element: Element, type: "offer" | "answer") => {
    write(element, type);
    told = true;
    for (const info of held) write(info);
  };
  if (role === "initiator") announce(await attempt.offer(), "offer");
  const signals = peer.signals();
  let before: Element["attrs"] | undefined;
  const next = async (): Promise<Element | undefined> => {
    const { value, done } = await signals.next();
    if (done) return undefined;
    const told = readSignal(value, { xmlns: transport.namespace, before, fits });
    before = told.attrs;
    return told;
  };
  const first = await next();
  if (!first) throw new CellFailure("The peer ended before it had told anything of itself.");
  if (role === "initiator") attempt.accepted(first);
  else announce(await attempt.answer(first), "answer");
  const listen = async (): Promise<never> => {
    for (let info = await next(); info; info = await next()) attempt.info(info);
    return await new Promise<never>(() => undefined); // the peer's end is heard of by others
  };
  const broken = listen();
  broken.catch(() => undefined); // raced with the connection
  return { attempt, broken };
}

/** RFC 6347 §4.1: type 22, version 254.x, in a frame of its own. */
async function aHandshakeRecord({ bytes }: Connection): Promise<void> {
  const [first] = (await new Promise<[Buffer]>((resolve, reject) => {
    bytes.once("data", (chunk: Buffer) => resolve([chunk]));
    bytes.once("close", () => reject(new CellFailure("The connection closed before the peer's DTLS had begun.")));
  })) as [Buffer];
  expect(first[0] === 22 && first[1] === 254, `The peer's first bytes are no DTLS handshake: ${first.subarray(0, 8).toString("hex")}.`);
}
