import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import type { LocalServer } from "../src/index.js";
import { selfSigned } from "../src/self-signed.js";
import { bindRequest, login, plainAuth, RawClient, stage, streamHeader } from "./actors.js";

const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** As far as `<proceed/>`. */
async function proceed(server: LocalServer): Promise<RawClient> {
  const raw = await new RawClient(server).open();
  raw.write(starttls);
  await raw.seen("<proceed");
  return raw;
}

async function seen(socket: TLSSocket, text: string): Promise<string> {
  let received = "";
  for await (const [chunk] of on(socket)) {
    received += chunk;
    if (received.includes(text)) return received;
  }
  return received;
}

async function* on(socket: TLSSocket): AsyncGenerator<[string]> {
  for (;;) yield (await once(socket, "data")).map(String) as [string];
}

describe("where STARTTLS is offered", () => {
  it("nothing else is, before it", async () => {
    const server = await stage({ starttls: "self-signed" });
    const raw = await new RawClient(server).open();
    expect(raw.received).toContain('<stream:features><starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls></stream:features>');
    raw.write(plainAuth("romeo", "secret"));
    await raw.seen("<encryption-required/>");
  });

  it("a client that trusts the server's certificate logs in over TLS, and on a new stream", async () => {
    const server = await stage({ starttls: "self-signed" });
    const raw = await proceed(server);
    const firstId = / id="([^"]+)"/.exec(raw.received)?.[1];
    const secured = connectTls({ socket: raw.socket, ca: server.certificate, servername: "montague.lit" });
    await once(secured, "secureConnect");
    secured.write(streamHeader("montague.lit"));
    const features = await seen(secured, "</stream:features>");
    expect(features).toContain("<mechanism>SCRAM-SHA-1</mechanism>");
    expect(features).not.toContain("starttls");
    expect(/ id="([^"]+)"/.exec(features)?.[1]).not.toBe(firstId);
    secured.write(plainAuth("romeo", "secret"));
    await seen(secured, "<success");
    secured.write(streamHeader("montague.lit") + bindRequest("r"));
    await seen(secured, "romeo@montague.lit/r");
    expect(server.sessions()).toEqual([{ jid: "romeo@montague.lit/r", transport: "tcp", secure: true, priority: undefined }]);
    server.drop("romeo@montague.lit");
    await once(secured, "close");
  });

  it("@xmpp/client finds the certificate worth nothing, and so it should", async () => {
    const server = await stage({ starttls: "self-signed" });
    await expect(login(server, "romeo@montague.lit")).rejects.toThrow(/self-signed/);
    expect(server.sessions()).toEqual([]);
  });

  it.each([
    ["in one segment", (raw: RawClient) => raw.write(`${starttls}<presence/>`)],
    ["as white space", (raw: RawClient) => raw.write(`${starttls}\n`)],
  ])("bytes behind <starttls/> %s end the stream before TLS", async (_how, inject) => {
    const server = await stage({ starttls: "self-signed" });
    const raw = await new RawClient(server).open();
    inject(raw);
    expect(await raw.closed).toContain("<policy-violation");
    expect(raw.received).not.toContain("<proceed");
  });

  it("a client that speaks no TLS after <proceed/> is cut off", async () => {
    const server = await stage({ starttls: "self-signed" });
    const raw = await proceed(server);
    raw.write(streamHeader("montague.lit"));
    await raw.closed;
  });
});

it("where it is not offered, <starttls/> is answered with failure, and the stream ends", async () => {
  const server = await stage();
  const raw = await new RawClient(server).open();
  expect(raw.received).not.toContain("starttls");
  raw.write(starttls);
  expect(await raw.closed).toMatch(/<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"\/><stream:error>.*<\/stream:stream>$/);
});

it("the certificate made at the start is for every domain, and signed by its own key", () => {
  const { cert } = selfSigned(["montague.lit", "capulet.lit"]);
  const certificate = new X509Certificate(cert);
  expect(certificate.subjectAltName).toBe("DNS:montague.lit, DNS:capulet.lit");
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkHost("capulet.lit")).toBe("capulet.lit");
  expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now());
});
