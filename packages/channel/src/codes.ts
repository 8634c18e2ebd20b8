/**
 * Every code that a BalconyError can have, with what it means to the person who meets it. Codes are stable across versions.
 * Each malformed input from outside maps to exactly one.
 */
export const codes = {
  // Waiting and using
  aborted: "The caller's AbortSignal ended the wait.",
  timeout: "What was waited for did not come before its deadline; the message names it.",
  closed: "The channel, stream or session is closed.",
  "invalid-argument": "The caller passed something that cannot be meant.",
  internal: "A defect in Balcony itself; please report it.",
  "stanza-error": "The other side answered with an error; `stanza` holds type and condition.",

  // Addresses and XML
  "invalid-jid": "That is no XMPP address (RFC 7622).",
  "bad-format": "The stream holds something that is not an element where only elements may stand.",
  "bad-namespace-prefix": "The stream uses a namespace prefix it may not use, or none where one is needed.",
  "invalid-namespace": "The stream or its content is not in the namespace it must be in.",
  "invalid-xml": "The XML is well-formed and yet not what the stream's rules allow.",
  "not-well-formed": "The XML is not well-formed, or not UTF-8.",
  "policy-violation": "Input is larger, deeper or more than the limits allow.",
  "restricted-xml": "A comment, processing instruction, DTD or entity reference, which XMPP forbids.",
  "unsupported-encoding": "The XML declaration names an encoding other than UTF-8.",
  // Finding the peer
  "unknown-resource": "A bare address was given and no resource of it that can do e2e streams is known.",
  "peer-unavailable": "Nobody is there: offline, blocking us, or not willing to show that they are there.",
  "room-occupant": "That is the address of a chat room or of somebody in one: it does not say who is behind it.",
  "unsupported-peer": "The peer's client knows no e2e streams, or shares no transport with us.",
  "downgrade-suspected": "This peer has spoken e2e streams before and now seems unable to: somebody may be in between.",

  "signalling-tampered": "What the two sides say inside TLS of the negotiation is not the same: a server changed it on the way.",

  // Jingle (XEP-0166)
  "bad-request": "A Jingle action breaks XEP-0166, or the rules of its transport or application.",
  declined: "The peer declined the session.",
  busy: "The peer is busy.",
  cancelled: "The other side cancelled the session before it was accepted.",
  "session-ended": "The other side ended the Jingle session; `condition` holds its reason.",
  "unknown-session": "A Jingle action names a session that does not exist.",
  "out-of-order": "A Jingle action came in a state in which it makes no sense.",
  "tie-break": "Both sides asked for the same thing at once, and the other side's request goes on.",
  "unsupported-info": "A session-info payload is unknown.",
  "unsupported-applications": "The offered application is unknown.",
  "unsupported-transports": "No offered transport is known.",
  "failed-transport": "No transport that both sides support would connect; `cause` says why the last one did not.",
  "security-error": "The peer did not keep to the security that was agreed in signalling, or somebody removed it.",
  "resource-constraint": "Too much at once: sessions, blocks or bytes beyond a limit.",
  expired: "The session was not set up before its deadline.",

  // In-band bytestreams (XEP-0047)
  "ibb-unknown-sid": "A block or close names a bytestream that this sender does not have.",
  "ibb-block-size": "A block or block-size is larger than agreed.",
  "ibb-sequence": "A block is missing, doubled or out of order.",
  "ibb-base64": "A block is not strict base64.",
  "ibb-lost": "A block was not acknowledged: the other side or the server lost it.",

  // ICE-TCP (RFC 8445, RFC 6544, RFC 4571)
  "ice-failed": "No pair of addresses would connect by ICE-TCP; `cause` says what became of the last one.",
  "ice-framing": "A frame on an ICE-TCP connection is cut short, too large, or comes from somebody who has not shown that they are the peer.",
  "ice-integrity": "A STUN message has no valid message integrity: it is not the peer's.",
  "ice-stun": "A STUN message is malformed, or none that a connectivity check may be.",

  // WebRTC data channels (XEP-0343)
  "webrtc-failed": "No WebRTC connection came about: no pair of candidates works, DTLS failed, or nothing may be offered.",
  "webrtc-channel": "The peer's data channel is not one reliable, ordered channel of binary messages of at most 64 KiB.",

  // The XML stream (RFC 6120, XEP-0246)
  "unsupported-version": "The stream header has no version, or one we do not speak.",
  "invalid-from": "An address in a header or stanza is not the authenticated peer's.",
  "improper-addressing": "An address in a header or stanza is not ours.",
  "unsupported-feature": "The peer demands a stream feature that we do not know.",
  "unsupported-stanza-type": "The peer sent a top-level element that no stream has.",
  "not-authorized": "The peer sent a stanza before the stream was ready for one.",
  "stream-error": "The peer ended the stream with an error; `condition` names it.",
  truncated: "The bytes ended before the stream was closed: something may be missing.",
  "connection-lost": "The connection under the stream broke.",
  "peer-dead": "The peer has not answered for longer than the keepalive allows.",
  "logging-differs": "One side keeps a transcript, and the other asks that none be kept; neither would give way.",

  // STARTTLS (RFC 6120 §5)
  "starttls-missing": "The peer offers no STARTTLS, and nothing is sent without it.",
  "starttls-refused": "The peer answered STARTTLS with failure, or offers no TLS method that we have.",
  "starttls-injection": "Bytes came behind <starttls/> or <proceed/>, where only an attacker puts any.",

  // TLS
  "tls-version": "The peer speaks no TLS 1.3.",
  "tls-failed": "The TLS handshake or connection failed; `cause` says how.",
  "tls-rejected": "The peer rejected our certificate or the handshake.",
  "no-certificate": "The peer showed no certificate.",
  "certificate-invalid": "The peer's certificate cannot be read, or is malformed.",
  "certificate-expired": "The peer's certificate, or that of an authority behind it, is not valid any more.",
  "certificate-not-yet-valid": "The peer's certificate, or that of an authority behind it, is not valid yet.",
  "certificate-usage": "The peer's certificate is not for the use that is made of it.",
  "certificate-no-address": "The peer's certificate names no XMPP address, so that no authority vouches for whose it is.",
  "certificate-authority-unknown": "The peer's certificate comes from an authority that is not among those you trust.",
  "certificate-weak": "A certificate on the way to a trusted authority has a weak key or signature.",
  "certificate-chain": "The certificates on the way to a trusted authority break its rules: no authority, too long, or constraints that are not understood.",
  "openpgp-statement": "What the peer shows as a statement of its OpenPGP key is none, or is not signed as it says.",
  "openpgp-other-device": "The peer's OpenPGP key has signed another device, or another address's, than the one at the other end.",
  "openpgp-expired": "The statement of the peer's OpenPGP key is not good any more, not good yet, or for longer than statements are.",
  "openpgp-key-unknown": "The statement is signed by an OpenPGP key that is not trusted for this address.",
  "openpgp-key-revoked": "The peer's OpenPGP key, or the part of it that has signed, was revoked.",
  "openpgp-key-expired": "The peer's OpenPGP key, or the part of it that has signed, has expired or is dated in the future.",
  "openpgp-key-address": "The peer's OpenPGP key does not name the peer's address: it has no valid User ID `xmpp:` with it.",
  "openpgp-weak": "The peer's OpenPGP key, or the hash that it signs with, is too weak.",
  "key-unacceptable": "The peer's key is of a kind, size or encoding that is not accepted.",
  reflection: "The peer showed our own certificate, key or nonce: somebody is sending our own words back.",
  resumption: "The peer resumed an earlier TLS session, which is never allowed.",
  "alpn-mismatch": "The peer chose another application protocol.",
  "address-mismatch": "The certificate or header is for another address than the one that was called.",
  "fingerprint-mismatch": "The certificate is not the one that signalling announced.",

  // ESessions (XEP-0116, 0155, 0200)
  "esession-form": "A form of an ESession's negotiation breaks its format.",
  "esession-options": "The two sides have no option in common for some field of the ESession's negotiation; the message names it.",
  "esession-check": "A check of the ESession's negotiation failed (hash, key range, MAC or signature): somebody altered it, or the peer is broken.",
  "stanza-malformed": "An encrypted stanza breaks XEP-0200.",
  "stanza-unverified": "An encrypted stanza was altered, lost, doubled or put out of order: the ESession cannot go on.",
  "rekey-invalid": "The peer re-keyed the ESession with a public value out of range.",
  "ended-unverified": "The ESession was ended by a stanza in clear, which anybody on the way can make.",
  tampered: "What stands around an encrypted stanza is not what its sender put there: a server altered it.",

  // Trust and its store
  "key-changed": "This address was verified with another key: somebody may be in between.",
  "key-revoked": "This key was revoked and is not accepted any more.",
  "not-trusted": "Policy does not accept this peer or key.",
  "statement-invalid": "A statement about a key is not signed as it says, or not about this peer; nothing was changed.",
  "store-corrupt": "The trust store or key cannot be read.",
  "store-tampered": "The trust store is missing, older or other than what was last written.",
  "store-inaccessible": "The trust store cannot be read or written: permissions, a full disk, or files that others can read; `hint` says what to do.",
  "store-locked": "Another process holds the store for too long.",
  "store-passphrase": "The passphrase is missing or wrong.",
  "store-version": "The store was written by a newer version.",
  "too-many-devices": "The peer has shown more unverified keys than are kept.",

  // Verification
  "verification-busy": "A verification with this address is open already.",
  "verification-cancelled": "One of the two sides cancelled the verification.",
  "verification-differs": "Somebody said that the two screens show different symbols: somebody may be between you.",
  "verification-open": "A stanza holds symbols or numbers that are being compared: they are not for sending.",
  "verification-unsupported": "The peer's client knows no verification.",
  "verification-required": "One of the two sides takes nothing but a verification before the other's key is verified.",
  "verification-violation": "The peer broke the rules of the verification.",
  "code-invalid": "What was typed is no code: a word that is in no code, or a digit that does not fit. Nothing was sent, and the code is not used up.",
  "code-unknown": "The other side waits for no code from us: it was used or withdrawn, has expired, or is for somebody else.",
  "code-wrong": "The two sides have different codes: one was mistyped, or somebody may be between you. It is used up on both sides.",
  "code-spent": "This code was used before: each has one try.",
  "code-expired": "Nobody came with the code before it expired.",
  "commitment-mismatch": "What the peer revealed is not what it had committed to: somebody may be between you.",
  "guesses-spent": "Three verifications with this address were begun within a day and not confirmed: no more until tomorrow.",

  // The client's connection to its server
  "client-offline": "The XMPP client is not connected.",
  "resource-conflict": "Another client took over our resource.",
} as const;

export type ErrorCode = keyof typeof codes;
