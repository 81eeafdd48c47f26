"""Tells a Minerva what happens on the floor: ids, times and counts are put in here."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.directory import DEFAULT_TEAM
from bridge.sandbox.minerva.floor import Floor
from bridge.sandbox.minerva.subscription import ChannelKind
from bridge.sandbox.world import Agent, Queue, World


class Exchange(Protocol):
    """What a day is played on: `SandboxMinerva`, or whatever takes its events."""

    def now_ms(self) -> int:
        """Ms since the epoch."""

    async def send_to_user(self, user_id: str, type: str, payload: Mapping[str, Any], *, id: str) -> object:  # noqa: A002
        """Push an event on a user's channel."""

    async def send_to_group(
        self,
        group_type: ChannelKind,
        group_id: str,
        type: str,  # noqa: A002 - the wire's own name
        payload: Mapping[str, Any],
        *,
        id: str,  # noqa: A002 - the wire's own name
    ) -> object:
        """Push an event on a queue's or team's channel."""

    def set_snapshot(self, group_type: ChannelKind, group_id: str, type: str, payload: Mapping[str, Any]) -> None:  # noqa: A002
        """Set what a group's subscribers are shown at their interval."""


class Narrator:
    """The voice of a day. `counts` holds the events told, by type."""

    def __init__(self, world: World, minerva: Exchange, floor: Floor, dice: random.Random) -> None:
        self._queue_ids = [queue.id for queue in world.queues]
        self._minerva = minerva
        self._floor = floor
        self._dice = dice
        self.counts: Counter[str] = Counter()

    def new_id(self) -> str:
        """A fresh UUID, from the day's dice."""
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def now_ms(self) -> int:
        """Ms since the epoch."""
        return self._minerva.now_ms()

    async def tell(self, agent: Agent, kind: str, payload: Mapping[str, Any]) -> None:
        """Push an event on an agent's channel."""
        self.counts[kind] += 1
        await self._minerva.send_to_user(agent.user_id, kind, payload, id=self.new_id())

    async def tell_queue(self, queue: Queue, kind: str, payload: Mapping[str, Any]) -> None:
        """Push an event on a queue's channel."""
        self.counts[kind] += 1
        await self._minerva.send_to_group("queue", queue.id, kind, payload, id=self.new_id())

    def show_queue(self, queue: Queue, payload: Mapping[str, Any]) -> None:
        """Set what a queue's subscribers are shown at their interval."""
        self._minerva.set_snapshot("queue", queue.id, "QUEUE_UPDATE", payload)

    async def set_status(self, agent: Agent, status: str, reason: str, call_id: str | None = None) -> None:
        """Set what an agent does, and tell the team and the agent."""
        previous, at = self._floor.set_status(agent, status), self.now_ms()
        payload = builders.agent_status_change(
            agent, status=status, reason=reason, queue_ids=self._queue_ids, at=at, call_id=call_id
        )
        self.counts["AGENT_STATUS_CHANGE"] += 1
        await self._minerva.send_to_group("team", DEFAULT_TEAM, "AGENT_STATUS_CHANGE", payload, id=self.new_id())
        self._minerva.set_snapshot("team", DEFAULT_TEAM, "TEAM_STATS_UPDATE", self._floor.team_stats(DEFAULT_TEAM, at))
        presence = builders.presence_update(agent, status=status, previous=previous, updated_at=at, message=reason)
        await self.tell(agent, "PRESENCE_UPDATE", presence)
