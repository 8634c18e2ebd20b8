// Opens a stream from romeo to juliet, says one thing, closes. See README.md.
import { startLocalServer } from "@balcony/local-server";
import { client } from "@xmpp/client";
import { balcony, xml } from "balcony";

const data = process.env.BALCONY_DATA ?? "data";
const server = await startLocalServer({
  domains: ["montague.lit", "capulet.lit"],
  accounts: { "romeo@montague.lit": "orchard", "juliet@capulet.lit": "balcony" },
});

async function login(username: string, domain: string, password: string) {
  const xmpp = client({ service: server.service, domain, username, password });
  // Call balcony() before start(): from then on no server can crash this process by what it sends.
  const e2e = await balcony(xmpp, { store: { folder: `${data}/${username}` }, policy: { allow: () => true } });
  const ready = new Promise<string>((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  return { xmpp, e2e, address: await ready };
}

const juliet = await login("juliet", "capulet.lit", "balcony");
juliet.e2e.on("session", (session) => {
  session.on("stanza", (stanza) => console.log(`juliet hears: ${stanza.getChildText("body")}`));
});

const romeo = await login("romeo", "montague.lit", "orchard");
const session = await romeo.e2e.open(juliet.address);
const { firstUse, path, peer, protocol, trust } = session.security;
console.log(`${protocol}, ${path}, ${trust}, first use: ${firstUse}`);
console.log(`juliet's key: ${peer?.fingerprint}`);

await session.send(xml("message", {}, xml("body", {}, "Good night, good night!")));
await session.close(); // what was sent before arrives

for (const { e2e, xmpp } of [romeo, juliet]) {
  await e2e.close();
  await xmpp.stop();
}
await server.stop();
