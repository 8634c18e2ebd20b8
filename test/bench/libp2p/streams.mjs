// js-libp2p's streams over TCP with TLS, as its own documentation sets a node up. Runs in the folder where its packages are installed.
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";

const PROTOCOL = "/balcony/bench";
const node = (listen) => createLibp2p({ addresses: { listen }, transports: [tcp()], connectionEncrypters: [tls()], streamMuxers: [yamux()] });

/** Two nodes in this process, and what makes a stream from the first to the second. */
export async function nodes() {
  const [near, far] = [await node([]), await node(["/ip4/127.0.0.1/tcp/0"])];
  return async () => {
    const accepted = new Promise((resolve) => void far.handle(PROTOCOL, resolve, { force: true }));
    const out = await near.dialProtocol(far.getMultiaddrs(), PROTOCOL);
    const into = await accepted;
    return {
      send: (piece) => out.send(piece),
      onDrain: (listener) => out.addEventListener("drain", listener),
      onBytes: (listener) => into.addEventListener("message", ({ data }) => listener(data.byteLength)),
      close: () => {
        out.abort(new Error("measured"));
        into.abort(new Error("measured"));
      },
    };
  };
}
