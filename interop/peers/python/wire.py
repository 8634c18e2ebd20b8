"""The account at its own server, by slixmpp: whole stanzas as element trees, and nothing of slixmpp's plug-ins."""
import asyncio
import os
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

import slixmpp

from case import Over

# slixmpp reads every authority of the system for each client, which is most of what a session costs; what is spoken with the server here is in the clear.
os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull

PATIENCE = 20
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
"""What the first versions of the specifications called it."""
OLD_NAMES = (
    ("urn:xmpp:jingle:1", "urn:xmpp:tmp:jingle"),
    ("urn:xmpp:jingle:apps:xmlstream:0", "urn:xmpp:tmp:jingle:apps:xmlstream"),
    ("urn:xmpp:jingle:transports:ibb:1", "urn:xmpp:tmp:jingle:transports:ibb:0"),
)
IQ = "{jabber:client}iq"
MESSAGE = "{jabber:client}message"


class Refusal(Exception):
    """The answer to an IQ was an error."""

    def __init__(self, iq, late):
        """`late`: the session had ended when it came."""
        self.late = late
        error = iq.find("{jabber:client}error")
        conditions = [] if error is None else [child.tag.split("}")[1] for child in error if child.tag.startswith(f"{{{STANZAS}}}")]
        details = [] if error is None else [child.tag.split("}")[1] for child in error if not child.tag.startswith(f"{{{STANZAS}}}")]
        super().__init__(" ".join(conditions + details))
        self.condition = "/".join([c for c in conditions if c != "text"] + details) or "none"


def fresh():
    return uuid.uuid4().hex


class Wire:
    def __init__(self, case):
        self.case = case
        self.client = slixmpp.ClientXMPP(case.own, case.password, sasl_mech="PLAIN")
        self.client["feature_mechanisms"].unencrypted_plain = True
        self.client.add_filter("in", self._incoming)
        self.over = False
        self.waiting = {}
        self.handlers = {}
        """Told of every message of the other side."""
        self.on_message = None

    async def login(self):
        started = asyncio.get_running_loop().create_future()
        self.client.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        self.client.connect(self.case.server, disable_starttls=True)
        await asyncio.wait_for(started, PATIENCE)
        self.client.send_raw("<presence/>")

    async def logout(self):
        for waiting in self.waiting.values():
            waiting.cancel()
        await self.client.disconnect()

    def on(self, namespace, handler):
        """`handler(payload, type)` for what the other side asks or tells in that namespace: returns the payload of the result, or who is to get what answers later; raises Answer for an error."""
        self.handlers[namespace] = handler

    def _incoming(self, stanza):
        if stanza.xml.tag == MESSAGE and self.on_message is not None and stanza.xml.get("from") == self.case.other:
            self.case.log("< " + ET.tostring(stanza.xml, encoding="unicode"))
            self.on_message(stanza.xml)
            return None
        if stanza.xml.tag != IQ:
            return stanza
        if self.case.old:
            for element in stanza.xml.iter():
                for now, then in OLD_NAMES:
                    if element.tag.startswith(f"{{{then}}}"):
                        element.tag = f"{{{now}}}" + element.tag.split("}")[1]
        iq = stanza.xml
        kind, sender, ident = iq.get("type"), iq.get("from"), iq.get("id")
        if kind in ("result", "error"):
            asked = self.waiting.get(ident)
            if asked is None:
                return stanza
            if sender == asked.to and not asked.done():
                self.case.log("< " + ET.tostring(iq, encoding="unicode"))
                asked.late = self.over
                asked.set_result(iq)
            return None
        payload = next(iter(iq), None)
        handler = None if payload is None else self.handlers.get(payload.tag[1:].split("}")[0])
        if sender != self.case.other or handler is None:
            return stanza
        self.case.log("< " + ET.tostring(iq, encoding="unicode"))
        try:
            answer = handler(payload, kind)
            if callable(answer):
                answer(lambda: self.answer(ident, "result", ""))
            elif answer is not None:
                self.answer(ident, "result", answer)
        except Answer as error:
            self.answer(ident, "error", f"<error type='{error.type}'><{error.condition} xmlns='{STANZAS}'/>{error.detail}</error>")
        return None

    def answer(self, ident, kind, payload):
        self.put(f"<iq type='{kind}' to={quoteattr(self.case.other)} id={quoteattr(ident)}>{payload}</iq>")

    def put(self, xml):
        if self.case.old:
            for now, then in OLD_NAMES:
                xml = xml.replace(f"'{now}'", f"'{then}'")
        self.case.log("> " + xml)
        self.client.send_raw(xml)

    async def ask(self, payload, to=None, kind="set"):
        """Sends an IQ, returns the answer's payload or None. Raises Refusal."""
        ident, to = fresh(), to or self.case.other
        asked = asyncio.get_running_loop().create_future()
        asked.to = to
        self.waiting[ident] = asked
        self.put(f"<iq type='{kind}' to={quoteattr(to)} id='{ident}'>{payload}</iq>")
        try:
            iq = await asyncio.wait_for(asked, PATIENCE)
        except asyncio.TimeoutError:
            raise Over("timeout", f"no answer to {payload[:80]}") from None
        finally:
            del self.waiting[ident]
        if iq.get("type") == "error":
            raise Refusal(iq, asked.late)
        return next(iter(iq), None)


class Answer(Exception):
    """An IQ is answered by an error."""

    def __init__(self, condition, type="cancel", detail=""):
        super().__init__(condition)
        self.condition, self.type, self.detail = condition, type, detail
