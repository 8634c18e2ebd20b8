"""The contract's executable: one task, from the environment."""
import asyncio
import json
import logging
import os
import sys

from case import Case
from end_to_end import end_to_end
from esession import esession

LAYERS = {"e2e": end_to_end, "e2e-2009": end_to_end, "ceremony": end_to_end, "esession": esession}


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def log(text):
    print(text, file=sys.stderr, flush=True)


def listen(case, loop):
    line = sys.stdin.readline()
    if line == "":
        loop.remove_reader(sys.stdin)
    else:
        case.signals.put_nowait(json.loads(line))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if os.environ.get("INTEROP_TASK") == "describe":
        say("describe", name="balcony's second implementation", version="1", layers={layer: ["initiator", "responder"] for layer in LAYERS})
    else:
        case = Case(os.environ, say, log)
        # slixmpp takes the loop of the thread at import, so that asyncio.run() would give it another.
        loop = asyncio.get_event_loop()
        loop.add_reader(sys.stdin, lambda: listen(case, loop))
        loop.run_until_complete(LAYERS[case.layer](case))
