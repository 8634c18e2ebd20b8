"""Many tasks in one process: a line of JSON on stdin for each, `{"id", "environment"}`, `{"id", "signal"}` or `{"id", "cancel"}`; on stdout `{"id", "say"}`, `{"id", "log"}`, `{"id", "exit"}`."""
import asyncio
import json
import logging
import sys
import traceback

from case import Case
from peer import LAYERS


def put(**line):
    print(json.dumps(line), flush=True)


async def run(ident, environment, cases):
    def say(event, **fields):
        put(id=ident, say={"event": event, **fields})

    def log(text):
        put(id=ident, log=text)

    code = 0
    try:
        case = cases[ident] = Case(environment, say, log)
        await LAYERS[case.layer](case)
    except asyncio.CancelledError:
        code = 1
    except Exception:
        log(traceback.format_exc())
        code = 1
    cases.pop(ident, None)
    put(id=ident, exit=code)


async def main():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks, cases = {}, {}
    while line := await reader.readline():
        task = json.loads(line)
        if task.get("cancel"):
            tasks[task["id"]].cancel()
        elif "signal" in task:
            if task["id"] in cases:
                cases[task["id"]].signals.put_nowait(task["signal"])
        else:
            tasks[task["id"]] = asyncio.ensure_future(run(task["id"], task["environment"], cases))


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # slixmpp leaves a task behind for each client
    asyncio.get_event_loop().run_until_complete(main())
