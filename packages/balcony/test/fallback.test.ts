import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrustStore } from "@balcony/trust";
import { type Element, parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { codeOf, keyOf, message, nextError, stage, untouched } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { type BalconyOptions, type SealedSecurity, type Session, type VerificationRequest, xml } from "../src/index.js";
import { foreign, foreignClientsLeave } from "./foreign-client.js";

const on = stage();
const ROMEO = "romeo@montague.lit";
const JULIET = "juliet@capulet.lit";
const yes = { policy: { fallback: () => true } } satisfies BalconyOptions;
/** A Balcony that has ESessions alone. */
const sealedAlone = { transports: [], ...yes } satisfies BalconyOptions;

const security = ({ security: found }: Session): SealedSecurity => {
  if (found.protocol !== "ESession") throw new Error("It is a stream.");
  return found;
};

const heard = (session: Session): Promise<Element> => new Promise((resolve) => session.once("stanza", resolve));

describe("a peer with ESessions alone", () => {
  it("gets one, which says what it is; stanzas of every kind go both ways, and both close", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const told: string[] = [];
    const answered = next<Session>(juliet.e2e, "session");
    const ours = await romeo.e2e.open(juliet.self, { onProgress: ({ text }) => told.push(text) });
    const theirs = await answered;
    expect(told.join("\n")).toContain("knows no end-to-end streams");
    expect(security(ours)).toMatchObject({ protocol: "ESession", trust: "unverified", firstUse: true, esession: { setting: "strict", sas: undefined, retained: "none" } });
    expect(security(ours).path).toBe("stanza by stanza via montague.lit and capulet.lit");
    expect([ours.role, theirs.role, ours.peer, theirs.peer]).toEqual(["initiator", "responder", juliet.self, romeo.self]);
    expect(keyOf(ours)).toBe(security(theirs).own.fingerprint);
    const presence = heard(theirs);
    await ours.send(xml("presence", {}, xml("status", {}, "in the orchard")));
    expect((await presence).getChildText("status")).toBe("in the orchard");
    theirs.iqCallee.get("urn:example:age", "query", () => xml("query", "urn:example:age", "13"));
    expect((await ours.iqCaller.get(xml("query", "urn:example:age")))?.getText()).toBe("13");
    const back = heard(ours);
    await theirs.send(message("Good night"));
    expect((await back).attrs).toMatchObject({ from: juliet.self, to: romeo.self });
    const closed = next(theirs, "close");
    await ours.close();
    await closed;
    expect([ours.status, theirs.status]).toEqual(["offline", "offline"]);
    expect(on.seen.some(({ xml: text }) => text.includes("orchard</status>") || text.includes("Good night"))).toBe(false);
  });

  it("is reported when it has lost the secret of the last session, and not when it has it", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const alerts = async () => {
      const answered = next<Session>(juliet.e2e, "session");
      const ours = await romeo.e2e.open(juliet.self);
      const theirs = await answered;
      const found = [ours, theirs].map((session) => [security(session).alerts, security(session).esession.retained]);
      await ours.close();
      return found;
    };
    const [nothing, same, missing] = [
      [[], "none"],
      [[], "matched"],
      [[{ kind: "secret-missing" }], "missing"],
    ];
    expect(await alerts()).toEqual([nothing, nothing]);
    expect(await alerts()).toEqual([same, same]);
    await juliet.e2e.store.changeSecrets(JULIET, ROMEO, () => []);
    expect(await alerts()).toEqual([missing, nothing]);
    await romeo.e2e.store.changeSecrets(ROMEO, JULIET, (secrets) => secrets.map(({ current }) => ({ current: Uint8Array.from(current).reverse() })));
    expect(await alerts()).toEqual([missing, missing]);
    expect(await alerts()).toEqual([same, same]);
  });

  it("gets none where policy says never, which is the default", async () => {
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet", sealedAlone)];
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("unsupported-peer");
    expect(on.seen.some(({ xml: text }) => text.includes("urn:xmpp:ssn</value>"))).toBe(false);
  });

  it("gets none where the person says no, on either side", async () => {
    const romeo = await on.login("romeo", { policy: { fallback: ({ role }) => role === "responder" } });
    const juliet = await on.login("juliet", { transports: [], policy: { fallback: ({ role }) => role === "initiator" } });
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("unsupported-peer");
    const willing = await on.login("benvolio", yes);
    expect(await codeOf(willing.e2e.open(juliet.self))).toBe("declined");
  });

  it("is verified by ceremony inside the session, and from then on by its key", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const asked = next<VerificationRequest>(theirs, "verification");
    const [mine, hers] = await Promise.all([ours.verify(), asked.then((request) => request.accept())]);
    expect(mine.symbols).toEqual(hers.symbols);
    await Promise.all([mine.confirm(), hers.confirm()]);
    expect([ours.security.trust, theirs.security.trust]).toEqual(["verified", "verified"]);
    await ours.close();
    const [again, there] = await streamBetween(romeo, juliet);
    expect([security(again), security(there)]).toMatchObject([
      { trust: "verified", verified: { how: "symbols" }, firstUse: false, esession: { retained: "matched" } },
      { trust: "verified", verified: { how: "symbols" }, firstUse: false, esession: { retained: "matched" } },
    ]);
  });

  it("whose verified key is not shown is blocked", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    await romeo.e2e.store.setVerified(ROMEO, JULIET, "ab".repeat(32), "fingerprint");
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
    const refusal = nextError(romeo);
    expect(await codeOf(juliet.e2e.open(romeo.self))).toBe("declined");
    expect((await refusal).code).toBe("key-changed");
  });

  it("whose application stops its client itself ends the session properly before it is offline", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const errors: unknown[] = [];
    for (const session of [ours, theirs]) session.on("error", (error) => errors.push(error));
    const closed = next(theirs, "close");
    await romeo.xmpp.stop();
    await closed;
    expect([ours.status, theirs.status, errors]).toEqual(["offline", "offline", []]);
    expect(theirs.channel.closed.reason.message).toBe(`${romeo.self} ended the session.`); // by its own word, and not because it is gone
  });

  it("that gains streams is told of, and upgraded: the same key, and the ESession is closed once the stream stands", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", yes)];
    on.interfere = (stanza, { direction, session }) => {
      const query = direction === "in" && session === juliet.self ? stanza.getChild("query", "http://jabber.org/protocol/disco#info") : undefined;
      const feature = query?.getChildren("feature").find(({ attrs }) => attrs.var === "urn:xmpp:jingle:apps:xmlstream:0");
      if (feature) query?.remove(feature);
      return stanza;
    };
    const answered = next<Session>(juliet.e2e, "session");
    const session = await romeo.e2e.open(juliet.self);
    await answered;
    expect([session.security.protocol, await codeOf(romeo.e2e.upgrade(session)), session.status]).toEqual(["ESession", "unsupported-peer", "online"]);
    on.interfere = untouched;
    const told = next<Session>(romeo.e2e, "upgradable");
    await juliet.xmpp.send(xml("presence", { to: romeo.self }));
    expect(await told).toBe(session);
    const stream = await romeo.e2e.upgrade(session);
    expect([stream.security.protocol, stream.security.firstUse, session.status, keyOf(stream)]).toEqual(["TLSv1.3", false, "offline", keyOf(session)]);
    expect(await codeOf(romeo.e2e.upgrade(stream))).toBe("invalid-argument");
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("none");
  });

  it("is shown under the name that this person has given its key, in an ESession and in a stream", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const [first] = await streamBetween(romeo, juliet);
    expect(first.security.petname).toBeUndefined();
    await romeo.e2e.store.label(ROMEO, JULIET, keyOf(first), "Jule");
    const [again, there] = await streamBetween(romeo, juliet);
    expect([again.security.petname, there.security.petname]).toEqual(["Jule", undefined]);
    const [benvolio, tybalt] = [await on.login("benvolio"), await on.login("tybalt")];
    const [stream] = await streamBetween(benvolio, tybalt);
    await benvolio.e2e.store.label("benvolio@montague.lit", "tybalt@capulet.lit", keyOf(stream), "Prince of Cats");
    expect((await streamBetween(benvolio, tybalt))[0].security.petname).toBe("Prince of Cats");
  });

  it("has its passphrase asked for when the store is opened, and never in the middle of a negotiation", async () => {
    const folder = join(await mkdtemp(join(tmpdir(), "balcony-passphrase-")), "store");
    let asked = 0;
    const passphrase = (): Promise<string> => {
      asked++;
      return Promise.resolve("o Romeo");
    };
    const store = await TrustStore.open({ folder, passphrase });
    expect(asked).toBe(1);
    const [romeo, juliet] = [await on.login("romeo", { ...yes, store }), await on.login("juliet", sealedAlone)];
    for (const retained of ["none", "matched"]) {
      const [ours] = await streamBetween(romeo, juliet);
      expect([security(ours).esession.retained, asked]).toEqual([retained, 1]);
      await ours.close();
    }
    const [secret] = store.secrets(ROMEO, JULIET);
    const kept = await readFile(join(folder, "keys.json"), "utf8");
    expect(kept).not.toContain(Buffer.from(secret?.current ?? []).toString("base64"));
    await rm(join(folder, ".."), { recursive: true });
  });

  it("is found by its bare address, and passed over for a device that has streams", async () => {
    const romeo = await on.login("romeo", yes);
    const sealed = await on.login("juliet", { ...sealedAlone, resource: "old" });
    await sealed.xmpp.send(xml("presence"));
    expect((await romeo.e2e.open(JULIET)).security.protocol).toBe("ESession");
    const able = await on.login("juliet", { resource: "new" });
    const shown = next(romeo.xmpp, "stanza");
    await able.xmpp.send(xml("presence", { to: romeo.self }));
    await shown;
    const session = await romeo.e2e.open(JULIET);
    expect([session.peer, session.security.protocol]).toEqual([able.self, "TLSv1.3"]);
  });
});

describe("a client that is no Balcony", () => {
  foreignClientsLeave();

  it("gets messages alone, shows five characters that verify nobody, and has no ceremony", async () => {
    const [romeo, { incoming, juliet }] = [await on.login("romeo", yes), await foreign(on)];
    const come = incoming();
    const ours = await romeo.e2e.open(juliet.self);
    const theirs = await come;
    expect(security(ours)).toMatchObject({ trust: "unverified", peer: undefined, esession: { setting: "deployed", sas: theirs.security.sas } });
    expect(theirs.security.sas).toMatch(/^[a-z1-9]{5}$/u);
    expect(await codeOf(ours.verify())).toBe("verification-unsupported");
    const told = new Promise<string | null>((resolve) => {
      theirs.channel.onStanza(({ stanza }) => {
        resolve(stanza.getChildText("body"));
        return true;
      });
    });
    await ours.send(message("Grüße"));
    expect(await told).toBe("Grüße");
    expect(await codeOf(ours.send(xml("presence")))).toBe("invalid-argument");
    await ours.close();
  });

  it("is reported where a key of its address is known, and none is shown", async () => {
    const romeo = await on.login("romeo", yes);
    await romeo.e2e.store.accepted(ROMEO, JULIET, { spki: "ab".repeat(32), decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] }, streamed: false });
    const { juliet } = await foreign(on);
    const ours = await romeo.e2e.open(juliet.self);
    expect(security(ours)).toMatchObject({ alerts: [{ kind: "key-missing" }], trust: "unverified" });
    await ours.close();
  });

  it("is refused where a verified key is asked for, or was verified once", async () => {
    const [romeo, { juliet }] = [await on.login("romeo", yes), await foreign(on)];
    await romeo.e2e.store.require(ROMEO, JULIET, "verified");
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("not-trusted");
    await romeo.e2e.store.require(ROMEO, JULIET, undefined);
    await romeo.e2e.store.setVerified(ROMEO, JULIET, "ab".repeat(32), "fingerprint");
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
  });
});

describe("a server that wants less", () => {
  it("hides streams from a peer that has had them, and gets no ESession, whoever asks", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", yes)];
    const [ours] = await streamBetween(romeo, juliet);
    await ours.close();
    on.interfere = (stanza, { direction }) => {
      const query = direction === "out" ? stanza.getChild("query", "http://jabber.org/protocol/disco#info") : undefined;
      const hidden = query?.getChildren("feature").find(({ attrs }) => attrs.var === "urn:xmpp:jingle:apps:xmlstream:0");
      if (hidden) query?.remove(hidden);
      return stanza;
    };
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("downgrade-suspected");
    // Another client of Romeo's account, or who says that they are it, asks for less.
    const other = await on.login("romeo", { ...sealedAlone, resource: "other" });
    const suspicion = nextError(juliet);
    expect(await codeOf(other.e2e.open(juliet.self))).toBe("declined");
    expect((await suspicion).code).toBe("downgrade-suspected");
  });

  it("shows other capabilities of the peer's without end, and has it asked one at a time, and so often", async () => {
    const [romeo, juliet] = [await on.login("romeo", yes), await on.login("juliet", sealedAlone)];
    const [ours] = await streamBetween(romeo, juliet);
    const told: Session[] = [];
    romeo.e2e.on("upgradable", (session) => told.push(session));
    let [open, most, all] = [0, 0, 0];
    on.interfere = (stanza, { direction, session }) => {
      const query = stanza.getChild("query", "http://jabber.org/protocol/disco#info");
      if (query && session === romeo.self && direction === "in" && stanza.attrs.type === "get") {
        most = Math.max(most, ++open);
        all++;
      }
      if (query && session === romeo.self && direction === "out" && stanza.attrs.type === "result") open--;
      return stanza;
    };
    const show = (ver: number | string): void =>
      on.server.inject(
        romeo.self,
        `<presence from='${juliet.self}' to='${romeo.self}'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example' ver='${ver}'/></presence>`,
      );
    for (let ver = 0; ver < 500; ver++) show(ver);
    await expect.poll(() => [all, open], { timeout: 20_000 }).toEqual([2, 0]); // the first, and what was shown last meanwhile
    for (let ver = 500; ver < 600; ver++) {
      const before = all;
      show(ver);
      await romeo.xmpp.iqCaller.get(xml("ping", "urn:xmpp:ping"), "montague.lit"); // what was shown has come
      if (before < 32) await expect.poll(() => [all, open], { timeout: 20_000 }).toEqual([before + 1, 0]);
    }
    expect([all, most, told, ours.status]).toEqual([32, 1, [], "online"]);
    await ours.close();
  });

  it("who asks us hears nothing where they may not know that we are there", async () => {
    const romeo = await on.login("romeo", { policy: { allow: () => false, fallback: () => true } });
    const juliet = await on.login("juliet", sealedAlone);
    const before = on.seen.length;
    on.server.inject(romeo.self, stray(juliet.self, romeo.self));
    await romeo.xmpp.iqCaller.get(xml("ping", "urn:xmpp:ping"), "montague.lit");
    expect(on.seen.slice(before).filter(({ direction, xml: text }) => direction === "in" && text.includes("<message"))).toEqual([]);
  });
});

const stray = (from: string, to: string): string =>
  String(
    parseElement(
      `<message xmlns='jabber:client' from='${from}' to='${to}'><thread>t</thread><feature xmlns='http://jabber.org/protocol/feature-neg'><x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE'><value>urn:xmpp:ssn</value></field></x></feature></message>`,
    ),
  );
