import { type BalconyError, memoryStanzaPair, stanzaError } from "@balcony/channel";
import { MAX_OPENPGP_KEY } from "@balcony/trust";
import { childElements, type Element, parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { publishedOpenPgpKeys, publishOpenPgpKey } from "../src/openpgp-keys.js";

const NS = "http://jabber.org/protocol/pubsub";
const PGP = "urn:xmpp:openpgp:0";
const LIST = `${PGP}:public-keys`;
const JULIET = "juliet@capulet.lit";
const one = "1357B01865B2503C18453D208CAC2A9678548E35";
const two = "67819B343B2AB70DED9320872C6464AF2A8E4C02";

/** Somebody's channel, and an account that has these nodes, each with one payload. */
function account(nodes: Map<string, Element | string>, self = "romeo@montague.lit/orchard") {
  const [channel, server] = memoryStanzaPair({ a: self, b: JULIET });
  const asked: string[] = [];
  server.onRequest({ type: "get", name: "pubsub", xmlns: NS }, ({ payload }) => {
    const node = payload.getChild("items")?.attrs.node ?? "";
    asked.push(node);
    const held = nodes.get(node);
    if (held === undefined) throw stanzaError("item-not-found");
    return xml("pubsub", NS, xml("items", { node }, xml("item", { id: "x" }, typeof held === "string" ? parseElement(held) : held)));
  });
  server.onRequest({ type: "set", name: "pubsub", xmlns: NS }, ({ payload }) => {
    const publish = payload.getChild("publish");
    const [held] = childElements(publish?.getChild("item") ?? payload);
    const access = payload
      .getChild("publish-options")
      ?.getChild("x", "jabber:x:data")
      ?.getChildren("field")
      .find(({ attrs }) => attrs.var === "pubsub#access_model");
    expect(access?.getChildText("value")).toBe("open");
    if (publish && held) nodes.set(publish.attrs.node ?? "", held);
    return undefined;
  });
  return { channel, asked };
}

const list = (...fingerprints: string[]): string =>
  `<public-keys-list xmlns='${PGP}'>${fingerprints.map((name) => `<pubkey-metadata v4-fingerprint='${name}' date='2018-03-01T15:26:12Z'/>`).join("")}</public-keys-list>`;
const pubkey = (base64: string): string => `<pubkey xmlns='${PGP}'><data>\n  ${base64}\n</data></pubkey>`;

describe("OpenPGP keys that somebody has published", () => {
  it("are fetched as XEP-0373's own examples have them, in the order of their list", async () => {
    const { asked, channel } = account(
      new Map([
        [LIST, list(one, two)],
        [`${LIST}:${one}`, pubkey("mDME")],
        [`${LIST}:${two}`, pubkey("mQEN\nBFox")],
      ]),
    );
    expect((await publishedOpenPgpKeys(channel, JULIET)).map(({ fingerprint, key }) => [fingerprint, Buffer.from(key).toString("base64")])).toEqual([
      [one, "mDME"],
      [two, "mQENBFox"],
    ]);
    expect(asked).toEqual([LIST, `${LIST}:${one}`, `${LIST}:${two}`]);
  });

  it("are at most eight", async () => {
    const names = Array.from({ length: 20 }, (_, n) => n.toString(16).toUpperCase().padStart(40, "0"));
    const { asked, channel } = account(new Map([[LIST, list(...names)], ...names.map((name) => [`${LIST}:${name}`, pubkey("mDME")] as const)]));
    expect(await publishedOpenPgpKeys(channel, JULIET)).toHaveLength(8);
    expect(asked).toHaveLength(9);
  });

  it.each<[code: string, what: string, nodes: Iterable<readonly [string, string]>]>([
    ["stanza-error", "none", []],
    ["stanza-error", "a list without its key", [[LIST, list(one)]]],
    ["openpgp-statement", "a list of another namespace", [[LIST, list(one).replaceAll(PGP, "urn:xmpp:openpgp:1")]]],
    ["openpgp-statement", "something else for a list", [[LIST, pubkey("mDME")]]],
    ["openpgp-statement", "a fingerprint that is none", [[LIST, list("juliet")]]],
    ["openpgp-statement", "a fingerprint in lower case", [[LIST, list(one.toLowerCase())]]],
    ["openpgp-statement", "no fingerprint", [[LIST, `<public-keys-list xmlns='${PGP}'><pubkey-metadata/></public-keys-list>`]]],
    [
      "openpgp-statement",
      "something else for a key",
      [
        [LIST, list(one)],
        [`${LIST}:${one}`, list(two)],
      ],
    ],
    [
      "openpgp-statement",
      "an empty key",
      [
        [LIST, list(one)],
        [`${LIST}:${one}`, pubkey("")],
      ],
    ],
    [
      "openpgp-statement",
      "a key that is not in base64",
      [
        [LIST, list(one)],
        [`${LIST}:${one}`, pubkey("mDM!")],
      ],
    ],
    [
      "openpgp-statement",
      "a key that is too large",
      [
        [LIST, list(one)],
        [`${LIST}:${one}`, pubkey(Buffer.alloc(MAX_OPENPGP_KEY + 1).toString("base64"))],
      ],
    ],
  ])("%s: %s", async (code, _, nodes) => {
    const { channel } = account(new Map(nodes));
    expect(
      await publishedOpenPgpKeys(channel, JULIET).then(
        () => "none",
        (error: BalconyError) => error.code,
      ),
    ).toBe(code);
  });

  it("of another node than was asked for are none", async () => {
    const { channel } = account(new Map());
    const [other, server] = memoryStanzaPair({ a: channel.self, b: JULIET });
    server.onRequest({ type: "get", name: "pubsub", xmlns: NS }, () => xml("pubsub", NS, xml("items", { node: "urn:example:any" }, xml("item", {}, parseElement(list(one))))));
    await expect(publishedOpenPgpKeys(other, JULIET)).rejects.toMatchObject({ code: "openpgp-statement" });
  });
});

describe("publishing one's own", () => {
  it("puts it beside those that are there, and its newer copy in its place", async () => {
    const nodes = new Map<string, Element | string>([[LIST, list(two)]]);
    const { channel } = account(nodes, `${JULIET}/balcony`);
    for (const key of ["mDME", "mQENBFox"]) await publishOpenPgpKey(channel, { fingerprint: one, key: Buffer.from(key, "base64") });
    const published = nodes.get(LIST);
    expect(typeof published === "object" && childElements(published).map(({ attrs }) => attrs["v4-fingerprint"])).toEqual([two, one]);
    nodes.set(`${LIST}:${two}`, pubkey("mDME"));
    expect((await publishedOpenPgpKeys(channel, JULIET)).map(({ key }) => Buffer.from(key).toString("base64"))).toEqual(["mDME", "mQENBFox"]);
  });

  it("begins a list where there is none", async () => {
    const nodes = new Map<string, Element | string>();
    const { channel } = account(nodes, `${JULIET}/balcony`);
    await publishOpenPgpKey(channel, { fingerprint: one, key: Buffer.from("mDME", "base64") });
    expect(await publishedOpenPgpKeys(channel, JULIET)).toHaveLength(1);
  });
});
