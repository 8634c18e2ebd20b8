"""An end-to-end XML stream (XEP-0246, RFC 6120 §4) over any channel, from one side."""
from xml.sax.saxutils import escape, quoteattr

import strict
from case import Over
from wire import fresh

STREAM = "http://etherx.jabber.org/streams"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
CLIENT = "jabber:client"
OFFER = "urn:xmpp:tmp:c2ctls"


class Stream:
    def __init__(self, case, channel, role, inside):
        self.case, self.channel, self.role, self.inside = case, channel, role, inside
        self.parser = strict.Parser()
        self.depth = 0
        self.opened = False
        self.root = None
        """What was read and was not for whoever read it."""
        self.kept = []
        self.over = False
        case.stream = self

    def breaks(self, rule):
        """Rules of the stream are broken before TLS or within it, as the flag says: `inner-` names the latter."""
        return self.case.breaks(f"inner-{rule}" if self.inside else rule)

    async def send(self, xml):
        self.case.log(f"{'TLS' if self.inside else 'clear'} > {xml}"[:2000])
        await self.channel.write(xml if isinstance(xml, bytes) else xml.encode())

    async def open(self):
        case, breaks = self.case, self.breaks
        if breaks("nothing-but-end"):
            await self.channel.close()
            raise Over("closed")
        declaration = "<?xml version='1.0'?>"
        if breaks("encoding-other-than-utf-8"):
            declaration = "<?xml version='1.0' encoding='ISO-8859-1'?>"
        if breaks("xml-version-1.1"):
            declaration = "<?xml version='1.1'?>"
        if breaks("doctype"):
            declaration += "<!DOCTYPE stream>"
        if breaks("comment-before-header"):
            declaration += "<!-- a comment -->"
        root, prefix, namespace, content = "stream", "stream", STREAM, CLIENT
        if breaks("header-other-root"):
            root = "flow"
        if breaks("header-other-namespace"):
            namespace = "http://example.org/streams"
        if breaks("header-other-prefix"):
            prefix = "s"
        if breaks("header-content-of-servers"):
            content = "jabber:server"
        version = " version='1.0'"
        if breaks("header-without-version"):
            version = ""
        if breaks("header-version-2.0"):
            version = " version='2.0'"
        if breaks("header-version-no-number"):
            version = " version='one'"
        sender, receiver = case.own, case.other
        if breaks("header-from-somebody-else"):
            sender = "tybalt@capulet.lit/x"
        if breaks("header-to-somebody-else"):
            receiver = "tybalt@capulet.lit/x"
        if breaks("header-from-no-address"):
            sender = "@/@"
        addresses = f" from={quoteattr(sender)} to={quoteattr(receiver)}"
        if breaks("header-without-from"):
            addresses = f" to={quoteattr(receiver)}"
        if breaks("header-without-to"):
            addresses = f" from={quoteattr(sender)}"
        if case.old and self.role == "responder":
            addresses = f" from={quoteattr(sender)}"
        ident = f" id='{fresh()}'" if self.role == "responder" else ""
        if self.role == "initiator" and breaks("header-id-by-initiator"):
            ident = " id='mine'"
        if self.role == "responder" and breaks("header-without-id"):
            ident = ""
        head = f"{declaration}<{prefix}:{root} xmlns='{content}' xmlns:{prefix}='{namespace}'{addresses}{ident}{version}>"
        if breaks("header-not-well-formed"):
            head = head.replace(" xmlns=", " xmlns==", 1)
        if breaks("header-attribute-twice"):
            head = head.replace(" xmlns=", " xmlns='jabber:client' xmlns=", 1)
        if breaks("header-not-utf-8"):
            await self.send(head.encode()[:-1] + b" \xff='1'>")
        else:
            await self.send(head)
        self.opened = True

    async def fail(self, condition):
        """RFC 6120 §4.9.1.1: the error, behind a header of our own if there was none yet, and the end."""
        if not self.opened:
            await self.open()
        error = f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        await self.send(f"{error}</stream:stream>")

    async def offer(self, features):
        await self.send(f"<stream:features>{features}</stream:features>")

    async def litter(self):
        """What no stream may have, right behind the header or the features: RFC 6120 §11.1, §4.9, §13.12."""
        breaks, send = self.breaks, self.send
        if breaks("comment"):
            await send("<!-- a comment -->")
        if breaks("processing-instruction"):
            await send("<?php die() ?>")
        if breaks("entity-reference"):
            await send("<message><body>&nbsp;</body></message>")
        if breaks("text-between-elements"):
            await send("hello")
        if breaks("cdata-between-elements"):
            await send("<![CDATA[hello]]>")
        if breaks("not-well-formed"):
            await send("<message><body></message>")
        if breaks("undeclared-prefix"):
            await send("<message><x:body/></message>")
        if breaks("not-utf-8"):
            await send(b"<message><body>\xc3\x28</body></message>")
        if breaks("control-character"):
            await send("<message><body>&#1;</body></message>")
        if breaks("declaration-in-the-middle"):
            await send("<?xml version='1.0'?>")
        if breaks("nested-too-deep"):
            await send("<message>" + "<a>" * 2000)
        if breaks("stanza-too-large"):
            await send("<message><body>" + "x" * 270_000)
        if breaks("too-many-attributes"):
            await send("<message " + " ".join(f"a{n}='1'" for n in range(2000)) + "/>")
        if breaks("foreign-end-tag"):
            await send("</stream>")
        if breaks("unsupported-stanza-type"):
            await send("<pubsub><body/></pubsub>")
        if breaks("stanza-of-other-namespace"):
            await send("<message xmlns='jabber:server'><body>x</body></message>")
        if breaks("error-of-theirs"):
            await send("<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
        if breaks("stanza-before-its-time"):
            await send("<message><body>too early</body></message>")

    async def next(self):
        """The next thing at the stream's level: `("header", element)`, `("element", element)`, `("end", None)`; raises Over at the end of the bytes or a stream error."""
        if self.kept:
            return self.kept.pop(0)
        if self.over:
            return "end", None
        while True:
            while self.parser.events:
                kind, element = self.parser.events.pop(0)
                if kind == "start":
                    self.depth += 1
                    if self.depth == 1:
                        return "header", element
                else:
                    self.depth -= 1
                    if self.depth == 0:
                        self.over = True
                        return "end", None
                    if self.depth == 1:
                        return self._element(element)
            data = await self.channel.read()
            if data == b"":
                raise Over("closed", "the bytes ended within the stream")
            self.case.log(f"{'TLS' if self.inside else 'clear'} < {data.decode(errors='replace')}"[:2000])
            self.parser.feed(data)

    def _element(self, element):
        if element.tag == f"{{{STREAM}}}error":
            condition = next((child.tag.split("}")[1] for child in element), "none")
            self.case.hear("stream", condition)
            raise Over("stream-error", condition)
        return "element", element

    async def rest(self):
        """Reads on to the end, for a stream error that is still to be heard."""
        try:
            while (await self.next())[0] != "end":
                pass
        except (Over, strict.Wrong):
            return

    async def header(self):
        _, element = await self.next()
        strict.header(self.case, element, self.parser.content)
        return element

    def alone(self):
        """Nothing came in the clear behind the element after which TLS begins."""
        waiting = getattr(self.channel, "inbox", None)
        return self.parser.left == 0 and not self.parser.events and (waiting is None or waiting.parts.empty())

    async def element(self):
        kind, element = await self.next()
        if kind != "element":
            raise Over("closed", "the stream ended where an element was to come")
        return element


async def starttls_as_initiator(case, channel):
    """RFC 6120 §5.4, up to the moment in which TLS begins."""
    stream = Stream(case, channel, "initiator", False)
    await stream.open()
    await stream.litter()
    await stream.header()
    features = await stream.element()
    if features.tag != f"{{{STREAM}}}features":
        strict.misplaced(features)
    if features.find(f"{{{TLS}}}starttls") is None:
        raise strict.Wrong("policy-violation")
    if not strict.methods(features.find(f"{{{TLS}}}starttls"), OFFER):
        raise Over("starttls-refused", "no common method")
    method = "<insecure/>"
    if case.breaks("starttls-offer-of-no-known-method"):
        method = "<srp/>"
    command = f"<starttls xmlns='{TLS}'><offer xmlns='{OFFER}'>{method}</offer></starttls>"
    if case.breaks("starttls-left-out"):
        command = "<message><body>in the clear</body></message>"
    if case.breaks("starttls-of-other-namespace"):
        command = "<starttls xmlns='urn:example:tls'/>"
    if case.breaks("starttls-sasl-instead"):
        command = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"
    if case.breaks("starttls-twice"):
        command += command
    if case.breaks("starttls-injected-stanza"):
        command += "<message><body>injected</body></message>"
    if case.breaks("starttls-injected-space"):
        command += "\n"
    if case.breaks("starttls-stream-closed-instead"):
        command = "</stream:stream>"
    await stream.send(command)
    answer = await stream.element()
    if answer.tag != f"{{{TLS}}}proceed":
        raise Over("starttls-refused", answer.tag)
    if not strict.methods(answer, OFFER):
        raise Over("starttls-refused", "no common method")
    if not stream.alone():
        raise Over("starttls-injection")


async def starttls_as_responder(case, channel):
    stream = Stream(case, channel, "responder", False)
    # Who answers may not speak first (RFC 6120 §4.2); and where TLS was agreed on, what follows is not TLS.
    early = case.breaks("header-before-initiators") or (case.options.get("secure"), case.options.get("misbehave")) == ("xtls", "xtls-agreed-and-not-kept")
    if not early:
        await stream.header()
    await stream.open()
    await stream.litter()
    method = "<insecure/>"
    if case.breaks("starttls-offer-of-no-known-method"):
        method = "<srp/>"
    features = f"<starttls xmlns='{TLS}'><required/><offer xmlns='{OFFER}'>{method}</offer></starttls>"
    if case.breaks("features-without-starttls"):
        features = ""
    if case.breaks("features-with-starttls-of-other-namespace"):
        features = "<starttls xmlns='urn:example:tls'/>"
    if case.breaks("features-with-sasl-alone"):
        features = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
    if case.breaks("features-left-out"):
        await stream.send(f"<proceed xmlns='{TLS}'/>")
    else:
        await stream.offer(features)
    if case.breaks("features-twice"):
        await stream.offer(features)
    if early:
        await stream.header()
    command = await stream.element()
    if command.tag != f"{{{TLS}}}starttls":
        strict.misplaced(command)
    if not stream.alone():
        raise strict.Wrong("policy-violation")
    if not strict.methods(command, OFFER):
        await stream.send(f"<failure xmlns='{TLS}'/></stream:stream>")
        raise Over("starttls-refused", "no common method")
    answer = f"<proceed xmlns='{TLS}'/>"
    if case.breaks("proceed-of-other-namespace"):
        answer = "<proceed xmlns='urn:example:tls'/>"
    if case.breaks("failure-instead-of-proceed"):
        answer = f"<failure xmlns='{TLS}'/></stream:stream>"
    if case.breaks("proceed-injected-stanza"):
        answer += "<message><body>injected</body></message>"
    if case.breaks("proceed-injected-features"):
        answer += "<stream:features/>"
    if case.breaks("proceed-injected-space"):
        answer += " "
    if case.breaks("stanza-instead-of-proceed"):
        answer = "<message><body>in the clear</body></message>"
    await stream.send(answer)


def message(text, attributes=""):
    return f"<message{attributes}><body>{escape(text)}</body></message>"
