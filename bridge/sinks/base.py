"""What a sink is: one attempt at one delivery.

A sink neither waits nor retries: it returns a `Receipt` or raises Retryable, Permanent or Ambiguous (bridge.core.errors).
Time-outs, order, back-off and dead letters are the dispatcher's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, ClassVar

import aiohttp
from pydantic import BaseModel, ConfigDict

from bridge.core.clock import Clock
from bridge.core.errors import Ambiguous, Permanent, Retryable
from bridge.notifications import Kind, Notification


class SinkSettings(BaseModel):
    """Base of a sink's own settings: frozen; an unknown field is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification for one recipient through one sink. `id` is the same at every attempt: the idempotency key."""

    id: str
    notification: Notification
    recipient: str | None
    body: Mapping[str, Any]
    """The webhook envelope of the notification."""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """The peer took it. `reference` is the peer's own name for it, `detail` one line for people."""

    detail: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink may use: the shared HTTP client, the clock, and what the org allows in logs."""

    http: aiohttp.ClientSession
    clock: Clock
    show_callers: bool = False


class Sink(ABC):
    """One configured channel. Subclass it, name your settings, implement `deliver`."""

    Settings: ClassVar[type[SinkSettings]] = SinkSettings
    """The model that this sink's settings are validated with."""
    takes: ClassVar[frozenset[Kind]] = frozenset(Kind)
    """The kinds of notification that this channel can carry."""
    by_default: ClassVar[bool] = False
    """True when, without any routes, it may be given callers' data: it keeps it inside the org or masks it."""
    timeout_s: ClassVar[float] = 15.0
    """How long one attempt may take."""
    concurrency: ClassVar[int] = 4
    """How many attempts may run side by side."""

    def __init__(self, name: str, settings: Any, context: SinkContext) -> None:
        self.name = name
        self.settings = settings
        self.context = context

    @abstractmethod
    async def deliver(self, delivery: Delivery) -> Receipt:
        """Try once. Raises Retryable, Permanent or Ambiguous; anything else counts as a defect and is retried."""

    async def close(self) -> None:  # noqa: B027 - most sinks hold nothing
        """Let go of what the sink holds."""


def verdict(status: int, *, retry_after: str | None, now: float) -> Retryable | Permanent | None:
    """Classify an HTTP answer: None for 2xx, else the error to raise.

    3xx counts as a failure that cannot heal by itself (Standard Webhooks). 408, 409, 425, 429 and 5xx can; so can 401,
    403 and 404, which an operator mends without touching the bridge. 410 says: never again.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return None
    reason = f"HTTP {status}"
    if status in {401, 403, 404, 408, 409, 425, 429} or status >= 500:  # noqa: PLR2004 - HTTP
        return Retryable(reason, retry_after=retry_after_s(retry_after, now=now))
    return Permanent(reason)


def retry_after_s(value: str | None, *, now: float) -> float | None:
    """Read Retry-After in both its forms, seconds and HTTP date, as a wait in seconds of at most one hour."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only failures need it

    if value is None:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            wait = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(0.0, wait), 3600.0) if wait == wait else None  # noqa: PLR0124 - not a number


__all__ = [
    "Ambiguous",
    "Delivery",
    "Permanent",
    "Receipt",
    "Retryable",
    "Sink",
    "SinkContext",
    "SinkSettings",
    "retry_after_s",
    "verdict",
]
