import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, parseElement } from "@balcony/xml";
import { iceTcp } from "../src/index.js";
import { pair } from "./pair.js";

const good = { component: "1", foundation: "f1", ip: "192.0.2.7", port: "5000", priority: "1000", protocol: "tcp", type: "host", tcptype: "passive" };
const candidate = (change: Record<string, string | undefined> = {}): string =>
  `<candidate ${Object.entries({ ...good, ...change })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}='${value}'`)
    .join(" ")}/>`;
const transport = (content: string, credentials = "ufrag='abcd' pwd='aaaaaaaaaaaaaaaaaaaaaa'"): string =>
  `<transport xmlns='urn:xmpp:jingle:transports:ice:0' ${credentials}>${content}</transport>`;

interface Input {
  readonly place?: "offer" | "answer" | "info";
  readonly xml: string | ((ours: Element) => string);
}
const bad = (change: Record<string, string | undefined>): Input => ({ xml: transport(candidate(change)) });

malformedTable<Input>("XEP-0371", {
  rules: [
    { section: "XEP-0371 §5.3 a", text: "ufrag and pwd come with every candidate" },
    { section: "RFC 8839 §5.4", text: "ufrag has 4 to 256 ice-chars, pwd 22 to 256" },
    { section: "XEP-0371 §14", text: "a candidate has its attributes, in their types" },
    { section: "RFC 6544 §4.5", text: "a TCP candidate has a tcptype" },
    { section: "RFC 8445 §5.1.2", text: "a priority is from 1 to 2^31 - 1" },
    { section: "RFC 8445 §7.2.2", text: "credentials are the peer's own, not ours sent back" },
    { section: "security: limits", text: "32 candidates a side" },
  ],
  rows: [
    { name: "no ufrag", breaks: "XEP-0371 §5.3 a", input: { xml: transport(candidate(), "pwd='aaaaaaaaaaaaaaaaaaaaaa'") }, code: "bad-request" },
    { name: "no pwd", breaks: "XEP-0371 §5.3 a", input: { xml: transport(candidate(), "ufrag='abcd'") }, code: "bad-request" },
    { name: "an offer without either", breaks: "XEP-0371 §5.3 a", input: { xml: transport("", "") }, code: "bad-request" },
    { name: "an answer without either", breaks: "XEP-0371 §5.3 a", input: { place: "answer", xml: transport("", "") }, code: "bad-request" },
    { name: "a ufrag of three", breaks: "RFC 8839 §5.4", input: { xml: transport("", "ufrag='abc' pwd='aaaaaaaaaaaaaaaaaaaaaa'") }, code: "bad-request" },
    { name: "a ufrag with a colon", breaks: "RFC 8839 §5.4", input: { xml: transport("", "ufrag='ab:cd' pwd='aaaaaaaaaaaaaaaaaaaaaa'") }, code: "bad-request" },
    { name: "a pwd of 21", breaks: "RFC 8839 §5.4", input: { xml: transport("", "ufrag='abcd' pwd='aaaaaaaaaaaaaaaaaaaaa'") }, code: "bad-request" },
    { name: "a pwd of 257", breaks: "RFC 8839 §5.4", input: { xml: transport("", `ufrag='abcd' pwd='${"a".repeat(257)}'`) }, code: "bad-request" },
    { name: "no component", breaks: "XEP-0371 §14", input: bad({ component: undefined }), code: "bad-request" },
    { name: "no foundation", breaks: "XEP-0371 §14", input: bad({ foundation: undefined }), code: "bad-request" },
    { name: "a foundation of 33", breaks: "XEP-0371 §14", input: bad({ foundation: "f".repeat(33) }), code: "bad-request" },
    { name: "no ip", breaks: "XEP-0371 §14", input: bad({ ip: undefined }), code: "bad-request" },
    { name: "a host name", breaks: "XEP-0371 §14", input: bad({ ip: "localhost" }), code: "bad-request" },
    { name: "an address in hexadecimal", breaks: "XEP-0371 §14", input: bad({ ip: "0x7f000001" }), code: "bad-request" },
    { name: "port 0", breaks: "XEP-0371 §14", input: bad({ port: "0" }), code: "bad-request" },
    { name: "port 65536", breaks: "XEP-0371 §14", input: bad({ port: "65536" }), code: "bad-request" },
    { name: "a port of letters", breaks: "XEP-0371 §14", input: bad({ port: "8e3" }), code: "bad-request" },
    { name: "no protocol", breaks: "XEP-0371 §14", input: bad({ protocol: undefined }), code: "bad-request" },
    { name: "an unknown type", breaks: "XEP-0371 §14", input: bad({ type: "local" }), code: "bad-request" },
    { name: "no tcptype", breaks: "RFC 6544 §4.5", input: bad({ tcptype: undefined }), code: "bad-request" },
    { name: "an unknown tcptype", breaks: "RFC 6544 §4.5", input: bad({ tcptype: "both" }), code: "bad-request" },
    { name: "no priority", breaks: ["XEP-0371 §14", "RFC 8445 §5.1.2"], input: bad({ priority: undefined }), code: "bad-request" },
    { name: "priority 0", breaks: "RFC 8445 §5.1.2", input: bad({ priority: "0" }), code: "bad-request" },
    { name: "priority 2^31", breaks: "RFC 8445 §5.1.2", input: bad({ priority: "2147483648" }), code: "bad-request" },
    {
      name: "our own ufrag",
      breaks: "RFC 8445 §7.2.2",
      input: { place: "answer", xml: ({ attrs }) => transport("", `ufrag='${attrs.ufrag}' pwd='aaaaaaaaaaaaaaaaaaaaaa'`) },
      code: "bad-request",
    },
    { name: "our own pwd", breaks: "RFC 8445 §7.2.2", input: { place: "answer", xml: ({ attrs }) => transport("", `ufrag='abcd' pwd='${attrs.pwd}'`) }, code: "bad-request" },
    { name: "33 candidates", breaks: "security: limits", input: { xml: transport(candidate().repeat(33)) }, code: "resource-constraint" },
    { name: "33 candidates, one after another", breaks: "security: limits", input: { place: "info", xml: transport(candidate().repeat(32)) }, code: "resource-constraint" },
    {
      name: "other credentials than before",
      breaks: "XEP-0371 §5.3 a",
      input: { place: "info", xml: transport("", "ufrag='wxyz' pwd='bbbbbbbbbbbbbbbbbbbbbb'") },
      code: "feature-not-implemented",
    },
  ],
  run: async ({ place = "offer", xml }) => {
    const { initiator, responder } = pair();
    const ours = await initiator.attempt.offer();
    const theirs = parseElement(typeof xml === "string" ? xml : xml(ours));
    try {
      if (place === "offer") {
        iceTcp().check?.(theirs);
        await responder.attempt.answer(theirs);
      } else if (place === "answer") {
        initiator.attempt.accepted(theirs);
      } else {
        initiator.attempt.accepted(parseElement(transport(candidate())));
        initiator.attempt.info(theirs);
      }
      return "accepted";
    } catch (error) {
      return error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error);
    } finally {
      initiator.attempt.abort();
      responder.attempt.abort();
    }
  },
});
