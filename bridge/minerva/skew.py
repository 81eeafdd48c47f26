"""How far Minerva's clock runs ahead of ours. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SKEW_NOISE_S = 1.0
"""Less than this is network and rounding, not a clock that is wrong."""

PLAUSIBLE_SKEW_S = 86_400.0
"""A clock further off than a day is a broken time stamp, not skew: it is left out of the estimate."""


@dataclass(slots=True)
class Skew:
    """How far Minerva's clock runs ahead of ours: from the answer with the shortest round trip so far."""

    seconds: float = 0.0
    round_trip_s: float = float("inf")

    @property
    def effective_s(self) -> float:
        """What is taken off a stamp to get our time."""
        return self.seconds if abs(self.seconds) >= SKEW_NOISE_S else 0.0

    def learn(self, *, asked_at: float, answered_at: float, server_at: float) -> None:
        """Take a sample: we asked, the server stamped its answer, we got it. All in seconds since the epoch."""
        round_trip = answered_at - asked_at
        skew = server_at - (asked_at + round_trip / 2)
        if 0 <= round_trip <= self.round_trip_s and abs(skew) <= PLAUSIBLE_SKEW_S:
            self.seconds, self.round_trip_s = skew, round_trip
