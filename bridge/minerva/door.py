"""The door that every connect passes: the fleet's admission gate, and its closed times while Minerva is maintained.

In a maintenance window live sessions stay; those that lost their connection wait, and one canary a minute tries. The
first that gets through opens the door for all (PROTOCOL §6).
"""

from __future__ import annotations

import asyncio

import structlog

from bridge.core.clock import Clock
from bridge.core.gate import AdmissionGate
from bridge.core.tasks import first_exit

log = structlog.get_logger()

LONGEST_WINDOW_S = 3600.0
"""A window that says it lasts longer, or does not say, is believed for an hour."""

CANARY_EVERY_S = 60.0


class Door:
    """Lets sessions through to Minerva, or makes them wait."""

    def __init__(self, gate: AdmissionGate, clock: Clock) -> None:
        self.gate = gate
        self._clock = clock
        self._opens_at = 0.0
        self._closes_at = 0.0
        self._next_canary_at = 0.0
        self._opened = asyncio.Event()

    def close_between(self, starts_at: float | None, ends_at: float | None) -> None:
        """Note a maintenance window; instants are seconds since the epoch.

        Without a start it has begun, without an end it lasts an hour; without both it is news, not a window.
        """
        if starts_at is None and ends_at is None:
            return
        now = self._clock.now()
        start = now if starts_at is None else starts_at
        end = start + LONGEST_WINDOW_S if ends_at is None else min(ends_at, start + LONGEST_WINDOW_S)
        if end <= now:
            return
        self._closes_at, self._opens_at = start, end
        self._next_canary_at = start + CANARY_EVERY_S
        self._opened.clear()
        log.warning("fleet.maintenance", starts_in_s=round(max(0.0, start - now)), lasts_s=round(end - max(start, now)))

    @property
    def closed(self) -> bool:
        """True in a maintenance window."""
        return self._closes_at <= self._clock.now() < self._opens_at

    def passed(self) -> None:
        """A session has connected: Minerva is back, nobody needs to wait any longer."""
        if self.closed:
            log.info("fleet.maintenance_over")
            self._opens_at = 0.0
            self._opened.set()

    async def admitted(self) -> None:
        """Return when it is this session's turn to connect. Cancel-safe."""
        while self.closed:
            now = self._clock.now()
            if now >= self._next_canary_at:
                self._next_canary_at = now + CANARY_EVERY_S
                break
            wait = min(self._opens_at, self._next_canary_at) - now
            await first_exit(self._clock.sleep(wait), self._opened.wait())
        await self.gate.admitted()
