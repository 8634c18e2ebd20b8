import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { memoryStanzaPair } from "@balcony/channel";
import type { Role, TransportAttempt } from "@balcony/jingle";
import { webrtc } from "@balcony/transport-webrtc";
import { afterAll, beforeAll, expect, it } from "vitest";
import { coturn } from "../rigs/coturn.js";

const addresses = { paths: "relayed", privateNetworks: false, dangerouslyUseLoopback: true } as const;
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
let server: Awaited<ReturnType<typeof coturn>>;
let before = 0;
beforeAll(async () => {
  before = timers();
  server = await coturn();
});
afterAll(async () => {
  await server.stop();
  // werift sleeps between retransmissions, and cannot be woken.
  while (timers() > before) await new Promise((resolve) => setImmediate(resolve));
});

interface Through {
  readonly urls: readonly string[];
  readonly ca?: string;
}

function through({ urls, ca }: Through) {
  const { username, credential } = server;
  const servers = [{ urls, username, credential }];
  const [romeo, juliet] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "juliet@capulet.lit/balcony" });
  const shown: string[] = [];
  const side = (role: Role, other: () => TransportAttempt): TransportAttempt =>
    webrtc({ servers, ...(ca !== undefined && { ca }) }).attempt({
      channel: role === "initiator" ? romeo.to(juliet.self) : juliet.to(romeo.self),
      role,
      sid: "a73sjjvkla37jfea",
      addresses,
      sendInfo: async (info) => {
        for (const { attrs } of info.getChildren("candidate")) shown.push(attrs.type ?? "");
        other().info(info);
      },
      progress: () => undefined,
    });
  const initiator: TransportAttempt = side("initiator", () => responder);
  const responder: TransportAttempt = side("responder", () => initiator);
  return { initiator, responder, shown };
}

const byUdpOrTcp = (transport: string) => (): Through => ({ urls: [`stun:127.0.0.1:${server.port}`, `turn:127.0.0.1:${server.port}?transport=${transport}`] });

it.each([
  { by: "UDP", way: byUdpOrTcp("udp") },
  { by: "TCP", way: byUdpOrTcp("tcp") },
  { by: "TLS", way: (): Through => ({ urls: [`turns:127.0.0.1:${server.tlsPort}`], ca: server.ca }) },
])("a WebRTC stream through coturn by $by shows no address but the relay's", async ({ way }) => {
  const { initiator, responder, shown } = through(way());
  const offer = await initiator.offer();
  const answer = await responder.answer(offer);
  for (const { attrs } of [...offer.getChildren("candidate"), ...answer.getChildren("candidate")]) shown.push(attrs.type ?? "");
  initiator.accepted(answer);
  const { signal } = new AbortController();
  const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
  far.bytes.pipe(far.bytes);
  near.bytes.end("through the relay");
  expect(String(await near.bytes.toArray())).toBe("through the relay");
  for (const { path } of [near, far]) expect(path).toMatch(/^webrtc relay 127\.0\.0\.1:\d+$/);
  expect(new Set(shown)).toEqual(new Set(["relay"]));
});

it("a TURN server over TLS whose certificate nobody trusts is told nothing", async () => {
  const impostor = createServer({ key: server.key, cert: server.ca });
  impostor.listen(0, "127.0.0.1");
  await once(impostor, "listening");
  const met = new Promise<string>((resolve) => {
    impostor.on("secureConnection", () => resolve("taken"));
    impostor.on("tlsClientError", () => resolve("hung up in the handshake"));
  });
  const { initiator, shown } = through({ urls: [`turns:127.0.0.1:${(impostor.address() as AddressInfo).port}`] });
  const offer = await initiator.offer();
  expect(await met).toBe("hung up in the handshake");
  expect([offer.getChildren("candidate"), shown]).toEqual([[], []]);
  initiator.abort();
  impostor.close();
});
