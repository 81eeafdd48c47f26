"""Follows the queues through their day and raises the alerts that go with it."""

from __future__ import annotations

import random

from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.floor import Floor
from bridge.sandbox.minerva.narrator import Narrator
from bridge.sandbox.minerva.tide import margin_at, status_of
from bridge.sandbox.world import World


class QueueWatch:
    """Looks at all queues. `dip_s` is how long one of them is in trouble, in the day's seconds."""

    def __init__(self, world: World, floor: Floor, narrator: Narrator, dice: random.Random, *, dip_s: float) -> None:
        self._queues = world.queues
        self._floor = floor
        self._narrator = narrator
        self._dice = dice
        self._dip_s = dip_s

    async def look(self, now_s: float) -> None:
        """Show every queue's state; tell what has changed, and raise SLA_WARNING and SLA_BREACH when it got worse."""
        for place, queue in enumerate(self._queues):
            margin = margin_at(now_s, place, len(self._queues), self._dip_s)
            status = status_of(margin)
            before, stats = self._floor.judge(queue, margin, status, now_s, self._dice)
            payload = builders.queue_update(queue, stats, sla_status=status, updated_at=self._narrator.now_ms())
            self._narrator.show_queue(queue, payload)
            if status == before:
                continue
            await self._narrator.tell_queue(queue, "QUEUE_UPDATE", payload)
            alert = builders.sla_alert(queue, stats, sla_status=status)
            if status == "critical":
                await self._narrator.tell_queue(queue, "SLA_BREACH", alert)
            elif status == "warning" and before == "healthy":
                await self._narrator.tell_queue(queue, "SLA_WARNING", alert)
