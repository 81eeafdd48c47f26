"""Reading: from a frame's text to a domain event in hand, against a bare json.loads of the same text."""

from __future__ import annotations

import itertools
import json

from bridge.minerva.codec import Origin, to_event
from bridge.minerva.wire import parse
from bridge.sandbox.minerva import builders
from bridge.sandbox.world import build_world
from tests.bench.report import figure, per_second
from tests.support.minerva import Bench

TIMES = 20_000


async def run() -> None:
    """Print the figures."""
    world = build_world()
    payload = builders.call_incoming(world.callers[0], world.queues[0], call_id="call-1")
    text = json.dumps({"type": "CALL_INCOMING", "id": "m-1", "timestamp": 1_763_000_000_000, "payload": payload})
    bare = per_second(lambda: json.loads(text), times=TIMES)
    codec = per_second(lambda: to_event(parse(text), Origin("agent-1")), times=TIMES)
    bench = Bench()
    bench.ready()
    numbers = itertools.count()

    def through_the_machine() -> None:
        bench.machine.received(text.replace("m-1", f"m-{next(numbers)}"), 1.0, 1_763_000_000.0)
        bench.machine.take()

    machine = per_second(through_the_machine, times=TIMES)
    figure("bare json.loads of a CALL_INCOMING", f"{bare:,.0f}/s")
    figure("codec: text to domain event", f"{codec:,.0f}/s  ({bare / codec:.1f} x the time of json.loads)")
    figure("machine: text to Delivered", f"{machine:,.0f}/s  ({bare / machine:.1f} x)")
