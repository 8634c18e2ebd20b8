"""Stanzas encrypted one by one (XEP-0200), and the keys of XEP-0116 and 0217, as the texts have them (`strict`) or as those have them who deployed them (`deployed`)."""
import base64
import hashlib
import hmac
import secrets
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from case import Over
from modp import G

ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns"
KEY_OCTETS = {"aes128-ctr": 16, "aes192-ctr": 24, "aes256-ctr": 32}
WRAP = 1 << 128


def mac_of(key, *parts):
    return hmac.new(key, b"".join(part.encode() if isinstance(part, str) else part for part in parts), hashlib.sha256).digest()


def integer(octets):
    return int.from_bytes(octets, "big")


def octets(number):
    """XEP-0116, "Multiple-Precision Integers": big-endian, without leading zero octets."""
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError:
        raise Over("bad-request", "no base64") from None


def local(element):
    return element.tag.split("}")[-1]


def canonical(element, deployed):
    """"XML Normalization": double quotes, attributes in order, nothing between the elements. What is empty is written with a space by those who deployed it, and as two tags by the text."""
    name = local(element)
    attributes = "".join(f' {key}="{escape(value, {chr(34): "&quot;"})}"' for key, value in sorted(element.attrib.items()))
    if len(element) == 0 and not element.text:
        return f"<{name}{attributes} />" if deployed else f"<{name}{attributes}></{name}>"
    text = escape(element.text or "") if len(element) == 0 else ""
    return f"<{name}{attributes}>{text}{''.join(canonical(child, deployed) for child in element)}</{name}>"


class Direction:
    """What one side sends: its key, its MAC key and its counter, which goes on when the keys change."""

    def __init__(self, setting, cipher, counter):
        self.deployed = setting == "deployed"
        self.octets = KEY_OCTETS[cipher]
        self.counter = counter

    def use(self, cipher_key, mac_key):
        # "As many bits as are needed from the least significant bits" of the HMAC; the deployed take all of it, whatever the cipher's name says.
        self.key = cipher_key if self.deployed else cipher_key[-self.octets :]
        self.mac_key = mac_key
        self.stream = None

    def _keystream(self, at):
        return Cipher(algorithms.AES(self.key), modes.CTR((at % WRAP).to_bytes(16, "big"))).encryptor()

    def crypt(self, data):
        """Both ways. The deployed count before each block, and go on with what a partial block has left; the text counts after, partial blocks as whole ones."""
        if self.deployed:
            self.stream = self.stream or self._keystream(self.counter + 1)
            out = self.stream.update(data)
        else:
            out = self._keystream(self.counter).update(data)
        self.counter = (self.counter + (len(data) + 15) // 16) % WRAP
        return out

    def identity_mac(self, identity):
        return mac_of(self.mac_key, octets(self.counter), identity)

    def stanza_macs(self, content):
        """The one to send, and any that is taken."""
        short, long = octets(self.counter), self.counter.to_bytes(16, "big")
        forms = (long, short) if self.deployed else (short,)
        return [mac_of(self.mac_key, content, form) for form in forms]


class Keys:
    """The six of "Generating Session Keys"."""

    def __init__(self, secret):
        for side, letter in (("Initiator", "a"), ("Responder", "b")):
            for use, name in (("Cipher", "cipher"), ("MAC", "mac"), ("SIGMA", "sigma")):
                setattr(self, f"{name}_{letter}", mac_of(secret, f"{side} {use} Key"))


class Sealed:
    """An encrypted session that stands: what is sent and what comes, and the key re-exchange."""

    def __init__(self, case, setting, mine, theirs, p, own_secret, their_public):
        self.case, self.deployed = case, setting == "deployed"
        self.mine, self.theirs = mine, theirs
        self.p, self.own_secret, self.their_public = p, own_secret, their_public
        """Our keys that the other side has not yet said to have taken, each with what its stanzas are under from then on; and how many of its keys we have taken since our last stanza."""
        self.sets, self.taken = [], 0

    def seal(self, plain, rekey=False):
        """The `<c/>` around what would have stood in the stanza. `rekey`: with a new key of ours, under which the next one is."""
        breaks = self.case.breaks
        extra = f"<new>{self.taken}</new>" if self.taken else ""
        self.taken = 0
        if rekey:
            fresh = secrets.randbits(512) | 1 << 511
            extra += f"<key>{b64(octets(pow(G, fresh, self.p)))}</key>"
        if breaks("stanza-plaintext-not-well-formed"):
            plain = "<body>half"
        for rule, key in (("zero", 0), ("one", 1), ("p-minus-one", self.p - 1)):
            if breaks(f"rekey-e-is-{rule}"):
                extra = f"<key>{b64(octets(key))}</key>"
        data = plain.encode()
        if self.deployed:
            data += b" " * (-len(data) % 16)
        if breaks("stanza-counter-skipped"):
            self.mine.counter += 1
            self.mine.stream = None
        counter = self.mine.counter
        encrypted = self.mine.crypt(data)
        content = f"<data>{b64(encrypted)}</data>{extra}"
        after, self.mine.counter = self.mine.counter, counter
        mac = self.mine.stanza_macs(content)[0]
        self.mine.counter = after
        if breaks("stanza-mac-altered"):
            mac = bytes([mac[0] ^ 1]) + mac[1:]
        if breaks("stanza-data-altered"):
            content = f"<data>{b64(bytes([encrypted[0] ^ 1]) + encrypted[1:])}</data>{extra}"
        if rekey:
            keys = self._keys(pow(self.their_public, fresh, self.p), "Initiator", "Acceptor")
            self.mine.use(*keys[0])
            self.sets.append((fresh, keys[1]))
        sealed = f"<c xmlns='{ENCRYPTED}'>{content}<mac>{b64(mac)}</mac></c>"
        if breaks("stanza-without-mac"):
            sealed = f"<c xmlns='{ENCRYPTED}'>{content}</c>"
        if breaks("stanza-without-data"):
            sealed = f"<c xmlns='{ENCRYPTED}'><mac>{b64(mac)}</mac></c>"
        if breaks("stanza-data-no-base64"):
            sealed = f"<c xmlns='{ENCRYPTED}'><data>***</data><mac>{b64(mac)}</mac></c>"
        if breaks("stanza-with-two-c"):
            sealed += sealed
        return sealed

    def unseal(self, c):
        """The children that stood in the stanza; a `<key/>` among them has been used already."""
        content = "".join(canonical(child, False) for child in c if local(child) != "mac")
        parts = {local(child): child.text for child in c}
        if "new" in parts:
            taken = int(parts["new"])
            if not 1 <= taken <= len(self.sets):
                raise Over("not-acceptable", "more new keys than were sent")
            self.own_secret, keys = self.sets[taken - 1]
            self.theirs.use(*keys)
            self.sets = self.sets[taken:]
        if not any(hmac.compare_digest(mac, unb64(parts.get("mac"))) for mac in self.theirs.stanza_macs(content)):
            raise Over("not-acceptable", "the MAC of a stanza is wrong")
        if "data" in parts:
            plain = self.theirs.crypt(unb64(parts["data"])).decode()
        else:
            plain, self.theirs.counter = "", (self.theirs.counter + 1) % WRAP
        if "key" in parts:
            self._accept(integer(unb64(parts["key"])))
        try:
            return list(ET.fromstring(f"<message xmlns='jabber:client'>{plain}</message>"))
        except ET.ParseError as error:
            raise Over("not-acceptable", str(error)) from None

    # Key re-exchange (XEP-0200): the new secret is not hashed.

    def _keys(self, secret, mine, theirs):
        return [(mac_of(octets(secret), f"Rekey {who} Crypt"), mac_of(octets(secret), f"Rekey {who} MAC")) for who in (mine, theirs)]

    def _accept(self, e):
        if not 1 < e < self.p - 1:
            raise Over("not-acceptable", "a new key is out of range")
        self.their_public, self.taken = e, self.taken + 1
        mine, theirs = self._keys(pow(e, self.own_secret, self.p), "Acceptor", "Initiator")
        self.theirs.use(*theirs)
        self.sets = [(secret, theirs) for secret, _ in self.sets]
        if not self.sets:
            self.mine.use(*mine)
