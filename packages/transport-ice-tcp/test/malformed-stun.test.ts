import { malformedTable } from "@balcony/test-kit";
import { classes, Message, methods } from "werift";
import type { Agent } from "../src/agent.js";
import { stunFrame } from "../src/framing.js";
import { checkFor, Hand, peer, target } from "./by-hand.js";

type Change = (message: Message) => void;

/** A check with what `change` does to it before it is signed. */
function built({ credentials: { ufrag, pwd } }: Agent, change: Change, { sign = true, kind = classes.REQUEST, method = methods.BINDING } = {}): Buffer {
  const message = new Message(method, kind);
  message.setAttribute("USERNAME", `${ufrag}:${peer.ufrag}`).setAttribute("PRIORITY", 1).setAttribute("ICE-CONTROLLING", 7n);
  change(message);
  if (sign) message.addMessageIntegrity(Buffer.from(pwd));
  return message.addFingerprint().bytes;
}
const without =
  (...names: string[]): Change =>
  (message) => {
    const kept = message.getAttributes().filter(([name]) => !names.includes(name));
    message.clear();
    for (const [name, value] of kept) message.setAttribute(name, value);
  };
const resized = (bytes: Buffer): Buffer => {
  bytes.writeUInt16BE(bytes.length - 20, 2);
  return bytes;
};
const raw = (type: number, value: Buffer): Buffer => Buffer.concat([Buffer.from([type >> 8, type & 255, value.length >> 8, value.length & 255]), value]);
const unsigned = (agent: Agent): Buffer => new Message(methods.BINDING, classes.REQUEST).setAttribute("USERNAME", agent.credentials.ufrag) && checkFor(agent).subarray(0, 20);
const withRaw = (agent: Agent, ...attributes: Buffer[]): Buffer => resized(Buffer.concat([Buffer.from(unsigned(agent)), ...attributes]));
const frame = (payload: Buffer): Buffer => stunFrame(payload);

malformedTable<(agent: Agent) => Buffer>("STUN and frames from a stranger on a passive port", {
  rules: [
    { section: "RFC 8489 §5 a", text: "the method is Binding" },
    { section: "RFC 8489 §5 b", text: "the length is what is there" },
    { section: "RFC 8489 §14 a", text: "attributes are within the message" },
    { section: "RFC 8489 §14 b", text: "attributes of a fixed size have it" },
    { section: "RFC 8489 §14.5", text: "a message carries its integrity under our password" },
    { section: "RFC 8489 §14.7", text: "the fingerprint is right, and last" },
    { section: "RFC 8489 §6.3.1", text: "what must be understood is" },
    { section: "RFC 8445 §7.2.2", text: "the username is ours and theirs" },
    { section: "RFC 8445 §7.1.1", text: "a check has a priority" },
    { section: "RFC 8445 §7.1.3", text: "a check has one role" },
    { section: "RFC 4571 §2", text: "frames hold STUN until somebody has shown that they are the peer" },
  ],
  rows: [
    { name: "Allocate", breaks: "RFC 8489 §5 a", input: (agent) => frame(built(agent, () => undefined, { method: methods.ALLOCATE })), code: "ice-stun" },
    { name: "a length that is no multiple of four", breaks: "RFC 8489 §5 b", input: (agent) => frame(withRaw(agent, Buffer.alloc(3))), code: "ice-stun" },
    {
      name: "a length that is another than the frame's",
      breaks: ["RFC 8489 §5 b", "RFC 4571 §2"],
      input: (agent) => frame(Buffer.concat([checkFor(agent), Buffer.alloc(4)])),
      code: "ice-framing",
    },
    {
      name: "an attribute longer than the message",
      breaks: "RFC 8489 §14 a",
      input: (agent) => frame(withRaw(agent, Buffer.from([0, 6, 0, 200, 1, 2, 3, 4]))),
      code: "ice-stun",
    },
    { name: "a priority of eight bytes", breaks: "RFC 8489 §14 b", input: (agent) => frame(withRaw(agent, raw(0x24, Buffer.alloc(8)))), code: "ice-stun" },
    { name: "a tie-breaker of four bytes", breaks: "RFC 8489 §14 b", input: (agent) => frame(withRaw(agent, raw(0x802a, Buffer.alloc(4)))), code: "ice-stun" },
    { name: "an integrity of 16 bytes", breaks: "RFC 8489 §14 b", input: (agent) => frame(withRaw(agent, raw(0x8, Buffer.alloc(16)))), code: "ice-stun" },
    { name: "a USE-CANDIDATE that says something", breaks: "RFC 8489 §14 b", input: (agent) => frame(withRaw(agent, raw(0x25, Buffer.alloc(4)))), code: "ice-stun" },
    { name: "no integrity", breaks: "RFC 8489 §14.5", input: (agent) => frame(built(agent, () => undefined, { sign: false })), code: "ice-integrity" },
    { name: "another's password", breaks: "RFC 8489 §14.5", input: (agent) => frame(checkFor(agent, { password: peer.pwd })), code: "ice-integrity" },
    { name: "no attributes at all", breaks: "RFC 8489 §14.5", input: (agent) => frame(withRaw(agent)), code: "ice-integrity" },
    {
      name: "a fingerprint that is wrong",
      breaks: "RFC 8489 §14.7",
      input: (agent) => {
        const bytes = checkFor(agent);
        bytes.writeUInt8((bytes.at(-1) as number) ^ 1, bytes.length - 1);
        return frame(bytes);
      },
      code: "ice-stun",
    },
    {
      name: "an attribute behind the fingerprint",
      breaks: "RFC 8489 §14.7",
      input: (agent) => frame(resized(Buffer.concat([checkFor(agent), raw(0x25, Buffer.alloc(0))]))),
      code: "ice-stun",
    },
    {
      name: "an unknown attribute",
      breaks: "RFC 8489 §6.3.1",
      input: (agent) => frame(built(agent, (message) => message.appendRawAttribute(0x7abc, Buffer.alloc(4)))),
      code: "ice-stun",
    },
    { name: "no username", breaks: "RFC 8445 §7.2.2", input: (agent) => frame(built(agent, without("USERNAME"))), code: "ice-integrity" },
    {
      name: "the username the wrong way round",
      breaks: "RFC 8445 §7.2.2",
      input: (agent) => frame(checkFor(agent, { username: `${peer.ufrag}:${agent.credentials.ufrag}` })),
      code: "ice-integrity",
    },
    {
      name: "another peer's username",
      breaks: "RFC 8445 §7.2.2",
      input: (agent) => frame(checkFor(agent, { username: `${agent.credentials.ufrag}:other` })),
      code: "ice-integrity",
    },
    { name: "no priority", breaks: "RFC 8445 §7.1.1", input: (agent) => frame(built(agent, without("PRIORITY"))), code: "ice-stun" },
    { name: "no role", breaks: "RFC 8445 §7.1.3", input: (agent) => frame(built(agent, without("ICE-CONTROLLING"))), code: "ice-stun" },
    { name: "both roles", breaks: "RFC 8445 §7.1.3", input: (agent) => frame(built(agent, (message) => message.setAttribute("ICE-CONTROLLED", 8n))), code: "ice-stun" },
    { name: "data", breaks: "RFC 4571 §2", input: () => frame(Buffer.from("<stream:stream>")), code: "ice-framing" },
    { name: "STUN larger than any", breaks: "RFC 4571 §2", input: (agent) => frame(withRaw(agent, raw(0x8022, Buffer.alloc(4000)))), code: "ice-framing" },
    { name: "HTTP", breaks: "RFC 4571 §2", input: () => Buffer.from("GET / HTTP/1.1\r\n\r\n"), code: "ice-framing" },
    { name: "an end within a frame", breaks: "RFC 4571 §2", input: () => Buffer.from([0, 40, 0]), code: "connection-lost" },
  ],
  run: async (input) => {
    const one = await target();
    const hand = await Hand.connect(one.port);
    const error = one.nextError();
    hand.socket.end(input(one.agent));
    const { code } = await error;
    await hand.closed;
    one.stop();
    return code;
  },
});
