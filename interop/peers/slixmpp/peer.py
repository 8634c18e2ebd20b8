"""Drives slixmpp's own XEP-0047 and XEP-0065 by the interop contract, version 1."""
import asyncio
import hashlib
import json
import logging
import os
import sys

import slixmpp

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
env = os.environ
options = json.loads(env["INTEROP_OPTIONS"])
length = int(options["bytes"])
payload = bytes((7 * i + 3) % 251 for i in range(length))
target = slixmpp.JID(env["INTEROP_TARGET"])


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(env["INTEROP_JID"], env["INTEROP_PASSWORD"])
        self["feature_mechanisms"].unencrypted_plain = True
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0047", {"auto_accept": True})
        self["xep_0047"].api.register(lambda jid, sid, ifrom, iq: iq["from"] == target, "authorized", default=True)
        self.register_plugin("xep_0065")
        self["xep_0065"].api.register(lambda jid, sid, ifrom, iq: iq["from"] == target, "authorized", default=True)
        self.streams = asyncio.Queue()
        self.add_event_handler("ibb_stream_start", self.streams.put_nowait)


async def take(receive):
    came = b""
    while len(came) < length:
        came += await asyncio.wait_for(receive(), 30)
    say("received", bytes=len(came), sha256=hashlib.sha256(came).hexdigest())
    return came


async def ibb(peer):
    ended = asyncio.get_running_loop().create_future()
    peer.add_event_handler("ibb_stream_end", lambda _: ended.done() or ended.set_result(None))
    if env["INTEROP_ROLE"] == "initiator":
        stream = await peer["xep_0047"].open_stream(target, block_size=int(options["blockSize"]), sid=options["sid"])
        say("connected", transport="http://jabber.org/protocol/ibb")
        await stream.sendall(payload)
        await take(stream.recv_queue.get)
        await stream.close()
    else:
        stream = await asyncio.wait_for(peer.streams.get(), 30)
        say("connected", transport="http://jabber.org/protocol/ibb")
        await stream.sendall(await take(stream.recv_queue.get))
        await asyncio.wait_for(ended, 30)


async def s5b(peer):
    s5b, came = peer["xep_0065"], asyncio.Queue()
    ended, begun = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    peer.add_event_handler("socks5_data", came.put_nowait)
    peer.add_event_handler("socks5_closed", lambda _: ended.done() or ended.set_result(None))
    peer.add_event_handler("socks5_stream", lambda stream: begun.done() or begun.set_result(stream))
    if env["INTEROP_ROLE"] == "initiator":
        # It looks for proxies among the items of a server: the one that it is told of belongs to the other domain.
        await s5b.discover_proxies(slixmpp.JID(options["proxy"].split(".", 1)[1]))
        stream = await s5b.handshake(target, sid=options["sid"])
        say("connected", transport="http://jabber.org/protocol/bytestreams")
        await stream.write(payload)
        await take(came.get)
        stream.transport.close()  # its own deactivate() calls a close() that its streams do not have
    else:
        stream = await asyncio.wait_for(begun, 30)
        say("connected", transport="http://jabber.org/protocol/bytestreams")
        await stream.write(await take(came.get))
        await asyncio.wait_for(ended, 30)


async def main():
    peer = Peer()
    started = asyncio.get_running_loop().create_future()
    peer.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
    host, port = env["INTEROP_SERVICE"].removeprefix("xmpp://").split(":")
    peer.connect((host, int(port)), disable_starttls=True)
    await asyncio.wait_for(started, 30)
    say("ready", jid=str(peer.boundjid))
    await {"ibb": ibb, "s5b": s5b}[env["INTEROP_LAYER"]](peer)
    say("closed")
    await peer.disconnect()


# slixmpp takes the loop of the thread at import, so that asyncio.run() would give it another.
asyncio.get_event_loop().run_until_complete(main())
