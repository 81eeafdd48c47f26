"""A clock whose hands the test turns: nobody really sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools

START = 1_800_000_000.0


class HandClock:
    """Starts at `START`; `advance` moves on and wakes who is due, in order."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return START + self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Let that much time pass, a wake-up at a time."""
        await turn()
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, wake = heapq.heappop(self._sleepers)
            self._now = due
            if not wake.done():
                wake.set_result(None)
            await turn()
        self._now = end


async def turn() -> None:
    """Let the loop settle what is ready."""
    for _ in range(10):
        await asyncio.sleep(0)
