"""One task of the interop contract: what is to be done, what is said of it, and which rule is to be broken."""
import asyncio
import json
import pathlib

ROWS = json.loads((pathlib.Path(__file__).parent / "misbehaviours.json").read_text())
NAMES = {row["name"] for row in ROWS}
"""Breaches that end the session, and by whom they are one."""
ENDING = {(row["name"], row["role"]) for row in ROWS if not row.get("goesOn")}


class Case:
    def __init__(self, environment, say, log):
        self.role = environment["INTEROP_ROLE"]
        self.layer = environment["INTEROP_LAYER"]
        """Is this to be as it was deployed in 2008 and 2009?"""
        self.old = self.layer == "e2e-2009"
        self.own = environment["INTEROP_JID"]
        self.password = environment["INTEROP_PASSWORD"]
        self.other = environment["INTEROP_TARGET"]
        host, port = environment["INTEROP_SERVICE"].split("://")[1].split(":")
        self.server = (host, int(port))
        self.options = json.loads(environment["INTEROP_OPTIONS"])
        self.say = say
        self.log = log
        self.reached = False
        """What the other side said of our breach, in the order in which it can be told: answers to IQs, stream errors, TLS alerts, the reason of its session-terminate."""
        self.heard = []
        """The stream that is being read, for what is left in it when the session has ended."""
        self.stream = None
        """What the runner tells while the task is under way."""
        self.signals = asyncio.Queue()
        """When a guess at a short string was given away."""
        self.guesses = []
        """The secrets that ESessions have left, by bare address."""
        self.retained = {}

    async def next_signal(self):
        return await asyncio.wait_for(self.signals.get(), 20)

    def breaks(self, rule):
        """Is this the rule to break? Asked at the one place where keeping or breaking it makes the difference."""
        if self.options.get("misbehave") != rule:
            return False
        self.log(f"breaks {rule}")
        self.reached = True
        return True

    @property
    def blamed(self):
        """Have we broken a rule that ends the session? What comes then is what the other side makes of it. After any other breach every rule is kept, and asked for, as ever."""
        name = self.options.get("misbehave")
        return self.reached and (name not in NAMES or (name, self.role) in ENDING)

    def hear(self, kind, condition):
        self.log(f"heard {kind}:{condition}")
        self.heard.append(f"{kind}:{condition}")


class Over(Exception):
    """The session has come to an end that is not the good one."""

    def __init__(self, condition, text=""):
        super().__init__(text or condition)
        self.condition = condition
