import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement } from "@balcony/xml";
import { readInfo, readSide } from "../src/transport-element.js";

const good = "cid='a' host='192.0.2.1' jid='romeo@montague.lit/x' port='5086' priority='8257636' type='direct'";
const without = (name: string) => good.replace(new RegExp(`${name}='[^']*'`), "");
const with_ = (name: string, value: string) => good.replace(new RegExp(`${name}='[^']*'`), `${name}='${value}'`);
const candidate = (attrs: string) => `<candidate ${attrs}/>`;
const transport = (children: string, attrs = "sid='s'") => `<transport xmlns='urn:xmpp:jingle:transports:s5b:1' ${attrs}>${children}</transport>`;
const conditionOf = (work: () => unknown): string => {
  try {
    work();
    return "accepted";
  } catch (error) {
    return error instanceof BalconyError ? (error.condition ?? error.code) : String(error);
  }
};

malformedTable("an offer or answer that XEP-0260 does not allow", {
  rules: [
    { section: "XEP-0260 §2.2 sid", text: "the sid MUST be included" },
    { section: "XEP-0260 §2.2 mode", text: "mode is tcp or udp" },
    { section: "XEP-0260 §8 cid", text: "cid is required, and names one candidate" },
    { section: "XEP-0260 §8 host", text: "host is required; XEP-0065 §8: an IP address or a host name" },
    { section: "XEP-0260 §8 jid", text: "jid is required; XEP-0065 §8: a valid address" },
    { section: "XEP-0260 §8 port", text: "port is a port number" },
    { section: "XEP-0260 §8 priority", text: "priority is required and a positive integer" },
    { section: "XEP-0260 §8 type", text: "type is one of four" },
    { section: "limits.md", text: "32 candidates" },
  ],
  rows: [
    { name: "no sid", breaks: "XEP-0260 §2.2 sid", input: transport("", ""), code: "bad-request" },
    { name: "an empty sid", breaks: "XEP-0260 §2.2 sid", input: transport("", "sid=''"), code: "bad-request" },
    { name: "a sid without end", breaks: "XEP-0260 §2.2 sid", input: transport("", `sid='${"s".repeat(257)}'`), code: "bad-request" },
    { name: "UDP", breaks: "XEP-0260 §2.2 mode", input: transport("", "sid='s' mode='udp'"), code: "feature-not-implemented" },
    { name: "another mode", breaks: "XEP-0260 §2.2 mode", input: transport("", "sid='s' mode='sctp'"), code: "bad-request" },
    { name: "no cid", breaks: "XEP-0260 §8 cid", input: transport(candidate(without("cid"))), code: "bad-request" },
    { name: "one cid twice", breaks: "XEP-0260 §8 cid", input: transport(candidate(good) + candidate(with_("port", "1"))), code: "bad-request" },
    { name: "no host", breaks: "XEP-0260 §8 host", input: transport(candidate(without("host"))), code: "bad-request" },
    { name: "a host with a port", breaks: "XEP-0260 §8 host", input: transport(candidate(with_("host", "example.com:80"))), code: "bad-request" },
    { name: "a host with a space", breaks: "XEP-0260 §8 host", input: transport(candidate(with_("host", "a b"))), code: "bad-request" },
    { name: "no jid", breaks: "XEP-0260 §8 jid", input: transport(candidate(without("jid"))), code: "bad-request" },
    { name: "a jid that is none", breaks: "XEP-0260 §8 jid", input: transport(candidate(with_("jid", "@@"))), code: "bad-request" },
    { name: "port 0", breaks: "XEP-0260 §8 port", input: transport(candidate(with_("port", "0"))), code: "bad-request" },
    { name: "port 65536", breaks: "XEP-0260 §8 port", input: transport(candidate(with_("port", "65536"))), code: "bad-request" },
    { name: "a port in words", breaks: "XEP-0260 §8 port", input: transport(candidate(with_("port", "http"))), code: "bad-request" },
    { name: "no priority", breaks: "XEP-0260 §8 priority", input: transport(candidate(without("priority"))), code: "bad-request" },
    { name: "priority 0", breaks: "XEP-0260 §8 priority", input: transport(candidate(with_("priority", "0"))), code: "bad-request" },
    { name: "a negative priority", breaks: "XEP-0260 §8 priority", input: transport(candidate(with_("priority", "-1"))), code: "bad-request" },
    { name: "a priority beyond 31 bits", breaks: "XEP-0260 §8 priority", input: transport(candidate(with_("priority", "4294967296"))), code: "bad-request" },
    { name: "another type", breaks: "XEP-0260 §8 type", input: transport(candidate(with_("type", "relay"))), code: "bad-request" },
    { name: "33 candidates", breaks: "limits.md", input: transport(Array.from({ length: 33 }, (_, n) => candidate(with_("cid", `c${n}`))).join("")), code: "resource-constraint" },
  ],
  run: (input) => conditionOf(() => readSide(parseElement(input))),
});

malformedTable("a transport-info that XEP-0260 does not allow", {
  rules: [
    { section: "XEP-0260 §2.3 sid", text: "the sid is the bytestream's" },
    { section: "XEP-0260 §8 one", text: "one thing is told at a time" },
    { section: "XEP-0260 §8 cid", text: "candidate-used and activated name a candidate" },
  ],
  rows: [
    { name: "no sid", breaks: "XEP-0260 §2.3 sid", input: transport("<candidate-error/>", ""), code: "bad-request" },
    { name: "another sid", breaks: "XEP-0260 §2.3 sid", input: transport("<candidate-error/>", "sid='t'"), code: "item-not-found" },
    { name: "both reports", breaks: "XEP-0260 §8 one", input: transport("<candidate-error/><candidate-used cid='a'/>"), code: "bad-request" },
    { name: "a report twice", breaks: "XEP-0260 §8 one", input: transport("<candidate-error/><candidate-error/>"), code: "bad-request" },
    { name: "a report and a candidate", breaks: "XEP-0260 §8 one", input: transport(`<proxy-error/>${candidate(good)}`), code: "bad-request" },
    { name: "candidate-used without cid", breaks: "XEP-0260 §8 cid", input: transport("<candidate-used/>"), code: "bad-request" },
    { name: "activated without cid", breaks: "XEP-0260 §8 cid", input: transport("<activated/>"), code: "bad-request" },
  ],
  run: (input) => conditionOf(() => readInfo(parseElement(input), "s")),
});
