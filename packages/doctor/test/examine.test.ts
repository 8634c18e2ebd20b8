import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { memoryStanzaPair, type StanzaChannel, stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it } from "vitest";
import { serverFeatures } from "../src/disco.js";
import { proxies } from "../src/proxies.js";
import { serverSecurity } from "../src/server-security.js";
import { services } from "../src/services.js";

const signal = new AbortController().signal;
const wait = { timeout: 5_000, signal };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server on loopback that does with each connection what it is told. */
async function tcp(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}

describe("a server that is hostile before anybody logs in", () => {
  const header = "<?xml version='1.0'?><stream:stream from='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
  const starttls = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
  const proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  it.each([
    ["RFC 6120 §4.9: ends the stream", `${header}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`, "", "stream-error"],
    ["RFC 6120 §4.3: has no features", `${header}<message/>`, "", "invalid-xml"],
    ["RFC 6120 §11.1: an entity", `${header}<stream:features>&lol;</stream:features>`, "", "restricted-xml"],
    ["RFC 6120 §11.1: a DOCTYPE", "<!DOCTYPE x>", "", "restricted-xml"],
    ["features without end", `${header}<stream:features>${"<x/>".repeat(30_000)}`, "", "policy-violation"],
    ["RFC 6120 §5.4.2.2: refuses STARTTLS", `${header}${starttls}`, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "starttls-refused"],
    ["RFC 6120 §5.4.3.3: bytes behind <proceed/>", `${header}${starttls}`, `${proceed}<iq/>`, "starttls-injection"],
    ["no TLS behind <proceed/>", `${header}${starttls}`, proceed, "failed-transport"],
    ["hangs up", "", "", "connection-lost"],
  ])("%s", async (_, first, second, code) => {
    const port = await tcp((socket) => {
      socket.once("data", () => {
        if (first === "") {
          socket.destroy();
          return;
        }
        socket.write(first);
        socket.once("data", () => {
          socket.write(second);
          socket.once("data", () => socket.destroy()); // what follows <proceed/> is no TLS
        });
      });
    });
    await expect(serverSecurity({ domain: "capulet.lit", as: "client", service: `xmpp://127.0.0.1:${port}` }, signal)).rejects.toMatchObject({ code });
  });

  it("that says nothing keeps nobody: the signal lets go", async () => {
    const port = await tcp(() => undefined);
    const over = new AbortController();
    const asked = serverSecurity({ domain: "capulet.lit", as: "client", service: `xmpp://127.0.0.1:${port}` }, over.signal);
    over.abort();
    await expect(asked).rejects.toThrow();
  });

  it("without TLS is told of as it is", async () => {
    const features = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
    const port = await tcp((socket) => socket.once("data", () => socket.write(header + features)));
    const found = await serverSecurity({ domain: "capulet.lit", as: "client", service: `xmpp://127.0.0.1:${port}` }, signal);
    expect(found).toEqual({ endpoint: `127.0.0.1:${port}`, tls: "none", mechanisms: ["PLAIN"], channelBinding: [] });
  });
});

/** Our channel, and a server that answers as it is told; its address is a full one, as the pair has it. */
function withServer(answer: (query: Element, to: string) => Element): StanzaChannel {
  const [client, server] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "montague.lit" });
  for (const xmlns of ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/bytestreams"])
    server.onRequest({ type: "get", name: "query", xmlns }, ({ payload, stanza }) => answer(payload, stanza.attrs.to ?? ""));
  server.onRequest({ type: "get", name: "services", xmlns: "urn:xmpp:extdisco:2" }, ({ payload, stanza }) => answer(payload, stanza.attrs.to ?? ""));
  closing.push(async () => await client.close());
  return client;
}

describe("a server that is hostile afterwards", () => {
  it("names no end of features, and they are counted", async () => {
    const many = withServer(() =>
      xml(
        "query",
        "http://jabber.org/protocol/disco#info",
        Array.from({ length: 900 }, (_, n) => xml("feature", { var: `urn:example:${n}` })),
      ),
    );
    expect(await serverFeatures(many, wait)).toMatchObject({ count: 900, name: undefined });
  });

  it("names services that cannot be, and they are left out", async () => {
    const service = (attributes: Record<string, string>) => xml("service", attributes);
    const channel = withServer(() =>
      xml(
        "services",
        "urn:xmpp:extdisco:2",
        service({ type: "stun", host: "stun.capulet.lit", port: "3478", transport: "udp" }),
        service({ type: "stun", host: "stun.capulet.lit", port: "0" }),
        service({ type: "stun", host: "stun.capulet.lit", port: "65536" }),
        service({ type: "stun", host: "stun.capulet.lit", port: "1e3.5" }),
        service({ type: "stun" }),
        service({ type: "stun", host: "h".repeat(300) }),
        service({ type: "ftp", host: "ftp.capulet.lit" }),
        service({ type: "turn", host: "turn.capulet.lit", transport: "sctp" }),
        service({ type: "turns", host: "turn.capulet.lit" }),
      ),
    );
    expect(await services(channel, wait)).toEqual([
      { type: "stun", host: "stun.capulet.lit", port: 3478, transport: "udp" },
      { type: "turns", host: "turn.capulet.lit", port: 5349, transport: "tcp" },
    ]);
  });

  it("knows no XEP-0215: it names none", async () => {
    const channel = withServer(() => {
      throw stanzaError("service-unavailable");
    });
    expect(await services(channel, wait)).toEqual([]);
  });
});

describe("a proxy that lies", () => {
  const addresses = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true } as const;
  /** Takes both connections and grants them, then does as it is told with what comes. */
  const granting = async (carry: (chunk: Buffer, socket: Socket, other: Socket | undefined) => void): Promise<number> => {
    const granted: Socket[] = [];
    return await tcp((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from([5, 0]));
        socket.once("data", (request: Buffer) => {
          const reply = Buffer.from(request);
          reply[1] = 0;
          socket.write(reply);
          granted.push(socket);
          socket.on("data", (chunk: Buffer) =>
            carry(
              chunk,
              socket,
              granted.find((one) => one !== socket),
            ),
          );
        });
      });
    });
  };

  /** The server is the proxy, too: its one component is itself. */
  function withProxy(port: number, activated = true): StanzaChannel {
    const [client, server] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "montague.lit" });
    const answers: Readonly<Record<string, () => Element>> = {
      "http://jabber.org/protocol/disco#items": () => xml("query", "http://jabber.org/protocol/disco#items", xml("item", { jid: "montague.lit" }), xml("item", { jid: "@@" })),
      "http://jabber.org/protocol/disco#info": () => xml("query", "http://jabber.org/protocol/disco#info", xml("identity", { category: "proxy", type: "bytestreams" })),
      "http://jabber.org/protocol/bytestreams": () =>
        xml("query", "http://jabber.org/protocol/bytestreams", xml("streamhost", { jid: "montague.lit", host: "127.0.0.1", port: String(port) })),
    };
    for (const [xmlns, answer] of Object.entries(answers)) server.onRequest({ type: "get", name: "query", xmlns }, answer);
    server.onRequest({ type: "set", name: "query", xmlns: "http://jabber.org/protocol/bytestreams" }, () => {
      if (!activated) throw stanzaError("not-allowed");
      return undefined;
    });
    closing.push(async () => await client.close());
    return client;
  }
  const probing = { signal, onProgress: () => undefined };

  type Carry = (chunk: Buffer, socket: Socket, other: Socket | undefined) => void;
  const alters: Carry = (chunk, _, other) => {
    other?.write(Buffer.from(chunk).fill(0));
  };
  const hangsUp: Carry = (_, socket, other) => {
    socket.destroy();
    other?.destroy();
  };

  it.each([
    ["alters what it carries", alters, /not what went in/],
    ["hangs up on what comes", hangsUp, /closed the connection/],
  ] as const)(
    "and %s is found out",
    async (_, carry, words) => {
      const channel = withProxy(await granting(carry));
      const [found] = await proxies(channel, addresses, probing);
      expect(found?.carried).toMatchObject({ failed: { message: expect.stringMatching(words) as string } });
    },
    15_000,
  );

  it("will not be activated: that is told", async () => {
    const channel = withProxy(await granting(() => undefined), false);
    const [found] = await proxies(channel, addresses, probing);
    expect(found?.carried).toMatchObject({ failed: { code: "stanza-error" } });
  });

  it("that is on this very machine is not connected to", async () => {
    const channel = withProxy(1080);
    const [found] = await proxies(channel, { paths: "any", privateNetworks: true }, probing);
    expect(found?.carried).toMatchObject({ failed: { message: expect.stringMatching(/loopback/) as string } });
  });
});
