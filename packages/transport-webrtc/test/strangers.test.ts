import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { classes, Message, methods } from "werift";
import { attempts } from "./pair.js";
import { untilHandshakesRanOut } from "./ran-out.js";

untilHandshakesRanOut();

const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) await new Promise<void>((resolve) => socket.close(() => resolve()));
});

/** Somebody who knows our port, and sends us datagrams. */
async function stranger() {
  const socket = createSocket("udp4");
  sockets.push(socket);
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const answers: Buffer[] = [];
  socket.on("message", (data) => answers.push(data));
  return {
    answers,
    send: (data: Uint8Array, port: number) => new Promise<void>((resolve, reject) => socket.send(data, port, "127.0.0.1", (error) => (error ? reject(error) : resolve()))),
  };
}

async function connected() {
  const { initiator, responder } = attempts();
  const offer = await initiator.offer();
  const answer = await responder.answer(offer);
  initiator.accepted(answer);
  const signal = new AbortController().signal;
  const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
  const port = Number(answer.getChildren("candidate").find(({ attrs }) => attrs.ip === "127.0.0.1")?.attrs.port);
  return { near, far, port, offer, answer };
}

const request = (username: string) =>
  new Message(methods.BINDING, classes.REQUEST)
    .setAttribute("USERNAME", username)
    .setAttribute("PRIORITY", 1)
    .setAttribute("ICE-CONTROLLING", 2n ** 64n - 1n);

it("answers no STUN request but the peer's own, signed with our password", async () => {
  const { near, far, port, offer, answer } = await connected();
  const { answers, send } = await stranger();
  const { ufrag, pwd } = answer.attrs as { ufrag: string; pwd: string };
  const right = `${ufrag}:${offer.attrs.ufrag}`;
  await send(request(right).bytes, port);
  await send(request(right).addMessageIntegrity(Buffer.from("another password, long enough")).addFingerprint().bytes, port);
  await send(request(`${ufrag}:else`).addMessageIntegrity(Buffer.from(pwd)).addFingerprint().bytes, port);
  const signed = request(right).setAttribute("USE-CANDIDATE", null).addMessageIntegrity(Buffer.from(pwd)).addFingerprint();
  await send(signed.bytes, port);
  // The last one is answered, and datagrams over loopback keep their order: the others were not.
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(answers[0]?.subarray(8, 20)).toEqual(signed.bytes.subarray(8, 20));
  near.bytes.end("x");
  expect(String(await far.bytes.toArray())).toBe("x");
});
