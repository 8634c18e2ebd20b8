// Drives stanza's Jingle by the interop contract, version 1.
import { createRequire } from "node:module";
import { join } from "node:path";

const { createClient, Jingle } = createRequire(join(process.argv[2], "package.json"))("stanza");
const UNKNOWN = "urn:xmpp:balcony:interop:unknown:0";
const say = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));
const { INTEROP_JID, INTEROP_PASSWORD, INTEROP_TARGET, INTEROP_ROLE, INTEROP_WEBSOCKET } = process.env;
const [bare, resource] = INTEROP_JID.split("/");

const client = createClient({ jid: bare, resource, password: INTEROP_PASSWORD, transports: { websocket: INTEROP_WEBSOCKET, bosh: false }, autoReconnect: false });
let ended = false;
client.on("raw:*", (direction, data) => {
  console.error(direction, data);
  if (ended && direction === "raw:incoming" && /type=["']result["']/.test(data)) client.disconnect(); // our session-terminate has arrived
});
client.stanzas.define({ element: "description", fields: {}, namespace: UNKNOWN, path: "iq.jingle.contents.application", type: UNKNOWN, typeField: "applicationType" });

class Unknown extends Jingle.Session {
  start() {
    this.state = "pending";
    this.role = "initiator";
    const content = {
      creator: "initiator",
      name: "unknown",
      application: { applicationType: UNKNOWN },
      transport: { transportType: "urn:xmpp:jingle:transports:ibb:1", sid: "interop", blockSize: 4096 },
    };
    this.send("session-initiate", { contents: [content] });
  }
}

client.on("session:started", () => {
  client.jingle.selfID = INTEROP_JID;
  say("ready", { jid: INTEROP_JID });
  if (INTEROP_ROLE === "initiator") client.jingle.addSession(new Unknown({ parent: client.jingle, peerID: INTEROP_TARGET, initiator: true })).start();
});
client.on("jingle:incoming", (session) => session.accept());
client.on("jingle:terminated", (_, { condition }) => {
  say("refused", { condition });
  ended = true;
  if (INTEROP_ROLE === "initiator") client.disconnect();
});
client.once("disconnected", () => {
  say("closed");
  process.exit(); // its timers run on
});
client.connect();
