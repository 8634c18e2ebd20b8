import { createRequire } from "node:module";
import { join } from "node:path";
import { main } from "../rtc-peer-connection/node.mjs";

const installed = createRequire(join(process.argv[2] ?? ".", "package.json"));
await main({
  name: "node-datachannel",
  version: "0.33.4",
  layers: { webrtc: ["initiator", "responder"], "ice-tcp": ["initiator", "responder"] },
  load: async () => ({
    RTCPeerConnection: installed("node-datachannel/polyfill").RTCPeerConnection,
    configuration: { enableIceTcp: process.env.INTEROP_LAYER === "ice-tcp", bindAddress: "127.0.0.1" },
  }),
});
