import { createRequire } from "node:module";
import { join } from "node:path";
import { main } from "../rtc-peer-connection/node.mjs";

const installed = createRequire(join(process.argv[2] ?? ".", "package.json"));
await main({
  name: "@roamhq/wrtc",
  version: "0.10.0",
  layers: { webrtc: ["initiator", "responder"], "ice-tcp": ["initiator", "responder"] },
  load: async () => ({ RTCPeerConnection: installed("@roamhq/wrtc").RTCPeerConnection }),
});
