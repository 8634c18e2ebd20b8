// Drives `openssl s_client -starttls xmpp` by the interop contract, version 1. It makes the exchange in the clear and TLS by itself; the stream inside TLS is written to its stdin.
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";

const say = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));
const { INTEROP_SERVICE, INTEROP_JID, INTEROP_TARGET, INTEROP_OPTIONS } = process.env;
const { certificate, key, text } = JSON.parse(INTEROP_OPTIONS);
const bare = (jid) => jid.split("/")[0];
const { host } = new URL(INTEROP_SERVICE.replace("tcp:", "http:"));

say("ready");
const client = spawn(
  "openssl",
  // Of the weak kinds openssl would refuse its own key: what is tested is that Balcony does.
  [
    "s_client",
    "-connect",
    host,
    "-starttls",
    "xmpp",
    "-xmpphost",
    bare(INTEROP_TARGET),
    "-cert",
    certificate,
    "-cert_chain",
    certificate,
    "-key",
    key,
    "-tls1_3",
    "-cipher",
    "DEFAULT:@SECLEVEL=0",
  ],
  { stdio: ["pipe", "pipe", "inherit"] },
);
client.stdin.on("error", () => undefined); // it may have ended
const write = (xml) => client.stdin.write(`${xml}\n`);

let seen = "";
let at = "handshake";
client.stdout.setEncoding("utf8").on("data", (data) => {
  process.stderr.write(data);
  seen += data;
  const pem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(seen)?.[0];
  if (at === "handshake" && pem !== undefined && /Verify return code/.test(seen)) {
    at = "opening";
    say("connected", { transport: "tcp" });
    const protocol = /New, (TLSv[0-9.]+)/.exec(seen)?.[1] ?? "unknown";
    say("secured", { protocol, fingerprint: new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase() });
    write(`<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" from="${bare(INTEROP_JID)}" to="${bare(INTEROP_TARGET)}">`);
  }
  if (at === "opening" && /<stream:features\s*\/>|<\/stream:features>/.test(seen)) {
    at = "waiting";
    write(`<message><body>${text}</body></message>`);
  }
  const body = /<body>([^<]*)<\/body>/.exec(seen)?.[1];
  if (at === "waiting" && body !== undefined) {
    at = "closing";
    say("received", { text: body });
    client.stdin.end("</stream:stream>\n");
  }
});
client.once("close", (code) => {
  if (at === "closing") say("closed");
  else say("error", { condition: "tls-failed", text: `s_client ended with ${code} at ${at}` });
});
