import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { readDescription, readInfo } from "../src/description.js";

interface Input {
  readonly place: "offer" | "answer" | "info";
  readonly xml: string;
}

const credentials = "ufrag='8hhy' pwd='asd88fgpdd777uzjYhagZg'";
const value = Array(32).fill("AB").join(":");
const sctpmap = (attrs = "number='5000' protocol='webrtc-datachannel' streams='1024'") => `<sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' ${attrs}/>`;
const print = (attrs = "hash='sha-256' setup='actpass'", text = value) => `<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' ${attrs}>${text}</fingerprint>`;
const active = print("hash='sha-256' setup='active'");
const channel = (attrs: string) => `<channel xmlns='urn:xmpp:jingle:transports:webrtc-datachannel:0' ${attrs}/>`;
const transport = (inner: string, attrs = credentials) => `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ${attrs}>${inner}</transport>`;

const good = {
  component: "1",
  foundation: "1",
  generation: "0",
  id: "el0747fg11",
  ip: "10.0.1.1",
  network: "1",
  port: "8998",
  priority: "2130706431",
  protocol: "udp",
  type: "host",
};
const candidate = (changes: Readonly<Record<string, string | undefined>> = {}) =>
  `<candidate ${Object.entries({ ...good, ...changes })
    .flatMap(([name, text]) => (text === undefined ? [] : [`${name}='${text}'`]))
    .join(" ")}/>`;

const offer = (inner: string, attrs?: string): Input => ({ place: "offer", xml: transport(inner, attrs) });
const answer = (inner: string, attrs?: string): Input => ({ place: "answer", xml: transport(inner, attrs) });
const info = (inner: string, attrs?: string): Input => ({ place: "info", xml: transport(inner, attrs) });
const withCandidate = (changes: Readonly<Record<string, string | undefined>>) => info(candidate(changes));

function read({ place, xml }: Input): string {
  const element: Element = parseElement(xml);
  try {
    if (place === "info") readInfo(element);
    else readDescription(element, place);
    return "accepted";
  } catch (error) {
    return error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error);
  }
}

malformedTable<Input>("XEP-0176, XEP-0320, XEP-0343", {
  rules: [
    { section: "XEP-0176 §5.3 a", text: "pwd and ufrag are there whenever candidates are sent" },
    { section: "RFC 8839 §5.4", text: "ufrag has 4 to 256 ice-chars, pwd 22 to 256" },
    { section: "XEP-0176 §5.3 b", text: "component, foundation, generation, id, ip, port, priority, protocol and type are required, and of their types" },
    { section: "XEP-0176 §5.3 c", text: "type is host, prflx, relay or srflx" },
    { section: "XEP-0176 §5.9", text: "a higher generation restarts ICE: we do not" },
    { section: "XEP-0320 §1 a", text: "there is a fingerprint, with hash and value, of an accepted hash" },
    { section: "XEP-0320 §1 b", text: "setup is active, passive or actpass" },
    { section: "RFC 8842 §5.3", text: "an answer chooses" },
    { section: "XEP-0343 §4.1 a", text: "an offer has an sctpmap" },
    { section: "XEP-0343 §4.2", text: "sctpmap has a port (by either name), the protocol webrtc-datachannel, and a positive number of streams" },
    { section: "XEP-0343 §1", text: "channels are reliable and in order" },
    { section: "XEP-0343 §4.1 b", text: "channels may be agreed in signalling: we agree on them within the association" },
    { section: "docs/limits.md", text: "32 candidates at once" },
  ],
  rows: [
    { name: "an offer without credentials", breaks: "XEP-0176 §5.3 a", input: offer(sctpmap() + print(), ""), code: "bad-request" },
    { name: "an answer without ufrag", breaks: "XEP-0176 §5.3 a", input: answer(sctpmap() + active, "pwd='asd88fgpdd777uzjYhagZg'"), code: "bad-request" },
    { name: "an answer without pwd", breaks: "XEP-0176 §5.3 a", input: answer(sctpmap() + active, "ufrag='8hhy'"), code: "bad-request" },
    { name: "candidates without credentials", breaks: "XEP-0176 §5.3 a", input: info(candidate(), ""), code: "bad-request" },
    { name: "a short ufrag", breaks: "RFC 8839 §5.4", input: offer(sctpmap() + print(), "ufrag='8hh' pwd='asd88fgpdd777uzjYhagZg'"), code: "bad-request" },
    { name: "a short pwd", breaks: "RFC 8839 §5.4", input: offer(sctpmap() + print(), "ufrag='8hhy' pwd='asd88fgpdd777uzjYhagZ'"), code: "bad-request" },
    { name: "a line break in pwd", breaks: "RFC 8839 §5.4", input: offer(sctpmap() + print(), "ufrag='8hhy' pwd='asd88fgpdd777uzjYhagZg&#10;a=x'"), code: "bad-request" },
    ...["component", "foundation", "generation", "id", "ip", "port", "priority", "protocol", "type"].map((name) => ({
      name: `a candidate without ${name}`,
      breaks: "XEP-0176 §5.3 b",
      input: withCandidate({ [name]: undefined }),
      code: "bad-request",
    })),
    ...Object.entries({ component: "0", foundation: "a b", generation: "-1", id: "1a", port: "65536", priority: "0", ip: "capulet.lit", "rel-port": "x" }).map(([name, text]) => ({
      name: `${name} of ${text}`,
      breaks: "XEP-0176 §5.3 b",
      input: withCandidate({ [name]: text }),
      code: "bad-request",
    })),
    { name: "port 0", breaks: "XEP-0176 §5.3 b", input: withCandidate({ port: "0" }), code: "bad-request" },
    { name: "an address in another notation", breaks: "XEP-0176 §5.3 b", input: withCandidate({ ip: "0x7f.1" }), code: "bad-request" },
    { name: "a type that does not exist", breaks: "XEP-0176 §5.3 c", input: withCandidate({ type: "guess" }), code: "bad-request" },
    { name: "generation 1", breaks: "XEP-0176 §5.9", input: withCandidate({ generation: "1" }), code: "feature-not-implemented" },
    { name: "no fingerprint", breaks: "XEP-0320 §1 a", input: offer(sctpmap()), code: "bad-request" },
    { name: "an answer without fingerprint", breaks: "XEP-0320 §1 a", input: answer(sctpmap()), code: "bad-request" },
    { name: "sha-1 alone", breaks: "XEP-0320 §1 a", input: offer(sctpmap() + print("hash='sha-1' setup='actpass'", Array(20).fill("AB").join(":"))), code: "bad-request" },
    { name: "a fingerprint without hash", breaks: "XEP-0320 §1 a", input: offer(sctpmap() + print("setup='actpass'")), code: "bad-request" },
    { name: "a fingerprint that is too short", breaks: "XEP-0320 §1 a", input: offer(sctpmap() + print(undefined, "AB:CD")), code: "bad-request" },
    { name: "a fingerprint that is no hex", breaks: "XEP-0320 §1 a", input: offer(sctpmap() + print(undefined, value.replace("AB", "XY"))), code: "bad-request" },
    { name: "no setup", breaks: "XEP-0320 §1 b", input: offer(sctpmap() + print("hash='sha-256'")), code: "bad-request" },
    { name: "holdconn", breaks: "XEP-0320 §1 b", input: offer(sctpmap() + print("hash='sha-256' setup='holdconn'")), code: "bad-request" },
    { name: "two setups", breaks: "XEP-0320 §1 b", input: offer(sctpmap() + print() + active), code: "bad-request" },
    { name: "actpass in an answer", breaks: "RFC 8842 §5.3", input: answer(sctpmap() + print()), code: "bad-request" },
    { name: "no sctpmap", breaks: "XEP-0343 §4.1 a", input: offer(print()), code: "bad-request" },
    { name: "two sctpmaps", breaks: "XEP-0343 §4.2", input: offer(sctpmap() + sctpmap() + print()), code: "bad-request" },
    { name: "neither number nor port", breaks: "XEP-0343 §4.2", input: offer(sctpmap("protocol='webrtc-datachannel'") + print()), code: "bad-request" },
    {
      name: "number and port that differ",
      breaks: "XEP-0343 §4.2",
      input: offer(sctpmap("number='5000' port='5001' protocol='webrtc-datachannel'") + print()),
      code: "bad-request",
    },
    { name: "port 0", breaks: "XEP-0343 §4.2", input: offer(sctpmap("port='0' protocol='webrtc-datachannel'") + print()), code: "bad-request" },
    { name: "another protocol", breaks: "XEP-0343 §4.2", input: offer(sctpmap("port='5000' protocol='bfcp'") + print()), code: "bad-request" },
    { name: "no streams", breaks: "XEP-0343 §4.2", input: offer(sctpmap("port='5000' protocol='webrtc-datachannel' streams='0'") + print()), code: "bad-request" },
    { name: "an unordered channel", breaks: "XEP-0343 §1", input: offer(sctpmap() + print() + channel("id='1' ordered='false'")), code: "bad-request" },
    { name: "a channel that gives up", breaks: "XEP-0343 §1", input: offer(sctpmap() + print() + channel("id='1' maxRetransmits='0'")), code: "bad-request" },
    { name: "a channel that forgets", breaks: "XEP-0343 §1", input: offer(sctpmap() + print() + channel("id='1' maxPacketLifeTime='9'")), code: "bad-request" },
    { name: "a negotiated channel", breaks: "XEP-0343 §4.1 b", input: offer(sctpmap() + print() + channel("id='1' negotiated='true'")), code: "feature-not-implemented" },
    { name: "33 candidates", breaks: "docs/limits.md", input: info(candidate().repeat(33)), code: "resource-constraint" },
  ],
  run: read,
});

describe("what is well-formed", () => {
  it.each([
    ["number alone", offer(sctpmap() + print())],
    ["port alone", offer(sctpmap("port='5000' protocol='webrtc-datachannel'") + print())],
    ["white space around the fingerprint, as the examples have it", offer(sctpmap() + print(undefined, `\n  ${value.toLowerCase()}\n`))],
    ["an answer without sctpmap", answer(active)],
    ["a stronger fingerprint beside one too weak", offer(sctpmap() + print("hash='sha-1' setup='actpass'", "AB") + print())],
    ["the priority of XEP-0176's own example", withCandidate({ priority: "21149780477" })],
    ["a remote-candidate", info("<remote-candidate component='1' ip='10.0.1.2' port='9001'/>")],
    ["no more than the credentials", info("")],
  ])("%s is accepted", (_, input) => {
    expect(read(input)).toBe("accepted");
  });

  it.each([{ protocol: "tcp" }, { component: "2" }, { ip: "8e2f6a4c-1f2b-4c55-9d2e-000000000000.local" }])("a candidate with %o is left out", (changes) => {
    expect(readInfo(parseElement(withCandidate(changes).xml)).candidates).toEqual([]);
  });
});
