"""What carries bytes: in-band bytestreams (XEP-0047) and SOCKS5 (XEP-0065), alike for whoever reads and writes."""
import asyncio
import base64
import hashlib

import strict
from case import Over
from wire import Answer, Refusal

IBB = "http://jabber.org/protocol/ibb"
BYTESTREAMS = "http://jabber.org/protocol/bytestreams"


class Inbox:
    """Bytes that have come and were not read yet. Reading past the end gives b''."""

    def __init__(self):
        self.parts = asyncio.Queue()
        self.ended = False

    def put(self, data):
        self.parts.put_nowait(data)

    async def read(self):
        if self.ended and self.parts.empty():
            return b""
        data = await self.parts.get()
        self.ended = self.ended or data == b""
        return data


class InBand:
    """XEP-0047, IQs only. Sequence numbers run from 0 in each direction for itself."""

    def __init__(self, case, wire, sid, block):
        self.case, self.wire, self.sid, self.block = case, wire, sid, block
        self.inbox = Inbox()
        self.sent = 0
        self.expected = 0
        self.opened = asyncio.Event()
        self.closed = False
        wire.on(IBB, self._told)

    async def open(self):
        case, sid, block = self.case, self.sid, self.block
        if case.breaks("ibb-open-larger-block"):
            block *= 2
        if case.breaks("ibb-open-smaller-block"):
            block //= 2
        if case.breaks("ibb-open-other-sid"):
            sid += "x"
        if case.breaks("ibb-open-without-block-size"):
            return await self._heard(f"<open xmlns='{IBB}' sid='{sid}' stanza='iq'/>")
        if case.breaks("ibb-open-block-size-no-number"):
            return await self._heard(f"<open xmlns='{IBB}' sid='{sid}' block-size='many' stanza='iq'/>")
        if case.breaks("ibb-open-by-messages"):
            return await self._heard(f"<open xmlns='{IBB}' sid='{sid}' block-size='{block}' stanza='message'/>")
        await self._heard(f"<open xmlns='{IBB}' sid='{sid}' block-size='{block}' stanza='iq'/>")
        if case.breaks("ibb-open-twice"):
            await self._heard(f"<open xmlns='{IBB}' sid='{sid}' block-size='{block}' stanza='iq'/>")
        self.opened.set()

    async def _heard(self, payload):
        try:
            return await self.wire.ask(payload)
        except Refusal as refusal:
            if refusal.late:
                raise Over("closed", "the session had ended") from None
            self.case.hear("iq", refusal.condition)
            raise Over("refused", refusal.condition) from None

    def end(self):
        """The session is over: nothing more will come."""
        self.inbox.put(b"")

    def _told(self, payload, _kind):
        name = payload.tag.split("}")[1]
        if payload.get("sid") != self.sid or self.closed:
            raise Answer("item-not-found")
        if name == "open":
            strict.malformed(strict.number(payload.get("block-size"), 1, 65535))
            if self.opened.is_set() or payload.get("stanza", "iq") not in ("iq", "message"):
                raise Answer("not-acceptable")
            if self.case.breaks("ibb-open-refused"):
                raise Answer("not-acceptable")
            if int(payload.get("block-size")) > self.block:
                raise Answer("resource-constraint", "modify")
            self.block = int(payload.get("block-size"))
            self.opened.set()
        elif name == "data":
            return self._data(payload)
        elif name == "close":
            self.inbox.put(b"")
            self.closed = True
        return ""

    def _data(self, payload):
        if self.case.breaks("ibb-block-refused"):
            raise Answer("item-not-found")
        strict.malformed(strict.number(payload.get("seq"), 0, 65535))
        if int(payload.get("seq")) != self.expected:
            raise Answer("unexpected-request")
        try:
            data = base64.b64decode(payload.text or "", validate=True)
        except ValueError:
            raise Answer("bad-request", "modify") from None
        if len(data) > self.block:
            raise Answer("bad-request", "modify")
        self.expected = (self.expected + 1) % 65536
        self.inbox.put(data)
        return ""

    async def read(self):
        return await self.inbox.read()

    async def write(self, data):
        for at in range(0, len(data), self.block):
            await self._send(data[at : at + self.block])

    async def _send(self, block):
        case, seq, sid = self.case, self.sent, self.sid
        text = base64.b64encode(block).decode()
        if case.breaks("ibb-first-seq-is-one"):
            seq = 1
        if self.sent == 1 and case.breaks("ibb-seq-gap"):
            seq = 2
        if self.sent == 1 and case.breaks("ibb-seq-repeated"):
            seq = 0
        if case.breaks("ibb-seq-no-number"):
            seq = "first"
        if case.breaks("ibb-seq-negative"):
            seq = -1
        if case.breaks("ibb-seq-beyond-16-bits"):
            seq = 65536
        if case.breaks("ibb-seq-left-out"):
            return await self._heard(f"<data xmlns='{IBB}' sid='{sid}'>{text}</data>")
        if case.breaks("ibb-block-too-large"):
            text = base64.b64encode(b" " * (self.block + 1)).decode()
        if case.breaks("ibb-base64-alphabet"):
            text = "-_-_" + text
        if case.breaks("ibb-base64-padding-within"):
            text = "PA==" + text
        if case.breaks("ibb-base64-cut-short"):
            text = text.rstrip("=")[:-1] if len(text.rstrip("=")) % 4 != 2 else text.rstrip("=") + "x"
            text = text + "A" * ((5 - len(text)) % 4)
        if case.breaks("ibb-base64-empty-line"):
            text = text[:4] + "\n\n!" + text[4:]
        if case.breaks("ibb-data-of-other-sid"):
            sid += "x"
        await self._heard(f"<data xmlns='{IBB}' seq='{seq}' sid='{sid}'>{text}</data>")
        self.sent = (self.sent + 1) % 65536

    async def close(self):
        if self.closed:
            return
        self.closed = True
        try:
            await self.wire.ask(f"<close xmlns='{IBB}' sid='{self.sid}'/>")
        except Refusal:
            pass  # the other side closed it at the same time


class Socket:
    """A TCP connection, or one through a SOCKS5 proxy (XEP-0065 §5.3.2: the address is a hash, the port 0)."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def through(cls, host, port, address):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x01\x00")
        if await reader.readexactly(2) != b"\x05\x00":
            raise Over("failed-transport", "the proxy wants authentication")
        name = address.encode()
        writer.write(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x00")
        version, status, _, kind = await reader.readexactly(4)
        if version != 5 or status != 0:
            raise Over("failed-transport", f"the proxy answered {status}")
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        await reader.readexactly(length + 2)
        return cls(reader, writer)

    async def read(self):
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def close(self):
        self.writer.close()


def destination(sid, requester, target):
    return hashlib.sha1((sid + requester + target).encode()).hexdigest()
