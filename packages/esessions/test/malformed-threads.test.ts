import { malformedTable } from "@balcony/test-kit";
import { type Element, parseElement, xml } from "@balcony/xml";
import { expect } from "vitest";
import { writeForm } from "../src/form.js";
import { ALICE, BOB, sessionPair } from "./pair.js";

/** A message in clear, told where it is to be put in the place of the session's thread. */
interface Input {
  readonly from?: string;
  readonly inner: (thread: string) => string;
}

/** Whose it is at Bob's: the session's, which refuses what is in clear; whoever has everything else; or nobody's. And does the session stand afterwards? */
async function run({ from = ALICE, inner }: Input): Promise<string> {
  const { a, b, bob, network } = await sessionPair();
  const elsewhere: Element[] = [];
  bob.channel.onStanza(({ stanza }) => {
    elsewhere.push(stanza);
    return true;
  });
  network.inject(parseElement(`<message from='${from}' to='${BOB}'>${inner(a.thread)}</message>`));
  network.inject(xml("message", { from: ALICE, to: BOB }, xml("body", {}, "behind it")));
  await expect.poll(() => elsewhere.some((stanza) => stanza.getChildText("body") === "behind it")).toBe(true);
  const codes = bob.errors.map((error) => (error as { readonly code?: string }).code);
  const found = codes.length > 0 ? codes.join() : elsewhere.length > 1 ? "elsewhere" : "nobody's";
  const stands = !b.channel.closed.aborted;
  await a.abandon();
  return stands ? found : `${found}, and the session is over`;
}

const thread = (id: string, attributes = ""): string => `<thread${attributes}>${id}</thread>`;
const body = "<body>x</body>";
const offer = `<feature xmlns='http://jabber.org/protocol/feature-neg'>${writeForm("form", [
  ["FORM_TYPE", ["urn:xmpp:ssn"]],
  ["accept", ["1"]],
])}</feature>`;
const encrypted = "<c xmlns='http://www.xmpp.org/extensions/xep-0200.html#ns'><data>AAAA</data><mac>AAAA</mac></c>";

malformedTable<Input>("what outsiders can do with the thread of a session", {
  rules: [
    { section: "RFC 6121 §5.2.5", text: "a ThreadID is opaque, and compared as it is; a message has one <thread/> at most" },
    { section: "XEP-0201 §3.2", text: "a direct answer is in the thread of what it answers" },
    { section: "XEP-0201 §3.3", text: "a child thread is another thread, whatever its parent is" },
    { section: "XEP-0201 §4.1", text: "a thread is a session's of two entities: a new one is a new session" },
    { section: "XEP-0155 §4.1", text: "a session is negotiated on a thread" },
  ],
  rows: [
    { name: "in clear on it", breaks: "XEP-0201 §4.1", input: { inner: (id) => body + thread(id) }, code: "tampered" },
    { name: "white space around it, which pretty printers put there", breaks: [], input: { inner: (id) => body + thread(` ${id}\n`) }, code: "tampered" },
    {
      name: "in other letters",
      breaks: "RFC 6121 §5.2.5",
      input: { inner: (id) => body + thread(id.toUpperCase() === id ? id.toLowerCase() : id.toUpperCase()) },
      code: "elsewhere",
    },
    { name: "with something behind", breaks: "RFC 6121 §5.2.5", input: { inner: (id) => body + thread(`${id}x`) }, code: "elsewhere" },
    { name: "without its end", breaks: "RFC 6121 §5.2.5", input: { inner: (id) => body + thread(id.slice(0, -1)) }, code: "elsewhere" },
    { name: "two, this one first", breaks: "RFC 6121 §5.2.5", input: { inner: (id) => body + thread(id) + thread("x") }, code: "tampered" },
    { name: "two, this one last", breaks: "RFC 6121 §5.2.5", input: { inner: (id) => body + thread("x") + thread(id) }, code: "elsewhere" },
    { name: "none", breaks: "XEP-0201 §3.2", input: { inner: () => body }, code: "elsewhere" },
    { name: "an empty one", breaks: "XEP-0201 §3.2", input: { inner: () => body + thread("") }, code: "elsewhere" },
    { name: "one of white space", breaks: "XEP-0201 §3.2", input: { inner: () => body + thread(" ") }, code: "elsewhere" },
    { name: "as the parent of another", breaks: "XEP-0201 §3.3", input: { inner: (id) => body + thread("x", ` parent='${id}'`) }, code: "elsewhere" },
    { name: "as its own, with a parent", breaks: "XEP-0201 §3.3", input: { inner: (id) => body + thread(id, " parent='x'") }, code: "tampered" },
    { name: "from another resource of hers", breaks: "XEP-0201 §4.1", input: { from: "alice@capulet.lit/other", inner: (id) => body + thread(id) }, code: "elsewhere" },
    { name: "from her account", breaks: "XEP-0201 §4.1", input: { from: "alice@capulet.lit", inner: (id) => body + thread(id) }, code: "elsewhere" },
    { name: "from somebody else", breaks: "XEP-0201 §4.1", input: { from: "mallory@capulet.lit/x", inner: (id) => body + thread(id) }, code: "elsewhere" },
    { name: "encrypted, from somebody else", breaks: "XEP-0201 §4.1", input: { from: "mallory@capulet.lit/x", inner: (id) => encrypted + thread(id) }, code: "nobody's" },
    { name: "encrypted, on a thread that nobody knows", breaks: "XEP-0201 §4.1", input: { inner: () => encrypted + thread("x") }, code: "nobody's" },
    { name: "encrypted, on none", breaks: "XEP-0155 §4.1", input: { inner: () => encrypted }, code: "elsewhere" },
    { name: "an offer on it", breaks: "XEP-0155 §4.1", input: { inner: (id) => thread(id) + offer }, code: "tampered" },
    { name: "an offer on none", breaks: "XEP-0155 §4.1", input: { inner: () => offer }, code: "elsewhere" },
    {
      name: "an offer from her account, which no session can be with",
      breaks: "XEP-0155 §4.1",
      input: { from: "alice@capulet.lit", inner: () => thread("x") + offer },
      code: "elsewhere",
    },
  ],
  run,
});
