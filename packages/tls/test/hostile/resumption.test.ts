import { once } from "node:events";
import { type AddressInfo, connect as open, type Socket } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../src/index.js";
import { judge } from "../../src/judge.js";
import { asClient, asServer, juliet, outcome, romeo, socketPair } from "../pairs.js";
import { gone, rawClient, showing } from "./peers.js";

const tybalt = createIdentity("tybalt@capulet.lit");

/** A server of node:tls, which issues tickets, and the sockets that it takes. Each gets an x and an end. */
async function ticketing(
  settings: Parameters<typeof createServer>[0] = {},
): Promise<{ readonly server: Server; readonly port: number; readonly taken: TLSSocket[]; readonly resumed: boolean[] }> {
  const taken: TLSSocket[] = [];
  const resumed: boolean[] = [];
  const server = createServer({ requestCert: true, rejectUnauthorized: false, ...showing(juliet), ...settings });
  server.on("secureConnection", (socket) => {
    resumed.push(socket.isSessionReused());
    taken.push(socket.on("error", () => undefined).end("x"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port, taken, resumed };
}

async function connected(port: number): Promise<Socket> {
  const bytes = open(port, "127.0.0.1");
  await once(bytes, "connect");
  return bytes;
}

const toResume = (port: number, session?: Buffer): TLSSocket =>
  connect({ port, host: "127.0.0.1", rejectUnauthorized: false, checkServerIdentity: () => undefined, ...(session ? { session } : showing(romeo)) });

/** A session that a server of node:tls gives to whoever shows romeo's certificate. */
async function ticket(port: number): Promise<Buffer> {
  const client = toResume(port);
  client.resume();
  const [session] = (await once(client, "session")) as [Buffer];
  await gone(client);
  return session;
}

/** What our own server hands out: in TLS 1.3 OpenSSL sends two NewSessionTickets even under SSL_OP_NO_TICKET, names of sessions that are kept nowhere. */
async function ownTickets(): Promise<Buffer[]> {
  const [a, b] = await socketPair();
  const client = rawClient(a, showing(romeo));
  const sessions: Buffer[] = [];
  client.on("session", (session: Buffer) => sessions.push(session));
  const { bytes } = await asServer(b);
  bytes.write("behind the tickets");
  await once(client, "data");
  client.destroy();
  await gone(client, bytes);
  return sessions;
}

describe("TLS sessions are never resumed", () => {
  it("no ticket of our server holds a session: each is the short name of one that is kept nowhere", async () => {
    const stateless = await ticketing();
    const full = (await ticket(stateless.port)).length;
    stateless.server.close();
    for (const session of await ownTickets()) expect(full - session.length).toBeGreaterThan(300);
  });

  it("a thief of such a ticket, without certificate and key, is refused", async () => {
    for (const session of await ownTickets()) {
      const [a, b] = await socketPair();
      const thief = rawClient(a, { session });
      expect(await outcome(asServer(b))).toBe("no-certificate");
      expect(thief.isSessionReused()).toBe(false);
      await gone(thief, b);
    }
  });

  it("its rightful owner begins anew, and is known by the certificate of this handshake", async () => {
    const [session] = await ownTickets();
    const [a, b] = await socketPair();
    const client = rawClient(a, { ...(session && { session }), ...showing(tybalt) });
    const { bytes, peerCertificate } = await asServer(b);
    expect(peerCertificate.spki).toBe(tybalt.spki);
    expect(client.isSessionReused()).toBe(false);
    client.destroy();
    await gone(client, bytes);
  });

  it("a ticket that another server issued for the same certificate opens nothing at ours", async () => {
    const other = await ticketing({ sessionIdContext: "shared" });
    const session = await ticket(other.port);
    other.server.close();
    const [a, b] = await socketPair();
    const thief = rawClient(a, { session });
    expect(await outcome(asServer(b))).toBe("no-certificate");
    await gone(thief, b);
  });

  it("a server that hands our client tickets gets no use of them: the client begins anew each time, and shows its certificate", async () => {
    const { server, port, taken, resumed } = await ticketing({ sessionIdContext: "tickets" });
    for (let round = 0; round < 3; round++) {
      const { bytes } = await asClient(await connected(port));
      bytes.resume();
      await gone(bytes);
    }
    expect(resumed).toEqual([false, false, false]);
    server.close();
    await gone(...taken);
  });

  it("a session that was resumed all the same is refused at either end, before the certificate is looked at: it would be the old peer's", async () => {
    const { server, port, taken } = await ticketing({ sessionIdContext: "resuming" });
    const thief = toResume(port, await ticket(port));
    const refusals: string[] = [];
    const note = async (socket: TLSSocket, role: "client" | "server", identity: typeof romeo) =>
      refusals.push(await outcome(Promise.resolve().then(() => judge(socket, { role, identity, clock: () => Number.NaN }))));
    const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
    await once(thief, "secureConnect");
    const [resumed] = await accepted;
    expect(resumed.getPeerX509Certificate()).toBeDefined(); // what makes this an attack
    await note(thief, "client", romeo);
    await note(resumed, "server", juliet);
    expect(refusals).toEqual(["resumption", "resumption"]);
    thief.destroy();
    server.close();
    await gone(thief, ...taken);
  });
});
