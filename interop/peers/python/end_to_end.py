"""The whole of an end-to-end stream: discovery, Jingle, a transport, STARTTLS or XTLS, a message and its echo."""
import asyncio
import hashlib
from xml.sax.saxutils import quoteattr

import strict
from case import Over
from jingle import IBB, JINGLE, XMLSTREAM, XTLS, Session
from secure import Identity, Tls
from socks import S5B
from stream import CLIENT, STREAM, Stream, message, starttls_as_initiator, starttls_as_responder
from verification import verify
from wire import Answer, Refusal, Wire

DISCO = "http://jabber.org/protocol/disco#info"


def features(case):
    known = [JINGLE, XMLSTREAM, IBB, S5B, XTLS, DISCO]
    if case.options.get("transport") == "ibb":
        known.remove(S5B)
    if case.breaks("disco-without-xmlstream"):
        known.remove(XMLSTREAM)
    if case.breaks("disco-without-transport"):
        known = [feature for feature in known if feature not in (IBB, S5B)]
    return known


async def end_to_end(case):
    wire = Wire(case)
    identity = Identity(case)
    wire.on(DISCO, lambda query, kind: information(case))
    session = Session(case, wire, identity)
    await wire.login()
    case.say("ready", jid=str(wire.client.boundjid))
    flow = asyncio.ensure_future(play(case, wire, session, identity))
    try:
        await asyncio.wait({flow, session.ended}, return_when=asyncio.FIRST_COMPLETED)
        # What the other side sent on the channel before it ended the session is still read.
        await asyncio.wait({flow}, timeout=3 if session.ended.done() else None)
        if flow.done():
            outcome = flow.exception()
        else:
            flow.cancel()
            outcome = Over("ended", "the other side ended the session")
        if outcome is None:
            await session.terminate()
        elif not case.blamed:
            # The other side has broken a rule: it is told of it, as far as it can be.
            if isinstance(outcome, strict.Wrong):
                await asyncio.wait({asyncio.ensure_future(case.stream.fail(outcome.condition))}, timeout=5)
            await session.terminate("connectivity-error" if isinstance(outcome, Over) and outcome.condition == "closed" else "security-error")
        elif session.sid is not None and not session.over:
            # We have broken a rule: what the other side makes of it, it says. Where an error was all, nothing more may come, and we end it.
            refused = isinstance(outcome, Over) and outcome.condition == "refused"
            await asyncio.wait({session.ended}, timeout=1 if refused else 6)
            await session.terminate("general-error")
        if outcome is not None and case.stream is not None:
            await asyncio.wait({asyncio.ensure_future(case.stream.rest())}, timeout=2)
        conclude(case, outcome)
    finally:
        await wire.logout()


KINDS = ("iq", "message", "verification", "jingle", "stream", "tls", "terminate")


def conclude(case, outcome):
    heard = " ".join(sorted(case.heard, key=lambda line: KINDS.index(line.split(":")[0])))
    if "misbehave" in case.options and not case.reached:
        case.say("error", condition="not-reached", text=f"{outcome!r}")
    elif outcome is None:
        case.say("closed", **({"reason": heard} if heard else {}))
    elif isinstance(outcome, (Over, strict.Wrong, Refusal, asyncio.TimeoutError, EOFError, OSError)):
        unheard = "nothing" if "misbehave" in case.options else getattr(outcome, "condition", "timeout")
        case.say("error", condition=heard or unheard, text=f"{outcome!r}"[:1000])
    else:
        raise outcome


def information(case):
    if case.breaks("disco-refused"):
        raise Answer("service-unavailable")
    lines = "".join(f"<feature var='{feature}'/>" for feature in features(case))
    if case.breaks("disco-without-query"):
        return ""
    return f"<query xmlns='{DISCO}'><identity category='client' type='bot'/>{lines}</query>"


async def play(case, wire, session, identity):
    if case.role == "initiator":
        if not case.old:
            await discover(wire)
        await session.initiate()
    else:
        await session.accept()
    case.say("connected", transport=S5B if session.channel is not session.transport else IBB)
    if not session.secured_at_once:
        await (starttls_as_initiator if case.role == "initiator" else starttls_as_responder)(case, session.channel)
    tls = Tls(case, session.channel, identity, case.role)
    await tls.handshake()
    if session.fingerprint is not None and session.secured_at_once:
        digest = hashlib.sha1 if len(session.fingerprint) == 40 else hashlib.sha256
        if digest(tls.peer).hexdigest() != session.fingerprint:
            raise Over("fingerprint-mismatch")
    case.say("secured", protocol=tls.protocol, fingerprint=tls.peer_fingerprint, own=identity.fingerprint)
    stream = Stream(case, tls, case.role, True)
    if case.role == "initiator":
        await stream.open()
        await stream.litter()
        await stream.header()
        features = await stream.element()
        if features.tag != f"{{{STREAM}}}features":
            strict.misplaced(features)
        strict.features(features)
        later = await verification(case, stream, tls, identity) if case.layer == "ceremony" else nothing
        if later is None:
            return
        await talk(case, stream, later)
        await close_first(case, stream, tls)
    else:
        await stream.header()
        await stream.open()
        await stream.litter()
        inner = ""
        if case.breaks("features-with-unknown-mandatory"):
            inner = "<dance xmlns='urn:example:dance'><required/></dance>"
        if case.breaks("features-with-starttls-again"):
            inner = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
        await stream.offer(inner)
        later = await verification(case, stream, tls, identity) if case.layer == "ceremony" else nothing
        if later is None:
            return
        await answer(case, stream, later)
        await close_second(case, stream, tls)


async def verification(case, stream, tls, identity):
    """What is to be done after the talk; None where it has come to nothing, and the stream is closed."""
    try:
        return await verify(case, stream, tls, identity)
    except Over as over:
        if over.condition not in ("differ", "cancel", "cancelled", "refused-by-us"):
            raise
        # After "they differ" whoever said so closes the stream; anything else ends the ceremony alone.
        await (close_second if over.args[0] == "heard" and over.condition == "differ" else close_first)(case, stream, tls)
        return None


async def nothing():
    pass


async def discover(wire):
    query = await wire.ask(f"<query xmlns='{DISCO}'/>", kind="get")
    known = {feature.get("var") for feature in query}
    for wanted in (JINGLE, XMLSTREAM):
        if wanted not in known:
            raise Over("unsupported", wanted)


async def stanza(stream):
    """The next message, past whatever else there is."""
    while True:
        element = await stream.element()
        if element.tag == f"{{{CLIENT}}}message" and element.find(f"{{{CLIENT}}}body") is not None:
            strict.stanza(stream.case, element)
            return element.findtext(f"{{{CLIENT}}}body")
        await refuse(stream, element)


async def refuse(stream, element):
    """RFC 6120 §8.4: what is asked and not understood is answered so; what should not have come ends the stream."""
    good = strict.stanza(stream.case, element)
    if element.tag == f"{{{CLIENT}}}iq" and element.get("type") not in ("result", "error") and element.get("id") is not None:
        condition = "service-unavailable" if good else "bad-request"
        error = f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        await stream.send(f"<iq type='error' id={quoteattr(element.get('id'))}>{error}</iq>")


async def talk(case, stream, later):
    text = case.options["text"]
    await misaddressed(case, stream, text)
    await stream.send(message(text))
    echo = await stanza(stream)
    case.say("received", text=echo)
    await later()


async def answer(case, stream, later):
    text = await stanza(stream)
    case.say("received", text=text)
    await later()
    await misaddressed(case, stream, text)
    await stream.send(message(text))


async def misaddressed(case, stream, text):
    """Stanzas that no end-to-end stream may carry, in the place of a good one."""
    breaches = {
        "stanza-from-somebody-else": message(text, " from='tybalt@capulet.lit/x'"),
        "stanza-to-somebody-else": message(text, " to='tybalt@capulet.lit/x'"),
        "stanza-from-no-address": message(text, " from='@@'"),
        "stanza-from-other-resource": message(text, f" from='{case.own}x'"),
        "iq-without-id": "<iq type='get'><query xmlns='urn:example'/></iq>",
        "iq-without-type": "<iq id='1'><query xmlns='urn:example'/></iq>",
        "iq-of-unknown-type": "<iq id='1' type='ask'><query xmlns='urn:example'/></iq>",
        "iq-without-payload": "<iq id='1' type='get'/>",
        "iq-with-two-payloads": "<iq id='1' type='get'><query xmlns='urn:example'/><query xmlns='urn:example'/></iq>",
        "features-after-the-first-stanza": "<stream:features/>",
        "starttls-within-tls": "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "stanza-cut-in-the-middle": "<message><body>half",
    }
    for rule, xml in breaches.items():
        if case.breaks(rule):
            await stream.send(xml)
            if rule == "stanza-cut-in-the-middle":
                await stream.channel.close()
                raise Over("closed")
            if rule.startswith("iq-") and rule != "iq-without-id":  # what has no id cannot be answered
                while (element := await stream.element()).tag != f"{{{CLIENT}}}iq" or element.get("id") != "1" or element.get("type") not in ("result", "error"):
                    await refuse(stream, element)
                note(case, element)
            return


def note(case, iq):
    error = iq.find(f"{{{CLIENT}}}error")
    if error is not None:
        case.hear("iq", next(iter(error)).tag.split("}")[1])


async def close_first(case, stream, tls):
    if case.breaks("bytes-ended-within-the-stream"):
        await tls.close()
        raise Over("closed")
    if case.breaks("end-tag-of-another"):
        await stream.send("</stream>")
    await stream.send("</stream>" if case.old else "</stream:stream>")
    if case.old:
        return await tls.close()
    if case.breaks("stanza-behind-the-end"):
        await stream.send("<message><body>one more thing</body></message>")
    while (event := await stream.next())[0] != "end":
        strict.stanza(case, event[1])
    await tls.close()


async def close_second(case, stream, tls):
    while (event := await stream.next())[0] != "end":
        await refuse(stream, event[1])
    if not case.breaks("end-unanswered"):
        await stream.send("</stream:stream>")
    await tls.close()
