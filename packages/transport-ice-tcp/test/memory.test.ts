import { Socket } from "node:net";
import { expect, it } from "vitest";
import { FramedChannel } from "../src/channel.js";
import { dataFrames, FrameReader } from "../src/framing.js";

const framed = (text: string): Buffer => Buffer.concat(dataFrames([Buffer.from(text)]));

it("a channel says that memory is nobody else's only where one read has filled it", async () => {
  const socket = new Socket({ allowHalfOpen: true });
  const reader = new FrameReader({ data: () => undefined, stun: () => undefined });
  const channel = new FramedChannel({ socket, reader, held: [], answer: () => undefined });
  const came: string[] = [];
  channel.on("data", (bytes: Buffer) => came.push(bytes.toString()));
  const [whole, slab] = [new Uint8Array(framed("all of it")).buffer, new ArrayBuffer(64 * 1024)];
  const part = Buffer.from(slab, 0, framed("a part").copy(Buffer.from(slab)));
  for (const bytes of [Buffer.from(whole), part]) socket.emit("data", bytes);
  await new Promise((resolve) => setImmediate(resolve));
  expect(came).toEqual(["all of it", "a part"]);
  expect([channel.owns(whole), channel.owns(slab)]).toEqual([true, false]);
  channel.destroy();
});
