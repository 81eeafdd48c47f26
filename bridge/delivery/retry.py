"""What follows a failed attempt: when to try again, or why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.backoff import full_jitter
from bridge.core.errors import Permanent, Retryable

BASE_S = 1.0
CAP_S = 300.0
GIVE_UP_AFTER_S = 86_400.0
"""A message to people that could not be delivered for a day becomes a dead letter; an operator decides then."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at that instant (seconds since the epoch)."""

    at: float


@dataclass(frozen=True, slots=True)
class Expired:
    """It would come too late to be of use: dropped, on the record."""


@dataclass(frozen=True, slots=True)
class Dead:
    """It cannot be delivered: a dead letter."""

    reason: str


Decision = Again | Expired | Dead


def decide(
    error: BaseException, *, attempt: int, created_at: float, expires_at: float | None, now: float, roll: float
) -> Decision:
    """Judge a failed attempt.

    Args:
        error: What the sink raised; anything but Permanent may heal.
        attempt: The number of the attempt that failed, from 1.
        created_at: When the delivery was made, seconds since the epoch.
        expires_at: When it becomes worthless, or None.
        now: The present, seconds since the epoch.
        roll: Dice in [0, 1).
    """
    if isinstance(error, Permanent):
        return Dead(str(error) or type(error).__name__)
    wait = full_jitter(attempt - 1, base_s=BASE_S, cap_s=CAP_S, roll=roll)
    at = now + max(wait, pause_s(error))
    if expires_at is not None:
        return Expired() if at >= expires_at else Again(at)
    if at - created_at > GIVE_UP_AFTER_S:
        return Dead(f"given up after {attempt} attempts: {error}")
    return Again(at)


def pause_s(error: BaseException) -> float:
    """How long the whole sink asked to be left alone, in seconds: whatever becomes of the delivery that was told so."""
    asked = error.retry_after if isinstance(error, Retryable) else None
    return min(asked, GIVE_UP_AFTER_S) if asked is not None and asked > 0 else 0.0
