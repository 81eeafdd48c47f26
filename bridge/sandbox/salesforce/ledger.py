"""What the org has seen: counts and copies for a test to look at, or for a rehearsal's summary."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Any

MAX_KEPT = 10_000
"""Statements, notifications and events kept of each kind; older ones are forgotten, the counts go on."""


class Ledger:
    """Accounts of one org.

    Attributes:
        operations: Requests per operation (`search`, `query`, `create`, `login` …), refused and faulted ones too.
        statuses: Answers per HTTP status.
        logins: Tokens given out.
        refused_logins: Login requests answered with an error.
        api_calls: Calls counted against the daily limit.
        running: Data requests being worked on now; a request that hangs is among them.
        peak: The most data requests that ever ran at once.
        queries: SOQL as sent, newest last.
        searches: SOSL as sent, or the parameters of a parameterized search, newest last.
        created_by_external_id: Records created by upsert, per (object, field, value).
        notifications: Inputs of custom notifications, newest last.
        events: Platform events as (name, body), newest last.
        faults: Faults that struck, per action name.
    """

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.logins = 0
        self.refused_logins = 0
        self.api_calls = 0
        self.running = 0
        self.peak = 0
        self.queries: deque[str] = deque(maxlen=MAX_KEPT)
        self.searches: deque[str] = deque(maxlen=MAX_KEPT)
        self.created_by_external_id: Counter[tuple[str, str, str]] = Counter()
        self.notifications: deque[dict[str, Any]] = deque(maxlen=MAX_KEPT)
        self.events: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MAX_KEPT)
        self.faults: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._ticks = count(1)

    def tick(self) -> int:
        """Give the next number of the order in which things happen."""
        return next(self._ticks)

    def entered(self, operation: str, *, data: bool) -> int:
        """Note that a request arrived, and give its place in the order."""
        self.operations[operation] += 1
        if data:
            self.running += 1
            self.peak = max(self.peak, self.running)
        self.note()
        return self.tick()

    def left(self, operation: str, status: int | None, *, data: bool) -> None:
        """Note that a request is over; `status` is None when no answer was sent."""
        if status is not None:
            self.statuses[status] += 1
            self.refused_logins += operation == "login" and status >= 400
        if data:
            self.running -= 1
        self.note()

    def note(self) -> None:
        """Wake those who wait for something to be seen."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, seen: Callable[[Ledger], bool]) -> None:
        """Wait until that holds; put an `asyncio.timeout` round it."""
        while not seen(self):
            await self._changed.wait()
