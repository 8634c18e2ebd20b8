"""The four-message ESession (XEP-0217, which is XEP-0116 without public keys) in both roles: Alice has asked for it, Bob was asked."""
import asyncio
import hashlib
import hmac
import os
import secrets
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from case import Over
from end_to_end import DISCO, conclude
from modp import G, prime
from sealing import ENCRYPTED, Direction, Keys, Sealed, b64, canonical, integer, local, mac_of, octets, unb64
from wire import Refusal, Wire, fresh

NEGOTIATION = "http://www.xmpp.org/extensions/xep-0116.html#ns"
INIT = "http://www.xmpp.org/extensions/xep-0116.html#ns-init"
FEATURES = "http://jabber.org/protocol/feature-neg"
FORMS = "jabber:x:data"
SSN = "urn:xmpp:ssn"
DIGITS = "acdefghikmopqruvwxy123456789"
FIXED = {
    "hash_algs": "sha256",
    "compress": "none",
    "init_pubkey": "none",
    "resp_pubkey": "none",
    "ver": "1.0",
    "sas_algs": "sas28x5",
}
PATIENCE = 20


class Form:
    """A data form as it came or goes: fields in their order, each with its values."""

    def __init__(self, x, deployed):
        self.x, self.deployed = x, deployed
        self.fields = {}
        for field in x.iter(f"{{{FORMS}}}field"):
            self.fields[field.get("var")] = [value.text or "" for value in field.iter(f"{{{FORMS}}}value")]

    def one(self, name):
        values = self.fields.get(name, [])
        if len(values) != 1:
            raise Over("not-acceptable", f"{name} has {len(values)} values")
        return values[0]

    def octets(self, name):
        return unb64(self.one(name))

    def normal(self):
        """The full content, without what came after it was MACed."""
        return "".join(canonical(field, self.deployed) for field in self.x if field.get("var") not in ("identity", "mac"))


def form_xml(kind, fields, deployed):
    """`fields`: (name, values, type). A request lists its options, all else are values."""
    lines = []
    for name, values, how in fields:
        if kind == "form":
            inner = "".join(f"<option><value>{escape(value)}</value></option>" for value in values) if how.startswith("list") else "".join(f"<value>{escape(value)}</value>" for value in values)
            attribute = f" type={quoteattr(how)}"
            inner += "<required/>" if name in ("accept", "security") else ""
        else:
            inner = "".join(f"<value>{escape(value)}</value>" for value in values)
            attribute = " type='text-single'" if deployed else ""
        lines.append(f"<field{attribute} var={quoteattr(name)}>{inner}</field>")
    return f"<x xmlns='{FORMS}' type='{kind}'>{''.join(lines)}</x>"


class ESession:
    def __init__(self, case, wire):
        self.case, self.wire = case, wire
        self.setting = case.options.get("setting", "deployed")
        self.deployed = self.setting == "deployed"
        self.thread = None
        self.inbox = asyncio.Queue()
        self.sealed = None
        self.nonce = os.urandom(8)
        self.group = str(case.options.get("group", 14))
        self.frequency = "1" if case.options.get("rekeys") else "4294967295"
        self.cipher = case.options.get("cipher", "aes128-ctr")
        wire.on_message = self.inbox.put_nowait

    # Stanzas.

    def put(self, payload, attributes=""):
        thread = "" if self.case.breaks("negotiation-without-thread") else f"<thread>{self.thread}</thread>"
        self.wire.put(f"<message to={quoteattr(self.case.other)}{attributes}>{thread}{payload}</message>")

    def put_form(self, kind, fields, wrapper="feature", namespace=FEATURES):
        x = form_xml(kind, fields, self.deployed)
        self.put(f"<{wrapper} xmlns='{namespace}'>{x}</{wrapper}>")
        return Form(ET.fromstring(x), self.deployed)

    def put_error(self, condition, *fields):
        named = "".join(f"<field var={quoteattr(field)}/>" for field in fields)
        detail = f"<feature xmlns='{FEATURES}'>{named}</feature>" if named else ""
        self.put(f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{detail}</error>", " type='error'")

    async def message(self):
        """The next one of this thread. An error, and the end of the session, end it."""
        patience = 2 if self.case.reached else PATIENCE
        while True:
            try:
                message = await asyncio.wait_for(self.inbox.get(), patience)
            except asyncio.TimeoutError:
                raise Over("timeout", "no message came") from None
            thread = message.findtext("{jabber:client}thread")
            if self.thread is not None and thread != self.thread:
                continue
            error = message.find("{jabber:client}error")
            if message.get("type") == "error":
                condition = local(error[0]) if error is not None and len(error) else "none"
                self.case.hear("message", condition)
                raise Over(condition, "the other side has refused")
            return message

    async def form(self, wrapper=f"{{{FEATURES}}}feature"):
        message = await self.message()
        form = self.form_in(message, wrapper)
        if form is None:
            raise Over("bad-request", "no form where one was to come")
        self.thread = self.thread or message.findtext("{jabber:client}thread")
        return form

    def form_in(self, message, wrapper=f"{{{FEATURES}}}feature"):
        around = message.find(wrapper)
        x = None if around is None else around.find(f"{{{FORMS}}}x")
        return None if x is None else Form(x, self.deployed)

    # What both compute.

    def identity(self, direction, sigma, *parts):
        """The MAC that proves that its sender knows the secret and has seen these forms; encrypted, and MACed once more."""
        breaks = self.case.breaks
        mac = mac_of(sigma, *parts)
        if breaks("identity-of-other-keys"):
            mac = os.urandom(32)
        counter = direction.counter
        encrypted = direction.crypt(mac)
        after, direction.counter = direction.counter, counter
        outer = direction.identity_mac(encrypted)
        direction.counter = after
        if breaks("identity-altered"):
            encrypted = bytes([encrypted[0] ^ 1]) + encrypted[1:]
        if breaks("identity-mac-altered"):
            outer = bytes([outer[0] ^ 1]) + outer[1:]
        return encrypted, outer

    def check_identity(self, form, direction, sigma, *parts):
        encrypted, outer = form.octets("identity"), form.octets("mac")
        if not hmac.compare_digest(outer, direction.identity_mac(encrypted)):
            raise Over("feature-not-implemented", "the MAC of the identity is wrong")
        if not hmac.compare_digest(direction.crypt(encrypted), mac_of(sigma, *parts)):
            raise Over("feature-not-implemented", "the identity is wrong")
        return outer

    def short_string(self, mac_a, form_b):
        # Of fixed length, as all HMACs are: its leading zero octets stay ("Multiple-Precision Integers").
        number = integer(hashlib.sha256(mac_a + form_b.encode() + b"Short Authentication String").digest()[-3:])
        digits = ""
        for _ in range(5):
            number, digit = divmod(number, 28)
            digits = DIGITS[digit] + digits
        self.sas = digits

    def secret_of(self, public, own):
        p = prime(int(self.group))
        if not 1 < public < p - 1:
            raise Over("not-acceptable", "a key is out of range")
        return hashlib.sha256(octets(pow(public, own, p))).digest()

    def directions(self, counter):
        return Direction(self.setting, self.cipher, counter), Direction(self.setting, self.cipher, counter ^ (1 << 127))

    def private(self):
        return secrets.randbits(512) | 1 << 511

    def out_of_range(self, name, good):
        """Keys that make the secret known to everybody."""
        p = prime(int(self.group))
        for rule, bad in (("zero", 0), ("one", 1), ("p-minus-one", p - 1), ("p", p)):
            if self.case.breaks(f"{name}-is-{rule}"):
                return bad
        return good

    # Alice.

    async def as_initiator(self):
        case, breaks = self.case, self.case.breaks
        self.thread = fresh()
        groups = [self.group]
        if breaks("request-of-group-5-alone"):
            groups = ["5"]
        x = self.private()
        e = self.out_of_range("e", pow(G, x, prime(int(self.group))))
        fields = {
            "FORM_TYPE": ([SSN], "hidden"),
            "accept": (["1"], "boolean"),
            "logging": (["mustnot", "may"], "list-single"),
            "disclosure": (["never"], "list-single"),
            "security": (["e2e"], "list-single"),
            "modp": (groups, "list-single"),
            "crypt_algs": ([self.cipher], "hidden"),
            "stanzas": (["message"], "list-multi"),
            **{name: ([value], "hidden") for name, value in FIXED.items()},
            "rekey_freq": ([self.frequency], "hidden"),
            "my_nonce": ([b64(self.nonce)], "hidden"),
            "dhhashes": ([b64(hashlib.sha256(octets(e)).digest()) for _ in groups], "hidden"),
        }
        self.spoil_request(fields)
        form_a = self.put_form("form", [(name, *rest) for name, rest in fields.items()])
        form_b = await self.form()
        if form_b.fields.get("accept") not in (["1"], ["true"]):
            raise Over("refused", "accept is not true")
        for name, value in {**FIXED, "modp": self.group, "crypt_algs": self.cipher, "security": "e2e"}.items():
            if form_b.one(name) != value:
                raise Over("not-acceptable", f"{name} is {form_b.one(name)}")
        if form_b.octets("nonce") != self.nonce:
            raise Over("not-acceptable", "the nonce is not ours")
        nonce_b, d, counter = form_b.octets("my_nonce"), integer(form_b.octets("dhkeys")), integer(form_b.octets("counter"))
        secret = self.secret_of(d, x)
        mine, theirs = self.directions(counter)
        keys = Keys(secret)
        mine.use(keys.cipher_a, keys.mac_a)
        fields = {"FORM_TYPE": [SSN], "accept": ["1"], "nonce": [b64(nonce_b)], "dhkeys": [b64(octets(e))]}
        retained = case.retained.get(case.other.split("/")[0])
        fields["rshashes"] = [b64(mac_of(self.nonce, retained))] if retained else []
        fields["rshashes"] += [b64(os.urandom(32)) for _ in range(2)]
        if breaks("completion-of-another-e"):
            fields["dhkeys"] = [b64(octets(pow(G, self.private(), prime(int(self.group)))))]
        for name in ("nonce", "dhkeys", "rshashes"):
            if breaks(f"completion-without-{name}"):
                del fields[name]
        if breaks("completion-of-another-nonce"):
            fields["nonce"] = [b64(os.urandom(8))]
        if breaks("completion-refuses"):
            fields["accept"] = ["0"]
        lines = [(name, values, "") for name, values in fields.items()]
        form_a2 = Form(ET.fromstring(form_xml("result", lines, self.deployed)), self.deployed)
        content_a = form_a.normal()
        if breaks("request-altered-on-the-way"):
            content_a = content_a.replace("mustnot", "may")
        identity, mac_a = self.identity(mine, keys.sigma_a, nonce_b, self.nonce, octets(e), content_a, form_a2.normal())
        for name, value in (("identity", identity), ("mac", mac_a)):
            if not breaks(f"completion-without-{name}"):
                lines.append((name, [b64(value)], ""))
        self.put_form("result", lines)
        self.short_string(mac_a, form_b.normal())
        form_b2 = await self.form(f"{{{INIT}}}init")
        shared = retained if retained and hmac.compare_digest(mac_of(retained, "Shared Retained Secret"), form_b2.octets("srshash")) else b""
        keys = self.finish(secret + shared)
        mine.use(keys.cipher_a, keys.mac_a)
        theirs.use(keys.cipher_b, keys.mac_b)
        self.check_identity(form_b2, theirs, keys.sigma_b, self.nonce, nonce_b, octets(d), form_b.normal(), form_b2.normal())
        self.sealed = Sealed(case, self.setting, mine, theirs, prime(int(self.group)), x, d)

    def finish(self, secret):
        final = hashlib.sha256(secret).digest()
        self.case.retained[self.case.other.split("/")[0]] = mac_of(final, "New Retained Secret")
        return Keys(final)

    def spoil_request(self, fields):
        breaks = self.case.breaks
        others = {
            "accept": ["0"],
            "crypt_algs": ["des-cbc"],
            "hash_algs": ["md5"],
            "compress": ["zlib"],
            "init_pubkey": ["key"],
            "resp_pubkey": ["key"],
            "ver": ["9.9"],
            "sas_algs": ["sas2x2"],
            "security": ["c2s"],
            "disclosure": ["enabled"],
            "stanzas": ["presence"],
            "rekey_freq": ["never"],
            "my_nonce": ["***"],
            "modp": ["2"],
        }
        for name, values in others.items():
            if breaks(f"request-{name}-{values[0].strip('*') or 'no-base64'}"):
                fields[name] = (values, fields[name][1])
        for name in ("accept", "modp", "crypt_algs", "hash_algs", "ver", "security", "my_nonce", "dhhashes", "stanzas"):
            if breaks(f"request-without-{name}"):
                del fields[name]
        if breaks("request-with-too-few-hashes"):
            fields["modp"] = ([self.group, "15" if self.group != "15" else "16"], "list-single")
        if breaks("request-hash-too-short"):
            fields["dhhashes"] = ([b64(b"x" * 31)], "hidden")
        if breaks("request-of-three-messages"):
            del fields["dhhashes"]
            fields["dhkeys"] = ([b64(octets(pow(G, self.private(), prime(int(self.group)))))], "hidden")

    # Bob.

    async def as_responder(self):
        case, breaks = self.case, self.case.breaks
        form_a = await self.form()
        while form_a.x.get("type") != "form":  # the end in clear of a session that has ended already
            self.thread = None
            form_a = await self.form()
        if breaks("response-not-acceptable"):
            self.put_error("not-acceptable", "modp")
            raise Over("refused-by-us")
        if breaks("response-service-unavailable"):
            self.put_error("service-unavailable")
            raise Over("refused-by-us")
        for name, value in {**FIXED, "security": "e2e", "crypt_algs": self.cipher, "modp": self.group, "stanzas": "message"}.items():
            if value not in form_a.fields.get(name, []):
                self.put_error("not-acceptable", name)
                raise Over("not-acceptable", name)
        nonce_a = form_a.octets("my_nonce")
        promised = unb64(form_a.fields["dhhashes"][form_a.fields["modp"].index(self.group)])
        counter = integer(os.urandom(16))
        y = self.private()
        d = self.out_of_range("d", pow(G, y, prime(int(self.group))))
        fields = {
            "FORM_TYPE": [SSN],
            "accept": ["true" if self.deployed else "1"],
            "logging": ["mustnot"],
            "disclosure": ["never"],
            "security": ["e2e"],
            "modp": [self.group],
            "crypt_algs": [self.cipher],
            "stanzas": ["message"],
            **{name: [value] for name, value in FIXED.items()},
            "rekey_freq": [self.frequency],
            "my_nonce": [b64(self.nonce)],
            "dhkeys": [b64(octets(d))],
            "nonce": [b64(nonce_a)],
            "counter": [b64(counter.to_bytes(16, "big"))],
        }
        self.spoil_response(fields, nonce_a)
        form_b = self.put_form("submit", [(name, values, "") for name, values in fields.items()])
        form_a2 = await self.form()
        e = integer(form_a2.octets("dhkeys"))
        if not hmac.compare_digest(hashlib.sha256(octets(e)).digest(), promised):
            raise Over("feature-not-implemented", "e is not what was promised")
        if form_a2.octets("nonce") != self.nonce:
            raise Over("feature-not-implemented", "the nonce is not ours")
        secret = self.secret_of(e, y)
        theirs, mine = self.directions(counter)
        keys = Keys(secret)
        theirs.use(keys.cipher_a, keys.mac_a)
        mac_a = self.check_identity(form_a2, theirs, keys.sigma_a, self.nonce, nonce_a, octets(e), form_a.normal(), form_a2.normal())
        self.short_string(mac_a, form_b.normal())
        retained = case.retained.get(case.other.split("/")[0])
        shared = retained if retained and b64(mac_of(nonce_a, retained)) in form_a2.fields.get("rshashes", []) else b""
        keys = self.finish(secret + shared)
        theirs.use(keys.cipher_a, keys.mac_a)
        mine.use(keys.cipher_b, keys.mac_b)
        proof = mac_of(shared, "Shared Retained Secret") if shared else os.urandom(32)
        fields = {"FORM_TYPE": [SSN], "nonce": [b64(nonce_a)], "srshash": [b64(proof)]}
        for name in ("nonce", "srshash"):
            if breaks(f"last-without-{name}"):
                del fields[name]
        if breaks("last-of-another-nonce"):
            fields["nonce"] = [b64(os.urandom(8))]
        lines = [(name, values, "") for name, values in fields.items()]
        form_b2 = Form(ET.fromstring(form_xml("result", lines, self.deployed)), self.deployed)
        content_b = form_b.normal()
        if breaks("response-altered-on-the-way"):
            content_b = content_b.replace("mustnot", "may")
        identity, mac_b = self.identity(mine, keys.sigma_b, nonce_a, self.nonce, octets(d), content_b, form_b2.normal())
        for name, value in (("identity", identity), ("mac", mac_b)):
            if not breaks(f"last-without-{name}"):
                lines.append((name, [b64(value)], ""))
        if breaks("last-in-the-wrapper-of-the-others"):
            self.put_form("result", lines)
        else:
            self.put_form("result", lines, "init", INIT)
        self.sealed = Sealed(case, self.setting, mine, theirs, prime(int(self.group)), y, e)

    def spoil_response(self, fields, nonce_a):
        breaks = self.case.breaks
        others = {
            "accept": ["0"],
            "modp": ["5"],
            "crypt_algs": ["des-cbc"],
            "hash_algs": ["md5"],
            "compress": ["zlib"],
            "init_pubkey": ["key"],
            "ver": ["9.9"],
            "security": ["c2s"],
            "stanzas": ["presence"],
            "rekey_freq": ["never"],
            "dhkeys": ["***"],
        }
        for name, values in others.items():
            if breaks(f"response-{name}-{values[0].strip('*') or 'no-base64'}"):
                fields[name] = values
        for name in ("accept", "modp", "crypt_algs", "ver", "my_nonce", "dhkeys", "nonce", "counter"):
            if breaks(f"response-without-{name}"):
                del fields[name]
        if breaks("response-of-another-nonce"):
            fields["nonce"] = [b64(os.urandom(8))]
        if breaks("response-nonce-reflected"):
            fields["my_nonce"] = [b64(nonce_a)]
        if breaks("response-counter-too-short"):
            fields["counter"] = [b64(os.urandom(15))]
        if breaks("response-of-two-groups"):
            fields["modp"] = [self.group, "15"]

    # The session.

    def say(self, text):
        sealed = self.sealed.seal(f"<body>{escape(text)}</body>", rekey=self.case.options.get("rekeys") == "peer")
        beside = "<body>in clear, by whoever is in between</body>" if self.case.breaks("stanza-with-body-beside") else ""
        if self.case.breaks("stanza-in-clear"):
            return self.put(f"<body>{escape(text)}</body>")
        self.put(sealed + beside)
        if self.case.breaks("stanza-replayed"):
            self.put(sealed)

    async def heard(self):
        """The text of the next message; None at the end of the session, which is answered."""
        while True:
            message = await self.message()
            c = message.find(f"{{{ENCRYPTED}}}c")
            if c is None:
                form = self.form_in(message)
                if form is not None and form.fields.get("terminate"):
                    return None  # in clear, by those who do so: nothing that comes can be read any more
                continue
            for child in self.sealed.unseal(c):
                if child.tag == "{jabber:client}body":
                    return child.text
                if child.tag == f"{{{FEATURES}}}feature":
                    x = child.find(f"{{{FORMS}}}x")
                    if x is not None and x.get("type") == "submit":
                        self.put(self.sealed.seal(self.termination("result")))
                    return None

    def termination(self, kind):
        return f"<feature xmlns='{FEATURES}'>{form_xml(kind, [('FORM_TYPE', [SSN], ''), ('terminate', ['1'], '')], self.deployed)}</feature>"

    async def talk(self):
        for text in self.case.options["texts"]:
            self.say(text)
            echo = await self.heard()
            if echo is None:
                raise Over("ended", "the other side ended the session")
            self.case.say("received", text=echo)
        if self.case.options.get("ends") == "in-clear":
            self.put(self.termination("submit"))
        else:
            self.put(self.sealed.seal(self.termination("submit")))
            while await self.heard() is not None:
                pass

    async def answer(self):
        while (text := await self.heard()) is not None:
            self.case.say("received", text=text)
            self.say(text)


def information():
    features = "".join(f"<feature var='{feature}'/>" for feature in (DISCO, NEGOTIATION, ENCRYPTED, SSN, FEATURES))
    return f"<query xmlns='{DISCO}'><identity category='client' type='bot'/>{features}</query>"


async def play(case, session, first=True):
    await (session.as_initiator() if case.role == "initiator" else session.as_responder())
    if first:
        case.say("connected", transport=NEGOTIATION)
        case.say("symbols", sas=session.sas)
    await (session.talk() if case.role == "initiator" else session.answer())


async def esession(case):
    wire = Wire(case)
    session = ESession(case, wire)
    wire.on(DISCO, lambda query, kind: information())
    await wire.login()
    case.say("ready", jid=str(wire.client.boundjid))
    try:
        outcome = None
        try:
            await play(case, session)
            if case.options.get("again"):  # with the secret that the first has left
                session = ESession(case, wire)
                await play(case, session, first=False)
        except (Over, Refusal, KeyError) as error:
            outcome = error
            if isinstance(error, Over) and session.sealed is None and error.condition in ("feature-not-implemented", "not-acceptable"):
                session.put_error(error.condition)
        conclude(case, outcome)
    finally:
        await wire.logout()
