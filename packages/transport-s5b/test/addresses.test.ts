import { createServer } from "node:net";
import { xml } from "@balcony/xml";
import { expect, it } from "vitest";
import { NS_S5B } from "../src/transport-element.js";
import { attempts, connect, onLoopback } from "./transport-pair.js";

const signal = new AbortController().signal;

it("a peer that may not learn where we are is offered nothing of ours, and nothing of its own is connected to, whatever it calls it", async () => {
  let connections = 0;
  const trap = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  const { port } = trap.address() as { port: number };
  const { responder, initiator } = attempts({ initiator: { ...onLoopback, paths: "relayed" }, responder: { ...onLoopback, paths: "relayed" } });
  await expect(initiator.attempt.offer()).rejects.toMatchObject({ code: "failed-transport" });
  const candidates = (["direct", "assisted", "tunnel", "proxy"] as const).map((type, n) =>
    xml("candidate", { cid: type, host: "127.0.0.1", port: String(port), jid: "evil.example", priority: String(n + 1), type }),
  );
  const answer = await responder.attempt.answer(xml("transport", { xmlns: NS_S5B, sid: "s" }, candidates));
  expect(answer.getChildren("candidate")).toEqual([]);
  const connecting = responder.attempt.connect(signal);
  connecting.catch(() => undefined);
  while (responder.sent.length === 0) await new Promise(setImmediate);
  expect(responder.sent[0]?.getChild("candidate-error")).toBeDefined();
  responder.attempt.info(xml("transport", { xmlns: NS_S5B, sid: "s" }, xml("candidate-error")));
  await expect(connecting).rejects.toMatchObject({ code: "failed-transport" });
  expect(connections).toBe(0);
  trap.close();
});

it.each(["127.0.0.1", "169.254.169.254", "224.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "localhost", "nowhere.invalid"])("a stranger cannot have us try %s", async (host) => {
  const { responder } = attempts({ responder: { paths: "any", privateNetworks: false } });
  await responder.attempt.answer(xml("transport", { xmlns: NS_S5B, sid: "s" }, xml("candidate", { cid: "c", host, port: "9", jid: "evil@example.com/x", priority: "1" })));
  const connecting = responder.attempt.connect(signal);
  connecting.catch(() => undefined);
  while (responder.sent.length === 0) await new Promise(setImmediate);
  expect(responder.sent[0]?.getChild("candidate-error")).toBeDefined();
  expect(responder.steps.at(-1)).toMatch(/is not connected to|has no address/);
  responder.attempt.abort();
});

it("names the path, and leaves one socket at each end", async () => {
  const [a, b] = await connect(attempts());
  expect([a.path, b.path]).toEqual([expect.stringMatching(/^s5b direct 127\.0\.0\.1:\d+$/), expect.stringMatching(/^s5b direct 127\.0\.0\.1:\d+$/)]);
  const open = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap" || kind === "TCPServerWrap").length;
  for (let turn = 0; turn < 200 && open() > 2; turn++) await new Promise(setImmediate);
  expect(open()).toBe(2);
  for (const { bytes } of [a, b]) bytes.destroy();
});
