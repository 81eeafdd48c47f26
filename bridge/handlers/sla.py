"""A queue's figures and alerts → readings for the escalation."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bridge.core.clock import Clock
from bridge.escalation.conditioning import Level, read_level
from bridge.escalation.engine import Reading
from bridge.events import QueueEvent, QueueMeasured, ServiceLevelBreached, ServiceLevelWarned

log = structlog.get_logger()


class SlaHandler:
    """Translates what Minerva says of a queue.

    Args:
        read: Takes the readings, in the order they came.
    """

    def __init__(self, *, read: Callable[[Reading], None], clock: Clock) -> None:
        self._read = read
        self._clock = clock

    async def measured(self, event: QueueMeasured) -> str:
        """A measurement; a level that is not known is counted and changes nothing."""
        level = read_level(event.level)
        if level is None:
            return "unknown_level"
        self._read(self._reading(event, level, stated=False))
        return "handled"

    async def warned(self, event: ServiceLevelWarned) -> str:
        """Minerva warns in so many words."""
        self._read(self._reading(event, Level.WARNING, stated=True))
        return "handled"

    async def breached(self, event: ServiceLevelBreached) -> str:
        """Minerva says that it is missed: this raises at once."""
        self._read(self._reading(event, Level.CRITICAL, stated=True))
        return "handled"

    def _reading(self, event: QueueEvent, level: Level, *, stated: bool) -> Reading:
        # The instant of arrival: runs are measured on our clock, whatever Minerva's stamps say; on the monotonic one,
        # so that setting the machine's clock neither raises nor delays an incident.
        return Reading(
            queue=event.queue,
            level=level,
            at=self._clock.monotonic(),
            stated=stated,
            current_level=event.current_level,
            target_level=event.target_level,
            stats=dict(event.stats),
        )
