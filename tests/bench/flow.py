"""The whole way: from a frame on Minerva's socket to a signed webhook, all in one process on this machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import structlog

from bridge.core import logging
from tests.bench.report import figure, milliseconds, share
from tests.support.scene import scene

RINGS = 400
BURST = 400


async def run() -> None:
    """Print the figures."""
    logging.configure(level="error", style="json")
    structlog.get_logger()
    with tempfile.TemporaryDirectory() as folder:
        async with scene(Path(folder), agents=20) as stage:
            callers = [each for each in stage.world.callers if each.number]
            took: list[float] = []
            for number in range(RINGS):
                began = time.perf_counter()
                await stage.ring(callers[number % len(callers)], agent=stage.world.agents[number % 20].user_id)
                await stage.receiver.until(lambda wanted=number + 1: len(stage.receiver.messages) >= wanted)  # type: ignore[misc]
                took.append(time.perf_counter() - began)
            fresh, repeated = sorted(took[: len(callers)]), sorted(took[len(callers) :])
            figure(
                "ring to signed webhook, fresh caller, p50 / p99",
                f"{milliseconds(share(fresh, 0.5))} / {milliseconds(share(fresh, 0.99))}",
            )
            if repeated:
                figure(
                    "ring to signed webhook, known caller, p50 / p99",
                    f"{milliseconds(share(repeated, 0.5))} / {milliseconds(share(repeated, 0.99))}",
                )
            before = len(stage.receiver.messages)
            began = time.perf_counter()
            for number in range(BURST):
                await stage.ring(callers[number % len(callers)], agent=stage.world.agents[number % 20].user_id)
            await stage.receiver.until(lambda: len(stage.receiver.messages) >= before + BURST)
            figure("burst of rings, all delivered", f"{BURST / (time.perf_counter() - began):,.0f}/s")
