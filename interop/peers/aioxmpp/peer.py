"""Drives aioxmpp's IBBService by the interop contract, version 1."""
import asyncio
import hashlib
import json
import logging
import os
import sys

import aioxmpp
import aioxmpp.connector
import aioxmpp.ibb
import aiosasl

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
env = os.environ
options = json.loads(env["INTEROP_OPTIONS"])
length = int(options["bytes"])
target = aioxmpp.JID.fromstr(env["INTEROP_TARGET"])
IBB = "http://jabber.org/protocol/ibb"


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Bytes(asyncio.Protocol):
    def __init__(self):
        self.came = b""
        loop = asyncio.get_running_loop()
        self.whole, self.lost = loop.create_future(), loop.create_future()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.came += data
        if len(self.came) >= length and not self.whole.done():
            self.whole.set_result(None)

    def connection_lost(self, error):
        if not self.lost.done():
            self.lost.set_result(error)

    async def received(self):
        await asyncio.wait_for(self.whole, 30)
        say("received", bytes=len(self.came), sha256=hashlib.sha256(self.came).hexdigest())


async def password(jid, attempt):
    return env["INTEROP_PASSWORD"] if attempt == 0 else None


async def main():
    host, port = env["INTEROP_SERVICE"].removeprefix("xmpp://").split(":")
    security = aioxmpp.make_security_layer(password, no_verify=True)._replace(tls_required=False)
    client = aioxmpp.PresenceManagedClient(
        aioxmpp.JID.fromstr(env["INTEROP_JID"]), security, override_peer=[(host, int(port), aioxmpp.connector.STARTTLSConnector())]
    )
    ibb = client.summon(aioxmpp.ibb.IBBService)
    async with client.connected():
        if env["INTEROP_ROLE"] == "initiator":
            say("ready", jid=str(client.local_jid))
            transport, protocol = await ibb.open_session(Bytes, target, block_size=int(options["blockSize"]), sid=options["sid"])
            say("connected", transport=IBB)
            transport.write(bytes((7 * i + 3) % 251 for i in range(length)))
            await protocol.received()
            transport.close()
        else:
            expected = ibb.expect_session(Bytes, target, options["sid"])
            say("ready", jid=str(client.local_jid))
            transport, protocol = await asyncio.wait_for(expected, 30)
            say("connected", transport=IBB)
            await protocol.received()
            transport.write(protocol.came)
        await asyncio.wait_for(protocol.lost, 30)
        say("closed")


asyncio.run(main())
