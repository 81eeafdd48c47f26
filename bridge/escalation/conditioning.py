"""Is the queue really in trouble? On- and off-delays over its measured levels, so that a spike shouts at nobody. Pure.

A level counts once it has lasted its delay and two samples show it; with a delay of 0 the first sample counts. Silence is
no evidence: a gap in the samples breaks the run. SLA_BREACH is an edge that the server states, and counts at once;
SLA_WARNING is one too, and counts after its delay unless a healthier sample contradicts it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from bridge.escalation.policy import Delays

MIN_SAMPLES = 2
GAP_FLOOR_S = 60.0
GAP_IN_INTERVALS = 3
"""A gap is longer than three usual intervals, and never shorter than a minute (PROTOCOL §4: when a queue is stale)."""


class Level(IntEnum):
    """A queue's service level, worse is more."""

    HEALTHY = 0
    WARNING = 1
    CRITICAL = 2


def read_level(word: str) -> Level | None:
    """The level that Minerva's word means; None for a word that is not known."""
    return {"healthy": Level.HEALTHY, "warning": Level.WARNING, "critical": Level.CRITICAL}.get(word)


@dataclass(slots=True)
class _Run:
    """An unbroken run of samples that show (at least) one level."""

    since: float
    samples: int = 1
    stated: bool = False


@dataclass(slots=True)
class Conditioner:
    """One queue's memory of its levels. Instants are seconds on one clock that the caller chooses."""

    delays: Delays
    _at_least: dict[Level, _Run] = field(default_factory=dict)
    _healthy: _Run | None = None
    _last_at: float | None = None
    _interval_s: float | None = None

    def sample(self, level: Level, at: float) -> None:
        """A measured level came in."""
        if self._broken(at):
            self._forget_unstated()
        for bound in (Level.WARNING, Level.CRITICAL):
            if level >= bound:
                self._extend(bound, at)
            else:
                self._at_least.pop(bound, None)
        if level is Level.HEALTHY:
            self._healthy = _grown(self._healthy, at)
        else:
            self._healthy = None
        if self._last_at is not None and at > self._last_at:
            self._interval_s = at - self._last_at
        self._last_at = at

    def state_edge(self, level: Level, at: float) -> None:
        """The server states a level in so many words (SLA_WARNING, SLA_BREACH): it stands until a sample contradicts it."""
        if self._broken(at):
            self._forget_unstated()
        self._healthy = None
        for bound in (Level.WARNING, Level.CRITICAL):
            if level >= bound:
                self._extend(bound, at)
                self._at_least[bound].stated = True

    def raised(self, now: float) -> Level:
        """The worst level that is certain at that instant; HEALTHY when none is."""
        for bound, delay in ((Level.CRITICAL, self.delays.critical_s), (Level.WARNING, self.delays.warning_s)):
            run = self._at_least.get(bound)
            if run is None:
                continue
            if bound is Level.CRITICAL and run.stated:
                return bound  # a breach raises at once
            enough = run.stated or run.samples >= MIN_SAMPLES or delay == 0
            last = now if run.stated else self._last_at
            if enough and last is not None and last - run.since >= delay:
                return bound
        return Level.HEALTHY

    def cleared(self) -> bool:
        """True when it has been healthy for long enough, by the last sample."""
        run = self._healthy
        if run is None or self._last_at is None:
            return False
        enough = run.samples >= MIN_SAMPLES or self.delays.clear_s == 0
        return enough and self._last_at - run.since >= self.delays.clear_s

    def due_at(self) -> float | None:
        """When a stated warning will count without another sample; None when nothing is pending."""
        run = self._at_least.get(Level.WARNING)
        return run.since + self.delays.warning_s if run is not None and run.stated else None

    def _broken(self, at: float) -> bool:
        if self._last_at is None:
            return False
        return at - self._last_at > max(GAP_FLOOR_S, GAP_IN_INTERVALS * (self._interval_s or 0.0))

    def _forget_unstated(self) -> None:
        self._healthy = None
        self._at_least = {level: run for level, run in self._at_least.items() if run.stated}

    def _extend(self, bound: Level, at: float) -> None:
        run = _grown(self._at_least.get(bound), at)
        self._at_least[bound] = run


def _grown(run: _Run | None, at: float) -> _Run:
    if run is None:
        return _Run(at)
    run.samples += 1
    return run
