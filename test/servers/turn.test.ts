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

it.each(["udp", "tcp"])("a WebRTC stream through coturn by %s shows no address but the relay's", async (transport) => {
  const { port, username, credential } = server;
  const servers = [{ urls: [`stun:127.0.0.1:${port}`, `turn:127.0.0.1:${port}?transport=${transport}`], username, credential }];
  const [romeo, juliet] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "juliet@capulet.lit/balcony" });
  const shown: string[] = [];
  const side = (role: Role, other: () => TransportAttempt): TransportAttempt =>
    webrtc({ servers }).attempt({
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
