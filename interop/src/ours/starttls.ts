import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createIdentity, type Secured, secure } from "@balcony/tls";
import { bare, xml } from "@balcony/xml";
import { openStream, startTls } from "@balcony/xml-stream";
import { expect, type OurSide, type OurTask } from "./side.js";

/** XEP-0246 with STARTTLS on a TCP connection, without Jingle. Who connects is the initiator. */
export async function starttls(task: OurTask): Promise<OurSide> {
  const { role, self, peer: address, signal, log } = task;
  const { text } = task.options;
  const identity = createIdentity(bare(self));
  const { hostname, port } = new URL(task.service.replace("tcp:", "http:"));
  const listening = role === "responder" ? await listen(hostname, Number(port)) : undefined;
  const sockets: Socket[] = [];
  return {
    run: async (peer) => {
      const { port: where } = await peer.event("ready");
      const socket = listening ? await untilAborted(listening.connection, signal) : connect({ host: hostname, port: where ?? Number(port) });
      sockets.push(socket);
      socket.on("error", () => undefined); // whoever reads it hears of it
      const { secured } = await startTls<Secured>(socket, {
        role,
        self,
        peer: address,
        addresses: "shown",
        signal,
        secure: async (bytes) => await secure(bytes, { role: role === "initiator" ? "client" : "server", identity, signal, peerAddress: bare(address), accept: () => undefined }),
      });
      log("note", `TLS stands: ${secured.cipher}`);
      await converse(task, secured.bytes);
      const said = await peer.event("secured");
      expect(said.fingerprint === identity.fingerprint, "The peer saw another certificate than ours.");
      expect((await peer.event("received")).text === text, "The peer got another text.");
      await peer.event("closed");
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (listening) await new Promise((resolve) => listening.server.close(resolve));
    },
  };
}

/** The stream inside TLS: a message and its echo. `ended-anyhow`: by whatever there was when `</stream>` was an end. */
export async function converse({ log, options, peer, role, self, signal }: OurTask, bytes: Duplex, end?: "ended-anyhow"): Promise<void> {
  const text = String(options.text);
  const stream = await openStream(bytes, { role, self, peer, signal, report: (error) => log("note", String(error)) });
  const came = new Promise<string | null>((resolve, reject) => {
    stream.onStanza(({ stanza }) => {
      log("in", stanza.toString());
      resolve(stanza.getChildText("body"));
    });
    stream.closed.addEventListener("abort", () => reject(stream.closed.reason as Error), { once: true });
  });
  came.catch(() => undefined); // heard of below, or not waited for any more
  if (role === "initiator") await stream.send(xml("message", {}, xml("body", {}, text)));
  expect((await came) === text, "Another text came than was sent.");
  if (role === "responder") {
    await stream.send(xml("message", {}, xml("body", {}, text)));
    if (!stream.closed.aborted) await once(stream.closed, "abort");
  }
  const closing = stream.close();
  await (end === undefined ? closing : closing.catch((error: unknown) => log("note", String(error))));
}

interface Listening {
  readonly server: Server;
  /** The first connection: heard of from the start, since a peer may connect as soon as it is started. */
  readonly connection: Promise<Socket>;
}

async function listen(host: string, port: number): Promise<Listening> {
  const server = createServer({ pauseOnConnect: true });
  const connection = new Promise<Socket>((resolve) => server.once("connection", resolve));
  server.listen(port, host);
  await once(server, "listening");
  return { server, connection };
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
  return await Promise.race([promise, aborted]);
}
