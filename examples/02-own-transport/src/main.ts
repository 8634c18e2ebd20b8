// A thread that answers in capitals, reached through a ByteChannel of our own.
import { once } from "node:events";
import { isMainThread, MessageChannel, type MessagePort, Worker, workerData } from "node:worker_threads";
import { overPort } from "./transport.js";

if (isMainThread) {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), { workerData: port2, transferList: [port2] });
  const channel = overPort(port1);
  channel.on("data", (chunk: Buffer) => process.stdout.write(`from the other thread: ${chunk}\n`));
  channel.write("but soft! what light through yonder window breaks?");
  await once(channel, "data");
  channel.end();
  await once(channel, "close");
  await once(worker, "exit");
} else {
  const channel = overPort(workerData as MessagePort);
  channel.on("data", (chunk: Buffer) => channel.write(chunk.toString().toUpperCase()));
}
