"""Which sessions are to be reported, one by one or all as one. Pure.

A parked session is reported at once, by itself; one that lacks a subscription after a minute. Failing ones are reported singly, but when more than half of a fleet of
at least four fails, that is one problem of the fleet, reported after a minute (PROTOCOL §6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SMALLEST_FLEET = 4
FLEET_DELAY_S = 60.0
NAMES_SHOWN = 25


@dataclass(frozen=True, slots=True)
class SessionReport:
    """Report one session: `ill`, or well again."""

    user_id: str
    ill: bool


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Report the fleet: how many fail, and at most 25 of their names."""

    ill: bool
    count: int = 0
    names: Sequence[str] = ()


Report = SessionReport | FleetReport


@dataclass(slots=True)
class FleetHealth:
    """Remembers who fails since when and what was told. `now` is monotonic seconds."""

    _failing: dict[str, float] = field(default_factory=dict)
    _degraded: dict[str, float] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _fleet_told: bool = False

    def parked(self, user_id: str) -> list[Report]:
        """A session was parked."""
        self._failing.pop(user_id, None)
        return self._tell(user_id)

    def failing(self, user_id: str, now: float, fleet_size: int) -> list[Report]:
        """A session has failed often enough to be reported."""
        self._failing.setdefault(user_id, now)
        return self._tell(user_id) if fleet_size < SMALLEST_FLEET else []

    def degraded(self, user_id: str, now: float) -> list[Report]:
        """A session is connected, and a subscription of it does not work."""
        self._failing.pop(user_id, None)
        self._degraded.setdefault(user_id, now)
        return []

    def well(self, user_id: str) -> list[Report]:
        """A session is connected, or no longer wanted."""
        self._failing.pop(user_id, None)
        self._degraded.pop(user_id, None)
        if user_id not in self._told:
            return []
        self._told.discard(user_id)
        return [SessionReport(user_id, ill=False)]

    def tick(self, now: float, fleet_size: int, down: int) -> list[Report]:
        """Report what is due; call it every second or so.

        While more than half of the fleet is `down` (not connected), single reports wait: it may become one of the fleet.
        """
        many = fleet_size >= SMALLEST_FLEET and down * 2 > fleet_size
        reports: list[Report] = []
        if self._fleet_told:
            if many:
                return []
            self._fleet_told = False
            reports.append(FleetReport(ill=False))
            # The last ones to come back get a minute as well before they are reported singly.
            self._failing = dict.fromkeys(self._failing, now + FLEET_DELAY_S)
        if many:
            if not any(now - since >= FLEET_DELAY_S for since in self._failing.values()):
                return reports
            self._fleet_told = True
            names = sorted(self._failing)[:NAMES_SHOWN]
            return [*reports, FleetReport(ill=True, count=len(self._failing), names=names)]
        due = [user_id for user_id, since in self._failing.items() if now >= since]
        due += [user_id for user_id, since in self._degraded.items() if now - since >= FLEET_DELAY_S]
        for user_id in due:
            reports += self._tell(user_id)
        return reports

    def _tell(self, user_id: str) -> list[Report]:
        if user_id in self._told:
            return []
        self._told.add(user_id)
        return [SessionReport(user_id, ill=True)]
