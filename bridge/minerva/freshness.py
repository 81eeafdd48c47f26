"""Which queues have fallen silent, though Minerva should send their figures every few seconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.minerva.messages import STATS_INTERVAL_MS

STALE_AFTER_S = max(60.0, 3 * STATS_INTERVAL_MS / 1000)
"""PROTOCOL §4: three intervals, and never less than a minute."""


@dataclass(slots=True)
class Freshness:
    """Remembers when each queue was last heard of. `now` is monotonic seconds."""

    _heard_at: dict[str, float] = field(default_factory=dict)
    _stale: set[str] = field(default_factory=set)

    def expect(self, queues: Iterable[str], now: float) -> None:
        """Expect figures of these from now on."""
        for queue in queues:
            self._heard_at.setdefault(queue, now)

    def heard(self, queue: str, now: float) -> None:
        """Something was said of a queue."""
        if queue in self._heard_at:
            self._heard_at[queue] = now

    def tick(self, now: float) -> tuple[list[str], list[str]]:
        """The queues that have fallen silent, and those that speak again, since the last call."""
        stale = {queue for queue, at in self._heard_at.items() if now - at > STALE_AFTER_S}
        fallen, back = sorted(stale - self._stale), sorted(self._stale - stale)
        self._stale = stale
        return fallen, back

    @property
    def stale(self) -> list[str]:
        """The queues that are silent, as of the last tick."""
        return sorted(self._stale)
