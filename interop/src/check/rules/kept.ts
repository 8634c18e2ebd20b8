import type { Role } from "../../contract.js";
import { both, type Kept, type Section } from "./requirement.js";

/** Identifier, where the rule stands, the rule, at what it is seen, the peer's role where only one of them can break it. */
type Row = readonly [id: string, text: string, rule: string, seenAt: string, role?: Role];

const kept = (section: Section, rows: readonly Row[]): Kept[] =>
  rows.map(([id, text, rule, seenAt, role]) => ({ kind: "kept", id, section, text, rule, seenAt, roles: role === undefined ? both : [role] }));

const jingle = kept("jingle", [
  ["disco-answered", "XEP-0030 §3.1", "A disco#info request is answered by a result.", "disco#info", "responder"],
  ["disco-query", "XEP-0030 §3.1", "The result of a disco#info request holds <query/>.", "disco#info", "responder"],
  ["disco-xmlstream", "XEP-0166 §11", "disco#info lists urn:xmpp:jingle:1 and urn:xmpp:jingle:apps:xmlstream:0.", "disco#info", "responder"],
  ["disco-transport", "XEP-0247 §3.1", "disco#info lists at least one transport that can carry the stream.", "disco#info", "responder"],
  ["iq-answered", "RFC 6120 §8.2.3", "Every IQ get and set is answered, by a result or an error.", "every IQ"],
  ["jingle-set", "XEP-0166 §7.1", "Jingle actions come in IQs of type set.", "every action"],
  ["action-known", "XEP-0166 §7.2", "Actions are those that the specification has.", "every action"],
  ["action-of-session", "XEP-0166 §7.1", "Actions name a session that exists, by the sid it was initiated with.", "every action"],
  ["info-known", "XEP-0166 §6.8", "A session-info carries nothing that the other side has not advertised.", "session-info"],
  ["ping-acknowledged", "XEP-0166 §6.8", "An empty session-info is acknowledged as long as the session stands.", "session-info"],
  ["transport-info-content", "XEP-0166 §7.2.13", "A transport-info has a content.", "transport-info"],
  ["one-content", "XEP-0247 §2", "A session for an XML stream has one content, and none is added.", "content-add"],
  ["replace-known", "XEP-0166 §7.2.15", "A transport is replaced by none that the other side has not advertised.", "transport-replace"],
  ["initiate-acknowledged", "XEP-0166 §6.3.1", "A proper session-initiate is acknowledged.", "session-initiate", "responder"],
  ["session-accepted", "XEP-0166 §6.5", "A session that the peer can and may take is accepted.", "session-initiate", "responder"],
  ["session-kept", "XEP-0166 §6.7", "A session in which every rule is kept is not ended by the peer before its stream is.", "session-terminate"],
  ["accept-by-responder", "XEP-0166 §6.5", "It is the responder who accepts.", "session-accept"],
  ["accept-once", "XEP-0166 §10", "A session is accepted once.", "session-accept", "responder"],
  ["accept-one-content", "XEP-0166 §7.2.8", "A session-accept has the one content that was offered.", "session-accept", "responder"],
  ["accept-after-result", "XEP-0166 §6.3.1, §6.5", "A session-accept comes behind the session-initiate's result.", "session-accept", "responder"],
  ["accept-content-name", "XEP-0166 §7.3", "The content that is accepted has the name that was offered.", "session-accept", "responder"],
  ["accept-same-application", "XEP-0166 §7.2.8", "The application that is accepted is the one that was offered.", "session-accept", "responder"],
  ["accept-same-transport", "XEP-0166 §7.2.8", "The transport that is accepted is the one that was offered.", "session-accept", "responder"],
  ["accept-acknowledged", "XEP-0166 §6.5", "A proper session-accept is acknowledged.", "session-accept", "initiator"],
  ["session-initiated", "XEP-0166 §6.2", "A peer that is asked to opens a session.", "session-initiate", "initiator"],
  ["initiate-sid", "XEP-0166 §7.1", "A session-initiate has a sid.", "session-initiate", "initiator"],
  ["initiate-once", "XEP-0166 §7.2.10", "A session is initiated once.", "session-initiate", "initiator"],
  ["initiate-one-content", "XEP-0247 §2", "A session-initiate for an XML stream has one content.", "session-initiate", "initiator"],
  ["initiate-known-application", "XEP-0166 §6.2", "Only an application is offered that the other side has advertised.", "session-initiate", "initiator"],
  ["initiate-known-transport", "XEP-0166 §6.2", "Only a transport is offered that the other side has advertised.", "session-initiate", "initiator"],
  ["initiate-disposition", "XEP-0166 §7.2.10", "The content's disposition is `session`, or left out.", "session-initiate", "initiator"],
  ["initiate-senders", "XEP-0166 §7.3", "The content's senders are both, initiator, responder or none.", "session-initiate", "initiator"],
  ["content-name", "XEP-0166 §7.3", "A content has a name.", "session-initiate", "initiator"],
  ["content-creator", "XEP-0166 §7.3", "A content has a creator, who for a session-initiate is the initiator.", "session-initiate", "initiator"],
  ["description-present", "XEP-0166 §6.2, §7.2.8", "A content that is offered or accepted has a description.", "session-initiate, session-accept"],
  ["description-empty", "XEP-0247 §6", "The description of an XML stream is empty.", "session-initiate, session-accept"],
  ["transport-present", "XEP-0166 §6.2, §7.2.8", "A content that is offered or accepted has a transport.", "session-initiate, session-accept"],
  ["transport-sid", "XEP-0261 §2.2, XEP-0260 §2.2", "A transport has a sid, and one that is not the word None.", "session-initiate, session-accept"],
  ["transport-info-acknowledged", "XEP-0166 §7.2.13", "A proper transport-info is acknowledged.", "transport-info"],
]);

const ibb = kept("ibb", [
  ["block-size", "XEP-0261 §2.2", "The transport that is offered has a block-size, a number from 1 to 65535.", "session-initiate", "initiator"],
  ["accept-block-size", "XEP-0261 §2.2", "The block-size that is accepted is a number from 1 up to the one that was offered.", "session-accept", "responder"],
  ["accept-transport-sid", "XEP-0261 §2.2", "The transport that is accepted has the sid that was offered.", "session-accept", "responder"],
  ["ibb-opened", "XEP-0261 §2.2", "The initiator opens the bytestream once the session is accepted, before its first block.", "<open/>", "initiator"],
  ["ibb-open-accepted", "XEP-0047 §2.1", "An <open/> that says what was agreed on is acknowledged.", "<open/>", "responder"],
  ["ibb-open-by-initiator", "XEP-0261 §2.2", "It is the session's initiator who opens the bytestream.", "<open/>", "initiator"],
  ["ibb-open-once", "XEP-0047 §2.1", "A bytestream is opened once.", "<open/>", "initiator"],
  ["ibb-open-sid", "XEP-0261 §2.2", "The bytestream that is opened has the sid that Jingle agreed on.", "<open/>", "initiator"],
  ["ibb-open-block-size", "XEP-0047 §2.1", "<open/> has the block-size that Jingle agreed on.", "<open/>", "initiator"],
  ["ibb-open-stanza", "XEP-0261 §2.2", "<open/> says what Jingle agreed on: blocks in IQs.", "<open/>", "initiator"],
  ["ibb-block-acknowledged", "XEP-0047 §2.2", "Every block that is as it should be is acknowledged.", "blocks of the tester's"],
  ["ibb-data-sid", "XEP-0047 §2.2", "Blocks have the sid of a bytestream that is open.", "blocks"],
  ["ibb-seq-number", "XEP-0047 §2.2", "A block has a seq, a number from 0 to 65535.", "blocks"],
  ["ibb-sequence", "XEP-0047 §2.2", "Blocks are numbered from 0, one by one, in each direction for itself.", "blocks"],
  ["ibb-base64", "XEP-0047 §6, RFC 4648 §4", "Blocks are base64 in its plain alphabet, padded at the end alone.", "blocks"],
  ["ibb-block-size", "XEP-0047 §2.2", "A block has no more bytes than the block-size, before base64.", "blocks"],
]);

const s5b = kept("s5b", [
  ["s5b-candidate", "XEP-0260 §2.2", "A candidate has cid, jid, host, a priority in digits, and a port from 1 to 65535.", "session-initiate, session-accept"],
  ["s5b-dstaddr", "XEP-0260 §2.2", "A dstaddr is the SHA-1 of sid and the two full addresses, in 40 hex digits.", "session-initiate, session-accept"],
  ["s5b-candidate-used", "XEP-0260 §2.4", "candidate-used names a candidate that the other side has offered.", "transport-info"],
  ["s5b-connects", "XEP-0260 §2.3, §2.4", "The peer connects to a proxy that lets both in, and asks it for the right address.", "the proxy"],
  ["s5b-activated", "XEP-0260 §2.4", "activated names the proxy that was nominated.", "transport-info"],
  ["s5b-told", "XEP-0260 §2.4", "The peer says candidate-used or candidate-error, and of its own proxy activated; proxy-error only where it failed.", "transport-info"],
]);

/** Rules that hold before TLS and within it alike. */
const everyStream: readonly Row[] = [
  ["stream-begins", "RFC 6120 §4.2", "The stream begins with a header.", "the header"],
  ["stream-encoding", "RFC 6120 §11.6", "The encoding is UTF-8, and a declaration names no other.", "the XML declaration"],
  ["xml-version", "RFC 6120 §11.8", "The stream is XML 1.0.", "the XML declaration"],
  ["stream-restricted-xml", "RFC 6120 §11.1", "No comment, processing instruction, DOCTYPE or entity but the predefined five comes.", "every byte"],
  ["stream-well-formed", "RFC 6120 §11.3", "The stream is well-formed XML, namespaces included.", "every byte"],
  ["stream-utf-8", "RFC 6120 §11.6", "The bytes are UTF-8.", "every byte"],
  ["stream-no-text", "RFC 6120 §4.9.3.1", "Between the elements stands nothing but white space.", "every byte"],
  ["stream-size", "RFC 6120 §13.12", "No element is larger than 256 KiB, nested deeper than 64 or has more than 64 attributes.", "every element"],
  ["stream-no-errors", "RFC 6120 §4.9", "A stream in which every rule is kept is not ended by an error.", "every element"],
  ["header-root", "RFC 6120 §4.8.1", "The root is <stream/>.", "the header"],
  ["header-namespace", "RFC 6120 §4.8.1", "The root is in the namespace http://etherx.jabber.org/streams.", "the header"],
  ["header-prefix", "RFC 6120 §4.8.5", "The root's prefix is `stream`.", "the header"],
  ["header-content-namespace", "RFC 6120 §4.8.2", "The content's namespace is jabber:client.", "the header"],
  ["header-version", "RFC 6120 §4.7.5", "The header has version 1.0.", "the header"],
  ["header-from", "RFC 6120 §4.7.1", "A `from` in the header is the peer's address.", "the header"],
  ["header-to", "RFC 6120 §4.7.2", "A `to` in the header is the tester's address.", "the header"],
  ["header-id", "RFC 6120 §4.7.3", "The responder's header has an id.", "the header", "responder"],
  ["header-no-id", "RFC 6120 §4.7.3", "The initiator's header has no id.", "the header", "initiator"],
  ["stanza-kind", "RFC 6120 §4.9.3.24", "Nothing comes but message, presence and iq of jabber:client, and what was negotiated.", "every element"],
];

const inner = (rows: readonly Row[]): Row[] => rows.map(([id, text, rule, ...where]) => [`inner-${id}`, text, `Within TLS: ${rule}`, ...where]);

const stream = kept("stream", [
  ...everyStream,
  ["header-second", "RFC 6120 §4.2", "The responder speaks after the initiator's header has come.", "the header", "responder"],
  ["silent-before-features", "RFC 6120 §4.3.2", "No stanza comes before TLS.", "before the features"],
  ["stream-closed", "RFC 6120 §4.4", "The bytes do not end within the stream.", "the end"],
  ...inner(everyStream),
  ["inner-header-addresses", "XEP-0247 §2", "Within TLS: the header has from and to.", "the header"],
  ["inner-features-sent", "RFC 6120 §4.3.2", "Within TLS: the responder sends features.", "features", "responder"],
  ["inner-features-once", "RFC 6120 §4.3.2", "Within TLS: features come once, and behind the header.", "every element"],
  ["inner-features-known", "RFC 6120 §4.3.2", "Within TLS: no feature is mandatory that end-to-end streams do not have.", "features", "responder"],
  ["inner-silent-before-features", "RFC 6120 §4.3.2", "Within TLS: the responder sends no stanza before its features.", "before the features", "responder"],
  ["inner-stanza-from", "RFC 6120 §4.9.3.9", "Within TLS: a stanza comes from nobody but the peer.", "every stanza"],
  ["inner-stanza-to", "RFC 6120 §4.9.3.7", "Within TLS: a stanza is for nobody but the tester.", "every stanza"],
  ["inner-iq-id", "RFC 6120 §8.2.3", "Within TLS: an IQ has an id.", "every IQ"],
  ["inner-iq-type", "RFC 6120 §8.2.3", "Within TLS: an IQ has the type get, set, result or error.", "every IQ"],
  ["inner-iq-payload", "RFC 6120 §8.2.3", "Within TLS: an IQ get or set has exactly one child.", "every IQ"],
  ["inner-iq-answered", "RFC 6120 §8.4", "Within TLS: a request in an unknown namespace is answered by an error.", "two requests of the tester's"],
  ["inner-stream-closed", "RFC 6120 §4.4", "Within TLS: the stream is closed before the bytes end.", "the end"],
  ["inner-end-answered", "RFC 6120 §4.4", "Within TLS: </stream:stream> is answered by </stream:stream>.", "the end", "responder"],
  ["inner-nothing-behind-end", "RFC 6120 §4.4", "Within TLS: nothing comes behind </stream:stream>.", "the end", "initiator"],
]);

const starttls = kept("starttls", [
  ["features-sent", "RFC 6120 §4.3.2", "The responder sends features behind its header.", "features", "responder"],
  ["features-once", "RFC 6120 §4.3.2", "Features come once.", "features", "responder"],
  ["starttls-offered", "RFC 6120 §5.4.1", "The features hold <starttls/> of urn:ietf:params:xml:ns:xmpp-tls.", "features", "responder"],
  ["starttls-method", "XEP-0250 §3.3", "An <offer/> lists a method that uses certificates.", "<starttls/>, <proceed/>"],
  ["starttls-asked", "RFC 6120 §5.4.2.1", "The initiator asks for TLS, and says nothing else in the clear.", "what comes behind the features", "initiator"],
  ["starttls-alone", "RFC 6120 §5.4.3.1", "Nothing follows <starttls/> in the clear.", "the bytes behind it", "initiator"],
  ["starttls-proceed", "RFC 6120 §5.4.2.3", "<starttls/> is answered by <proceed/>.", "the answer", "responder"],
  ["proceed-alone", "RFC 6120 §5.4.3.1", "Nothing follows <proceed/> in the clear, not even white space.", "the bytes behind it", "responder"],
  ["inner-no-starttls", "RFC 6120 §5.4.3.3", "Within TLS: STARTTLS is neither offered nor asked for.", "every element"],
]);

const tls = kept("tls", [
  ["tls-record", "RFC 8446 §5.1", "What follows is TLS records, a handshake first, none longer than 16,640 bytes.", "every record"],
  ["tls-completes", "RFC 8446 §4", "The handshake with a P-256 certificate and no peculiarity completes.", "the handshake"],
  ["tls-1.3", "RFC 8446 §4.2.1", "TLS 1.3 is spoken, with a tester that speaks 1.2 and 1.3.", "the handshake"],
  ["tls-fresh", "RFC 8446 §2.2", "No session is resumed: both show their certificates each time.", "the handshake"],
  ["certificate-shown", "RFC 8446 §4.4.2", "Both sides show a certificate.", "the handshake"],
  ["certificate-key", "RFC 8446 §9.1", "The certificate's key is P-256, P-384, P-521, Ed25519, or RSA from 2048 bits on.", "the certificate"],
  ["certificate-valid", "RFC 5280 §4", "The certificate is well-formed, signs itself if it says so, and has no critical extension that TLS does not know.", "the certificate"],
  ["certificate-time", "RFC 5280 §4.1.2.5", "The certificate is valid now.", "the certificate"],
  ["certificate-usage", "RFC 5280 §4.2.1.12", "An extended key usage allows TLS in the role that the peer has.", "the certificate"],
  ["certificate-address", "RFC 6120 §13.7.1.4", "An address in the certificate is the peer's own.", "the certificate"],
  ["close-notify", "RFC 8446 §6.1", "TLS is closed by close_notify.", "the last record"],
]);

const xtls = kept("xtls", [
  ["xtls-asked", "Jingle-XTLS, Basic Protocol", "<security/> is accepted only where it was offered.", "session-accept", "responder"],
  ["xtls-method", "Jingle-XTLS, Basic Protocol", "<security/> lists the method x509.", "session-initiate, session-accept"],
  ["xtls-fingerprint-form", "Jingle-XTLS, Basic Protocol", "The fingerprint is a hash of its algorithm's length, in hex.", "session-initiate, session-accept"],
  ["xtls-fingerprint", "Jingle-XTLS, Basic Protocol", "The fingerprint is that of the certificate which is then shown.", "the certificate"],
  ["xtls-kept", "Jingle-XTLS, Basic Protocol", "Where both sides have <security/>, TLS begins at once.", "the first bytes"],
]);

export const keptRules: readonly Kept[] = [...jingle, ...ibb, ...s5b, ...stream, ...starttls, ...tls, ...xtls];
