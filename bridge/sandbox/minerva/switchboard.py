"""Who listens to what, and the delivery of events to them. Knows sessions only by what they promise here."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from bridge.core.clock import Clock
from bridge.sandbox.minerva.board import FaultBoard
from bridge.sandbox.minerva.builders import QueueStats, queue_update
from bridge.sandbox.minerva.directory import Directory
from bridge.sandbox.minerva.faults import (
    ClockSkew,
)
from bridge.sandbox.minerva.history import History
from bridge.sandbox.minerva.journal import Journal
from bridge.sandbox.minerva.subscription import Channel
from bridge.sandbox.minerva.wire import Message


class Listener(Protocol):
    """A session, as the switchboard sees it."""

    number: int
    user_id: str | None

    def push(self, channel: Channel, message: Message) -> None:
        """Send an event of a channel, if the session subscribed to its type."""

    def say(self, message: Message) -> None:
        """Send a message that belongs to no channel."""


class Switchboard:
    """Delivers messages to sessions, keeps users' histories and the last state of queues and teams.

    With `user_in_meta`, events of a user's channel name the user in `meta.userId`, for sessions that serve many.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        board: FaultBoard,
        journal: Journal,
        directory: Directory,
        dice: random.Random,
        user_in_meta: bool = False,
    ) -> None:
        self._clock = clock
        self._dice = dice
        self._user_in_meta = user_in_meta
        self._listeners: dict[Channel, dict[int, Listener]] = {}
        self._snapshots: dict[Channel, tuple[str, Mapping[str, Any]]] = {}
        self.board = board
        self.journal = journal
        self.directory = directory
        self.history = History()

    def now_ms(self) -> int:
        """Ms since the epoch as this server believes; a skewed clock is a fault (`clock_skew`)."""
        skew = self.board.find(ClockSkew, None)
        return int(self._clock.now() * 1000) + (skew.offset_ms if skew else 0)

    def new_id(self) -> str:
        """A fresh UUID, from the seeded dice."""
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def message(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own name
        meta: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> Message:
        """Make a message; an id and the time are put in where none is given."""
        return Message(
            kind,
            self.now_ms() if timestamp is None else timestamp,
            payload,
            id or self.new_id(),
            meta or {},
        )

    def listen(self, channel: Channel, listener: Listener) -> None:
        """Let a session have a channel's events."""
        self._listeners.setdefault(channel, {})[listener.number] = listener

    def unlisten(self, channel: Channel, listener: Listener) -> None:
        """Let a session have a channel's events no longer."""
        self._listeners.get(channel, {}).pop(listener.number, None)

    def listeners(self, channel: Channel) -> list[Listener]:
        """Give the sessions that are subscribed to a channel."""
        return list(self._listeners.get(channel, {}).values())

    def publish(self, channel: Channel, message: Message) -> None:
        """Send an event to all who listen to the channel, duplicate sessions included, and remember it."""
        message = self.remember(channel, message)
        for listener in self.listeners(channel):
            listener.push(channel, message)

    def remember(self, channel: Channel, message: Message) -> Message:
        """Keep an event in its user's history without sending it; give it as it will be replayed."""
        if channel.kind != "user":
            return message
        if self._user_in_meta:
            message = replace(message, meta={**message.meta, "userId": channel.id})
        self.history.record(channel.id, message)
        return message

    def set_snapshot(self, channel: Channel, kind: str, payload: Mapping[str, Any]) -> None:
        """Set what subscribers of a queue or team are shown at every `statsInterval`."""
        self._snapshots[channel] = (kind, payload)

    def snapshot(self, channel: Channel) -> Message | None:
        """Give the current state of a queue or team; a queue that nobody spoke of is idle and healthy."""
        if channel in self._snapshots:
            kind, payload = self._snapshots[channel]
            return self.message(kind, {**payload, "updatedAt": self.now_ms()})
        if channel.kind != "queue":
            return None
        queue = self.directory.queues[channel.id]
        agents = len(self.directory.users - self.directory.service_users)
        stats = QueueStats(serviceLevelTarget=queue.target, availableAgents=agents, totalAgents=agents)
        return self.message("QUEUE_UPDATE", queue_update(queue, stats, sla_status="healthy", updated_at=self.now_ms()))
