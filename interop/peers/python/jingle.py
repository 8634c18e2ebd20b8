"""A Jingle session (XEP-0166) for an XML stream (XEP-0247), from one side: what is offered and answered, and what the other side says of it."""
import asyncio

import strict
from case import Over
from channels import InBand
from socks import S5B, Negotiation
from wire import PATIENCE, Answer, Refusal, fresh

JINGLE = "urn:xmpp:jingle:1"
ERRORS = "urn:xmpp:jingle:errors:1"
XMLSTREAM = "urn:xmpp:jingle:apps:xmlstream:0"
IBB = "urn:xmpp:jingle:transports:ibb:1"
XTLS = "urn:xmpp:jingle:security:xtls:0"
BLOCK = 4096
BLOCK_SIZES = {
    "initiate-block-size-zero": " block-size='0'",
    "initiate-block-size-no-number": " block-size='many'",
    "initiate-block-size-beyond-short": " block-size='70000'",
    "initiate-block-size-left-out": "",
}
KNOWN = ("session-initiate", "session-info", "description-info", "security-info", "content-accept", "content-add", "content-modify", "transport-accept", "transport-replace")


class Session:
    def __init__(self, case, wire, identity):
        self.case, self.wire, self.identity, self.role = case, wire, identity, case.role
        self.sid = fresh() if self.role == "initiator" else None
        self.actions = asyncio.Queue()
        self.ended = asyncio.get_running_loop().create_future()
        self.over = False
        self.channel = self.transport = None
        self.content = "xmlstream"
        self.secured_at_once = False
        self.acknowledge = None
        self.active = False
        """What was told of the other side's certificate."""
        self.fingerprint = None
        wire.on(JINGLE, self._told)

    def _told(self, jingle, kind):
        action, sid = jingle.get("action"), jingle.get("sid")
        if kind != "set":
            raise Answer("bad-request", "modify")
        if action == "session-initiate" and self.role == "responder" and self.sid is None:
            self._judge_offer(jingle)
            self.sid = sid
            return self._remember if self.case.breaks("accept-before-the-result") else ""
        if sid != self.sid or self.over:
            raise Answer("item-not-found", detail=f"<unknown-session xmlns='{ERRORS}'/>")
        if action == "session-terminate":
            self.over = self.wire.over = True
            reason = jingle.find(f"{{{JINGLE}}}reason")
            names = [] if reason is None else [child.tag.split("}")[1] for child in reason if child.tag != f"{{{JINGLE}}}text"]
            if names != ["success"]:
                self.case.hear("terminate", "/".join(names) or "none")
            if isinstance(self.channel, InBand):
                self.channel.end()
            if not self.ended.done():
                self.ended.set_result(names)
        elif action == "session-initiate":
            strict.out_of_order(False)
        elif action == "session-accept":
            strict.out_of_order(self.role == "initiator" and not self.active)
            self._judge_answer(jingle)
            self.active = True
            self.actions.put_nowait((action, jingle))
        elif action in ("content-remove", "content-reject", "transport-reject"):
            self.case.hear("jingle", action)
        elif action in ("content-add", "transport-replace"):
            self._decline(jingle, {"content-add": "content-reject", "transport-replace": "transport-reject"}[action])
        elif action == "transport-info":
            strict.malformed(len(jingle) > 0)
            for transport in jingle.iter(f"{{{S5B}}}transport"):
                if isinstance(self.transport, Negotiation):
                    self.transport.info(transport)
        elif action == "session-info" and len(jingle) > 0:
            raise Answer("feature-not-implemented", "modify", f"<unsupported-info xmlns='{ERRORS}'/>")
        elif action not in KNOWN:
            raise Answer("bad-request", "modify")
        return ""

    def _remember(self, answer):
        self.acknowledge = answer

    def _judge_offer(self, jingle):
        strict.malformed(jingle.get("sid"))
        content = strict.only_content(jingle)
        transport = strict.part(content, "transport")
        if strict.namespace(strict.part(content, "description")) == XMLSTREAM:
            strict.description(content)
        if strict.namespace(transport) in (IBB, S5B):
            strict.transport(transport, 65535)
        self.fingerprint = strict.security(content, False)
        self.actions.put_nowait(("session-initiate", jingle))

    def _judge_answer(self, jingle):
        content = strict.only_content(jingle)
        transport = strict.part(content, "transport")
        strict.malformed(strict.namespace(strict.part(content, "description")) == XMLSTREAM)
        strict.description(content)
        strict.malformed(strict.namespace(transport) == (IBB if isinstance(self.transport, InBand) else S5B))
        strict.transport(transport, BLOCK)
        strict.malformed(transport.get("sid") == self.transport.sid)
        strict.malformed(content.find(f"{{{XTLS}}}security") is None or self.case.options.get("secure") == "xtls")
        self.fingerprint = strict.security(content, True)

    def _decline(self, jingle, action):
        contents = "".join(f"<content creator='{content.get('creator', 'initiator')}' name='{content.get('name')}'/>" for content in jingle.iter(f"{{{JINGLE}}}content"))
        asyncio.ensure_future(self.tolerated(action, contents))

    async def tell(self, action, inner, sid=None):
        """Raises Over, and notes what the other side answered, where it refuses."""
        sid = self.sid if sid is None else sid
        attribute = f" sid='{sid}'" if sid else ""
        try:
            await self.wire.ask(f"<jingle xmlns='{JINGLE}' action='{action}' {self.role}='{self.case.own}'{attribute}>{inner}</jingle>")
        except Refusal as refusal:
            self.case.hear("iq", refusal.condition)
            raise Over("refused", f"{action}: {refusal.condition}") from None

    async def tell_of_transport(self, xml):
        transport = f"<transport xmlns='{S5B}' sid='{self.transport.sid}'>{xml}</transport>"
        await self.tell("transport-info", f"<content creator='initiator' name='{self.content}'>{transport}</content>")

    async def _next(self, *wanted):
        action, jingle = await asyncio.wait_for(self.actions.get(), PATIENCE)
        if action not in wanted:
            raise Over("out-of-order", f"{action} came, and {' or '.join(wanted)} was to come")
        return action, jingle

    def _security(self):
        case, digest = self.case, self.identity.fingerprint
        if case.breaks("xtls-fingerprint-of-another"):
            digest = "00" * 32
        if case.breaks("xtls-fingerprint-no-hash"):
            digest = "not a hash"
        if case.breaks("xtls-fingerprint-too-short"):
            digest = digest[:32]
        method = "x509"
        if case.breaks("xtls-without-known-method"):
            method = "srp"
        return f"<security xmlns='{XTLS}'><fingerprint algo='sha-256'>{digest}</fingerprint><method name='{method}'/></security>"

    # The initiator's side

    async def initiate(self):
        case = self.case
        wants_xtls = case.options.get("secure") == "xtls"
        if case.options.get("transport") in ("s5b", "proxy"):
            self.transport = Negotiation(case, self.wire, fresh(), "initiator")
            await self.transport.gather()
            transport = self.transport.element()
        else:
            sid = "None" if case.breaks("initiate-ibb-sid-none") else fresh()
            self.transport = InBand(case, self.wire, sid, BLOCK)
            transport = f"<transport xmlns='{IBB}' block-size='{BLOCK}' sid='{self.transport.sid}'/>"
        await self._offer(transport, self._security() if wants_xtls else "")
        _, accept = await self._next("session-accept")
        content = accept.find(f"{{{JINGLE}}}content")
        if case.breaks("accept-by-initiator"):
            await self.tell("session-accept", self._content(transport, ""))
        answered = next(child for child in content if child.tag.endswith("}transport"))
        self.secured_at_once = wants_xtls and content.find(f"{{{XTLS}}}security") is not None
        if self.secured_at_once and case.breaks("xtls-agreed-and-not-kept"):
            self.secured_at_once = False
        if case.breaks("unknown-action"):
            await self.tolerated("session-dance", "")
        if case.breaks("unknown-info"):
            await self.tolerated("session-info", "<dance xmlns='urn:example:dance'/>")
        if case.breaks("transport-info-of-no-content"):
            await self.tolerated("transport-info", "")
        if case.breaks("action-of-unknown-session"):
            await self.tolerated("transport-info", self._content(transport, ""), sid="nobody")
        if case.breaks("initiate-again"):
            await self.tolerated("session-initiate", self._content(transport, ""))
        if case.breaks("terminate-of-unknown-session"):
            await self.tolerated("session-terminate", "<reason><success/></reason>", sid="nobody")
        if case.breaks("content-add-unasked"):
            await self.tolerated("content-add", f"<content creator='initiator' name='more'><description xmlns='{XMLSTREAM}'/>{transport}</content>")
        if case.breaks("transport-replace-by-unknown"):
            await self.tolerated("transport-replace", f"<content creator='initiator' name='{self.content}'><transport xmlns='urn:example:transport' sid='x'/></content>")
        if isinstance(self.transport, Negotiation):
            self.transport.read(answered)
            self.channel = await self.transport.connect(self.tell_of_transport)
            return
        self.transport.block = int(answered.get("block-size"))
        self.channel = self.transport
        if not case.old and not case.breaks("ibb-without-open"):
            await self.transport.open()

    async def tolerated(self, action, inner, sid=None):
        """The other side answers with an error, and the session goes on."""
        try:
            await self.tell(action, inner, sid)
        except Over:
            return

    def _content(self, transport, security, creator="initiator"):
        return f"<content creator='{creator}' name='{self.content}'><description xmlns='{XMLSTREAM}'/>{transport}{security}</content>"

    async def _offer(self, transport, security):
        case, sid = self.case, self.transport.sid
        content = self._content(transport, security)
        description = f"<description xmlns='{XMLSTREAM}'/>"
        if case.breaks("initiate-without-content"):
            content = ""
        if case.breaks("initiate-without-transport"):
            content = content.replace(transport, "")
        if case.breaks("initiate-without-description"):
            content = content.replace(description, "")
        if case.breaks("initiate-two-contents"):
            content += content.replace("name='xmlstream'", "name='second'")
        if case.breaks("initiate-content-twice"):
            content += content
        if case.breaks("initiate-content-without-name"):
            content = content.replace(" name='xmlstream'", "")
        if case.breaks("initiate-content-without-creator"):
            content = content.replace(" creator='initiator'", "")
        if case.breaks("initiate-content-by-responder"):
            content = content.replace("creator='initiator'", "creator='responder'")
        if case.breaks("initiate-disposition-early-session"):
            content = content.replace("<content ", "<content disposition='early-session' ")
        if case.breaks("initiate-senders-nobody-known"):
            content = content.replace("<content ", "<content senders='everybody' ")
        if case.breaks("initiate-unknown-application"):
            content = content.replace(XMLSTREAM, "urn:example:application")
        if case.breaks("initiate-unknown-transport"):
            content = content.replace(transport, "<transport xmlns='urn:example:transport' sid='x'/>")
        if case.breaks("initiate-description-not-empty"):
            content = content.replace(description, f"<description xmlns='{XMLSTREAM}'><more/></description>")
        for rule, size in BLOCK_SIZES.items():
            if isinstance(self.transport, InBand) and case.breaks(rule):
                content = content.replace(f" block-size='{BLOCK}'", size)
        if case.breaks("initiate-transport-without-sid"):
            content = content.replace(f" sid='{sid}'", "")
        if case.breaks("initiate-without-sid"):
            await self.tell("session-initiate", content, sid="")
        else:
            await self.tell("session-initiate", content)
        if case.breaks("initiate-then-cancel"):
            await self.tell("session-terminate", "<reason><cancel/></reason>")
            raise Over("cancelled")

    # The responder's side

    async def accept(self):
        case = self.case
        _, offer = await self._next("session-initiate")
        content = offer.find(f"{{{JINGLE}}}content")
        self.content = content.get("name")
        offered = strict.part(content, "transport")
        if strict.namespace(strict.part(content, "description")) != XMLSTREAM:
            await self.decline("unsupported-applications")
        if strict.namespace(offered) not in (IBB, S5B):
            await self.decline("unsupported-transports")
        self.active = True
        sid = offered.get("sid")
        security = content.find(f"{{{XTLS}}}security")
        answer = self._security() if security is not None else ""
        self.secured_at_once = security is not None
        if security is None and case.breaks("xtls-accepted-unasked"):
            answer = self._security()
            self.secured_at_once = True
        if offered.tag == f"{{{S5B}}}transport":
            self.transport = Negotiation(case, self.wire, sid, "responder")
            self.transport.read(offered)
            await self.transport.gather()
            transport = self.transport.element()
        else:
            self.transport = InBand(case, self.wire, sid, min(int(offered.get("block-size")), 4096))
            block = self.transport.block
            if case.breaks("accept-larger-block-size"):
                block *= 4
            if case.breaks("accept-block-size-zero"):
                block = 0
            if case.breaks("accept-other-ibb-sid"):
                sid += "x"
            transport = f"<transport xmlns='{IBB}' block-size='{block}' sid='{sid}'/>"
        await self._answer(transport, answer)
        if self.secured_at_once and case.breaks("xtls-agreed-and-not-kept"):
            self.secured_at_once = False
        if case.breaks("info-unknown"):
            await self.tolerated("session-info", "<dance xmlns='urn:example:dance'/>")
        if isinstance(self.transport, Negotiation):
            self.channel = await self.transport.connect(self.tell_of_transport)
            return
        self.channel = self.transport
        await asyncio.wait_for(self.transport.opened.wait(), PATIENCE)

    async def _answer(self, transport, security):
        case = self.case
        content = f"<content creator='initiator' name='{self.content}'><description xmlns='{XMLSTREAM}'/>{transport}{security}</content>"
        if case.breaks("accept-content-misnamed"):
            content = content.replace(f"name='{self.content}'", "name='initiator'")
        if case.breaks("accept-without-content"):
            content = ""
        if case.breaks("accept-without-transport"):
            content = content.replace(transport, "")
        if case.breaks("accept-without-description"):
            content = content.replace(f"<description xmlns='{XMLSTREAM}'/>", "")
        if case.breaks("accept-two-contents"):
            content += content.replace(f"name='{self.content}'", "name='second'")
        if case.breaks("accept-other-transport"):
            content = content.replace(transport, "<transport xmlns='urn:example:transport' sid='x'/>")
        if case.breaks("accept-other-application"):
            content = content.replace(XMLSTREAM, "urn:example:application")
        if case.breaks("accept-description-not-empty"):
            content = content.replace(f"<description xmlns='{XMLSTREAM}'/>", f"<description xmlns='{XMLSTREAM}'><more/></description>")
        if case.breaks("accept-of-unknown-session"):
            await self.tolerated("session-accept", content, sid="nobody")
        if case.breaks("unknown-action"):
            await self.tolerated("session-dance", "")
        await self.tell("session-accept", content)
        if self.acknowledge is not None:
            self.acknowledge()
        if case.breaks("accept-twice"):
            await self.tolerated("session-accept", content)

    async def decline(self, reason):
        await self.terminate(reason)
        raise Over(reason)

    async def terminate(self, reason="success"):
        if self.over or self.sid is None:
            return
        self.over = True
        try:
            await self.wire.ask(f"<jingle xmlns='{JINGLE}' action='session-terminate' sid='{self.sid}'><reason><{reason}/></reason></jingle>")
        except Refusal:
            pass  # it has ended the session itself
