import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createIdentity, type Secured, secure } from "@balcony/tls";
import { bare, xml } from "@balcony/xml";
import { openStream, startTls } from "@balcony/xml-stream";
import { expect, type OurSide, type OurTask } from "./side.js";

/** XEP-0246 with STARTTLS on a TCP connection, without Jingle. Who connects is the initiator. */
export async function starttls(task: OurTask): Promise<OurSide> {
  const { role, self, peer: address, signal, log } = task;
  const identity = createIdentity(bare(self));
  const { hostname, port } = new URL(task.service.replace("tcp:", "http:"));
  const server = role === "responder" ? await listen(hostname, Number(port)) : undefined;
  const text = String(task.options.text);
  const sockets: Socket[] = [];
  return {
    run: async (peer) => {
      const { port: where } = await peer.event("ready");
      const socket = server ? await accepted(server, signal) : connect({ host: hostname, port: where ?? Number(port) });
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
      const stream = await openStream(secured.bytes, { role, self, peer: address, signal, report: (error) => log("note", String(error)) });
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
      await stream.close();
      const said = await peer.event("secured");
      expect(said.fingerprint === identity.fingerprint, "The peer saw another certificate than ours.");
      expect((await peer.event("received")).text === text, "The peer got another text.");
      await peer.event("closed");
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (server) await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

async function accepted(server: Server, signal: AbortSignal): Promise<Socket> {
  const [socket] = (await once(server, "connection", { signal })) as [Socket];
  return socket;
}
