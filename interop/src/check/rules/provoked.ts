import type { Role } from "../../contract.js";
import type { Secure, Transport } from "../play.js";
import { both, type Provoked, type Section } from "./requirement.js";

/** What the tester breaks, where the rule stands, what is sent, what has to be heard. `goes on` ahead of what is heard: and the session goes on. */
type Row = readonly [breach: string, text: string, sent: string, heard: string, roles?: readonly Role[]];

interface At {
  readonly transport?: Transport;
  readonly secure?: Secure;
}

function provoked(section: Section, rows: readonly Row[], { transport = "ibb", secure = "starttls" }: At = {}): Provoked[] {
  return rows.map(([breach, text, sent, heard, roles = both]) => {
    const goesOn = heard.startsWith("goes on, ");
    const words = heard.replace("goes on, ", "").split(" or ");
    const rule = `${sent} is ${goesOn ? "answered, and the session goes on" : "refused"}.`;
    return {
      kind: "provoked",
      id: `meets-${breach}`,
      section,
      text,
      rule: rule.replace("Within TLS: a", "Within TLS, a"),
      roles,
      breach,
      sent,
      heard: words,
      goesOn,
      transport,
      secure,
    };
  });
}

const responder: readonly Role[] = ["responder"];
const initiator: readonly Role[] = ["initiator"];

/** A malformed offer is refused at once, or the session is ended. */
const REFUSED = "iq:bad-request or iq:not-acceptable or iq:feature-not-implemented or terminate";
const UNKNOWN_SESSION = "iq:item-not-found/unknown-session";
const OUT_OF_ORDER = "iq:unexpected-request/out-of-order";

const jingle = provoked("jingle", [
  ["initiate-without-content", "XEP-0166 §6.2", "A session-initiate without content", REFUSED, responder],
  ["initiate-without-transport", "XEP-0166 §6.2", "A session-initiate whose content has no transport", REFUSED, responder],
  ["initiate-without-description", "XEP-0166 §6.2", "A session-initiate whose content has no description", REFUSED, responder],
  ["initiate-content-twice", "XEP-0166 §7.3", "A session-initiate with two contents of one name", REFUSED, responder],
  ["initiate-content-without-name", "XEP-0166 §7.3", "A session-initiate whose content has no name", REFUSED, responder],
  ["initiate-content-by-responder", "XEP-0166 §7.3", "A session-initiate whose content says that the responder created it", REFUSED, responder],
  ["initiate-disposition-early-session", "XEP-0166 §7.2.10", "A session-initiate whose content has the disposition early-session", REFUSED, responder],
  ["initiate-senders-nobody-known", "XEP-0166 §7.3", "A session-initiate whose content has senders that do not exist", REFUSED, responder],
  ["initiate-without-sid", "XEP-0166 §7.1", "A session-initiate without sid", "iq", responder],
  ["initiate-transport-without-sid", "XEP-0261 §2.2", "A session-initiate whose transport has no sid", REFUSED, responder],
  ["initiate-unknown-application", "XEP-0166 §6.3.1", "A session-initiate for an application that nobody knows", "terminate:unsupported-applications", responder],
  ["initiate-unknown-transport", "XEP-0166 §6.3.1", "A session-initiate with a transport that nobody knows", "terminate:unsupported-transports", responder],
  ["initiate-then-cancel", "XEP-0166 §6.7, §10", "A session-info after the session was cancelled", UNKNOWN_SESSION, responder],
  ["initiate-again", "XEP-0166 §10", "A session-initiate for a session that stands", `goes on, ${OUT_OF_ORDER}`, responder],
  ["accept-by-initiator", "XEP-0166 §10", "A session-accept by the initiator", `goes on, ${OUT_OF_ORDER}`, responder],
  ["unknown-action", "XEP-0166 §7.2", "An action that does not exist", "goes on, iq:bad-request or iq:feature-not-implemented"],
  ["unknown-info", "XEP-0166 §6.8", "A session-info whose payload nobody knows", "goes on, iq:feature-not-implemented/unsupported-info"],
  ["action-of-unknown-session", "XEP-0166 §10", "A session-info for a session that does not exist", `goes on, ${UNKNOWN_SESSION}`, responder],
  ["terminate-of-unknown-session", "XEP-0166 §10", "A session-terminate for a session that does not exist", `goes on, ${UNKNOWN_SESSION}`, responder],
  ["jingle-get", "XEP-0166 §7.1", "An action in an IQ of type get", "goes on, iq", responder],
  ["content-add-unasked", "XEP-0166 §7.2.2", "A content-add with an application that nobody knows", "goes on, jingle:content-reject or iq", responder],
  ["transport-replace-by-unknown", "XEP-0166 §7.2.15", "A transport-replace with a transport that nobody knows", "goes on, jingle:transport-reject or iq", responder],
  ["terminate-by-a-stranger", "XEP-0166 §7.1", "A session-terminate with the right sid, from another resource of the tester's", "goes on, stranger:refused"],
  ["info-by-a-stranger", "XEP-0166 §7.1", "A session-info with the right sid, from another resource of the tester's", "goes on, stranger:refused", responder],
  ["accept-without-content", "XEP-0166 §7.2.8", "A session-accept without content", REFUSED, initiator],
  ["accept-without-transport", "XEP-0166 §7.2.8", "A session-accept whose content has no transport", REFUSED, initiator],
  ["accept-without-description", "XEP-0166 §7.2.8", "A session-accept whose content has no description", REFUSED, initiator],
  ["accept-two-contents", "XEP-0166 §7.2.8", "A session-accept with a content that was not offered", REFUSED, initiator],
  ["accept-other-transport", "XEP-0166 §7.2.8", "A session-accept with another transport than was offered", REFUSED, initiator],
  ["accept-other-application", "XEP-0166 §7.2.8", "A session-accept with another application than was offered", REFUSED, initiator],
  ["accept-of-unknown-session", "XEP-0166 §10", "A session-accept for a session that does not exist", `goes on, ${UNKNOWN_SESSION}`, initiator],
  ["accept-twice", "XEP-0166 §10", "A second session-accept", `goes on, ${OUT_OF_ORDER}`, initiator],
]);

const SEQUENCE = "iq:unexpected-request";
const BAD_BLOCK = "iq:bad-request or iq:unexpected-request";

const ibb = provoked("ibb", [
  ["initiate-block-size-zero", "XEP-0261 §2.2", "A transport with blocks of 0 bytes", REFUSED, responder],
  ["initiate-block-size-no-number", "XEP-0261 §2.2", "A transport whose block-size is no number", REFUSED, responder],
  ["initiate-block-size-beyond-short", "XEP-0261 §2.2", "A transport with blocks of 70,000 bytes", REFUSED, responder],
  ["initiate-block-size-left-out", "XEP-0261 §2.2", "A transport without block-size", REFUSED, responder],
  ["accept-larger-block-size", "XEP-0261 §2.2", "A session-accept with larger blocks than were offered", REFUSED, initiator],
  ["accept-block-size-zero", "XEP-0261 §2.2", "A session-accept with blocks of 0 bytes", REFUSED, initiator],
  ["accept-other-ibb-sid", "XEP-0261 §2.2", "A session-accept with another bytestream's sid", REFUSED, initiator],
  ["ibb-open-larger-block", "XEP-0047 §2.1", "<open/> with larger blocks than were agreed on", "iq", responder],
  ["ibb-open-other-sid", "XEP-0261 §2.2", "<open/> of a bytestream that nobody agreed on", "iq", responder],
  ["ibb-open-without-block-size", "XEP-0047 §2.1", "<open/> without block-size", "iq", responder],
  ["ibb-open-block-size-no-number", "XEP-0047 §2.1", "<open/> whose block-size is no number", "iq", responder],
  ["ibb-open-block-size-zero", "XEP-0047 §2.1", "<open/> with blocks of 0 bytes", "iq", responder],
  ["ibb-open-by-carrier-pigeon", "XEP-0047 §2.1", "<open/> for stanzas that do not exist", "iq", responder],
  ["ibb-open-twice", "XEP-0047 §2.1", "A second <open/>", "iq", responder],
  ["ibb-first-seq-is-one", "XEP-0047 §2.2", "A first block numbered 1", SEQUENCE],
  ["ibb-seq-gap", "XEP-0047 §2.2", "A block behind a gap", SEQUENCE],
  ["ibb-seq-repeated", "XEP-0047 §2.2", "A block whose number was there before", SEQUENCE],
  ["ibb-seq-no-number", "XEP-0047 §2.2", "A block whose seq is no number", BAD_BLOCK],
  ["ibb-seq-negative", "XEP-0047 §2.2", "A block numbered -1", BAD_BLOCK],
  ["ibb-seq-beyond-16-bits", "XEP-0047 §2.2", "A block numbered 65536", BAD_BLOCK],
  ["ibb-seq-left-out", "XEP-0047 §2.2", "A block without seq", BAD_BLOCK],
  ["ibb-block-too-large", "XEP-0047 §2.2", "A block larger than the block-size", "iq:bad-request"],
  ["ibb-base64-alphabet", "XEP-0047 §6", "A block in another alphabet than base64's", "iq:bad-request"],
  ["ibb-base64-padding-within", "XEP-0047 §6", "A block with padding in the middle", "iq:bad-request"],
  ["ibb-base64-cut-short", "XEP-0047 §6, RFC 4648 §4", "A block with one character too many", "iq:bad-request"],
  ["ibb-data-of-other-sid", "XEP-0047 §2.2", "A block of a bytestream that does not exist", "iq:item-not-found"],
  ["ibb-block-refused", "XEP-0047 §2.2", "An error in answer to a block of the peer's", "terminate or end"],
  ["ibb-block-of-a-stranger", "XEP-0047 §2.2", "The next block, from another resource of the tester's", "goes on, stranger:refused"],
]);

const s5b = provoked(
  "s5b",
  [
    ["s5b-candidate-without-cid", "XEP-0260 §2.2", "A candidate without cid", REFUSED],
    ["s5b-candidate-port-beyond-range", "XEP-0260 §2.2", "A candidate with the port 70000", REFUSED],
    ["s5b-candidate-priority-no-number", "XEP-0260 §2.2", "A candidate whose priority is no number", REFUSED],
    ["s5b-transport-without-sid", "XEP-0260 §2.2", "A transport without sid", REFUSED],
    ["s5b-candidate-used-of-nobody", "XEP-0260 §2.4", "candidate-used of a candidate that was not offered", "iq or terminate"],
    ["s5b-candidate-used-without-cid", "XEP-0260 §2.4", "candidate-used without cid", "iq or terminate"],
  ],
  { transport: "s5b" },
);

const MALFORMED = "stream:not-well-formed or stream:bad-format or stream:invalid-xml";
const RESTRICTED = "stream:restricted-xml or stream:bad-format or stream:not-well-formed";

/** What is met alike before TLS and within it. */
const everyStream: readonly Row[] = [
  ["encoding-other-than-utf-8", "RFC 6120 §11.6", "A declaration of another encoding than UTF-8", "stream:unsupported-encoding or stream:bad-format"],
  ["doctype", "RFC 6120 §11.1", "A DOCTYPE", RESTRICTED],
  ["comment-before-header", "RFC 6120 §11.1", "A comment ahead of the header", RESTRICTED],
  ["comment", "RFC 6120 §11.1", "A comment", RESTRICTED],
  ["processing-instruction", "RFC 6120 §11.1", "A processing instruction", RESTRICTED],
  ["entity-reference", "RFC 6120 §11.1", "An entity that is not predefined", RESTRICTED],
  ["header-other-root", "RFC 6120 §4.9.3.1", "A header that is no <stream/>", "stream:bad-format or stream:invalid-namespace or stream:not-well-formed"],
  ["header-other-namespace", "RFC 6120 §4.9.3.10", "A header in another namespace", "stream:invalid-namespace or stream:bad-format"],
  ["header-content-of-servers", "RFC 6120 §4.9.3.10", "A header whose content namespace is that of servers", "stream:invalid-namespace or stream:bad-format"],
  ["header-without-version", "RFC 6120 §4.9.3.25", "A header without version", "stream:unsupported-version"],
  ["header-version-no-number", "RFC 6120 §4.9.3.25", "A header whose version is no number", "stream:unsupported-version or stream:bad-format"],
  ["header-from-somebody-else", "RFC 6120 §4.9.3.9", "A header that comes from somebody else", "stream:invalid-from or stream:not-authorized or stream:improper-addressing"],
  ["header-to-somebody-else", "RFC 6120 §4.9.3.7", "A header that is for somebody else", "stream:improper-addressing or stream:host-unknown or stream:not-authorized"],
  ["header-from-no-address", "RFC 6120 §4.9.3.9", "A header whose from is no address", "stream:invalid-from or stream:improper-addressing or stream:not-authorized"],
  ["header-not-well-formed", "RFC 6120 §4.9.3.13", "A header that is not well-formed", MALFORMED],
  ["header-attribute-twice", "RFC 6120 §4.9.3.13", "A header with an attribute twice", MALFORMED],
  ["header-not-utf-8", "RFC 6120 §11.6", "A header that is not UTF-8", `${MALFORMED} or stream:unsupported-encoding`],
  ["text-between-elements", "RFC 6120 §4.9.3.1", "Text between the elements", "stream"],
  ["cdata-between-elements", "RFC 6120 §4.9.3.1", "A CDATA section between the elements", "stream"],
  ["not-well-formed", "RFC 6120 §4.9.3.13", "A stanza that is not well-formed", MALFORMED],
  ["undeclared-prefix", "RFC 6120 §4.9.3.13", "A prefix that was not declared", `${MALFORMED} or stream:bad-namespace-prefix`],
  ["not-utf-8", "RFC 6120 §11.6", "Bytes that are not UTF-8", `${MALFORMED} or stream:unsupported-encoding`],
  ["control-character", "RFC 6120 §11.3", "A control character", MALFORMED],
  ["declaration-in-the-middle", "RFC 6120 §11.5", "An XML declaration in the middle", `${MALFORMED} or stream:restricted-xml`],
  ["foreign-end-tag", "RFC 6120 §4.9.3.13", "The end tag of something else", MALFORMED],
  ["unsupported-stanza-type", "RFC 6120 §4.9.3.24", "An element that is no stanza", "stream:unsupported-stanza-type or stream:not-authorized or stream:bad-format"],
  ["stanza-of-other-namespace", "RFC 6120 §4.9.3.10", "A stanza of jabber:server", "stream"],
];

const inner = (rows: readonly Row[]): Row[] =>
  rows.map(([breach, text, sent, ...asked]) => [`inner-${breach}`, text, `Within TLS: ${sent[0]?.toLowerCase()}${sent.slice(1)}`, ...asked]);

const stream = provoked("stream", [
  ...everyStream,
  ["stanza-before-its-time", "RFC 6120 §4.9.3.12", "A message in the clear", "stream"],
  ["iq-before-its-time", "RFC 6120 §4.9.3.12", "A request in the clear", "stream"],
  ...inner(everyStream),
  ["stanza-from-somebody-else", "RFC 6120 §4.9.3.9", "Within TLS: a stanza from somebody else", "stream:invalid-from or stream:not-authorized"],
  ["stanza-to-somebody-else", "RFC 6120 §4.9.3.7", "Within TLS: a stanza for somebody else", "stream:improper-addressing or stream:host-unknown"],
  ["stanza-from-no-address", "RFC 6120 §4.9.3.9", "Within TLS: a stanza from what is no address", "stream:invalid-from or stream:improper-addressing"],
  ["stanza-from-other-resource", "RFC 6120 §4.9.3.9", "Within TLS: a stanza from another resource of the tester's", "stream:invalid-from or stream:not-authorized"],
  ["iq-without-type", "RFC 6120 §8.2.3", "Within TLS: an IQ without type", "goes on, iq:bad-request"],
  ["iq-of-unknown-type", "RFC 6120 §8.2.3", "Within TLS: an IQ of a type that does not exist", "goes on, iq:bad-request"],
  ["iq-without-payload", "RFC 6120 §8.2.3", "Within TLS: an IQ get without child", "goes on, iq:bad-request"],
  ["iq-with-two-payloads", "RFC 6120 §8.2.3", "Within TLS: an IQ get with two children", "goes on, iq:bad-request"],
  ["features-after-the-first-stanza", "RFC 6120 §4.3.2", "Within TLS: features after the first stanza", "stream"],
  ["stanza-cut-in-the-middle", "RFC 6120 §4.4", "Within TLS: the end of the bytes in the middle of a stanza", "terminate"],
  ["bytes-ended-within-the-stream", "RFC 6120 §4.4", "Within TLS: the end of the bytes without </stream:stream>", "terminate"],
  ["end-tag-of-another", "RFC 6120 §4.9.3.13", "Within TLS: </stream> at the end", MALFORMED, responder],
  ["features-with-unknown-mandatory", "RFC 6120 §4.3.2", "Within TLS: a mandatory feature that nobody knows", "stream or terminate or end", initiator],
]);

/** Whatever is said of it, the session does not go on. */
const OVER = "stream or tls or terminate or end";

const starttls = provoked("starttls", [
  ["starttls-offer-of-no-known-method", "XEP-0250 §3.3", "An <offer/> without a method that uses certificates", OVER],
  ["starttls-left-out", "RFC 6120 §5.3.1", "A message where <starttls/> was to come", "stream", responder],
  ["starttls-of-other-namespace", "RFC 6120 §5.4.2.1", "<starttls/> of another namespace", OVER, responder],
  ["starttls-sasl-instead", "RFC 6120 §5.3.1", "SASL where <starttls/> was to come", OVER, responder],
  ["starttls-twice", "RFC 6120 §5.4.3.1", "<starttls/> twice", OVER, responder],
  ["starttls-injected-stanza", "RFC 6120 §5.4.3.1", "A stanza behind <starttls/>, in the clear", OVER, responder],
  ["starttls-injected-space", "RFC 6120 §5.4.3.1", "White space behind <starttls/>, in the clear", OVER, responder],
  ["starttls-stream-closed-instead", "RFC 6120 §4.4", "The end of the stream where <starttls/> was to come", `${OVER} or jingle:transport-replace`, responder],
  ["features-without-starttls", "RFC 6120 §5.3.1", "Features without <starttls/>", OVER, initiator],
  ["features-with-starttls-of-other-namespace", "RFC 6120 §5.4.1", "Features with <starttls/> of another namespace", OVER, initiator],
  ["features-with-sasl-alone", "RFC 6120 §5.3.1", "Features with SASL alone", OVER, initiator],
  ["features-left-out", "RFC 6120 §4.3.2", "<proceed/> in the place of features", OVER, initiator],
  ["features-twice", "RFC 6120 §4.3.2", "Features twice", OVER, initiator],
  ["proceed-of-other-namespace", "RFC 6120 §5.4.2.3", "<proceed/> of another namespace", OVER, initiator],
  ["failure-instead-of-proceed", "RFC 6120 §5.4.2.2", "<failure/>", OVER, initiator],
  ["proceed-injected-stanza", "RFC 6120 §5.4.3.1", "A stanza behind <proceed/>, in the clear", OVER, initiator],
  ["proceed-injected-features", "RFC 6120 §5.4.3.1", "Features behind <proceed/>, in the clear", OVER, initiator],
  ["proceed-injected-space", "RFC 6120 §5.4.3.1", "White space behind <proceed/>, in the clear", OVER, initiator],
  ["stanza-instead-of-proceed", "RFC 6120 §5.4.2.3", "A message in the place of <proceed/>", OVER, initiator],
  ["starttls-within-tls", "RFC 6120 §5.4.3.3", "Within TLS: <starttls/>", "stream"],
  ["features-with-starttls-again", "RFC 6120 §5.4.3.3", "Within TLS: features that demand STARTTLS", OVER, initiator],
]);

const tls = provoked("tls", [
  ["tls-without-certificate", "RFC 8446 §4.4.2.4", "No certificate", OVER, responder],
  ["certificate-rsa-1024", "RFC 9325 §4.5", "A certificate of RSA with 1024 bits", OVER],
  ["certificate-other-address", "RFC 6120 §13.7.2", "A certificate that names another address", OVER],
  ["certificate-expired", "RFC 5280 §4.1.2.5", "A certificate that has expired", OVER],
  ["certificate-not-yet-valid", "RFC 5280 §4.1.2.5", "A certificate that is not valid yet", OVER],
  ["certificate-unknown-critical-extension", "RFC 5280 §4.2", "A certificate with a critical extension that nobody knows", OVER],
  ["certificate-not-for-tls", "RFC 5280 §4.2.1.12", "A certificate whose extended key usage is code signing", OVER],
  ["tls-xml-instead", "RFC 8446 §5.1", "XML where the handshake was to come", OVER],
  ["tls-garbage-instead", "RFC 8446 §5.1", "Garbage where the handshake was to come", OVER],
  ["tls-record-too-long", "RFC 8446 §5.1", "A record longer than a record may be", OVER],
  ["tls-fatal-alert-at-once", "RFC 8446 §6.2", "A fatal alert where the handshake was to come", OVER],
  ["tls-closed-before-handshake", "RFC 8446 §6.1", "The end of the bytes where the handshake was to come", `${OVER} or jingle:transport-replace`],
  ["tls-record-altered", "RFC 8446 §5.2", "Records that were altered on their way", OVER],
]);

const xtls = provoked(
  "xtls",
  [
    ["xtls-fingerprint-of-another", "Jingle-XTLS, Basic Protocol", "The fingerprint of another certificate", OVER],
    ["xtls-fingerprint-no-hash", "Jingle-XTLS, Basic Protocol", "A fingerprint that is no hash", `iq or ${OVER}`],
    ["xtls-fingerprint-too-short", "Jingle-XTLS, Basic Protocol", "A fingerprint that is too short", `iq or ${OVER}`],
    ["xtls-without-known-method", "Jingle-XTLS, Basic Protocol", "An accepted method that was not offered", `iq or ${OVER}`, initiator],
    ["xtls-agreed-and-not-kept", "Jingle-XTLS, Basic Protocol", "XML where TLS at once was agreed on", OVER],
  ],
  { secure: "xtls" },
);

const unasked = provoked("xtls", [["xtls-accepted-unasked", "Jingle-XTLS, Basic Protocol", "TLS at once accepted that nobody has offered", `iq or ${OVER}`, initiator]]);

export const provokedRules: readonly Provoked[] = [...jingle, ...ibb, ...s5b, ...stream, ...starttls, ...tls, ...xtls, ...unasked];
