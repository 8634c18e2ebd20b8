"""The ceremony of docs/xep-e2e-verification.md (§1 to §6), in both roles, from that document alone."""
import hashlib
import hmac
import os
import re
import time
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from case import Over
from stream import CLIENT
from wire import STANZAS, fresh

VERIFICATION = "urn:xmpp:balcony:verification:0"
NAMES = """dog cat lion horse unicorn pig elephant rabbit panda rooster penguin turtle fish octopus butterfly flower tree cactus mushroom globe moon cloud fire banana apple strawberry corn pizza cake
heart smiley robot hat glasses spanner santa thumbs_up umbrella hourglass clock gift light_bulb book pencil paperclip scissors lock key hammer telephone flag train bicycle aeroplane rocket trophy ball
guitar trumpet bell anchor headphones folder pin""".split()
OWN_ATTRIBUTES = {
    "request": {"half": 32, "initiator": None, "responder": None},
    "ready": {"id": 64, "initiator": None, "responder": None},
    "commit": {"id": 64, "value": 64},
    "nonce": {"id": 64, "value": 64},
    "reveal": {"id": 64, "value": 64},
    "confirmed": {"id": 64},
    "differ": {"id": 64},
    "cancel": {"id": None},
}


def H(*fields):
    data = [field.encode() if isinstance(field, str) else field for field in fields]
    return hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in data)).digest()


def hkdf(secret, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


class Symbols:
    """30 bits in both of their forms (§6)."""

    def __init__(self, bits):
        self.numbers = [str(1000 + (bits >> shift & 1023)) for shift in (20, 10, 0)]
        self.emoji = [NAMES[bits >> shift & 63].replace("_", " ") for shift in (24, 18, 12, 6, 0)]


class Values:
    """§2, of one TLS connection and one ceremony."""

    def __init__(self, initiator, certificate_i, responder, certificate_r, export):
        self.ctx = H("balcony-ctx-tls-1", initiator, hashlib.sha256(certificate_i).digest(), responder, hashlib.sha256(certificate_r).digest())
        self.ekm = export(b"EXPERIMENTAL-balcony-sas-1", self.ctx)

    def commitment(self, cid, nonce_i):
        return H("balcony-commit-1", self.ctx, cid, nonce_i)

    def symbols(self, cid, commitment, nonce_i, nonce_r):
        info = H("balcony-sas-1", self.ctx, cid, commitment, nonce_i, nonce_r)
        return Symbols(int.from_bytes(hkdf(self.ekm, info, 4), "big") >> 2)


class Ceremony:
    """
    One side, from the first request to both persons' word. Its own person is played by the options: `asks` ("peer", "balcony", "both"), `typist` ("peer": ours wants to type,
    "balcony"), `says` ("match", "differ", "nothing").
    """

    def __init__(self, case, stream, tls, identity):
        self.case, self.stream = case, stream
        self.is_initiator = case.role == "initiator"
        own, other = (address.split("/")[0] for address in (case.own, case.other))
        self.initiator, self.responder = (own, other) if self.is_initiator else (other, own)
        certificates = (identity.der, tls.peer) if self.is_initiator else (tls.peer, identity.der)
        export = tls.export
        if case.breaks("verification-exporter-without-context"):
            export = lambda label, _: tls.export(label, None)  # noqa: E731
        self.values = Values(self.initiator, certificates[0], self.responder, certificates[1], export)
        self.half, self.their_half, self.cid = os.urandom(16), None, None
        self.nonce = os.urandom(32)
        self.open = self.asked = False
        self.waiting, self.inbox, self.last_request = {}, [], None
        self.they_type = self.we_type = False

    # What goes over the wire.

    def element(self, name, **attributes):
        text = "".join(f" {key}={quoteattr(value.hex() if isinstance(value, bytes) else value)}" for key, value in attributes.items())
        return f"<{name} xmlns='{VERIFICATION}'{text}/>"

    async def ask(self, payload, kind="set"):
        """Sends a message, returns the condition of the error that answered it, or None."""
        ident = fresh()
        self.waiting[ident] = None
        await self.stream.send(f"<iq type='{kind}' id='{ident}'>{payload}</iq>")
        while self.waiting[ident] is None:
            await self._take()
        answer = self.waiting.pop(ident)
        if answer.get("type") == "result":
            return None
        error = answer.find(f"{{{CLIENT}}}error")
        condition = next((child.tag.split("}")[1] for child in error if child.tag.startswith(f"{{{STANZAS}}}")), "none")
        self.case.hear("iq", condition)
        return condition

    async def say(self, name, **attributes):
        self._ended()
        condition = await self.ask(self.element(name, **attributes))
        self._ended()
        if condition is not None:
            raise Over("refused", f"{name}: {condition}")

    async def told(self, *names):
        """The next message. `cancel` and `differ` end the ceremony whenever they come."""
        while not self.inbox:
            await self._take()
        self._ended()
        name, attributes = self.inbox.pop(0)
        if name not in names:
            self.open = False
            raise Over("out-of-turn", f"{name} where {' or '.join(names)} was to come")
        return attributes

    def _ended(self):
        for name, _ in self.inbox:
            if name in ("cancel", "differ"):
                self.open = False
                self.case.hear("verification", name)
                raise Over(name, "heard")

    async def _until_asked(self):
        while not self.inbox:
            await self._take()

    async def _take(self):
        try:
            element = await self.stream.element()
        except Over:
            self._ended()  # it was said why before the stream was closed
            raise
        if element.tag != f"{{{CLIENT}}}iq":
            self.stream.kept.append(("element", element))  # is not the ceremony's business
            return
        kind, ident, payload = element.get("type"), element.get("id"), next(iter(element), None)
        if kind in ("result", "error"):
            if ident in self.waiting:
                self.waiting[ident] = element
        elif payload is None or not payload.tag.startswith(f"{{{VERIFICATION}}}"):
            await self._answer(ident, "service-unavailable")
        else:
            name, attributes = payload.tag.split("}")[1], dict(payload.attrib)
            refusal = self._refusal(kind, name, attributes)
            await self._answer(ident, refusal)
            if refusal is not None and self.case.reached:
                raise Over("refused-by-us", refusal)
            if refusal is None:
                self.inbox.append((name, attributes))
                if name == "ready" and self.cid is None and attributes["id"][:32] != attributes["id"][32:]:
                    self._join(bytes.fromhex(attributes["id"][32:] if self.is_initiator else attributes["id"][:32]))
                if name == "request" and self.asked:
                    self._join(bytes.fromhex(attributes["half"]))  # what the other says next may come before ours is answered

    def _refusal(self, kind, name, attributes):
        """What a message is answered by (§3), None for a result."""
        for rule, of, condition in (
            ("verification-request-answered-unavailable", "request", "service-unavailable"),
            ("verification-request-answered-busy", "request", "resource-constraint"),
            ("verification-ready-answered-by-error", "ready", "bad-request"),
            ("verification-commit-answered-by-error", "commit", "bad-request"),
        ):
            if name == of and self.case.breaks(rule):
                return condition
        if kind != "set" or name not in OWN_ATTRIBUTES:
            return "service-unavailable"
        for attribute, digits in OWN_ATTRIBUTES[name].items():
            value = attributes.get(attribute)
            if value is None or (digits is not None and re.fullmatch(f"[0-9a-f]{{{digits}}}", value) is None):
                return "bad-request"
        if name == "request":
            now = time.monotonic()
            if (self.open and self.cid is not None) or (self.last_request is not None and now - self.last_request < 60):
                return "resource-constraint"
            self.last_request = now
            return None
        # Our half is enough of an id until the other one is known.
        known = self.cid.hex() if self.cid else None
        halves = [half.hex() for half in (self.half, self.their_half) if half is not None]
        ident = attributes["id"]
        if not self.open:
            return None if name in ("confirmed", "differ") and ident == known else "item-not-found"
        if name == "cancel":
            return None if ident == known or ident in halves else "item-not-found"
        if known is None:
            mine = ident[:32] if self.is_initiator else ident[32:]
            return None if name == "ready" and mine == self.half.hex() else "item-not-found"
        return None if ident == known else "item-not-found"

    async def _answer(self, ident, refusal):
        ident = quoteattr(ident)
        if refusal is None:
            await self.stream.send(f"<iq type='result' id={ident}/>")
        else:
            kind = {"bad-request": "modify", "resource-constraint": "wait"}.get(refusal, "cancel")
            await self.stream.send(f"<iq type='error' id={ident}><error type='{kind}'><{refusal} xmlns='{STANZAS}'/></error></iq>")

    # The ceremony.

    async def run(self):
        asks = self.case.options.get("asks", "peer")
        self.we_type = self.case.options.get("typist") == "peer"
        if asks in ("peer", "both"):
            await self._request(asks)
        else:
            await self._accept()
        commitment, nonce_i, nonce_r = await (self._as_initiator() if self.is_initiator else self._as_responder())
        symbols = self.values.symbols(self.cid, commitment, nonce_i, nonce_r)
        self.case.say("symbols", numbers=symbols.numbers, emoji=symbols.emoji)
        await self._judge(symbols)

    async def _request(self, asks):
        own = {"half": self.half, "initiator": self.initiator, "responder": self.responder}
        mode = {"mode": "read-aloud"} if self.we_type else {}
        await self._malformed_requests(own)
        if asks == "both":  # the other's is on its way, and neither is an answer to anything
            await self._until_asked()
        if self.case.breaks("verification-request-initiator-somebody-else"):
            own["initiator"] = "tybalt@capulet.lit"
        if self.case.breaks("verification-request-responder-somebody-else"):
            own["responder"] = "tybalt@capulet.lit"
        if self.case.breaks("verification-request-roles-swapped"):
            own["initiator"], own["responder"] = own["responder"], own["initiator"]
        self.open = True
        for _, asked in self.inbox:
            self._join(bytes.fromhex(asked["half"]))
        self.asked = True
        await self.say("request", **own, **mode)
        if self.case.breaks("verification-request-while-one-is-open"):
            await self.ask(self.element("request", **{**own, "half": os.urandom(16)}))
        if self.case.breaks("verification-commit-before-ready"):
            await self.ask(self.element("commit", id=self.half + bytes(16), value=bytes(32)))
        if self.case.breaks("verification-cancel-by-own-half"):
            await self.say("cancel", id=self.half)
            raise Over("cancelled")
        told = await self.told("ready", "request")
        if "half" in told:  # both asked at once: neither says ready
            self.they_type = told.get("mode") == "read-aloud"
        self._check_addresses(told)
        if self.cid is None:
            raise Over("reflection")

    async def _accept(self):
        self.open = True
        if self.case.breaks("verification-ready-though-nobody-asked"):
            await self.ask(self.element("ready", id=bytes(32), initiator=self.initiator, responder=self.responder))
        told = await self.told("request")
        self.they_type = told.get("mode") == "read-aloud"
        self._check_addresses(told)
        if self.case.breaks("verification-half-reflected"):
            self.half = bytes.fromhex(told["half"])
        self._join(bytes.fromhex(told["half"]), checked=not self.case.reached)
        own = {"id": self.cid, "initiator": self.initiator, "responder": self.responder}
        if self.case.breaks("verification-cancel-instead-of-ready"):
            await self.say("cancel", id=self.their_half)
            raise Over("cancelled")
        if self.case.breaks("verification-ready-id-cut-short"):
            await self.ask(self.element("ready", **{**own, "id": self.cid[:31]}))
        if self.case.breaks("verification-ready-without-id"):
            await self.ask(self.element("ready", initiator=self.initiator, responder=self.responder))
        if self.case.breaks("verification-ready-without-addresses"):
            await self.ask(self.element("ready", id=self.cid))
        if self.case.breaks("verification-ready-of-another"):
            await self.ask(self.element("ready", **{**own, "id": bytes(32)}))
        if self.case.breaks("verification-ready-initiator-somebody-else"):
            own["initiator"] = "tybalt@capulet.lit"
        if self.case.breaks("verification-ready-responder-somebody-else"):
            own["responder"] = "tybalt@capulet.lit"
        await self.say("ready", **own)
        if self.case.breaks("verification-ready-twice"):
            await self.say("ready", **own)

    async def _malformed_requests(self, own):
        """Each is refused, and nothing else happens: the good one that follows is taken."""
        without = lambda name: {key: value for key, value in own.items() if key != name}  # noqa: E731
        breaches = {
            "verification-request-without-half": self.element("request", **without("half")),
            "verification-request-half-too-short": self.element("request", **{**own, "half": self.half[:15]}),
            "verification-request-half-too-long": self.element("request", **{**own, "half": self.half + b"\0"}),
            "verification-request-half-in-base64": self.element("request", **{**own, "half": "AAAAAAAAAAAAAAAAAAAAAA=="}),
            "verification-request-half-in-upper-case": self.element("request", **{**own, "half": "AB" * 16}),
            "verification-request-without-initiator": self.element("request", **without("initiator")),
            "verification-request-without-responder": self.element("request", **without("responder")),
            "verification-request-initiator-no-address": self.element("request", **{**own, "initiator": "@@"}),
            "verification-request-of-unknown-mode": self.element("request", **own, mode="shouting"),
            "verification-message-of-unknown-name": self.element("dance", id=bytes(32)),
        }
        for rule, payload in breaches.items():
            if self.case.breaks(rule):
                await self.ask(payload)
        if self.case.breaks("verification-request-by-get"):
            await self.ask(self.element("request", **own), kind="get")
        for name in ("commit", "nonce", "reveal", "confirmed", "differ", "cancel"):
            if self.case.breaks(f"verification-{name}-though-nobody-asked"):
                await self.ask(self.element(name, id=bytes(32), **({"value": bytes(32)} if "value" in OWN_ATTRIBUTES[name] else {})))

    def _check_addresses(self, told):
        if (told["initiator"], told["responder"]) != (self.initiator, self.responder):
            raise Over("address-mismatch")

    def _join(self, their_half, checked=True):
        if checked and their_half == self.half:
            raise Over("reflection")
        self.their_half = their_half
        self.cid = self.half + their_half if self.is_initiator else their_half + self.half

    def _charge(self):
        """§4, 3: before a nonce leaves. A task is an installation of its own: its guesses last as long as it does."""
        self.case.guesses.append(time.time())
        if len(self.case.guesses) > 3:
            raise Over("guesses-spent")

    async def _as_initiator(self):
        case = self.case
        commitment = self.values.commitment(self.cid, self.nonce)
        await self._malformed("commit", commitment)
        if case.breaks("verification-nonce-by-initiator"):
            await self.say("nonce", id=self.cid, value=self.nonce)
        if case.breaks("verification-reveal-before-commit"):
            await self.say("reveal", id=self.cid, value=self.nonce)
        if case.breaks("verification-confirmed-before-symbols"):
            await self.say("confirmed", id=self.cid)
        await self.say("commit", id=self.cid, value=commitment)
        if case.breaks("verification-commit-twice"):
            await self.say("commit", id=self.cid, value=commitment)
        nonce_r = bytes.fromhex((await self.told("nonce"))["value"])
        if nonce_r == self.nonce:
            raise Over("reflection")
        self._charge()
        revealed = self.nonce
        await self._malformed("reveal", revealed)
        if case.breaks("verification-reveal-of-another-nonce"):
            revealed = os.urandom(32)
        if case.breaks("verification-reveal-of-the-others-nonce"):
            revealed = nonce_r
        if case.breaks("verification-cancel-instead-of-reveal"):
            await self.say("cancel", id=self.cid)
            raise Over("cancelled")
        if case.breaks("verification-stream-ended-instead-of-reveal"):
            await self.stream.channel.close()
            raise Over("closed")
        await self.say("reveal", id=self.cid, value=revealed)
        if case.breaks("verification-reveal-again"):
            await self.say("reveal", id=self.cid, value=revealed)
        return commitment, revealed, nonce_r

    async def _as_responder(self):
        case = self.case
        if case.breaks("verification-nonce-before-commit"):
            await self.say("nonce", id=self.cid, value=self.nonce)
        if case.breaks("verification-commit-by-responder"):
            await self.say("commit", id=self.cid, value=self.nonce)
        commitment = bytes.fromhex((await self.told("commit"))["value"])
        self._charge()
        await self._malformed("nonce", self.nonce)
        if case.breaks("verification-cancel-instead-of-nonce"):
            await self.say("cancel", id=self.cid)
            raise Over("cancelled")
        if case.breaks("verification-commitment-sent-as-nonce"):
            self.nonce = commitment
        await self.say("nonce", id=self.cid, value=self.nonce)
        if case.breaks("verification-nonce-twice"):
            await self.say("nonce", id=self.cid, value=os.urandom(32))
        nonce_i = bytes.fromhex((await self.told("reveal"))["value"])
        if nonce_i == self.nonce:
            raise Over("reflection")
        if not hmac.compare_digest(self.values.commitment(self.cid, nonce_i), commitment):
            raise Over("commitment-mismatch")
        return commitment, nonce_i, self.nonce

    async def _malformed(self, name, value):
        """Refused, and nothing else happens (§3): the good message that follows is taken."""
        breaches = {
            "of-another": self.element(name, id=bytes(32), value=value),
            "without-id": self.element(name, value=value),
            "without-value": self.element(name, id=self.cid),
            "value-too-short": self.element(name, id=self.cid, value=value[:31]),
            "value-no-hex": self.element(name, id=self.cid, value="x" * 64),
        }
        for rule, payload in breaches.items():
            if self.case.breaks(f"verification-{name}-{rule}"):
                await self.ask(payload)

    async def _judge(self, symbols):
        """What the persons say, of whom ours believes nobody but himself (§4, 6)."""
        case = self.case
        types = self.we_type and not (self.they_type and not self.is_initiator)
        says = case.options.get("says", "match")
        if types:
            heard = await case.next_signal()
            says = "match" if heard["numbers"] == symbols.numbers else "differ"
        if says != "nothing":
            await self.say("differ" if says == "differ" else "confirmed", id=self.cid)
        if says == "differ":
            raise Over("differ", "said")
        case.guesses.pop()
        await self.told("confirmed")
        self.open = False

    async def later(self):
        """Once the other side's person has confirmed, too, and that is kept."""
        if self.case.breaks("verification-confirmed-twice"):
            await self.ask(self.element("confirmed", id=self.cid))
        if self.case.breaks("verification-request-again-within-a-minute"):
            await self.ask(self.element("request", half=os.urandom(16), initiator=self.initiator, responder=self.responder))


async def verify(case, stream, tls, identity):
    """What is to be done once the talk has shown that the other side has finished, too."""
    ceremony = Ceremony(case, stream, tls, identity)
    await ceremony.run()
    return ceremony.later
