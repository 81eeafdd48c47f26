"""What the sandbox saw: a bounded log, exact counters, and waiting for them without sleeping."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.core.clock import Clock

CAPACITY = 5_000  # entries; counters go on counting
TEXT_LIMIT = 200  # characters of what a client said; it may say up to 1 MiB
WINDOW_S = 1.0  # over which the peak of connects is measured
DEFAULT_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at` is in seconds since the epoch; no entry ever holds a token."""

    at: float
    kind: str
    user_id: str | None
    session: int | None
    detail: str


class Journal:
    """Counts and lists what clients did. Every change wakes those who wait for a condition."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._recent: deque[float] = deque()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.entries: deque[Entry] = deque(maxlen=capacity)
        self.connects = 0
        self.peak_connects_per_s = 0
        self.auths: Counter[str] = Counter()
        self.auth_failures: Counter[str] = Counter()
        self.subscribes: Counter[str] = Counter()
        self.heartbeats: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.close_codes: Counter[int] = Counter()
        self.tokens: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def record(self, kind: str, user_id: str | None = None, session: int | None = None, detail: str = "") -> None:
        """Add an entry, cut to size, and wake the waiters."""
        user = None if user_id is None else user_id[:TEXT_LIMIT]
        self.entries.append(Entry(self._clock.now(), kind, user, session, detail[:TEXT_LIMIT]))
        self.changed()

    def connected(self, session: int) -> None:
        """Count a WebSocket that opened."""
        now = self._clock.monotonic()
        self.connects += 1
        self._recent.append(now)
        while self._recent[0] <= now - WINDOW_S:
            self._recent.popleft()
        self.peak_connects_per_s = max(self.peak_connects_per_s, len(self._recent))
        self.record("connect", session=session)

    def changed(self) -> None:
        """Wake those whose condition has come true."""
        for waiter in list(self._waiters):
            predicate, future = waiter
            if future.done() or not predicate():
                continue
            future.set_result(None)
            self._waiters.remove(waiter)

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return as soon as the predicate is true; it is asked again at every change.

        Raises:
            TimeoutError: it was still false after `timeout_s` seconds.
        """
        if predicate():
            return
        waiter = (predicate, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def snapshot(self) -> dict[str, Any]:
        """Give the counters as JSON."""
        return {
            "connects": self.connects,
            "peak_connects_per_s": self.peak_connects_per_s,
            "auths": sum(self.auths.values()),
            "auth_failures": sum(self.auth_failures.values()),
            "subscribes": sum(self.subscribes.values()),
            "heartbeats": sum(self.heartbeats.values()),
            "tokens": sum(self.tokens.values()),
            "violations": dict(self.violations),
            "close_codes": {str(code): count for code, count in self.close_codes.items()},
            "sent": dict(self.sent),
        }
