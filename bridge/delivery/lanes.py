"""The waiting deliveries of one sink: one lane per subject, so that nothing overtakes its own kind.

A lane's head must be settled before the next of the same subject is tried; lanes go side by side, urgent ones first.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count

from bridge.events import Priority
from bridge.settings.routing import SinkRef
from bridge.sinks.base import Delivery


@dataclass(slots=True)
class Round:
    """What becomes of one notification over all sinks of its route, until it is known whether anybody is reached."""

    fallback: tuple[SinkRef, ...]
    deliveries: int
    reached: bool = False
    _hopeless: set[str] = field(default_factory=set)

    def give_up(self, delivery_id: str) -> bool:
        """Note that a delivery is failing; True, once, when that was the last hope and a fallback is to serve."""
        self._hopeless.add(delivery_id)
        if self.reached or len(self._hopeless) < self.deliveries or not self.fallback:
            return False
        self.reached = True
        return True


@dataclass(slots=True)
class Waiting:
    """A delivery that has not been settled, and what happened to it so far."""

    delivery: Delivery
    created_at: float
    attempts: int = 0
    last_error: str | None = None
    round: Round | None = None

    @property
    def priority(self) -> Priority:
        """How urgent it is."""
        return self.delivery.notification.priority


@dataclass(slots=True)
class Lanes:
    """Gives out heads of lanes by urgency, each when its time has come."""

    _lanes: dict[str, deque[Waiting]] = field(default_factory=dict)
    _ready: list[tuple[Priority, int, str]] = field(default_factory=list)
    _later: list[tuple[float, int, str]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _size: int = 0

    def __len__(self) -> int:
        return self._size

    def add(self, waiting: Waiting) -> None:
        """Put a delivery at the end of its subject's lane."""
        self._size += 1
        subject = waiting.delivery.notification.subject
        lane = self._lanes.get(subject)
        if lane is None:
            self._lanes[subject] = deque([waiting])
            self._offer(subject, waiting)
        else:
            lane.append(waiting)

    def take(self, now: float) -> Waiting | None:
        """The most urgent head that is due; it stays the head of its lane until `settle` or `retry`."""
        self._offer_due(now)
        if not self._ready:
            return None
        _, _, subject = heapq.heappop(self._ready)
        return self._lanes[subject][0]

    def settle(self, waiting: Waiting) -> None:
        """The head is done with, one way or another: the next of its lane moves up."""
        subject = waiting.delivery.notification.subject
        lane = self._lanes[subject]
        lane.popleft()
        self._size -= 1
        if lane:
            self._offer(subject, lane[0])
        else:
            del self._lanes[subject]

    def retry(self, waiting: Waiting, at: float) -> None:
        """The head is to be tried again at that instant."""
        heapq.heappush(self._later, (at, next(self._order), waiting.delivery.notification.subject))

    def next_at(self, now: float) -> float | None:
        """When the next head falls due that is not due yet; None when none waits for a time."""
        self._offer_due(now)
        return self._later[0][0] if self._later else None

    @property
    def idle(self) -> bool:
        """True when nothing waits."""
        return not self._lanes

    def oldest(self) -> float | None:
        """When the oldest waiting delivery was made; looks at every lane, for the metrics."""
        return min((lane[0].created_at for lane in self._lanes.values()), default=None)

    def all(self) -> list[Waiting]:
        """Everything that waits, lane by lane."""
        return [waiting for lane in self._lanes.values() for waiting in lane]

    def _offer_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, subject = heapq.heappop(self._later)
            self._offer(subject, self._lanes[subject][0])

    def _offer(self, subject: str, head: Waiting) -> None:
        heapq.heappush(self._ready, (head.priority, next(self._order), subject))
