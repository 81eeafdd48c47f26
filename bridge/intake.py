"""Takes every event in once, keeps the order that matters, and hands it to its handler.

Events of one subject (a call, a voicemail, a queue) are handled one after another, subjects side by side, urgent ones
first. A key is claimed before the handler runs and given back when it fails, so that a replay gets another chance.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

import structlog

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks, first_exit
from bridge.events import (
    ActivitySeen,
    CallEvent,
    CallRang,
    Event,
    Priority,
    QueueEvent,
    QueueMeasured,
    VoicemailChanged,
    VoicemailLeft,
)
from bridge.metrics import Metrics

log = structlog.get_logger()

Handler = Callable[[Any], Awaitable[str]]
"""Handles one event and returns its outcome, a word for the metrics."""

SIDE_BY_SIDE = 256
"""Subjects handled at once; the others wait their turn by priority."""

URGENT_SIDE_BY_SIDE = 4096
"""A ring's deadline runs from the ring: it must not wait behind what is slow, be it other rings."""

CLAIMS_KEPT = 200_000
CLAIM_LIFE_S = 24 * 3600.0
"""Longer than Minerva can replay: its history holds minutes, not days."""

MAX_WAITING = 50_000
"""Beyond this many waiting events, figures and presence are dropped for calls, voicemails and alerts."""


class Intake:
    """Claims, orders and hands on.

    Args:
        handlers: The handler of each event class; a class without one is counted as seen.
    """

    def __init__(self, handlers: Mapping[type[Event], Handler], *, clock: Clock, metrics: Metrics) -> None:
        self._handlers = handlers
        self._clock = clock
        self._metrics = metrics
        self._claims = Claims(clock)
        self._lanes: dict[str, deque[Event]] = {}
        self._ready: list[tuple[Priority, int, str]] = []
        self._order = count()
        self._waiting = 0
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks = Tasks()
        self._closed = False

    def accept(self, event: Event) -> None:
        """Take an event in. Returns at once; never raises."""
        if self._closed:
            self._count(event, "closed")
            return
        if type(event) not in self._handlers:
            self._count(event, "seen")
            return
        keys = claims(event)
        if not self._claims.take(keys):
            self._count(event, "duplicate")
            return
        lane = self._lanes.get(subject(event))
        if lane and isinstance(event, QueueMeasured) and isinstance(lane[-1], QueueMeasured) and len(lane) > 1:
            # Only the newest figures of a queue matter; the head may be in its handler's hands already.
            self._count(lane.pop(), "conflated")
            lane.append(event)
            return
        if self._waiting >= MAX_WAITING and isinstance(event, ActivitySeen | QueueMeasured):
            self._count(event, "overflow")
            return
        self._waiting += 1
        self._idle.clear()
        if lane is None:
            self._lanes[subject(event)] = deque([event])
            self._offer(event)
        else:
            lane.append(event)

    async def drain(self, seconds: float) -> int:
        """Take nothing more in and wait, `seconds` at most, until all is handled; returns how many events were not."""
        self._closed = True
        await first_exit(self._idle.wait(), self._clock.sleep(seconds))
        await self._tasks.cancel()
        if self._waiting:
            log.error("intake.left_behind", events=self._waiting)
        return self._waiting

    def _offer(self, head: Event) -> None:
        heapq.heappush(self._ready, (head.priority, next(self._order), subject(head)))
        if self._working < (URGENT_SIDE_BY_SIDE if head.priority is Priority.HIGH else SIDE_BY_SIDE):
            self._working += 1
            self._tasks.start(self._work(), name="intake")

    async def _work(self) -> None:
        """Handle what is ready until nothing is."""
        try:
            # An extra worker was let in for what is urgent, and leaves the rest to the others.
            while self._ready and (self._working <= SIDE_BY_SIDE or self._ready[0][0] is Priority.HIGH):
                _, _, name = heapq.heappop(self._ready)
                lane = self._lanes[name]
                await self._handle(lane[0])
                lane.popleft()
                self._waiting -= 1
                if lane:
                    heapq.heappush(self._ready, (lane[0].priority, next(self._order), name))
                else:
                    del self._lanes[name]
        finally:
            self._working -= 1
            if not self._waiting:
                self._idle.set()

    async def _handle(self, event: Event) -> None:
        if event.expired(self._clock.now()):
            self._count(event, "expired")
            return
        try:
            outcome = await self._handlers[type(event)](event)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _cancelled():
                raise
            # Not we were cancelled but something that the handler waited for: its lane must not stop for that.
            self._claims.give_back(claims(event))
            log.exception("intake.failed", type=event.type, key=event.key, correlation_id=event.correlation_id)
            outcome = "failed"
        self._count(event, outcome)

    def _count(self, event: Event, outcome: str) -> None:
        self._metrics.events.labels(event.type, outcome).inc()


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def subject(event: Event) -> str:
    """What an event must stay in order with."""
    match event:
        case CallEvent():
            return f"call {event.call_id}"
        case VoicemailLeft():
            return f"voicemail {event.voicemail_id}"
        case QueueEvent():
            return f"queue {event.queue.id}"
        case _:
            return event.key


def claims(event: Event) -> tuple[str, ...]:
    """The names under which an event is known: its key, and what it may be repeated as under another id (PROTOCOL §2)."""
    match event:
        case CallRang():
            return (event.key, f"ring {event.agent}/{event.call_id}")
        case VoicemailChanged():
            return (event.key,)
        case VoicemailLeft():
            return (event.key, f"voicemail {event.agent}/{event.voicemail_id}")
        case _:
            return (event.key,)


class Claims:
    """The keys taken so far, bounded in number and age."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: OrderedDict[str, float] = OrderedDict()

    def take(self, keys: tuple[str, ...]) -> bool:
        """Claim all of them; False, and nothing claimed, when one is taken already."""
        now = self._clock.monotonic()
        self._forget(now)
        if any(key in self._taken for key in keys):
            return False
        for key in keys:
            self._taken[key] = now
        return True

    def give_back(self, keys: tuple[str, ...]) -> None:
        """Let them be claimed again."""
        for key in keys:
            self._taken.pop(key, None)

    def _forget(self, now: float) -> None:
        while self._taken:
            key, taken_at = next(iter(self._taken.items()))
            if len(self._taken) <= CLAIMS_KEPT and now - taken_at <= CLAIM_LIFE_S:
                return
            del self._taken[key]
