import { once } from "node:events";
import type { Duplex } from "node:stream";
import { BalconyError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type StartTlsOptions, startTls } from "../src/index.js";
import { type FarEnd, handPlayed, headerOf, juliet, romeo, settle, starttlsFeature, tls } from "./far-end.js";

const proceed = `<proceed ${tls}/>`;
const starttls = `<starttls ${tls}/>`;

type Options = Partial<StartTlsOptions<Duplex>>;

function begin(role: "initiator" | "responder", options: Options = {}): { far: FarEnd; near: Duplex; started: Promise<Duplex>; secured: () => Duplex | undefined } {
  const { near, far } = handPlayed();
  let given: Duplex | undefined;
  const started = startTls(near, {
    role,
    self: role === "initiator" ? romeo : juliet,
    peer: role === "initiator" ? juliet : romeo,
    addresses: "shown",
    secure: async (bytes) => {
      given = bytes;
      return bytes;
    },
    ...options,
  }).then(({ secured }) => secured);
  started.catch(() => undefined); // the tests look at it when they are ready
  return { far, near, started, secured: () => given };
}
const asInitiator = (options?: Options) => begin("initiator", options);
const asResponder = (options?: Options) => begin("responder", options);

async function letGo(bytes: Duplex, far: FarEnd): Promise<void> {
  bytes.destroy();
  await far.closed();
}

describe("handing the bytes to TLS", () => {
  it("gives them paused, without a listener, and with every byte of TLS still in them", async () => {
    const { far, started } = asResponder();
    far.say(headerOf("initiator"));
    await far.hears("</stream:features>");
    far.say(starttls);
    await far.hears(proceed.replaceAll("'", '"'));
    far.say("\x16\x03\x01 a ClientHello");
    const bytes = await started;
    expect(bytes.isPaused()).toBe(true);
    for (const event of ["data", "end", "error", "close", "readable", "resume"]) expect(bytes.listenerCount(event), event).toBe(0);
    expect(String((await once(bytes.resume(), "data"))[0])).toBe("\x16\x03\x01 a ClientHello");
    await letGo(bytes, far);
  });

  it("begins as initiator the moment <proceed/> is complete", async () => {
    const { far, started } = asInitiator();
    await far.hears("<stream:stream");
    far.say(headerOf("responder") + starttlsFeature);
    await far.hears("<starttls");
    far.sayCut(proceed, 1);
    await letGo(await started, far);
    expect(far.heard.endsWith(starttls.replaceAll("'", '"'))).toBe(true);
  });

  it("sends no header, space or closing tag behind <starttls/> or <proceed/>", async () => {
    const { far, started } = asResponder();
    far.say(headerOf("initiator") + starttls);
    const bytes = await started;
    await settle();
    expect(far.heard.endsWith(proceed.replaceAll("'", '"'))).toBe(true);
    await letGo(bytes, far);
  });

  it("destroys the bytes where securing them fails, and says why it failed", async () => {
    const failure = new BalconyError("tls-failed", "no");
    const { far, near, started } = asInitiator({ secure: () => Promise.reject(failure) });
    far.say(headerOf("responder") + starttlsFeature + proceed);
    await expect(started).rejects.toBe(failure);
    expect(near.destroyed).toBe(true);
    await far.closed();
  });
});

describe("injection around STARTTLS", () => {
  for (const injected of ["<message xmlns='jabber:client'/>", " ", "\n", "\x16", "</stream:stream>", "\0", "é".slice(0, 1)]) {
    it(`${JSON.stringify(injected)} in the segment of <starttls/> ends it before TLS begins`, async () => {
      const { far, started, secured } = asResponder();
      far.say(headerOf("initiator") + starttls + injected);
      await expect(started).rejects.toMatchObject({ code: "starttls-injection" });
      expect(secured()).toBeUndefined();
      await far.closed();
      expect(far.heard).not.toContain("<proceed");
    });
    it(`${JSON.stringify(injected)} in the segment of <proceed/> ends it before TLS begins`, async () => {
      const { far, started, secured } = asInitiator();
      far.say(headerOf("responder") + starttlsFeature);
      await far.hears("<starttls");
      far.say(proceed + injected);
      await expect(started).rejects.toMatchObject({ code: "starttls-injection" });
      expect(secured()).toBeUndefined();
      await far.closed();
    });
  }

  it("a segment that waits in the buffer already counts as behind", async () => {
    const { near, far } = handPlayed();
    // What a socket does that had read more than was asked for.
    near.pause();
    near.push(headerOf("initiator") + starttls);
    near.push("<message xmlns='jabber:client'/>");
    const started = startTls(near, { role: "responder", self: juliet, peer: romeo, addresses: "shown", secure: async () => "TLS" });
    await expect(started).rejects.toMatchObject({ code: "starttls-injection" });
    await far.closed();
  });

  it("what comes byte by byte behind <starttls/> is never read as XML: TLS gets it, and refuses it", async () => {
    const { far, started } = asResponder();
    far.say(headerOf("initiator")).sayCut(starttls, 1);
    await far.hears("<proceed");
    far.sayCut("<message xmlns='jabber:client'/>", 1);
    const bytes = await started;
    let seen = "";
    bytes.resume().on("data", (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await settle(60);
    expect(seen).toBe("<message xmlns='jabber:client'/>");
    expect(far.heard.endsWith(proceed.replaceAll("'", '"'))).toBe(true);
    await letGo(bytes, far);
  });

  it("answers sent before they are due change nothing about who asks first", async () => {
    const { far, started } = asInitiator();
    far.say(headerOf("responder") + starttlsFeature + proceed);
    await letGo(await started, far);
    expect(far.heard).toContain("<starttls");
  });
});

describe("addresses before TLS", () => {
  it("hidden ones appear nowhere in what is sent", async () => {
    for (const { far, started, near } of [asInitiator({ addresses: "hidden" }), asResponder({ addresses: "hidden" })]) {
      far.say(headerOf(near === undefined ? "initiator" : far.heard === "" ? "initiator" : "responder", { from: "", to: "" }));
      await settle();
      expect(far.heard).toContain("version=");
      for (const word of ["romeo", "juliet", "from=", "to="]) expect(far.heard).not.toContain(word);
      near.destroy();
      await expect(started).rejects.toBeInstanceOf(BalconyError);
      await far.closed();
    }
  });

  it("shown ones are full", async () => {
    const { far, started, near } = asInitiator();
    await far.hears("<stream:stream");
    expect(far.heard).toContain(`from="${romeo}"`);
    expect(far.heard).toContain(`to="${juliet}"`);
    expect(far.heard).not.toContain(" id=");
    near.destroy();
    await expect(started).rejects.toMatchObject({ code: "connection-lost" });
    await far.closed();
  });

  it("even an error before the peer's header hides them", async () => {
    const { far, started } = asResponder({ addresses: "hidden" });
    far.say("\x16\x03\x01\x02\0");
    await expect(started).rejects.toMatchObject({ code: "not-well-formed" });
    await far.closed();
    expect(far.heard).toMatch(/^<\?xml version='1.0'\?><stream:stream .*<not-well-formed .*<\/stream:stream>$/);
    expect(far.heard).not.toContain("juliet");
  });

  it.each([
    ["openssl s_client: a host name in `to`, no `from`", { from: "", to: "capulet.lit" }],
    ["neither", { from: "", to: "" }],
    ["bare ones", { from: "romeo@montague.lit", to: "juliet@capulet.lit" }],
    ["other resources of the same accounts", { from: "romeo@montague.lit/elsewhere", to: "juliet@capulet.lit/elsewhere" }],
    ["other letters of the same address", { from: "ROMEO@montague.LIT", to: "Juliet@Capulet.lit" }],
  ])("the responder accepts %s", async (_, changes) => {
    const { far, started } = asResponder();
    far.say(headerOf("initiator", changes) + starttls);
    await letGo(await started, far);
  });

  it("the responder says an XML declaration first, for gnutls-cli waits for one, and an id that is new each time", async () => {
    const ids = new Set<string | undefined>();
    for (let time = 0; time < 2; time++) {
      const { far, started } = asResponder();
      far.say(`${headerOf("initiator")}\n${starttls}`);
      await letGo(await started, far);
      expect(far.heard.startsWith("<?xml version='1.0'?><stream:stream ")).toBe(true);
      ids.add(/ id="([\w-]{22})"/.exec(far.heard)?.[1]);
    }
    expect(ids.size).toBe(2);
    expect(ids.has(undefined)).toBe(false);
  });
});

describe("the peer's offer", () => {
  const offer = xml("offer", "urn:xmpp:tmp:c2ctls", xml("insecure"));

  it("is returned to the initiator, from the feature", async () => {
    const { near, far } = handPlayed();
    const started = startTls(near, { role: "initiator", self: romeo, peer: juliet, addresses: "shown", offer, secure: async (bytes) => bytes });
    far.say(`${headerOf("responder")}<stream:features><starttls ${tls}><required/>${offer}</starttls></stream:features>`);
    await far.hears("</starttls>");
    far.say(proceed);
    const { secured, remoteOffer } = await started;
    expect(remoteOffer?.getChild("insecure")).toBeDefined();
    expect(far.heard).toContain(offer.toString());
    expect(offer.parent).toBeNull(); // the caller's element stays the caller's
    await letGo(secured, far);
  });

  it("without a method of ours is answered with <failure/> and the end of the stream", async () => {
    const { far, started, secured } = asResponder();
    far.say(`${headerOf("initiator")}<starttls ${tls}><offer xmlns='urn:xmpp:tmp:c2ctls'><srp/><quantum/></offer></starttls>`);
    await expect(started).rejects.toMatchObject({ code: "starttls-refused" });
    await far.closed();
    expect(far.heard.endsWith(`<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"/></stream:stream>`)).toBe(true);
    expect(secured()).toBeUndefined();
  });
});

describe("how the exchange fails", () => {
  afterEach(() => void vi.useRealTimers());

  it("a deadline is absolute: a peer that drips bytes does not move it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { far, started } = asResponder();
    for (let second = 0; second < 15; second++) {
      far.say(second === 0 ? headerOf("initiator") : " ");
      await settle(2);
      vi.advanceTimersByTime(1000);
    }
    await expect(started).rejects.toMatchObject({ code: "timeout", message: `Waited 15 s for ${romeo} to agree on TLS.` });
    await far.closed();
    expect(far.heard).toMatch(/<connection-timeout .*<\/stream:stream>$/);
  });

  it("a peer that never closes is not waited for for ever", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { far, near, started } = asResponder();
    far.bytes.pause(); // reads nothing, so it never learns that we ended
    near.write(Buffer.alloc(1024 * 1024));
    near.emit("data", Buffer.from("<a/>"));
    await expect(started).rejects.toMatchObject({ code: "invalid-namespace" });
    await settle();
    expect(near.destroyed).toBe(false);
    vi.advanceTimersByTime(10_000);
    await settle();
    expect(near.destroyed).toBe(true);
    far.bytes.destroy();
    await far.closed();
  });

  it("the caller's signal ends it at any time, and politely", async () => {
    for (const already of ["", headerOf("initiator"), `${headerOf("initiator")}<start`]) {
      const abort = new AbortController();
      const { far, started } = asResponder({ signal: abort.signal });
      far.say(already);
      await settle();
      abort.abort();
      await expect(started).rejects.toMatchObject({ code: "aborted" });
      await far.closed();
      expect(far.heard).toMatch(/<\/stream:stream>$/);
      expect(far.heard).not.toContain("error");
    }
  });

  it("an aborted signal or destroyed bytes start nothing", async () => {
    const { far, started } = asInitiator({ signal: AbortSignal.abort() });
    await expect(started).rejects.toMatchObject({ code: "aborted" });
    await far.closed();
    expect(far.heard).toBe("");
    const { near, far: other } = handPlayed();
    near.destroy();
    const late = startTls(near, { role: "initiator", self: romeo, peer: juliet, addresses: "shown", secure: async () => 1 });
    await expect(late).rejects.toMatchObject({ code: "connection-lost" });
    await other.closed();
  });

  it.each(["", headerOf("initiator"), `${headerOf("initiator")}<starttls `])("bytes that end after %j were cut off", async (said) => {
    const { far, started } = asResponder();
    far.say(said);
    await settle();
    far.bytes.end();
    await expect(started).rejects.toMatchObject({ code: "truncated" });
    await far.closed();
  });

  it.each(["", headerOf("initiator"), `${headerOf("initiator")}<starttls `])("bytes that break after %j are a lost connection", async (said) => {
    const { far, started } = asResponder();
    far.say(said);
    await settle();
    far.bytes.destroy();
    await expect(started).rejects.toMatchObject({ code: "connection-lost" });
    await far.closed();
  });

  it("a loss while <proceed/> is on its way is noticed", async () => {
    const { far, near, started } = asResponder();
    far.say(headerOf("initiator"));
    await far.hears("</stream:features>");
    far.bytes.pause();
    near.write(Buffer.alloc(64 * 1024)); // fills the way, so that <proceed/> has to wait
    near.emit("data", Buffer.from(starttls));
    await settle();
    far.bytes.destroy();
    await expect(started).rejects.toMatchObject({ code: "connection-lost" });
    await far.closed();
  });

  it("a server that strips STARTTLS leads to no stream in the clear", async () => {
    const { far, started, secured } = asInitiator();
    far.say(`${headerOf("responder")}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>`);
    await expect(started).rejects.toMatchObject({ code: "starttls-missing" });
    expect(secured()).toBeUndefined();
    await far.closed();
    expect(far.heard).toMatch(/<policy-violation .*<\/stream:stream>$/);
  });

  it.each([1, 7, 16 * 1024, 40 * 1024])("more than 16 KiB before TLS are too many, in segments of %i", async (size) => {
    const { far, started } = asResponder({ limits: { plainBytes: 4096 } });
    far.sayCut(headerOf("initiator") + " ".repeat(8000) + starttls, size);
    await expect(started).rejects.toMatchObject({ code: "policy-violation" });
    await far.closed();
  });
});
