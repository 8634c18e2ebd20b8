// Drives OpenSSL's own programs by the interop contract, version 1. `s_client -starttls xmpp` makes the exchange in the clear by itself; before `s_server` it is made here, and what follows is
// passed on to it. The stream inside TLS is written to their stdin.
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const say = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));
const { INTEROP_ROLE, INTEROP_SERVICE, INTEROP_JID, INTEROP_TARGET, INTEROP_OPTIONS } = process.env;
const { certificate, key, text } = JSON.parse(INTEROP_OPTIONS);
const bare = (jid) => jid.split("/")[0];
const { host, hostname, port } = new URL(INTEROP_SERVICE.replace("tcp:", "http:"));
const initiator = INTEROP_ROLE === "initiator";
// Of the weak kinds openssl would refuse its own key: what is tested is that Balcony does.
const common = ["-cert", certificate, "-key", key, "-tls1_3", "-cipher", "DEFAULT:@SECLEVEL=0"];
const header = (more = "") =>
  `<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" from="${bare(INTEROP_JID)}" to="${bare(INTEROP_TARGET)}"${more}>`;

if (initiator) initiate();
else await respond();

function initiate() {
  say("ready");
  talk(
    spawn("openssl", ["s_client", "-connect", host, "-starttls", "xmpp", "-xmpphost", bare(INTEROP_TARGET), "-cert_chain", certificate, ...common], {
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
}

async function respond() {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const behind = free.address().port;
  await new Promise((resolve) => free.close(resolve));
  const program = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${behind}`, "-naccept", "1", "-Verify", "9", "-cert_chain", certificate, ...common], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  talk(program);
  await accepting(program);
  const server = createServer();
  server.listen(Number(port), hostname);
  await once(server, "listening");
  say("ready", { port: Number(port) });
  const [socket] = await once(server, "connection");
  server.close();
  socket.on("error", () => program.stdin.end());
  await until(socket, /<stream:stream[^>]*>/);
  socket.write(`${header(' id="clear"')}<stream:features><starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls></stream:features>`);
  await until(socket, /<starttls[^>]*\/>|<\/starttls>/);
  const spliced = connect(behind, "127.0.0.1");
  spliced.on("error", () => socket.destroy());
  socket.write('<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>');
  socket.pipe(spliced).pipe(socket);
}

async function accepting(program) {
  for (let said = ""; !said.includes("ACCEPT"); ) said += (await once(program.stdout, "data"))[0];
}

async function until(socket, pattern) {
  for (let came = ""; !pattern.test(came); ) came += (await once(socket, "data"))[0].toString();
}

/** What goes on inside TLS, to be read from the program's output between its own lines. */
function talk(program) {
  program.stdin.on("error", () => undefined); // it may have ended
  const write = (xml) => program.stdin.write(`${xml}\n`);
  let seen = "";
  let at = "handshake";
  program.stdout.setEncoding("utf8").on("data", (data) => {
    process.stderr.write(data);
    seen += data;
    const pem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(seen)?.[0];
    if (at === "handshake" && pem !== undefined && (initiator ? /Verify return code/ : /CIPHER is/).test(seen)) {
      at = "opening";
      say("connected", { transport: "tcp" });
      const protocol = /New, (TLSv[0-9.]+)|Protocol *: (TLSv[0-9.]+)/.exec(seen);
      say("secured", { protocol: protocol?.[1] ?? protocol?.[2] ?? "TLSv1.3", fingerprint: new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase() });
      if (initiator) write(header());
    }
    if (at === "opening" && !initiator && /<stream:stream[^>]*>/.test(seen)) {
      at = "waiting";
      write(`${header(' id="tls"')}<stream:features/>`);
    }
    if (at === "opening" && /<stream:features\s*\/>|<\/stream:features>/.test(seen)) {
      at = "waiting";
      write(`<message><body>${text}</body></message>`);
    }
    const body = /<body>([^<]*)<\/body>/.exec(seen)?.[1];
    if (at === "waiting" && body !== undefined) {
      say("received", { text: body });
      at = initiator ? "closing" : "answered";
      if (initiator) program.stdin.end("</stream:stream>\n");
      else write(`<message><body>${body}</body></message>`);
    }
    if (at === "answered" && /<\/stream:stream>/.test(seen)) {
      at = "closing";
      program.stdin.end("</stream:stream>\n");
    }
  });
  program.once("close", (code) => {
    if (at === "closing") say("closed");
    else say("error", { condition: "tls-failed", text: `it ended with ${code} at ${at}` });
    if (!initiator) process.exit(); // sockets that are still half open are of no more use
  });
}
