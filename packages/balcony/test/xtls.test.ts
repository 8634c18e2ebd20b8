import { createHash } from "node:crypto";
import { PassThrough } from "node:stream";
import { createIdentity, readCertificate } from "@balcony/tls";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { codeOf, inBand, message, nextError, stage, untouched } from "../../../test/attacks/stage.js";
import { type LoggedIn, streamBetween } from "../../../test/rigs/login.js";
import { checkAnnounced, demandingXml, knowsX509, NS_XTLS, xtls, xtlsElement, xtlsSecurity } from "../src/xtls.js";

const on = stage();

/** What the server saw of `<security/>`, by action; and whether anything but TLS went through the bytestream. */
const offered = (): string[] =>
  on.seen.flatMap(({ direction, xml: text }) => (direction === "in" && text.includes(NS_XTLS) ? [/action="([a-z-]+)"/.exec(text)?.[1] ?? ""] : [])).filter((word) => word !== "");
const plain = (): boolean => /<stream:stream|starttls/.test(inBand(on));

async function talk(from: LoggedIn, to: LoggedIn): Promise<void> {
  const [one, other] = await streamBetween(from, to);
  const came = new Promise<Element>((resolve) => other.once("stanza", resolve));
  await one.send(message("Good night"));
  expect((await came).getChildText("body")).toBe("Good night");
  await one.close();
}

describe("TLS is begun", () => {
  it("by STARTTLS at first contact, and by XTLS once the key is known", async () => {
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
    await talk(romeo, juliet);
    expect([offered(), plain()]).toEqual([[], true]);
    (on.seen as unknown[]).length = 0;
    await talk(romeo, juliet);
    expect([offered(), plain()]).toEqual([["session-initiate", "session-accept"], false]);
    (on.seen as unknown[]).length = 0;
    await talk(juliet, romeo);
    expect([offered(), plain()]).toEqual([["session-initiate", "session-accept"], false]);
  });

  it("by XTLS at first contact, where both ask for it", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet", { secure: "xtls" })];
    await talk(romeo, juliet);
    expect([offered(), plain()]).toEqual([["session-initiate", "session-accept"], false]);
  });

  it("by STARTTLS where one side does not want XTLS at first contact: the offer stays without an answer", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet")];
    await talk(romeo, juliet);
    expect([offered(), plain()]).toEqual([["session-initiate"], true]);
  });

  it("by STARTTLS where one side does not know XTLS", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet", { secure: "starttls" })];
    await talk(romeo, juliet);
    await talk(juliet, romeo);
    expect([offered(), plain()]).toEqual([[], true]);
  });
});

describe("a server that takes <security/> out of", () => {
  const without = (action: string) => (stanza: Element) => {
    const jingle = stanza.getChild("jingle", "urn:xmpp:jingle:1");
    const content = jingle?.attrs.action === action ? jingle.getChild("content", "urn:xmpp:jingle:1") : undefined;
    if (content) content.children = content.children.filter((child) => typeof child === "string" || child.getName() !== "security");
    return stanza;
  };

  it("the answer makes one side wait for TLS and the other for XML: one says security-error at once, and the other hears it", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet", { secure: "xtls" })];
    on.interfere = without("session-accept");
    const failed = nextError(juliet);
    await expect(romeo.e2e.open(juliet.self)).rejects.toMatchObject({ code: "session-ended", condition: "security-error" });
    expect(await failed).toMatchObject({ code: "security-error", phase: "starttls" });
    on.interfere = untouched;
    await talk(romeo, juliet);
  });

  it("the offer gets STARTTLS, and is found out within it", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet", { secure: "xtls" })];
    on.interfere = without("session-initiate");
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("signalling-tampered");
    expect([(await failed).code, plain()]).toEqual(["signalling-tampered", true]);
  });
});

describe("a server that puts <security/>", () => {
  const into = (action: string, security: () => Element) => (stanza: Element) => {
    const jingle = stanza.getChild("jingle", "urn:xmpp:jingle:1");
    const content = jingle?.attrs.action === action ? jingle.getChild("content", "urn:xmpp:jingle:1") : undefined;
    if (content && !content.children.some((child) => typeof child !== "string" && child.getName() === "security")) content.append(security());
    return stanza;
  };
  const bareSecurity = () => xml("security", NS_XTLS, xml("method", { name: "x509" }));

  it("into an answer that had none, after an offer: TLS meets XML, security-error", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet")];
    on.interfere = into("session-accept", bareSecurity);
    const failed = nextError(juliet);
    const outcome = codeOf(romeo.e2e.open(juliet.self));
    expect((await failed).code).toBe("security-error");
    expect(["security-error", "session-ended"]).toContain(await outcome); // whichever comes first: the peer's XML, or its end of the session
  });

  it("into an answer to no offer: refused", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "starttls" }), await on.login("juliet", { secure: "starttls" })];
    on.interfere = into("session-accept", bareSecurity);
    expect(await codeOf(romeo.e2e.open(juliet.self))).not.toBe("none");
  });

  it("into an answer with no method that we have: security-error, and no TLS is tried", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet")];
    on.interfere = into("session-accept", () => xml("security", NS_XTLS, xml("method", { name: "srp" })));
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("security-error");
  });

  it("with another fingerprint into the offer: fatal, whoever began TLS", async () => {
    const [romeo, juliet] = [await on.login("romeo", { secure: "xtls" }), await on.login("juliet", { secure: "xtls" })];
    on.interfere = (stanza) => {
      const security = stanza.getChild("jingle", "urn:xmpp:jingle:1")?.getChild("content", "urn:xmpp:jingle:1")?.getChild("security", NS_XTLS);
      const fingerprint = security?.getChild("fingerprint", NS_XTLS);
      if (fingerprint && stanza.attrs.to === juliet.self) fingerprint.children = ["ab".repeat(32)];
      return stanza;
    };
    const failed = nextError(juliet);
    const outcome = codeOf(romeo.e2e.open(juliet.self));
    expect((await failed).code).toBe("fingerprint-mismatch");
    expect(await outcome).not.toBe("none");
  });
});

describe("a fingerprint", () => {
  const identity = createIdentity("romeo@montague.lit");
  const certificate = readCertificate(identity.certificate);
  const sha1 = createHash("sha1").update(identity.certificate).digest("hex");
  const colons = (hex: string) => hex.match(/../g)?.join(":") ?? "";
  const security = (...fingerprints: Element[]) => xml("security", NS_XTLS, fingerprints);
  const written = (text: string, algo?: string) => security(xml("fingerprint", { algo }, text));
  const check = async (element: Element) => await codeOf((async () => checkAnnounced(element, certificate))());

  it.each([
    ["as we write it", xtlsElement(identity)],
    ["in upper case", written(identity.fingerprint.toUpperCase(), "sha-256")],
    ["with colons, as Gajim wrote it, without algo", written(colons(identity.fingerprint).toUpperCase())],
    ["in SHA-1, as kaa wrote it", written(sha1, "sha1")],
    ["in SHA-1, without algo", written(colons(sha1))],
    ["on lines of its own", written(`\n  ${identity.fingerprint}\n`, "sha256")],
    ["twice, in two hashes", security(xml("fingerprint", { algo: "sha-1" }, sha1), xml("fingerprint", { algo: "SHA-256" }, identity.fingerprint))],
    ["in a hash that nobody knows", written("xyz", "whirlpool")],
    ["left out", security()],
  ])("%s is taken", async (_, element) => {
    expect(await check(element)).toBe("none");
  });

  it.each([
    ["of another certificate", written("ab".repeat(32), "sha-256"), "fingerprint-mismatch"],
    ["of another certificate in SHA-1", written("ab".repeat(20), "sha-1"), "fingerprint-mismatch"],
    [
      "right once and wrong once",
      security(xml("fingerprint", { algo: "sha-256" }, identity.fingerprint), xml("fingerprint", { algo: "sha-1" }, "ab".repeat(20))),
      "fingerprint-mismatch",
    ],
    ["too short", written("abcd", "sha-256"), "stanza-error"],
    ["of no length that tells its hash", written("abcd"), "stanza-error"],
    ["that is no hex", written("xy".repeat(32), "sha-256"), "stanza-error"],
    ["that is empty", written(""), "stanza-error"],
  ])("%s is not", async (_, element, code) => {
    expect(await check(element)).toBe(code);
    if (code === "stanza-error") expect(() => xtlsSecurity.check?.(element)).toThrow(/bad-request/);
  });

  it("or a method named x509 says that certificates are known; other methods do not", () => {
    expect(knowsX509(xtlsElement(identity))).toBe(true);
    expect(knowsX509(written(sha1))).toBe(true);
    expect(knowsX509(security(xml("method", { name: "srp" })))).toBe(false);
    expect(knowsX509(security(xml("method", { name: "srp" }), xml("method", { name: "x509" })))).toBe(true);
    expect(knowsX509(security())).toBe(false);
    expect(knowsX509(undefined)).toBe(false);
  });
});

describe("the first byte", () => {
  it.each(["<", " ", "\n", "\t", "\r"])("of XML may be %j: what goes wrong later keeps its own code", async (byte) => {
    const bytes = new PassThrough();
    const failing = demandingXml(bytes, async () => {
      await new Promise((resolve) => bytes.once("data", resolve));
      throw new Error("later");
    });
    bytes.write(byte);
    await expect(failing).rejects.toThrow("later");
    bytes.destroy();
  });

  it.each(["\x16", "\x15", "x", "\0"])("of XML may not be %j", async (byte) => {
    const bytes = new PassThrough();
    const failing = demandingXml(bytes, async () => {
      await new Promise((resolve) => bytes.once("data", resolve));
      throw new Error("later");
    });
    bytes.write(byte);
    expect(await codeOf(failing)).toBe("security-error");
    bytes.destroy();
  });

  it.each(["<", "\x17", "\x15", "x"])("of XTLS may not be %j, and the bytes are destroyed", async (byte) => {
    const bytes = new PassThrough();
    bytes.write(byte);
    const identity = createIdentity("romeo@montague.lit");
    expect(await codeOf(xtls(bytes, { role: "server", identity, accept: () => undefined }))).toBe("security-error");
    expect(bytes.destroyed).toBe(true);
  });

  it("is not waited for past the deadline, nor after the caller gives up", async () => {
    const identity = createIdentity("romeo@montague.lit");
    const bytes = () => new PassThrough();
    expect(await codeOf(xtls(bytes(), { role: "server", identity, timeout: 20, accept: () => undefined }))).toBe("timeout");
    expect(await codeOf(xtls(bytes(), { role: "server", identity, signal: AbortSignal.abort(), accept: () => undefined }))).toBe("aborted");
    const ended = bytes();
    ended.end();
    expect(await codeOf(xtls(ended, { role: "server", identity, timeout: 5_000, accept: () => undefined }))).toBe("connection-lost");
  });
});
