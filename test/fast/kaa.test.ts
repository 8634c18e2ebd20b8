import { memoryBytePair } from "@balcony/channel";
import { createIdentity, secure } from "@balcony/tls";
import { startTls } from "@balcony/xml-stream";
import { expect, it } from "vitest";
import recorded from "../../packages/xml-stream/test/recorded/kaa-starttls.json" with { type: "json" };

const sides = [
  { us: "responder", tls: "server", self: recorded.responder, peer: recorded.initiator, said: recorded.fromInitiator, cue: "</stream:features>" },
  { us: "initiator", tls: "client", self: recorded.initiator, peer: recorded.responder, said: recorded.fromResponder, cue: "<starttls" },
] as const;

it.each(sides)("as $us we go along with kaa up to <proceed/>, and refuse its TLS 1.1", async ({ us, tls, self, peer, said, cue }) => {
  const [near, far] = memoryBytePair();
  const [opening, answer, hello] = said.map((block) => Buffer.from(block, "base64"));
  let heard = "";
  const hears = (words: string) =>
    new Promise<void>((resolve) => {
      const look = (chunk?: Buffer) => {
        heard += chunk?.toString("latin1") ?? "";
        if (!heard.includes(words)) return;
        far.off("data", look);
        resolve();
      };
      far.on("data", look);
      look();
    });
  far.on("error", () => undefined);
  const identity = createIdentity(self.split("/")[0] ?? "");
  const ended = startTls(near, { role: us, self, peer, addresses: "shown", secure: (bytes) => secure(bytes, { role: tls, identity, accept: () => undefined }) });
  const refused = expect(ended).rejects.toMatchObject({ code: "tls-version" });
  far.write(opening);
  await hears(cue);
  far.write(answer);
  // kaa's initiator sends its hello on <proceed/>; its responder answers ours, a TLS record
  await hears(us === "responder" ? "<proceed" : "\x16\x03");
  far.write(hello);
  await refused;
});

// kaa's other way, TLS at once (kaam_a.txt, kaam_b.txt): what each side sent first on the transport that was agreed in Jingle. Both say TLS 1.1.
const atOnce = [
  { us: "server", self: recorded.responder, hello: "FgMCADEBAAAtAwIm27uloraicwpnIRmPNbC3FREUKgp+dq7/2gEjAfZcUAAABgA1AC8ABQEA" },
  { us: "client", self: recorded.initiator, hello: "FgMCACoCAAAmAwKwUXb+NhsJyaP3f/jp51y/5FwOVla4ykeIlcITywkKWQAANQA=" },
] as const;

it.each(atOnce)("as its TLS $us we refuse its TLS 1.1 wherever its hello is cut", async ({ us, self, hello }) => {
  const bytes = Buffer.from(hello, "base64");
  const identity = createIdentity(self.split("/")[0] ?? "");
  for (let cut = 1; cut < bytes.length; cut++) {
    const [near, far] = memoryBytePair();
    far.on("error", () => undefined);
    const secured = secure(near, { role: us, identity, accept: () => undefined });
    const refused = expect(secured, `cut at ${cut}`).rejects.toMatchObject({ code: "tls-version" });
    if (us === "client") await new Promise((resolve) => far.once("data", resolve));
    far.write(bytes.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    far.write(bytes.subarray(cut));
    far.resume();
    await refused;
  }
});
