import { BalconyError } from "@balcony/channel";
import { malformedTable, type Row, type Rule } from "@balcony/test-kit";
import { openStream, startTls } from "../src/index.js";
import { features, handPlayed, headerOf, juliet, report, romeo, settle, starttlsFeature, tls } from "./far-end.js";
import { openedByHand } from "./opened.js";

/** What the far end says, to whom, and when. */
interface Said {
  /** before TLS, while the stream opens inside TLS, or once it is open */
  readonly when: "plain" | "opening" | "open";
  /** our role */
  readonly to: "initiator" | "responder";
  readonly words: string | Uint8Array;
  /** whether the far end hangs up after that */
  readonly after?: "hangs up";
}

const plain = (to: Said["to"], words: Said["words"]): Said => ({ when: "plain", to, words });
const opening = (to: Said["to"], words: Said["words"]): Said => ({ when: "opening", to, words });
const open = (words: Said["words"], to: Said["to"] = "responder"): Said => ({ when: "open", to, words });
const hangingUp = (said: Said): Said => ({ ...said, after: "hangs up" });

const ours = headerOf("initiator");
const theirs = headerOf("responder");
const starttls = `<starttls ${tls}/>`;
const offering = (...methods: string[]) => `<offer xmlns='urn:xmpp:tmp:c2ctls'>${methods.join("")}</offer>`;
const root = (attributes: string, name = "stream:stream") => `<${name} ${attributes}>`;
const streamsNs = "xmlns:stream='http://etherx.jabber.org/streams'";

async function codeOf(work: Promise<unknown>): Promise<BalconyError | "accepted"> {
  try {
    await work;
    return "accepted";
  } catch (error) {
    if (error instanceof BalconyError) return error;
    throw error;
  }
}

async function run({ when, to, words, after }: Said): Promise<string> {
  const { error, heard } = when === "open" ? await toOpenStream(to, words, after) : await toBeginning(when, to, words, after);
  if (error === "accepted") return error;
  // The condition that the error names is the one that went over the wire.
  const condition = /<stream:error><([\w-]+) /.exec(heard)?.[1];
  return condition === error.condition || error.code === "stream-error" ? error.code : `${error.code}, but the peer was told ${condition}`;
}

async function toBeginning(when: "plain" | "opening", to: Said["to"], words: Said["words"], after: Said["after"]) {
  const { near, far } = handPlayed();
  const [self, peer] = to === "initiator" ? [romeo, juliet] : [juliet, romeo];
  const work =
    when === "plain"
      ? startTls(near, { role: to, self, peer, addresses: "shown", secure: async (bytes) => void bytes.resume() })
      : openStream(near, { role: to, self, peer, report }).then(async (stream) => {
          await settle();
          if (stream.closed.aborted) throw stream.closed.reason;
        });
  const error = codeOf(work);
  far.say(words);
  if (after) far.bytes.end();
  const outcome = await Promise.race([error, settle(200).then(() => new BalconyError("timeout", "still waiting", { condition: undefined }))]);
  near.end();
  far.bytes.end();
  await far.closed();
  await error;
  return { error: outcome, heard: far.heard };
}

async function toOpenStream(to: Said["to"], words: Said["words"], after: Said["after"]) {
  const { stream, far } = await openedByHand({ role: to });
  far.say(words);
  if (after) far.bytes.end();
  await settle();
  const error = stream.closed.aborted ? stream.closed.reason : ("accepted" as const);
  far.say("</stream:stream>");
  await stream.close();
  await far.closed();
  return { error, heard: far.heard };
}

const rules: readonly Rule[] = [
  { section: "RFC 6120 §4.2 a", text: "the stream begins with a header" },
  { section: "RFC 6120 §4.2 b", text: "the receiving entity's header comes before anything else of it" },
  { section: "RFC 6120 §4.2 c", text: "a stream has one header" },
  { section: "RFC 6120 §4.3.2 a", text: "features follow the responder's header, before stanzas" },
  { section: "RFC 6120 §4.3.2 b", text: "features are qualified by the streams namespace" },
  { section: "RFC 6120 §4.3.2 c", text: "a mandatory feature that the initiator does not support ends it" },
  { section: "RFC 6120 §4.3.2 d", text: "the initiator sends no features" },
  { section: "RFC 6120 §4.3.5", text: "no stanzas before the stream is negotiated" },
  { section: "RFC 6120 §4.4 a", text: "a stream is closed by </stream:stream>" },
  { section: "RFC 6120 §4.4 b", text: "the bytes do not end before the stream is closed" },
  { section: "RFC 6120 §4.4 c", text: "nothing follows the closing tag" },
  { section: "RFC 6120 §4.7.1", text: "the header's from is the entity's own address" },
  { section: "RFC 6120 §4.7.2", text: "the header's to is the other entity's address" },
  { section: "RFC 6120 §4.7.5 a", text: "the header has a version" },
  { section: "RFC 6120 §4.7.5 b", text: "the version is major.minor, in numbers" },
  { section: "RFC 6120 §4.7.5 c", text: "the responder's version is not higher than the initiator's" },
  { section: "RFC 6120 §4.7.5 d", text: "an entity that is not version 1.0 or later is refused" },
  { section: "RFC 6120 §4.8.1", text: "the root is qualified by the streams namespace" },
  { section: "RFC 6120 §4.8.2", text: "the content namespace is declared as the default of the root" },
  { section: "RFC 6120 §4.8.3", text: "the content namespace is jabber:client" },
  { section: "RFC 6120 §4.8.4", text: "first-level children of another namespace are known, or end it" },
  { section: "RFC 6120 §4.8.5 a", text: "the streams namespace has the prefix stream" },
  { section: "RFC 6120 §4.8.5 b", text: "no prefix stands for the content namespace" },
  { section: "RFC 6120 §4.9.1.1", text: "after a stream error the stream is closed" },
  { section: "RFC 6120 §4.9.2", text: "a stream error holds one defined condition" },
  { section: "RFC 6120 §4.9.3.1", text: "bad-format: XML that cannot be processed" },
  { section: "RFC 6120 §4.9.3.13", text: "not-well-formed: the XML is" },
  { section: "RFC 6120 §4.9.3.14", text: "policy-violation: local limits are kept" },
  { section: "RFC 6120 §4.9.3.18", text: "restricted-xml: no comments, processing instructions, DTDs and entity references" },
  { section: "RFC 6120 §4.9.3.19", text: "see-other-host is not followed blindly" },
  { section: "RFC 6120 §4.9.3.22", text: "unsupported-encoding: the encoding is UTF-8" },
  { section: "RFC 6120 §4.9.3.24", text: "unsupported-stanza-type: a first-level child is known" },
  { section: "RFC 6120 §5.3.1", text: "who demands TLS says so, and nothing is negotiated in the clear without it" },
  { section: "RFC 6120 §5.3.2", text: "the stream is begun anew after TLS" },
  { section: "RFC 6120 §5.3.3 a", text: "no white space behind <starttls/>" },
  { section: "RFC 6120 §5.3.3 b", text: "no white space behind <proceed/>" },
  { section: "RFC 6120 §5.3.4", text: "TLS comes before SASL" },
  { section: "RFC 6120 §5.4.1", text: "the feature is <starttls/> in the TLS namespace" },
  { section: "RFC 6120 §5.4.2.1", text: "the command is <starttls/> in the TLS namespace" },
  { section: "RFC 6120 §5.4.2.2", text: "<failure/> ends it" },
  { section: "RFC 6120 §5.4.2.3 a", text: "the answer is <proceed/> in the TLS namespace" },
  { section: "RFC 6120 §5.4.2.3 b", text: "TLS begins right behind <proceed/>" },
  { section: "RFC 6120 §5.4.3.3 a", text: "STARTTLS is not offered again inside TLS" },
  { section: "RFC 6120 §5.4.3.3 b", text: "STARTTLS is not begun inside TLS" },
  { section: "RFC 6120 §8.1.1", text: "a stanza's to is ours" },
  { section: "RFC 6120 §8.1.2", text: "a stanza's from is the peer's" },
  { section: "RFC 6120 §8.1", text: "a stanza is message, presence or iq" },
  { section: "XEP-0246 §2", text: "the header's addresses are those communicated" },
  { section: "XEP-0246 §4", text: "either entity sends message, presence and iq, and nothing else" },
  { section: "XEP-0246 §5", text: "either party closes by </stream:stream>" },
  { section: "XEP-0247 §2", text: "the full JIDs of the header are those of the clients" },
  { section: "XEP-0250 §3.3.2", text: "without a common method in <starttls/> the recipient sends failure and closes" },
  { section: "XEP-0250 §3.3.1", text: "without a common method in the feature there is nothing to begin" },
];

const both = (name: string, breaks: Row<Said>["breaks"], words: (header: string) => Said["words"], code: string): Row<Said>[] =>
  (["initiator", "responder"] as const).flatMap((to) => {
    const header = to === "initiator" ? theirs : ours;
    return [
      { name: `${name}, to the ${to} before TLS`, breaks, input: plain(to, words(header)), code },
      { name: `${name}, to the ${to} inside TLS`, breaks, input: opening(to, words(header)), code },
    ];
  });
const headers = (name: string, breaks: Row<Said>["breaks"], changes: Record<string, string>, codes: { readonly plain: string; readonly tls: string }): Row<Said>[] =>
  (["initiator", "responder"] as const).flatMap((to) => {
    const header = headerOf(to === "initiator" ? "responder" : "initiator", changes);
    return [
      { name: `${name}, to the ${to} before TLS`, breaks, input: plain(to, header), code: codes.plain },
      { name: `${name}, to the ${to} inside TLS`, breaks, input: opening(to, header), code: codes.tls },
    ];
  });

const rows: readonly Row<Said>[] = [
  // The header
  ...both("a stanza instead of a header", ["RFC 6120 §4.2 a", "RFC 6120 §4.8.1"], () => "<message/>", "invalid-namespace"),
  ...both("TLS instead of a header", ["RFC 6120 §4.2 a", "RFC 6120 §4.9.3.13"], () => "\x16\x03\x01\x02\0", "not-well-formed"),
  { name: "features ahead of the header", breaks: "RFC 6120 §4.2 b", input: plain("initiator", `<stream:features ${streamsNs}>`), code: "bad-format" },
  { name: "a second header", breaks: "RFC 6120 §4.2 c", input: open(`<stream:stream></stream:stream>`), code: "unsupported-stanza-type" },
  { name: "a second XML declaration", breaks: "RFC 6120 §4.2 c", input: open("<?xml version='1.0'?>"), code: "not-well-formed" },
  ...both("another root of the streams namespace", "RFC 6120 §4.9.3.1", () => root(`xmlns='jabber:client' ${streamsNs} version='1.0'`, "stream:flood"), "bad-format"),
  ...both("a root of no namespace", "RFC 6120 §4.8.1", () => root("version='1.0'", "stream"), "invalid-namespace"),
  ...both("another streams namespace", "RFC 6120 §4.8.1", () => root("xmlns='jabber:client' xmlns:stream='urn:other' version='1.0'"), "invalid-namespace"),
  ...both(
    "a streams namespace with a slash more",
    "RFC 6120 §4.8.1",
    () => root("xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams/' version='1.0'"),
    "invalid-namespace",
  ),
  ...both("another prefix", "RFC 6120 §4.8.5 a", () => root("xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' version='1.0'", "s:stream"), "bad-namespace-prefix"),
  ...both("no prefix", "RFC 6120 §4.8.5 a", () => root("xmlns='http://etherx.jabber.org/streams' version='1.0'", "stream"), "bad-namespace-prefix"),
  ...both("a prefix that is not declared", "RFC 6120 §4.9.3.13", () => root("xmlns='jabber:client' version='1.0'"), "not-well-formed"),
  ...both("no content namespace", "RFC 6120 §4.8.2", () => root(`${streamsNs} version='1.0'`), "invalid-namespace"),
  ...both("the content namespace with a prefix alone", "RFC 6120 §4.8.2", () => root(`${streamsNs} xmlns:c='jabber:client' version='1.0'`), "invalid-namespace"),
  ...both("jabber:server", "RFC 6120 §4.8.3", () => root(`xmlns='jabber:server' ${streamsNs} version='1.0'`), "invalid-namespace"),
  ...headers("no version", "RFC 6120 §4.7.5 a", { version: "" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  ...headers("version 0.9", "RFC 6120 §4.7.5 d", { version: "0.9" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  ...headers("version one", "RFC 6120 §4.7.5 b", { version: "one" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  ...headers("version 1", "RFC 6120 §4.7.5 b", { version: "1" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  ...headers("version 1.0.0", "RFC 6120 §4.7.5 b", { version: "1.0.0" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  ...headers("version -1.0", "RFC 6120 §4.7.5 b", { version: "-1.0" }, { plain: "unsupported-version", tls: "unsupported-version" }),
  { name: "version 1.1 in answer to 1.0", breaks: "RFC 6120 §4.7.5 c", input: plain("initiator", headerOf("responder", { version: "1.1" })), code: "unsupported-version" },
  { name: "version 2.0 in answer to 1.0", breaks: "RFC 6120 §4.7.5 c", input: opening("initiator", headerOf("responder", { version: "2.0" })), code: "unsupported-version" },
  ...headers("from another account", ["RFC 6120 §4.7.1", "XEP-0246 §2"], { from: "tybalt@capulet.lit" }, { plain: "invalid-from", tls: "address-mismatch" }),
  ...headers("from the peer's server", ["RFC 6120 §4.7.1", "XEP-0246 §2"], { from: "montague.lit" }, { plain: "invalid-from", tls: "address-mismatch" }),
  ...headers("from nobody's address", "RFC 6120 §4.7.1", { from: "@/" }, { plain: "invalid-from", tls: "invalid-from" }),
  ...headers("from a full JID of another account", "XEP-0247 §2", { from: "tybalt@capulet.lit/balcony" }, { plain: "invalid-from", tls: "address-mismatch" }),
  ...headers("to another account", ["RFC 6120 §4.7.2", "XEP-0246 §2"], { to: "benvolio@montague.lit" }, { plain: "improper-addressing", tls: "address-mismatch" }),
  ...headers("to nobody's address", "RFC 6120 §4.7.2", { to: "a@b@c" }, { plain: "improper-addressing", tls: "improper-addressing" }),
  ...headers("to a full JID of another account", "XEP-0247 §2", { to: "benvolio@montague.lit/orchard" }, { plain: "improper-addressing", tls: "address-mismatch" }),
  { name: "to our server, inside TLS", breaks: "RFC 6120 §4.7.2", input: opening("responder", headerOf("initiator", { to: "capulet.lit" })), code: "address-mismatch" },
  { name: "to another server, before TLS", breaks: "RFC 6120 §4.7.2", input: plain("responder", headerOf("initiator", { to: "montague.lit" })), code: "improper-addressing" },
  { name: "to our server, as responder", breaks: "RFC 6120 §4.7.2", input: plain("initiator", headerOf("responder", { to: "montague.lit" })), code: "improper-addressing" },
  { name: "our own header back", breaks: "RFC 6120 §4.7.1", input: opening("initiator", ours + features()), code: "address-mismatch" },

  // Features and what comes too early
  { name: "a stanza instead of features, before TLS", breaks: ["RFC 6120 §4.3.2 a", "RFC 6120 §4.3.5"], input: plain("initiator", `${theirs}<message/>`), code: "not-authorized" },
  {
    name: "a stanza instead of features, inside TLS",
    breaks: ["RFC 6120 §4.3.2 a", "RFC 6120 §4.3.5"],
    input: opening("initiator", `${theirs}<iq type='get' id='1'/>`),
    code: "not-authorized",
  },
  { name: "a stanza instead of <starttls/>", breaks: "RFC 6120 §4.3.5", input: plain("responder", `${ours}<presence/>`), code: "not-authorized" },
  { name: "a stanza instead of <proceed/>", breaks: "RFC 6120 §4.3.5", input: plain("initiator", `${theirs}${starttlsFeature}<message/>`), code: "not-authorized" },
  { name: "features of the content namespace", breaks: "RFC 6120 §4.3.2 b", input: opening("initiator", `${theirs}<features/>`), code: "not-authorized" },
  { name: "features of another namespace", breaks: "RFC 6120 §4.3.2 b", input: plain("initiator", `${theirs}<features xmlns='urn:other'/>`), code: "unsupported-stanza-type" },
  { name: "features twice, before TLS", breaks: "RFC 6120 §4.3.2 a", input: plain("initiator", theirs + starttlsFeature + starttlsFeature), code: "unsupported-stanza-type" },
  { name: "features twice, inside TLS", breaks: "RFC 6120 §4.3.2 a", input: open(features(), "initiator"), code: "unsupported-stanza-type" },
  {
    name: "a mandatory feature that nobody knows",
    breaks: "RFC 6120 §4.3.2 c",
    input: opening("initiator", theirs + features("<x xmlns='urn:x'><required/></x>")),
    code: "unsupported-feature",
  },
  {
    name: "binding a resource as mandatory",
    breaks: "RFC 6120 §4.3.2 c",
    input: opening("initiator", theirs + features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>")),
    code: "unsupported-feature",
  },
  { name: "features of the initiator, before TLS", breaks: "RFC 6120 §4.3.2 d", input: plain("responder", ours + starttlsFeature), code: "unsupported-stanza-type" },
  { name: "features of the initiator, inside TLS", breaks: "RFC 6120 §4.3.2 d", input: open(features()), code: "unsupported-stanza-type" },

  // STARTTLS
  { name: "features without STARTTLS", breaks: "RFC 6120 §5.3.1", input: plain("initiator", theirs + features()), code: "starttls-missing" },
  {
    name: "SASL instead of STARTTLS",
    breaks: ["RFC 6120 §5.3.1", "RFC 6120 §5.3.4"],
    input: plain("initiator", theirs + features("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")),
    code: "starttls-missing",
  },
  { name: "STARTTLS of another namespace", breaks: "RFC 6120 §5.4.1", input: plain("initiator", theirs + features("<starttls xmlns='urn:other'/>")), code: "starttls-missing" },
  { name: "STARTTLS of no namespace of its own", breaks: "RFC 6120 §5.4.1", input: plain("initiator", theirs + features("<starttls/>")), code: "starttls-missing" },
  {
    name: "<auth/> before TLS",
    breaks: "RFC 6120 §5.3.4",
    input: plain("responder", `${ours}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>`),
    code: "unsupported-stanza-type",
  },
  { name: "<starttls/> of another namespace", breaks: "RFC 6120 §5.4.2.1", input: plain("responder", `${ours}<starttls xmlns='urn:other'/>`), code: "unsupported-stanza-type" },
  { name: "<starttls/> of the content namespace", breaks: "RFC 6120 §5.4.2.1", input: plain("responder", `${ours}<starttls/>`), code: "not-authorized" },
  { name: "<proceed/> of the initiator", breaks: "RFC 6120 §5.4.2.1", input: plain("responder", `${ours}<proceed ${tls}/>`), code: "unsupported-stanza-type" },
  { name: "<failure/>", breaks: "RFC 6120 §5.4.2.2", input: plain("initiator", `${theirs}${starttlsFeature}<failure ${tls}/></stream:stream>`), code: "starttls-refused" },
  { name: "<failure/> before it is due", breaks: "RFC 6120 §5.4.2.2", input: plain("initiator", `${theirs}<failure ${tls}/>`), code: "unsupported-stanza-type" },
  {
    name: "<proceed/> of another namespace",
    breaks: "RFC 6120 §5.4.2.3 a",
    input: plain("initiator", `${theirs}${starttlsFeature}<proceed xmlns='urn:other'/>`),
    code: "unsupported-stanza-type",
  },
  { name: "<proceed/> ahead of features", breaks: "RFC 6120 §5.4.2.3 a", input: plain("initiator", `${theirs}<proceed ${tls}/>`), code: "unsupported-stanza-type" },
  { name: "<starttls/> in answer to it", breaks: "RFC 6120 §5.4.2.3 a", input: plain("initiator", theirs + starttlsFeature + starttls), code: "unsupported-stanza-type" },
  {
    name: "a stanza behind <proceed/>",
    breaks: "RFC 6120 §5.4.2.3 b",
    input: plain("initiator", `${theirs}${starttlsFeature}<proceed ${tls}/><message/>`),
    code: "starttls-injection",
  },
  {
    name: "a header behind <proceed/>",
    breaks: "RFC 6120 §5.4.2.3 b",
    input: plain("initiator", `${theirs}${starttlsFeature}<proceed ${tls}/>${theirs}`),
    code: "starttls-injection",
  },
  { name: "a space behind <proceed/>", breaks: "RFC 6120 §5.3.3 b", input: plain("initiator", `${theirs}${starttlsFeature}<proceed ${tls}/> `), code: "starttls-injection" },
  { name: "a space behind <starttls/>", breaks: "RFC 6120 §5.3.3 a", input: plain("responder", `${ours}${starttls} `), code: "starttls-injection" },
  { name: "a line feed behind <starttls/>", breaks: "RFC 6120 §5.3.3 a", input: plain("responder", `${ours}${starttls}\n`), code: "starttls-injection" },
  {
    name: "half a character behind <starttls/>",
    breaks: "RFC 6120 §5.3.3 a",
    input: plain("responder", Buffer.from([...Buffer.from(ours + starttls), 0xc3])),
    code: "starttls-injection",
  },
  { name: "<starttls/> twice", breaks: "RFC 6120 §5.4.2.3 b", input: plain("responder", ours + starttls + starttls), code: "starttls-injection" },
  { name: "the old stream going on inside TLS", breaks: "RFC 6120 §5.3.2", input: opening("initiator", features()), code: "not-well-formed" },
  { name: "a stanza of the old stream inside TLS", breaks: "RFC 6120 §5.3.2", input: opening("responder", "<message xmlns='jabber:client'/>"), code: "invalid-namespace" },
  { name: "STARTTLS demanded inside TLS", breaks: "RFC 6120 §5.4.3.3 a", input: opening("initiator", theirs + starttlsFeature), code: "unsupported-feature" },
  { name: "<starttls/> inside TLS", breaks: "RFC 6120 §5.4.3.3 b", input: open(starttls), code: "unsupported-stanza-type" },
  { name: "an offer of SRP alone", breaks: "XEP-0250 §3.3.2", input: plain("responder", `${ours}<starttls ${tls}>${offering("<srp/>")}</starttls>`), code: "starttls-refused" },
  { name: "an offer of nothing", breaks: "XEP-0250 §3.3.2", input: plain("responder", `${ours}<starttls ${tls}>${offering()}</starttls>`), code: "starttls-refused" },
  {
    name: "an offer of what nobody knows",
    breaks: "XEP-0250 §3.3.2",
    input: plain("responder", `${ours}<starttls ${tls}>${offering("<quantum/>", "text")}</starttls>`),
    code: "starttls-refused",
  },
  {
    name: "a feature with SRP alone",
    breaks: "XEP-0250 §3.3.1",
    input: plain("initiator", theirs + features(`<starttls ${tls}>${offering("<srp/>")}</starttls>`)),
    code: "starttls-refused",
  },

  // Stanzas
  { name: "from somebody else", breaks: "RFC 6120 §8.1.2", input: open("<message from='tybalt@capulet.lit'/>"), code: "invalid-from" },
  { name: "from another resource of the peer", breaks: "RFC 6120 §8.1.2", input: open("<presence from='romeo@montague.lit/elsewhere'/>"), code: "invalid-from" },
  { name: "from the peer's server", breaks: "RFC 6120 §8.1.2", input: open("<iq type='set' id='1' from='montague.lit'><q xmlns='x'/></iq>"), code: "invalid-from" },
  { name: "from ourselves", breaks: "RFC 6120 §8.1.2", input: open(`<message from='${juliet}'/>`), code: "invalid-from" },
  { name: "from nobody", breaks: "RFC 6120 §8.1.2", input: open("<message from=''/>"), code: "invalid-from" },
  { name: "an answer from somebody else", breaks: "RFC 6120 §8.1.2", input: open("<iq type='result' id='1' from='tybalt@capulet.lit'/>"), code: "invalid-from" },
  { name: "to somebody else", breaks: "RFC 6120 §8.1.1", input: open("<message to='nurse@capulet.lit'/>"), code: "improper-addressing" },
  { name: "to another resource of ours", breaks: "RFC 6120 §8.1.1", input: open("<message to='juliet@capulet.lit/chamber'/>"), code: "improper-addressing" },
  { name: "to the peer itself", breaks: "RFC 6120 §8.1.1", input: open(`<message to='${romeo}'/>`), code: "improper-addressing" },
  { name: "to no address", breaks: "RFC 6120 §8.1.1", input: open("<message to='@'/>"), code: "improper-addressing" },
  { name: "another element of the content namespace", breaks: ["RFC 6120 §8.1", "XEP-0246 §4"], input: open("<letter/>"), code: "unsupported-stanza-type" },
  { name: "a stanza of jabber:server", breaks: ["RFC 6120 §8.1", "RFC 6120 §4.8.4"], input: open("<message xmlns='jabber:server'/>"), code: "unsupported-stanza-type" },
  { name: "a stanza of no namespace", breaks: "RFC 6120 §4.8.4", input: open("<message xmlns=''/>"), code: "unsupported-stanza-type" },
  { name: "an element that nobody knows", breaks: ["RFC 6120 §4.8.4", "RFC 6120 §4.9.3.24"], input: open("<r xmlns='urn:xmpp:sm:3'/>"), code: "unsupported-stanza-type" },
  { name: "SASL inside TLS", breaks: "RFC 6120 §4.9.3.24", input: open("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), code: "unsupported-stanza-type" },
  { name: "a stanza with a prefix", breaks: "RFC 6120 §4.8.5 b", input: open("<c:message xmlns:c='jabber:client'/>"), code: "bad-namespace-prefix" },

  // XML
  { name: "text between stanzas", breaks: "RFC 6120 §4.9.3.1", input: open("hello"), code: "bad-format" },
  { name: "a stanza that is not closed", breaks: "RFC 6120 §4.9.3.13", input: open("<message></presence>"), code: "not-well-formed" },
  { name: "half of UTF-8", breaks: "RFC 6120 §4.9.3.13", input: open(Buffer.from([...Buffer.from("<message>"), 0xc3, 0x28])), code: "not-well-formed" },
  { name: "a comment", breaks: "RFC 6120 §4.9.3.18", input: open("<!-- hello -->"), code: "restricted-xml" },
  { name: "a processing instruction", breaks: "RFC 6120 §4.9.3.18", input: open("<message><?php ?></message>"), code: "restricted-xml" },
  { name: "an entity", breaks: "RFC 6120 §4.9.3.18", input: open("<message>&foo;</message>"), code: "restricted-xml" },
  { name: "a DTD ahead of the header", breaks: "RFC 6120 §4.9.3.18", input: plain("responder", `<!DOCTYPE x [<!ENTITY a 'b'>]>${ours}`), code: "restricted-xml" },
  { name: "a comment before TLS", breaks: "RFC 6120 §4.9.3.18", input: plain("initiator", `${theirs}<!-- -->`), code: "restricted-xml" },
  { name: "another encoding", breaks: "RFC 6120 §4.9.3.22", input: plain("responder", `<?xml version='1.0' encoding='ISO-8859-1'?>${ours}`), code: "unsupported-encoding" },
  { name: "UTF-16", breaks: "RFC 6120 §4.9.3.22", input: opening("responder", Buffer.from(`\ufeff${ours}`, "utf16le")), code: "unsupported-encoding" },
  { name: "a stanza of more than 256 KiB", breaks: "RFC 6120 §4.9.3.14", input: open(`<message>${"x".repeat(256 * 1024)}</message>`), code: "policy-violation" },
  { name: "a stanza deeper than 64", breaks: "RFC 6120 §4.9.3.14", input: open(`<message>${"<a>".repeat(64)}`), code: "policy-violation" },
  { name: "more than 16 KiB before TLS", breaks: "RFC 6120 §4.9.3.14", input: plain("initiator", theirs + " ".repeat(16 * 1024)), code: "policy-violation" },

  // Errors and the end
  {
    name: "a stream error before TLS",
    breaks: "RFC 6120 §4.9.1.1",
    input: plain("initiator", `${theirs}<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`),
    code: "stream-error",
  },
  {
    name: "a stream error while the stream opens",
    breaks: "RFC 6120 §4.9.1.1",
    input: opening("initiator", `${theirs}<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`),
    code: "stream-error",
  },
  {
    name: "a stanza behind a stream error",
    breaks: "RFC 6120 §4.9.1.1",
    input: open("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error><message/>"),
    code: "stream-error",
  },
  { name: "a stream error without condition", breaks: "RFC 6120 §4.9.2", input: open("<stream:error/>"), code: "stream-error" },
  {
    name: "a stream error with two conditions",
    breaks: "RFC 6120 §4.9.2",
    input: open("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
    code: "stream-error",
  },
  {
    name: "see-other-host",
    breaks: "RFC 6120 §4.9.3.19",
    input: open("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.example</see-other-host></stream:error>"),
    code: "stream-error",
  },
  { name: "</stream>, as kaa has it", breaks: ["RFC 6120 §4.4 a", "XEP-0246 §5"], input: open("</stream>"), code: "not-well-formed" },
  { name: "a closing tag of something else", breaks: ["RFC 6120 §4.4 a", "XEP-0246 §5"], input: open("</stream:features>"), code: "not-well-formed" },
  { name: "no closing tag", breaks: ["RFC 6120 §4.4 b", "XEP-0246 §5"], input: hangingUp(open("<message/>")), code: "truncated" },
  { name: "half a closing tag", breaks: "RFC 6120 §4.4 b", input: hangingUp(open("</stream:strea")), code: "truncated" },
  { name: "no closing tag before TLS", breaks: "RFC 6120 §4.4 b", input: hangingUp(plain("initiator", theirs)), code: "truncated" },
  { name: "no closing tag while the stream opens", breaks: "RFC 6120 §4.4 b", input: hangingUp(opening("initiator", theirs)), code: "truncated" },
  { name: "a closing tag before TLS, with more behind", breaks: "RFC 6120 §4.4 c", input: plain("initiator", `${theirs}</stream:stream><message/>`), code: "closed" },
  { name: "a closing tag with a stanza behind", breaks: "RFC 6120 §4.4 c", input: open("</stream:stream><message/>"), code: "closed" },
];

malformedTable("what a peer can break, and the one code that comes of it", { rules, rows, run });
