import { malformedTable, type Rule } from "@balcony/test-kit";
import { bindRequest, plainAuth, RawClient, stage, streamHeader } from "./actors.js";

const rules: readonly Rule[] = [
  { section: "RFC 6120 §4.2", text: "The first thing in a stream is its header." },
  { section: "RFC 6120 §4.3.5", text: "After a restart, whoever initiates sends a new header." },
  { section: "RFC 6120 §4.7.2", text: "The initial header has a to that the server serves." },
  { section: "RFC 6120 §4.7.5", text: "The header has a version of 1.0 or above." },
  { section: "RFC 6120 §4.8.1", text: "The root is qualified by the streams namespace." },
  { section: "RFC 6120 §4.8.2", text: "The content namespace is jabber:client." },
  { section: "RFC 6120 §4.9.3.8", text: "A connection that negotiates nothing is closed." },
  { section: "RFC 6120 §4.9.3.24", text: "First-level children are stanzas, once negotiation is over." },
  { section: "RFC 6120 §5.3.3", text: "No white space or anything else follows <starttls/>." },
  { section: "RFC 6120 §6.4.2", text: "<auth/> names a mechanism that was offered." },
  { section: "RFC 6120 §6.4.5", text: "Logins may be tried a limited number of times." },
  { section: "RFC 6120 §6.5.4", text: "The authorization identity is one's own." },
  { section: "RFC 6120 §6.5.5", text: "SASL data is base64." },
  { section: "RFC 6120 §6.5.7", text: "SASL data is what the mechanism asks for." },
  { section: "RFC 6120 §6.5.10", text: "The credentials are those of an account." },
  { section: "RFC 6120 §7.1", text: "No stanza is sent before a resource is bound." },
  { section: "RFC 6120 §8.1.1", text: "The to of a stanza is an address." },
  { section: "RFC 6120 §8.1.2.1", text: "The from of a stanza is the sender's own." },
  { section: "RFC 6120 §8.1.3", text: "An IQ has an id." },
  { section: "RFC 6120 §8.2.3 a", text: "An IQ has one of four types." },
  { section: "RFC 6120 §8.2.3 b", text: "An IQ get or set has exactly one child element." },
  { section: "RFC 6121 §4.7.1", text: "A presence has one of seven types or none." },
  { section: "RFC 6121 §4.7.2.3", text: "A priority is an integer from -128 to 127." },
  { section: "RFC 6120 §11.1", text: "No comment, processing instruction, DTD or entity reference." },
  { section: "RFC 6120 §11.3", text: "XML is well-formed." },
  { section: "RFC 6120 §11.6", text: "The encoding is UTF-8." },
  { section: "RFC 6120 §13.12", text: "Limits on the size of stanzas are kept." },
];

interface Input {
  /** How far the client gets properly. */
  readonly after: "connecting" | "header" | "login" | "bind";
  readonly bytes: string | Uint8Array;
  readonly starttls?: "self-signed";
  readonly loginTimeout?: number;
}

/** What the server says to it: the stream error, or else the SASL failure or stanza error. */
async function run({ after, bytes, starttls, loginTimeout = 30_000 }: Input): Promise<string> {
  const server = await stage({ starttls, limits: { loginTimeout } });
  const raw = new RawClient(server);
  if (after === "header") await raw.open();
  if (after === "login") await raw.authenticate();
  if (after === "bind") await raw.login();
  raw.received = "";
  raw.write(bytes);
  raw.write(after === "bind" ? "<iq type='get' id='end' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>" : "");
  await Promise.race([raw.closed, raw.seen("</stream:error>"), raw.seen("</failure>"), raw.seen("</error>"), raw.seen('id="end"')]);
  const [, kind, condition] = /<(stream:error|failure|error)[^>]*><([a-z-]+)/.exec(raw.received) ?? [];
  if (kind === "stream:error") await raw.closed;
  return condition ?? "accepted";
}

const header = (change: (text: string) => string): Input => ({ after: "connecting", bytes: change(streamHeader("montague.lit")) });
const auth = (mechanism: string, data: string): Input => ({ after: "header", bytes: `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${data}</auth>` });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const bound = (bytes: string | Uint8Array): Input => ({ after: "bind", bytes });

malformedTable("what a client may not send", {
  rules,
  run,
  rows: [
    { name: "a stanza instead of a header", breaks: "RFC 6120 §4.2", input: { after: "connecting", bytes: "<message xmlns='jabber:client'/>" }, code: "invalid-namespace" },
    { name: "a header of HTTP", breaks: "RFC 6120 §4.2", input: { after: "connecting", bytes: "GET / HTTP/1.1\r\n\r\n" }, code: "not-well-formed" },
    {
      name: "a stanza instead of the header after login",
      breaks: "RFC 6120 §4.3.5",
      input: { after: "header", bytes: `${plainAuth("romeo", "secret")}<presence/>` },
      code: "invalid-namespace",
    },
    { name: "a header without to", breaks: "RFC 6120 §4.7.2", input: header((text) => text.replace(" to='montague.lit'", "")), code: "improper-addressing" },
    { name: "a header to another domain", breaks: "RFC 6120 §4.7.2", input: header((text) => text.replace("montague", "verona")), code: "host-unknown" },
    { name: "a header to no address", breaks: "RFC 6120 §4.7.2", input: header((text) => text.replace("montague.lit", "@@")), code: "host-unknown" },
    {
      name: "a header to another domain than the one logged in to",
      breaks: "RFC 6120 §4.7.2",
      input: { after: "header", bytes: plainAuth("romeo", "secret") + streamHeader("capulet.lit") },
      code: "host-unknown",
    },
    { name: "no version", breaks: "RFC 6120 §4.7.5", input: header((text) => text.replace("version='1.0' xmlns", "xmlns")), code: "unsupported-version" },
    { name: "version 0.9", breaks: "RFC 6120 §4.7.5", input: header((text) => text.replace("1.0' x", "0.9' x")), code: "unsupported-version" },
    { name: "a version that is no number", breaks: "RFC 6120 §4.7.5", input: header((text) => text.replace("1.0' x", "one' x")), code: "unsupported-version" },
    { name: "another streams namespace", breaks: "RFC 6120 §4.8.1", input: header((text) => text.replace("etherx", "ethery")), code: "invalid-namespace" },
    { name: "another root", breaks: "RFC 6120 §4.8.1", input: header((text) => text.replace("<stream:stream", "<stream:river")), code: "invalid-namespace" },
    { name: "the namespace of servers", breaks: "RFC 6120 §4.8.2", input: header((text) => text.replace("jabber:client", "jabber:server")), code: "invalid-namespace" },
    { name: "no content namespace", breaks: "RFC 6120 §4.8.2", input: header((text) => text.replace("xmlns='jabber:client' ", "")), code: "invalid-namespace" },
    { name: "nothing", breaks: "RFC 6120 §4.9.3.8", input: { after: "connecting", bytes: "", loginTimeout: 20 }, code: "connection-timeout" },
    { name: "only a header", breaks: "RFC 6120 §4.9.3.8", input: { after: "connecting", bytes: streamHeader("montague.lit"), loginTimeout: 20 }, code: "connection-timeout" },
    { name: "an unknown element", breaks: "RFC 6120 §4.9.3.24", input: bound("<foo/>"), code: "unsupported-stanza-type" },
    { name: "a message in another namespace", breaks: "RFC 6120 §4.9.3.24", input: bound("<message xmlns='jabber:server'/>"), code: "unsupported-stanza-type" },
    { name: "a login after login", breaks: "RFC 6120 §4.9.3.24", input: bound(plainAuth("romeo", "secret")), code: "unsupported-stanza-type" },
    {
      name: "white space behind <starttls/>",
      breaks: "RFC 6120 §5.3.3",
      input: { after: "header", bytes: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/> ", starttls: "self-signed" },
      code: "policy-violation",
    },
    { name: "an unknown mechanism", breaks: "RFC 6120 §6.4.2", input: auth("GSSAPI", ""), code: "invalid-mechanism" },
    { name: "no mechanism", breaks: "RFC 6120 §6.4.2", input: auth("", ""), code: "invalid-mechanism" },
    { name: "a mechanism named like a property of objects", breaks: "RFC 6120 §6.4.2", input: auth("constructor", "="), code: "invalid-mechanism" },
    { name: "the third wrong password", breaks: "RFC 6120 §6.4.5", input: { after: "header", bytes: plainAuth("romeo", "wrong").repeat(3) }, code: "not-authorized" },
    { name: "somebody else's identity", breaks: "RFC 6120 §6.5.4", input: auth("PLAIN", base64("juliet@capulet.lit\0romeo\0secret")), code: "invalid-authzid" },
    { name: "base64 with a hole", breaks: "RFC 6120 §6.5.5", input: auth("PLAIN", "AHJv bWVv"), code: "incorrect-encoding" },
    { name: "base64 of what is no UTF-8", breaks: "RFC 6120 §6.5.5", input: auth("PLAIN", Buffer.of(0, 0xff, 0, 0xff).toString("base64")), code: "incorrect-encoding" },
    { name: "PLAIN with one field", breaks: "RFC 6120 §6.5.7", input: auth("PLAIN", base64("romeo")), code: "malformed-request" },
    { name: "PLAIN with four fields", breaks: "RFC 6120 §6.5.7", input: auth("PLAIN", base64("\0romeo\0secret\0")), code: "malformed-request" },
    { name: "SCRAM without nonce", breaks: "RFC 6120 §6.5.7", input: auth("SCRAM-SHA-1", base64("n,,n=romeo")), code: "malformed-request" },
    {
      name: "a response to nothing",
      breaks: "RFC 6120 §6.5.7",
      input: { after: "header", bytes: "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</response>" },
      code: "malformed-request",
    },
    { name: "a wrong password", breaks: "RFC 6120 §6.5.10", input: { after: "header", bytes: plainAuth("romeo", "wrong") }, code: "not-authorized" },
    { name: "an account of the other domain", breaks: "RFC 6120 §6.5.10", input: { after: "header", bytes: plainAuth("juliet", "rosemary") }, code: "not-authorized" },
    { name: "an address as user name", breaks: "RFC 6120 §6.5.10", input: { after: "header", bytes: plainAuth("romeo@montague.lit", "secret") }, code: "not-authorized" },
    { name: "a message before login", breaks: "RFC 6120 §7.1", input: { after: "header", bytes: "<message to='juliet@capulet.lit'/>" }, code: "not-authorized" },
    { name: "a bind before login", breaks: "RFC 6120 §7.1", input: { after: "header", bytes: bindRequest("r") }, code: "not-authorized" },
    { name: "a message before binding", breaks: "RFC 6120 §7.1", input: { after: "login", bytes: "<message to='juliet@capulet.lit'/>" }, code: "not-authorized" },
    {
      name: "a ping before binding",
      breaks: "RFC 6120 §7.1",
      input: { after: "login", bytes: "<iq type='get' id='p' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>" },
      code: "not-authorized",
    },
    { name: "a second login before binding", breaks: "RFC 6120 §7.1", input: { after: "login", bytes: plainAuth("romeo", "secret") }, code: "not-authorized" },
    { name: "an address that is none", breaks: "RFC 6120 §8.1.1", input: bound("<message to='@@'/>"), code: "jid-malformed" },
    { name: "somebody else as from", breaks: "RFC 6120 §8.1.2.1", input: bound("<message to='juliet@capulet.lit' from='tybalt@capulet.lit'/>"), code: "invalid-from" },
    { name: "another resource as from", breaks: "RFC 6120 §8.1.2.1", input: bound("<message to='juliet@capulet.lit' from='romeo@montague.lit/other'/>"), code: "invalid-from" },
    { name: "no address as from", breaks: "RFC 6120 §8.1.2.1", input: bound("<message to='juliet@capulet.lit' from='@@'/>"), code: "invalid-from" },
    { name: "an IQ without id", breaks: "RFC 6120 §8.1.3", input: bound("<iq type='get' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>"), code: "bad-request" },
    { name: "an IQ without type", breaks: "RFC 6120 §8.2.3 a", input: bound("<iq id='1' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>"), code: "bad-request" },
    { name: "an IQ of type chat", breaks: "RFC 6120 §8.2.3 a", input: bound("<iq id='1' type='chat' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>"), code: "bad-request" },
    { name: "a get with nothing in it", breaks: "RFC 6120 §8.2.3 b", input: bound("<iq id='1' type='get' to='montague.lit'/>"), code: "bad-request" },
    {
      name: "a set with two children",
      breaks: "RFC 6120 §8.2.3 b",
      input: bound("<iq id='1' type='set' to='montague.lit'><a xmlns='a'/><b xmlns='b'/></iq>"),
      code: "bad-request",
    },
    { name: "a presence of type available", breaks: "RFC 6121 §4.7.1", input: bound("<presence type='available'/>"), code: "bad-request" },
    { name: "a probe to nobody", breaks: "RFC 6121 §4.7.1", input: bound("<presence type='probe'/>"), code: "bad-request" },
    { name: "a priority of 128", breaks: "RFC 6121 §4.7.2.3", input: bound("<presence><priority>128</priority></presence>"), code: "bad-request" },
    { name: "a priority of 1.5", breaks: "RFC 6121 §4.7.2.3", input: bound("<presence><priority>1.5</priority></presence>"), code: "bad-request" },
    { name: "a priority in hexadecimal", breaks: "RFC 6121 §4.7.2.3", input: bound("<presence><priority>0x10</priority></presence>"), code: "bad-request" },
    { name: "a comment", breaks: "RFC 6120 §11.1", input: bound("<!-- hark -->"), code: "restricted-xml" },
    { name: "a processing instruction", breaks: "RFC 6120 §11.1", input: bound("<?hark?>"), code: "restricted-xml" },
    { name: "a DTD", breaks: "RFC 6120 §11.1", input: header((text) => text.replace("<stream", "<!DOCTYPE stream><stream")), code: "restricted-xml" },
    { name: "an entity", breaks: "RFC 6120 §11.1", input: bound("<message>&hark;</message>"), code: "restricted-xml" },
    { name: "a wrong end tag", breaks: "RFC 6120 §11.3", input: bound("<message></presence>"), code: "not-well-formed" },
    { name: "two attributes of one name", breaks: "RFC 6120 §11.3", input: bound("<message id='1' id='2'/>"), code: "not-well-formed" },
    { name: "a byte that is no UTF-8", breaks: "RFC 6120 §11.6", input: bound(Buffer.of(0x3c, 0x61, 0x3e, 0xff)), code: "not-well-formed" },
    { name: "another encoding", breaks: "RFC 6120 §11.6", input: header((text) => text.replace("'1.0'?", "'1.0' encoding='ISO-8859-1'?")), code: "unsupported-encoding" },
    { name: "10 kB before login", breaks: "RFC 6120 §13.12", input: auth("PLAIN", "A".repeat(10_001)), code: "policy-violation" },
    { name: "a stanza of more than 256 KiB", breaks: "RFC 6120 §13.12", input: bound(`<message><body>${"a".repeat(256 * 1024)}</body></message>`), code: "policy-violation" },
    { name: "elements nested too deep", breaks: "RFC 6120 §13.12", input: bound(`<message>${"<a>".repeat(1_000)}`), code: "policy-violation" },
  ],
});
