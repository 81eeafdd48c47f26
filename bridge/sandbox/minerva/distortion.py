"""What faults do to a session's events on their way out: lost, numbered, aged, reordered, doubled. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bridge.sandbox.minerva.board import FaultBoard
from bridge.sandbox.minerva.faults import (
    Duplicate,
    EventFault,
    Lose,
    Reorder,
    Sequence,
    Ttl,
)
from bridge.sandbox.minerva.wire import Message


class Distortion:
    """The way out of one session. Without faults every event leaves as it came."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._held: list[Message] = []
        self._seen = 0
        self._next_number: int | None = None
        self._numbered = 0

    @property
    def holding(self) -> bool:
        """Tell whether events wait for others to overtake them."""
        return bool(self._held)

    def apply(self, message: Message, user_id: str | None) -> list[Message]:
        """Give what is to be sent now for this event: nothing, it, or more."""
        message = self._aged(self._in_sequence(message, user_id), user_id)
        if self._is_lost(message, user_id):
            return []
        reorder = self._board.find(Reorder, user_id, _of(message))
        if reorder:
            self._held.append(message)
            return self.release(user_id) if len(self._held) >= reorder.window else []
        return self._copies(message, user_id)

    def release(self, user_id: str | None) -> list[Message]:
        """Give the held events, the last one first."""
        held, self._held = self._held, []
        if len(held) > 1:
            self._board.spend(Reorder, user_id)
        return [copy for message in reversed(held) for copy in self._copies(message, user_id)]

    def _is_lost(self, message: Message, user_id: str | None) -> bool:
        lose = self._board.find(Lose, user_id, _of(message))
        if not lose:
            return False
        self._seen += 1
        return self._seen % lose.every == 0 and self._board.spend(Lose, user_id, _of(message)) is not None

    def _in_sequence(self, message: Message, user_id: str | None) -> Message:
        fault = self._board.find(Sequence, user_id)
        if not fault:
            return message
        number = fault.start if self._next_number is None else self._next_number
        self._numbered += 1
        gap = fault.skip_every is not None and self._numbered % fault.skip_every == 0
        self._next_number = number + (2 if gap else 1)
        return replace(message, meta={**message.meta, "sequence": number})

    def _aged(self, message: Message, user_id: str | None) -> Message:
        fault = self._board.spend(Ttl, user_id, _of(message))
        if not fault:
            return message
        return replace(
            message, timestamp=message.timestamp - fault.backdate_ms, meta={**message.meta, "ttl": fault.ttl_ms}
        )

    def _copies(self, message: Message, user_id: str | None) -> list[Message]:
        fault = self._board.spend(Duplicate, user_id, _of(message))
        return [message] * (fault.copies if fault else 1)


def _of(message: Message) -> Callable[[EventFault], bool]:
    """Make the filter for faults that spoil events of this message's type."""
    return lambda fault: fault.spoils(message.type)
