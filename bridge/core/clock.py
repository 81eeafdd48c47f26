"""Time as a dependency: whoever waits or stamps takes a Clock, so that tests can turn the hands."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What tells the time. Intervals are measured with `monotonic`, stored instants come from `now`."""

    def now(self) -> float:
        """Seconds since the epoch, UTC; may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; at once (but after one turn of the loop) for zero or less."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(max(0.0, seconds))


def rfc3339(instant: float) -> str:
    """Write an instant (seconds since the epoch) as RFC 3339 in UTC with milliseconds.

    Example: `2026-11-23T08:15:30.123Z`.
    """
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_zone() -> str:
    """The process's IANA time zone: TZ, else where /etc/localtime points, else UTC."""
    named = os.environ.get("TZ", "").lstrip(":")
    if named and "/" in named and not named.startswith("/"):
        return named
    try:
        target = Path("/etc/localtime").resolve().as_posix()
    except OSError:
        return "UTC"
    _, found, zone = target.partition("/zoneinfo/")
    return zone if found else "UTC"
