import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { login, RawClient, stage, xml } from "./actors.js";

describe("a client that does not read", () => {
  const heavy = `<message to='juliet@capulet.lit/deaf'><body>${"x".repeat(200_000)}</body></message>`;

  afterEach(() => {
    vi.useRealTimers();
  });

  /** Romeo writes to Juliet, who does not read, until the server reads no more from him. Its clock stands still. */
  async function stalled() {
    const server = await stage({ limits: { queuedBytes: 256 * 1024 } });
    const deaf = await new RawClient(server).login("juliet@capulet.lit", "deaf");
    const romeo = await new RawClient(server).login("romeo@montague.lit", "writer");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    deaf.socket.pause();
    let sent = 0;
    // Kernel buffers take the first megabytes; then what he writes stays with him.
    for (; sent < 500 && romeo.socket.writableLength < 2 * 1024 * 1024; sent++) {
      romeo.write(heavy);
      await new Promise(setImmediate);
    }
    expect(romeo.socket.writableLength).toBeGreaterThan(0);
    return { server, deaf, romeo, sent };
  }

  it("holds up whoever writes to it, and nobody else, and gets everything once it reads", async () => {
    const { server, deaf, romeo, sent } = await stalled();
    vi.useRealTimers();
    const benvolio = await login(server, "benvolio@montague.lit");
    expect(await benvolio.rest()).toEqual([]);
    romeo.write("<message to='juliet@capulet.lit/deaf' id='last'/>");
    deaf.socket.resume();
    await deaf.seen('id="last"');
    expect(deaf.received.split("</message>")).toHaveLength(sent + 1);
  });

  it("is cut off when it goes on, and the writer is read from again", async () => {
    const { server, deaf, romeo } = await stalled();
    vi.advanceTimersByTime(14_999);
    expect(server.sessions()).toHaveLength(2);
    vi.advanceTimersByTime(1);
    romeo.write("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
    await romeo.seen('id="after"');
    expect(server.sessions().map(({ jid }) => jid)).toEqual(["romeo@montague.lit/writer"]);
    deaf.socket.resume();
    await deaf.closed;
  });

  it("does not hold up the server's end", async () => {
    const { server } = await stalled();
    const stopped = server.stop();
    vi.advanceTimersByTime(1_000); // what a client has to close its end
    await stopped;
  });
});

it("a flood of stanzas arrives whole and in order", async () => {
  const server = await stage();
  const reader = await new RawClient(server).login("juliet@capulet.lit", "reader");
  const writer = await new RawClient(server).login("romeo@montague.lit", "writer");
  const count = 20_000;
  const text = Array.from({ length: count }, (_, at) => `<message to='juliet@capulet.lit/reader' id='${at}'/>`).join("");
  if (!writer.socket.write(text)) await once(writer.socket, "drain");
  await reader.seen(`id="${count - 1}"`);
  const ids = [...reader.received.matchAll(/ id="(\d+)"/g)].map(([, id]) => Number(id));
  expect(ids).toEqual(Array.from({ length: count }, (_, at) => at));
});

describe("more connections than allowed", () => {
  it("are closed, and the others stay", async () => {
    const server = await stage({ limits: { connections: 2 } });
    const romeo = await login(server, "romeo@montague.lit");
    const juliet = await login(server, "juliet@capulet.lit");
    await new RawClient(server).closed;
    await romeo.send(xml("message", { to: juliet.jid }));
    expect((await juliet.next()).attrs.from).toBe(romeo.jid);
  });
});

it("a client that comes while the server stops, or does not leave, does not hold it up", async () => {
  const server = await stage();
  const stubborn = await new RawClient(server).login();
  stubborn.socket.pause();
  await server.stop();
  await server.stop();
  stubborn.socket.resume();
  expect(await stubborn.closed).toContain("<system-shutdown");
});

it("a stanza as large as allowed passes, in single bytes too", async () => {
  const server = await stage();
  const romeo = await new RawClient(server).login("romeo@montague.lit", "writer");
  const juliet = await new RawClient(server).login("juliet@capulet.lit", "reader");
  const frame = "<message to='juliet@capulet.lit/reader'><body></body></message>";
  romeo.write(frame.replace("<body>", `<body>${"ü".repeat((256 * 1024 - frame.length) / 2 - 1)}`));
  await juliet.seen("</message>");
  juliet.received = "";
  for (const byte of Buffer.from(frame)) romeo.write(Buffer.of(byte));
  await juliet.seen("</message>");
});
