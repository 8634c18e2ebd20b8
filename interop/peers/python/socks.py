"""XEP-0260. We offer the proxy of our server and no address of our own; both sides try what the other offers, the better of the two that work is nominated, and a proxy is activated by whoever brought it."""
import asyncio
from xml.sax.saxutils import quoteattr

import strict
from case import Over
from channels import BYTESTREAMS, Socket, destination
from wire import PATIENCE, Answer, Refusal, fresh

S5B = "urn:xmpp:jingle:transports:s5b:1"
PROXY = 10 << 16


class Candidate:
    def __init__(self, cid, jid, host, port, priority, kind, mine):
        self.cid, self.jid, self.host, self.port, self.priority, self.mine = cid, jid, host, port, priority, mine
        self.proxy = kind == "proxy"


class Negotiation:
    def __init__(self, case, wire, sid, role):
        self.case, self.wire, self.sid, self.role = case, wire, sid, role
        self.mine, self.theirs = [], []
        self.told = asyncio.Queue()
        self.their_address = None

    async def gather(self):
        proxy = self.case.options.get("proxy")
        if not proxy:
            return
        query = await self.wire.ask(f"<query xmlns='{BYTESTREAMS}'/>", to=proxy, kind="get")
        for host in query.iter(f"{{{BYTESTREAMS}}}streamhost"):
            self.mine.append(Candidate(fresh(), host.get("jid"), host.get("host"), int(host.get("port")), PROXY + 7, "proxy", True))

    def element(self):
        """The transport element with what we offer."""
        case = self.case
        own = destination(self.sid, case.own, case.other)
        taken = {(c.host, c.port) for c in self.theirs}
        offered = [c for c in self.mine if (c.host, c.port) not in taken] if self.role == "responder" else self.mine
        self.mine = offered
        lines = [f"<candidate cid='{c.cid}' jid='{c.jid}' host='{c.host}' port='{c.port}' priority='{c.priority}' type='proxy'/>" for c in offered]
        if case.breaks("s5b-candidate-without-cid"):
            lines.append("<candidate jid='x.example' host='127.0.0.1' port='9' priority='1' type='proxy'/>")
        if case.breaks("s5b-candidate-port-beyond-range"):
            lines.append("<candidate cid='p' jid='x.example' host='127.0.0.1' port='70000' priority='1' type='proxy'/>")
        if case.breaks("s5b-candidate-priority-no-number"):
            lines.append("<candidate cid='q' jid='x.example' host='127.0.0.1' port='9' priority='high' type='proxy'/>")
        sid = f" sid='{self.sid}'"
        if case.breaks("s5b-transport-without-sid"):
            sid = ""
        return f"<transport xmlns='{S5B}'{sid} dstaddr='{own}'>{''.join(lines)}</transport>"

    def read(self, transport):
        self.their_address = transport.get("dstaddr")
        for c in transport.iter(f"{{{S5B}}}candidate"):
            self.theirs.append(Candidate(c.get("cid"), c.get("jid"), c.get("host"), int(c.get("port")), int(c.get("priority")), c.get("type", "direct"), False))

    def info(self, transport):
        """A transport-info of the other side."""
        for child in transport:
            if child.tag.endswith("}candidate-used"):
                strict.malformed(child.get("cid"))
                if child.get("cid") not in [candidate.cid for candidate in self.mine]:
                    raise Answer("item-not-found")
            self.told.put_nowait((child.tag.split("}")[1], child.get("cid")))

    async def connect(self, tell):
        """`tell(xml)` sends a transport-info. Returns a Socket."""
        connections = {}
        for candidate in sorted(self.theirs, key=lambda c: -c.priority):
            address = self.their_address or destination(self.sid, self.case.other, self.case.own)
            try:
                connections[candidate.cid] = await asyncio.wait_for(Socket.through(candidate.host, candidate.port, address), 3)
            except (OSError, Over, EOFError, asyncio.TimeoutError) as error:
                self.case.log(f"{candidate.host}:{candidate.port}: {error!r}")
                continue
            break
        used = next(iter(connections), None)
        if self.case.breaks("s5b-candidate-used-of-nobody"):
            await tell("<candidate-used cid='nobody'/>")
        if self.case.breaks("s5b-candidate-used-without-cid"):
            await tell("<candidate-used/>")
        await tell(f"<candidate-used cid={quoteattr(used)}/>" if used else "<candidate-error/>")
        ours = next((c for c in self.theirs if c.cid == used), None)
        what, cid = await self._next("candidate-used", "candidate-error")
        theirs = next((c for c in self.mine if c.cid == cid), None)
        nominated = self._nominate(ours, theirs)
        if nominated is None:
            raise Over("failed-transport", "neither side could connect")
        # Where the proxy is theirs they may have gone on by the time they hear of it.
        if nominated.mine and self.case.breaks("s5b-proxy-error"):
            await tell("<proxy-error/>")
            raise Over("failed-transport")
        if not nominated.mine:
            if nominated.proxy:
                await self._activated()
            return connections[nominated.cid]
        for connection in connections.values():
            await connection.close()
        address = destination(self.sid, self.case.own, self.case.other)
        socket = await Socket.through(nominated.host, nominated.port, address)
        if self.case.breaks("s5b-activated-of-nobody"):
            await tell("<activated cid='nobody'/>")
        try:
            await self.wire.ask(f"<query xmlns='{BYTESTREAMS}' sid='{self.sid}'><activate>{self.case.other}</activate></query>", to=nominated.jid)
        except Refusal as refusal:
            await tell("<proxy-error/>")
            raise Over("failed-transport", f"activation: {refusal.condition}") from None
        await tell(f"<activated cid='{nominated.cid}'/>")
        return socket

    def _nominate(self, ours, theirs):
        """§2.4. `ours` is the candidate of theirs that we use, `theirs` the candidate of ours that they use."""
        if ours is None or theirs is None:
            return ours or theirs
        if ours.priority != theirs.priority:
            return max(ours, theirs, key=lambda c: c.priority)
        return ours if self.role == "initiator" else theirs

    async def _activated(self):
        what, _ = await self._next("activated", "proxy-error")
        if what == "proxy-error":
            raise Over("failed-transport", "proxy-error")

    async def _next(self, *names):
        while True:
            what, cid = await asyncio.wait_for(self.told.get(), PATIENCE)
            if what in names:
                return what, cid
