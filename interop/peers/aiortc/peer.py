"""Drives aiortc, WebRTC in Python, by the interop contract, version 1."""
import asyncio
import hashlib
import json
import logging
import os
import sys

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]  # its own leaves loopback out
env = os.environ
length = int(json.loads(env["INTEROP_OPTIONS"])["bytes"])
initiator = env["INTEROP_ROLE"] == "initiator"
octets = bytes((7 * i + 3) % 251 for i in range(length))


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


async def lines():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def main():
    connection = RTCPeerConnection()
    over = asyncio.get_running_loop().create_future()
    came = bytearray()

    def end(event, **fields):
        if not over.done():
            over.set_result((event, fields))

    def use(channel):
        def opened():
            say("connected", transport="urn:xmpp:jingle:transports:ice-udp:1")
            if initiator:
                send(channel)

        @channel.on("message")
        def message(data):
            if isinstance(data, str):
                return end("error", condition="bad-request", text="text came")
            if len(came) >= length or not data:
                return
            came.extend(data)
            if len(came) < length:
                return
            say("received", bytes=len(came), sha256=hashlib.sha256(came).hexdigest())
            if initiator:
                channel.close()
                end("closed")
            else:
                send(channel)

        @channel.on("close")
        def close():
            end("closed") if len(came) >= length else end("error", condition="connectivity-error", text="the channel closed early")

        if channel.readyState == "open":
            opened()
        else:
            channel.on("open", opened)

    @connection.on("connectionstatechange")
    def state():
        if connection.connectionState in ("failed", "closed"):
            end("closed") if len(came) >= length else end("error", condition="connectivity-error")

    async def describe(make):
        await connection.setLocalDescription(await make())
        say("signal", type=connection.localDescription.type, sdp=connection.localDescription.sdp)
        say("signal", candidates=[], end=True)

    async def listen():
        early = []
        async for signal in lines():
            if "sdp" in signal:
                await connection.setRemoteDescription(RTCSessionDescription(signal["sdp"], signal["type"]))
                if signal["type"] == "offer":
                    await describe(connection.createAnswer)
            early += signal.get("candidates", [])
            if connection.remoteDescription:
                for line in early:
                    candidate = candidate_from_sdp(line.removeprefix("candidate:"))
                    candidate.sdpMid = "0"
                    await connection.addIceCandidate(candidate)
                early = []

    say("ready")
    if initiator:
        use(connection.createDataChannel("interop"))
        await describe(connection.createOffer)
    else:
        connection.on("datachannel", use)
    listening = asyncio.ensure_future(listen())
    event, fields = await over
    listening.cancel()
    await asyncio.sleep(0)
    say(event, **fields)
    await connection.close()


def send(channel):
    for at in range(0, length, 16384):
        channel.send(octets[at : at + 16384])


asyncio.run(main())
