"""Field values as the org stores and shows them, and the two ways in which it writes time."""

from __future__ import annotations

from datetime import UTC, date, datetime

Value = str | int | float | bool | None
Values = dict[str, Value]
"""One record: canonical field name to value; a field that was never set may be missing."""


def timestamp(epoch_s: float) -> str:
    """Write UTC epoch seconds as the REST API does: `2026-01-05T08:00:00.000+0000`."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def instant(text: str) -> datetime | None:
    """Read a point in time that says its zone; None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def day(text: str) -> date | None:
    """Read `2026-01-31`; None when it is no day."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    except ValueError:
        return None
