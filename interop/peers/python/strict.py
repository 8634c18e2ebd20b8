"""What is refused of what comes in: the receiving side of the rules, apart from what is done with what is good."""
import datetime
import re
import xml.etree.ElementTree as ET
from xml.parsers import expat

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from wire import Answer

JINGLE = "urn:xmpp:jingle:1"
ERRORS = "urn:xmpp:jingle:errors:1"
XMLSTREAM = "urn:xmpp:jingle:apps:xmlstream:0"
IBB = "urn:xmpp:jingle:transports:ibb:1"
S5B = "urn:xmpp:jingle:transports:s5b:1"
XTLS = "urn:xmpp:jingle:security:xtls:0"
CLIENT = "jabber:client"
STREAM = "http://etherx.jabber.org/streams"
XMPP_ADDRESS = ObjectIdentifier("1.3.6.1.5.5.7.8.5")


class Wrong(Exception):
    """The stream ends with this error (RFC 6120 §4.9)."""

    def __init__(self, condition):
        super().__init__(condition)
        self.condition = condition


def bare(address):
    return (address or "").split("/")[0]


def number(text, least, most):
    return text is not None and re.fullmatch(r"[0-9]{1,10}", text) is not None and least <= int(text) <= most


# Jingle


def malformed(holds):
    if not holds:
        raise Answer("bad-request", "modify")


def out_of_order(holds):
    if not holds:
        raise Answer("unexpected-request", "cancel", f"<out-of-order xmlns='{ERRORS}'/>")


def only_content(jingle):
    contents = jingle.findall(f"{{{JINGLE}}}content")
    malformed(len(contents) == 1)
    content = contents[0]
    malformed(content.get("name"))
    malformed(content.get("creator", "initiator") == "initiator")
    malformed(content.get("disposition", "session") == "session")
    malformed(content.get("senders", "both") in ("both", "initiator", "responder", "none"))
    named = [child.tag.split("}")[1] for child in content]
    malformed("description" in named and "transport" in named)
    return content


def part(content, name):
    return next(child for child in content if child.tag.endswith("}" + name))


def namespace(element):
    return element.tag[1:].split("}")[0]


def description(content):
    malformed(len(part(content, "description")) == 0)


def transport(element, most):
    malformed(element.get("sid"))
    if namespace(element) == IBB:
        malformed(number(element.get("block-size"), 1, most))
    for candidate in element.iter(f"{{{S5B}}}candidate"):
        malformed(candidate.get("cid") and candidate.get("jid") and candidate.get("host"))
        malformed(number(candidate.get("port", "1080"), 1, 65535) and number(candidate.get("priority"), 0, 2**31 - 1))


def security(content, offered):
    """What is said of TLS; `offered`: by us, so that this is the answer."""
    element = content.find(f"{{{XTLS}}}security")
    if element is None:
        return None
    methods = [method.get("name") for method in element.findall(f"{{{XTLS}}}method")]
    malformed("x509" in methods or not offered)
    fingerprint = element.find(f"{{{XTLS}}}fingerprint")
    if fingerprint is None:
        return None
    digits = (fingerprint.text or "").strip().replace(":", "").lower()
    length = 40 if fingerprint.get("algo", "sha-1").replace("-", "") == "sha1" else 64
    malformed(re.fullmatch(f"[0-9a-f]{{{length}}}", digits))
    return digits


# XML


class Parser:
    """Events of a stream, `(kind, element)` with kind `start`, `end`; raises Wrong for what no stream may have."""

    def __init__(self):
        self.events = []
        self.stack = []
        self.content = None
        self.given = 0
        self.left = 0
        """Bytes that came with the last element, and behind it."""
        self.parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._namespace
        parser.XmlDeclHandler = self._declaration
        parser.CommentHandler = parser.ProcessingInstructionHandler = parser.StartDoctypeDeclHandler = self._restricted
        parser.StartCdataSectionHandler = self._cdata
        parser.buffer_text = True

    def feed(self, data):
        self.chunk = data
        try:
            self.parser.Parse(data, False)
        except expat.ExpatError:
            raise Wrong("not-well-formed") from None
        self.given += len(data)

    def _declaration(self, _version, encoding, _standalone):
        if (encoding or "utf-8").lower() != "utf-8":
            raise Wrong("unsupported-encoding")

    def _restricted(self, *_):
        raise Wrong("restricted-xml")

    def _cdata(self):
        if len(self.stack) == 1:
            raise Wrong("bad-format")

    def _namespace(self, prefix, uri):
        if not self.stack and prefix is None:
            self.content = uri

    def _start(self, name, attributes):
        def universal(name):
            return "{" + name if "}" in name else name

        element = ET.Element(universal(name), {universal(key): value for key, value in attributes.items()})
        if len(self.stack) > 1:
            self.stack[-1].append(element)
        self.stack.append(element)
        self.events.append(("start", element))

    def _text(self, text):
        if len(self.stack) < 2:
            if text.strip() != "":
                raise Wrong("bad-format")
            return
        element = self.stack[-1]
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text

    def _end(self, _name):
        element = self.stack.pop()
        self.events.append(("end", element))
        if len(self.stack) == 1:
            rest = self.chunk[max(0, self.parser.CurrentByteIndex - self.given) :]
            # Of an end tag that is its beginning, of an empty element its end.
            self.left = len(rest) - rest.index(b">") - 1 if rest.startswith(b"</") else len(rest)


def header(case, root, content):
    """RFC 6120 §4.7, §4.8."""
    if namespace(root) != STREAM or content != CLIENT:
        raise Wrong("invalid-namespace")
    if root.tag != f"{{{STREAM}}}stream":
        raise Wrong("bad-format")
    if not re.fullmatch(r"[0-9]+\.[0-9]+", root.get("version", "")):
        raise Wrong("unsupported-version")
    if root.get("from") is not None and bare(root.get("from")) != bare(case.other):
        raise Wrong("invalid-from")
    if root.get("to") is not None and bare(root.get("to")) != bare(case.own):
        raise Wrong("improper-addressing")


def misplaced(element):
    """An element where another was to come."""
    if element.tag in (f"{{{CLIENT}}}{name}" for name in ("message", "presence", "iq")):
        raise Wrong("not-authorized")
    raise Wrong("unsupported-stanza-type")


def methods(parent, offer):
    """XEP-0250: is there a method that uses certificates, where any are listed?"""
    element = None if parent is None else parent.find(f"{{{offer}}}offer")
    return element is None or any((child.get("name") or child.tag.split("}")[1]) in ("insecure", "keyinfo", "x509") for child in element)


def features(element):
    """RFC 6120 §4.3.2, within TLS: nothing that we do not know may be mandatory."""
    for feature in element:
        if any(child.tag.endswith("}required") for child in feature):
            raise Wrong("unsupported-feature")


def stanza(case, element):
    """XEP-0246 §4, RFC 6120 §8. Returns False for an IQ that is to be answered with bad-request."""
    if element.tag not in (f"{{{CLIENT}}}{name}" for name in ("message", "presence", "iq")):
        raise Wrong("unsupported-stanza-type")
    sender, receiver = element.get("from"), element.get("to")
    if sender is not None and sender not in (case.other, bare(case.other)):
        raise Wrong("invalid-from")
    if receiver is not None and receiver not in (case.own, bare(case.own)):
        raise Wrong("improper-addressing")
    if element.tag != f"{{{CLIENT}}}iq":
        return True
    kind = element.get("type")
    return kind in ("result", "error") or (kind in ("get", "set") and len(element) == 1)


# Certificates


def certificate(der, role, address):
    """RFC 5280, RFC 6120 §13.7. Returns why it is refused, or None. `role`: our own."""
    try:
        shown = x509.load_der_x509_certificate(der)
        key = shown.public_key()
        extensions = list(shown.extensions)
    except (ValueError, x509.DuplicateExtension) as error:
        return f"it cannot be read: {error}"
    curves = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    good = isinstance(key, ed25519.Ed25519PublicKey) or (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves))
    if not good and not (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048):
        return "its key is of a kind or size that is not accepted"
    now = datetime.datetime.utcnow()
    if not shown.not_valid_before <= now <= shown.not_valid_after:
        return "it is not valid now"
    known = (ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    for extension in extensions:
        if extension.critical and extension.oid not in known:
            return f"it has the critical extension {extension.oid.dotted_string}"
        if extension.oid == ExtensionOID.EXTENDED_KEY_USAGE:
            needed = ExtendedKeyUsageOID.SERVER_AUTH if role == "initiator" else ExtendedKeyUsageOID.CLIENT_AUTH
            if needed not in extension.value and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in extension.value:
                return "its extended key usage is another"
        if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            for name in extension.value.get_values_for_type(x509.OtherName):
                if name.type_id == XMPP_ADDRESS and name.value[2:].decode() != bare(address):
                    return "it is for somebody else"
    return None
