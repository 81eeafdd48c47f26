"""A clock whose hands the test turns: nobody really sleeps, and a test says exactly when what happens."""

from __future__ import annotations

import asyncio
import heapq
import itertools

START = 1_800_000_000.0
"""Where `now` begins, in seconds since the epoch: 2027-01-15T08:00:00Z."""

TURNS = 25
"""Turns of the loop that let everything settle which waits for nothing but other coroutines."""


class ManualClock:
    """A `bridge.core.clock.Clock`. `now` starts at `start`, `monotonic` at 0; both stand still until they are moved."""

    def __init__(self, start: float = START) -> None:
        self._wall = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._wall + self._elapsed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Return when the hands have moved that far; after one turn of the loop for zero or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Let that much time pass: sleepers wake one after another, each at its own instant, and get to run."""
        await settle()
        end = self._elapsed + seconds
        while (due := self.next_wake()) is not None and due <= end:
            self._elapsed = due
            self._wake()
            await settle()
        self._elapsed = end

    def move(self, seconds: float) -> None:
        """Turn both hands at once, without the loop: whoever is due by then wakes when the loop next runs."""
        self._elapsed += seconds
        self._wake()

    def jump(self, seconds: float) -> None:
        """Set the machine's clock: `now` jumps, backwards if negative; `monotonic` and sleepers notice nothing."""
        self._wall += seconds

    @property
    def sleepers(self) -> int:
        """How many wait for this clock."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    def next_wake(self) -> float | None:
        """The monotonic instant at which the next sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled meanwhile
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake(self) -> None:
        while (due := self.next_wake()) is not None and due <= self._elapsed:
            heapq.heappop(self._sleepers)[2].set_result(None)


async def settle(turns: int = TURNS) -> None:
    """Let the loop run what is ready. Good for coroutines; sockets and threads need more than turns."""
    for _ in range(turns):
        await asyncio.sleep(0)
