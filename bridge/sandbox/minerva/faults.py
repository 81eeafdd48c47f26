"""What changes Minerva's behaviour for the worse while it is armed, as data.

Acts, which are done once, are in `acts`; both are loaded from JSON by `script`, kept by `board`, and shown with an
example each in docs/sandbox.md. Checks raise ValueError with `field: what is wrong`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What all have in common.

    Attributes:
        at_s: seconds after arming at which it begins.
        for_s: seconds after which it ends by itself; None is never.
        users: the user ids it concerns; none is everybody. A session without a user yet is met only by "everybody".
        times: how often it strikes before it is spent; None is always.
    """

    NAME: ClassVar[str] = ""
    at_s: float = 0.0
    for_s: float | None = None
    users: tuple[str, ...] = ()
    times: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        not_negative(self, "at_s", "for_s", "delay_s", "lifetime_s", "after_s", "retry_after", "retry_after_s")
        if self.times is not None and self.times < 1:
            raise ValueError("times: must be at least 1, or null for always")

    def concerns(self, user_id: str | None) -> bool:
        """Tell whether it is meant for that user's session."""
        return not self.users or user_id in self.users


# --- the upgrade, the token endpoint, AUTH ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRefused(Fault):
    """The HTTP upgrade is answered with an error. The user is known here only in query mode."""

    NAME: ClassVar[str] = "upgrade_refused"
    status: int = 503
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        _http_error(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused(Fault):
    """The token endpoint answers with an error."""

    NAME: ClassVar[str] = "token_refused"
    status: int = 401
    message: str = "the service token is not valid"
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        _http_error(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSlow(Fault):
    """The token endpoint takes its time."""

    NAME: ClassVar[str] = "token_slow"
    delay_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShortLived(Fault):
    """Tokens that live `lifetime_s` only; `form` is how the answer says so. They are refused at AUTH afterwards."""

    NAME: ClassVar[str] = "token_short_lived"
    lifetime_s: float = 10.0
    form: Literal["expiresAt", "expiresIn"] = "expiresAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMalformed(Fault):
    """The token endpoint answers 200 with this body."""

    NAME: ClassVar[str] = "token_malformed"
    body: str = "{"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRefused(Fault):
    """AUTH is answered by AUTH_FAILURE, then closed with `close_code` (null: left open)."""

    NAME: ClassVar[str] = "auth_refused"
    message: str = "token is not valid"
    close_code: int | None = 1008


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthUnanswered(Fault):
    """AUTH is never answered; the connection stays."""

    NAME: ClassVar[str] = "auth_unanswered"


# --- subscriptions and history ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionError(Fault):
    """SUBSCRIBE is answered by SUBSCRIPTION_ERROR; `channels` limits it to ids of users, queues or teams."""

    NAME: ClassVar[str] = "subscription_error"
    code: str = "UNAVAILABLE"
    reason: str = "the channel is not available"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionUnconfirmed(Fault):
    """SUBSCRIBE is never answered and carries nothing."""

    NAME: ClassVar[str] = "subscription_unconfirmed"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryForm(Fault):
    """History comes inside SUBSCRIPTION_CONFIRMED (`inline`), as messages after it, or not at all."""

    NAME: ClassVar[str] = "history_form"
    form: Literal["messages", "inline", "none"] = "inline"


# --- liveness --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Fault):
    """The server keeps the connection and says nothing: no HEARTBEAT_ACK (`heartbeats`), or nothing at all."""

    NAME: ClassVar[str] = "silent"
    what: Literal["heartbeats", "everything"] = "heartbeats"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReader(Fault):
    """The server stops reading from the socket until this ends."""

    NAME: ClassVar[str] = "slow_reader"


# --- distorted events ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFault(Fault):
    """A fault of single events; `types` limits it, none is all."""

    types: tuple[str, ...] = ()

    def spoils(self, event_type: str) -> bool:
        """Tell whether it is meant for events of that type."""
        return not self.types or event_type in self.types


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(EventFault):
    """Each event is sent `copies` times, the id the same."""

    NAME: ClassVar[str] = "duplicate"
    copies: int = 2

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        at_least(self, "copies", 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(EventFault):
    """Events are held until `window` have come, or `hold_s` went by, and go out in reverse order."""

    NAME: ClassVar[str] = "reorder"
    window: int = 2
    hold_s: float = 1.0

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        at_least(self, "window", 2)
        not_negative(self, "hold_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose(EventFault):
    """Every `every`-th event is not sent. It is in the history, and it used up its sequence number."""

    NAME: ClassVar[str] = "lose"
    every: int = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        at_least(self, "every", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Fault):
    """Events carry `meta.sequence`; after every `skip_every`-th a number is left out that no history can fill."""

    NAME: ClassVar[str] = "sequence"
    start: int = 1
    skip_every: int | None = None

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        at_least(self, "skip_every", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttl(EventFault):
    """Events carry `meta.ttl`, and timestamps that lie `backdate_ms` in the past."""

    NAME: ClassVar[str] = "ttl"
    ttl_ms: int = 5_000
    backdate_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(Fault):
    """Every timestamp of the server is off by `offset_ms`."""

    NAME: ClassVar[str] = "clock_skew"
    offset_ms: int = 60_000


def not_negative(fault: Fault, *names: str) -> None:
    """Refuse negative numbers in these fields, where the fault has them."""
    for name in names:
        value = getattr(fault, name, None)
        if value is not None and value < 0:
            raise ValueError(f"{name}: must not be negative")


def at_least(fault: Fault, name: str, least: int) -> None:
    """Refuse a number below `least`; None is fine."""
    value = getattr(fault, name)
    if value is not None and value < least:
        raise ValueError(f"{name}: must be at least {least}")


def _http_error(status: int) -> None:
    if not 400 <= status <= 599:
        raise ValueError("status: must be an HTTP error, 400 to 599")
