"""One connection's heartbeats: when the next is due, which went unanswered, what they measured (PROTOCOL §5). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ECHO_TOLERANCE_S = 0.001
"""Time stamps travel in whole milliseconds."""


class Verdict(Enum):
    """What a tick asks for."""

    NOTHING = "nothing"
    BEAT = "beat"
    DEAD = "dead"


@dataclass(slots=True)
class Heartbeat:
    """Beats every `interval_s`, measured send to send; one in flight at most. Instants are monotonic seconds.

    Args:
        interval_s: From one beat to the next.
        timeout_s: How long an answer may take.
        max_missed: Consecutive misses that mean a dead connection.
        next_at: When the first beat is due: a random phase spreads a fleet's beats over the interval.
    """

    interval_s: float
    timeout_s: float
    max_missed: int
    next_at: float
    missed: int = 0
    _sent_at: float | None = None
    _sent_wall: float | None = None

    def due_at(self) -> float:
        """When `tick` has something to do."""
        return self.next_at if self._sent_at is None else self._sent_at + self.timeout_s

    def tick(self, now: float, wall: float, *, last_inbound_at: float) -> Verdict:
        """Judge the beat in flight when its time is over, and say whether the next is due.

        Any inbound frame since the beat counts as life. On BEAT the caller sends one, stamped `wall`.
        """
        if self._sent_at is not None and now >= self._sent_at + self.timeout_s:
            self.missed = 0 if last_inbound_at > self._sent_at else self.missed + 1
            self._sent_at = None
            if self.missed >= self.max_missed:
                return Verdict.DEAD
        if self._sent_at is None and now >= self.next_at:
            self._sent_at, self._sent_wall = now, wall
            self.next_at = max(self.next_at + self.interval_s, now)
            return Verdict.BEAT
        return Verdict.NOTHING

    def answered(self, original_s: float | None) -> float | None:
        """Note an answer; gives the wall instant of the beat that it answers, None when it does not say which."""
        self._sent_at, self.missed = None, 0
        sent = self._sent_wall
        if sent is None or original_s is None or abs(original_s - sent) > ECHO_TOLERANCE_S:
            return None  # an answer to an older beat, or one that does not say: alive, but no measure
        self._sent_wall = None
        return sent

    def forgive(self, lag_s: float) -> None:
        """Our own loop stood still that long: the answer in flight gets as much longer."""
        if self._sent_at is not None:
            self._sent_at += lag_s
            self.next_at = max(self.next_at, self._sent_at)
