import { memoryStanzaNetwork, stanzaError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, parseElement } from "@balcony/xml";
import { expect, it } from "vitest";
import { ownProxies } from "../src/proxies.js";

const NS_ITEMS = "http://jabber.org/protocol/disco#items";
const NS_INFO = "http://jabber.org/protocol/disco#info";
const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";

interface Answers {
  readonly items?: string;
  readonly info?: string;
  readonly streamhost?: string;
}

const good = {
  items: `<query xmlns='${NS_ITEMS}'><item jid='proxy.capulet.lit'/></query>`,
  info: `<query xmlns='${NS_INFO}'><identity category='proxy' type='bytestreams'/></query>`,
  streamhost: `<query xmlns='${NS_BYTESTREAMS}'><streamhost host='192.0.2.9' port='7777' jid='proxy.capulet.lit'/></query>`,
} as const;

/** How many proxies are found behind a server and a component that answer so; "error" is a stanza error. */
async function found(answers: Answers): Promise<string> {
  const network = memoryStanzaNetwork();
  const [server, proxy, juliet] = ["capulet.lit", "proxy.capulet.lit", "juliet@capulet.lit/balcony"].map((address) => network.connect(address)) as [
    ReturnType<typeof network.connect>,
    ReturnType<typeof network.connect>,
    ReturnType<typeof network.connect>,
  ];
  const answering = (text: string) => (): Element => {
    if (text === "error") throw stanzaError("forbidden");
    return parseElement(text);
  };
  const { items, info, streamhost } = { ...good, ...answers };
  server.onRequest({ type: "get", name: "query", xmlns: NS_ITEMS }, answering(items));
  proxy.onRequest({ type: "get", name: "query", xmlns: NS_INFO }, answering(info));
  proxy.onRequest({ type: "get", name: "query", xmlns: NS_BYTESTREAMS }, answering(streamhost));
  try {
    return String((await ownProxies(juliet.to("romeo@montague.lit/orchard"))).length);
  } finally {
    await Promise.all([server, proxy, juliet].map((channel) => channel.close()));
  }
}

const host = (attrs: string): Answers => ({ streamhost: `<query xmlns='${NS_BYTESTREAMS}'><streamhost ${attrs}/></query>` });

malformedTable("what a server and a component say of proxies that XEP-0065 does not allow leaves us without one, and nothing worse", {
  rules: [
    { section: "XEP-0065 §4.1", text: "items have addresses" },
    { section: "XEP-0065 §4.2", text: "a proxy has the identity proxy/bytestreams" },
    { section: "XEP-0065 §4.3 streamhost", text: "it says where it listens" },
    { section: "XEP-0065 §8 host", text: "host is required, and is an IP address or a host name" },
    { section: "XEP-0065 §8 jid", text: "jid is required, and an address" },
    { section: "XEP-0065 §8 port", text: "port is a port number" },
  ],
  rows: [
    { name: "an item without one", breaks: "XEP-0065 §4.1", input: { items: `<query xmlns='${NS_ITEMS}'><item/></query>` }, code: "0" },
    { name: "an item whose address is none", breaks: "XEP-0065 §4.1", input: { items: `<query xmlns='${NS_ITEMS}'><item jid='@@'/></query>` }, code: "0" },
    { name: "an error", breaks: "XEP-0065 §4.1", input: { items: "error" }, code: "0" },
    { name: "another payload", breaks: "XEP-0065 §4.1", input: { items: "<nothing xmlns='urn:example:nothing'/>" }, code: "0" },
    { name: "another identity", breaks: "XEP-0065 §4.2", input: { info: `<query xmlns='${NS_INFO}'><identity category='conference' type='text'/></query>` }, code: "0" },
    { name: "no identity", breaks: "XEP-0065 §4.2", input: { info: `<query xmlns='${NS_INFO}'/>` }, code: "0" },
    { name: "an error", breaks: "XEP-0065 §4.2", input: { info: "error" }, code: "0" },
    { name: "no streamhost", breaks: "XEP-0065 §4.3 streamhost", input: { streamhost: `<query xmlns='${NS_BYTESTREAMS}'/>` }, code: "0" },
    { name: "forbidden", breaks: "XEP-0065 §4.3 streamhost", input: { streamhost: "error" }, code: "0" },
    { name: "no host", breaks: "XEP-0065 §8 host", input: host("port='1' jid='proxy.capulet.lit'"), code: "0" },
    { name: "a host with a port", breaks: "XEP-0065 §8 host", input: host("host='a:1 b' port='1' jid='proxy.capulet.lit'"), code: "0" },
    { name: "no jid", breaks: "XEP-0065 §8 jid", input: host("host='192.0.2.9' port='1'"), code: "0" },
    { name: "a jid that is none", breaks: "XEP-0065 §8 jid", input: host("host='192.0.2.9' port='1' jid='@@'"), code: "0" },
    { name: "port 0", breaks: "XEP-0065 §8 port", input: host("host='192.0.2.9' port='0' jid='proxy.capulet.lit'"), code: "0" },
    { name: "port 65536", breaks: "XEP-0065 §8 port", input: host("host='192.0.2.9' port='65536' jid='proxy.capulet.lit'"), code: "0" },
    { name: "a port in words", breaks: "XEP-0065 §8 port", input: host("host='192.0.2.9' port='http' jid='proxy.capulet.lit'"), code: "0" },
    { name: "a port with a fraction", breaks: "XEP-0065 §8 port", input: host("host='192.0.2.9' port='80.5' jid='proxy.capulet.lit'"), code: "0" },
  ],
  run: found,
});

it("and what they should say, with the default port where none is named, leaves us with one", async () => {
  expect([await found({}), await found(host("host='proxy.capulet.lit' jid='proxy.capulet.lit'"))]).toEqual(["1", "1"]);
});
