// A host of the lab: an account of the public host's server for each set of transports that is asked for. Takes lines of JSON on stdin, answers on stdout, ends with stdin.
import { createInterface } from "node:readline";
import { TrustStore } from "@balcony/trust";
import { client } from "@xmpp/client";
import { balcony, xml } from "balcony";

const accounts = new Map();
const answer = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Goes online, and echoes what comes in streams. */
async function login({ service, jid, transports, servers, mapPorts }) {
  const [username, rest] = jid.split("@");
  const [domain, resource] = rest.split("/");
  const xmpp = client({ service, domain, resource, username, credentials: async (authenticate) => await authenticate({ username, password: "any" }, "PLAIN") });
  xmpp.timeout = 60_000; // many hosts share few processors
  xmpp.on("error", (error) => answer({ event: "error", jid, error: String(error) }));
  const store = await TrustStore.inMemory();
  const policy = { allow: () => true, showAddress: () => true };
  const e2e = await balcony(xmpp, { store, policy, servers, mapPorts, ...(transports && { transports }) });
  e2e.on("session", (session) => session.on("stanza", (stanza) => void session.send(xml("message", {}, xml("body", {}, stanza.getChildText("body") ?? "")))));
  accounts.set(jid, e2e);
  const ready = new Promise((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  return { self: await ready };
}

/** Opens a stream, has a stanza echoed, closes. */
async function open({ jid, peer, timeout }) {
  const tried = [];
  const began = performance.now();
  const elapsed = () => Math.round(performance.now() - began);
  try {
    const session = await accounts.get(jid).open(peer, {
      timeouts: { negotiation: timeout },
      onProgress: ({ state, text, error }) => tried.push({ ms: elapsed(), state, text, ...(error && { error: error.message }) }),
    });
    const echoed = new Promise((resolve, reject) => {
      session.once("stanza", (stanza) => resolve(stanza.getChildText("body")));
      session.once("close", () => reject(new Error("closed before the echo came")));
    });
    await session.send(xml("message", {}, xml("body", {}, "Wherefore art thou")));
    const echo = await echoed;
    const ms = elapsed();
    await session.close();
    if (echo !== "Wherefore art thou") throw new Error(`an echo of ${echo}`);
    return { path: session.security.path, ms, tried };
  } catch (error) {
    return { failure: error.message, code: error.code, ms: elapsed(), tried };
  }
}

const commands = { login, open };
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, command, ...rest } = JSON.parse(line);
    commands[command](rest).then(
      (result) => answer({ id, ...result }),
      (error) => answer({ id, failure: error.stack }),
    );
  })
  .once("close", () => process.exit());
