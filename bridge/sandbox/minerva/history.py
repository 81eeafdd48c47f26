"""What Minerva remembers of each user: the last acting events, for clients that come back (PROTOCOL §5). Pure."""

from __future__ import annotations

from collections import deque

from bridge.sandbox.minerva.wire import REPLAYED_EVENTS, Message

CAPACITY = 200  # events of one user


class History:
    """A ring of the last `capacity` calls and voicemails of each user. Presence is a state and not kept."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rings: dict[str, deque[Message]] = {}

    def record(self, user_id: str, message: Message) -> None:
        """Remember one event, whether or not anybody listens."""
        if message.type in REPLAYED_EVENTS:
            self._rings.setdefault(user_id, deque(maxlen=self._capacity)).append(message)

    def last(self, user_id: str, limit: int, events: frozenset[str]) -> list[Message]:
        """Give the newest `limit` events of those types, oldest first."""
        matching = [message for message in self._rings.get(user_id, ()) if message.type in events]
        return matching[-limit:] if limit > 0 else []
