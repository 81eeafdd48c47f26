"""The admission gate: how fast a fleet may knock at one door.

Jitter alone does not spread ten thousand reconnects; this does. A virtual-schedule token bucket: each passer takes the
next free slot on a time line, so there is no queue of waiters that a cancelled one could break.
"""

from __future__ import annotations

from bridge.core.clock import Clock


class AdmissionGate:
    """Lets `rate` passers a second through, `burst` at once after a quiet time, none while held."""

    def __init__(self, clock: Clock, *, rate: float, burst: float | None = None) -> None:
        self._clock = clock
        self._interval = 1.0 / rate
        self._slack = (burst if burst is not None else max(1.0, rate)) * self._interval
        self._next_at = clock.monotonic() - self._slack
        self._held_until = 0.0

    @property
    def held_for_s(self) -> float:
        """Seconds until the hold ends; 0 when there is none."""
        return max(0.0, self._held_until - self._clock.monotonic())

    def hold(self, seconds: float) -> None:
        """Let nobody through for that long; a longer hold that is on stays."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    async def admitted(self) -> None:
        """Return when it is this caller's turn. Cancel-safe: a cancelled caller costs at most its own slot."""
        while (held := self.held_for_s) > 0:
            await self._clock.sleep(held)
        now = self._clock.monotonic()
        slot = max(self._next_at, now - self._slack)
        self._next_at = slot + self._interval
        if (wait := slot - now) > 0:
            await self._clock.sleep(wait)
            if self.held_for_s > 0:  # the hold came while we waited for our slot
                await self.admitted()
