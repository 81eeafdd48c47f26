"""How a connection ends and what follows: one table for the whole of PROTOCOL §6."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Who or what ended the connection."""

    BY_US = "by_us"
    CLOSE_FRAME = "close_frame"
    LOST = "lost"  # EOF, reset, a socket error: no close frame was seen
    HANDSHAKE = "handshake"  # never got as far as a WebSocket
    CERTIFICATE = "certificate"
    AUTH_REFUSED = "auth_refused"
    AUTH_TIMEOUT = "auth_timeout"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - not a password
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105 - not a password
    RATE_LIMITED = "rate_limited"
    SESSION_EXPIRED = "session_expired"
    HEARTBEAT = "heartbeat"
    TOO_LARGE = "too_large"


class Disposition(Enum):
    """What follows an ending."""

    STAY_CLOSED = "stay_closed"
    RETRY = "retry"
    RETRY_HOLD_FLEET = "retry_hold_fleet"
    REAUTHENTICATE = "reauthenticate"  # fresh token, at once; parked when that is refused too
    RENEW = "renew"  # SESSION_EXPIRED: fresh token, at once
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Ending:
    """One ending. `code` is the WebSocket close code when there was one; `retry_after_s` what the server asked for."""

    kind: Kind
    code: int | None = None
    reason: str = ""
    retry_after_s: float | None = None

    def __str__(self) -> str:
        parts = [self.kind.value, str(self.code) if self.code is not None else "", self.reason]
        return " ".join(part for part in parts if part)


_BY_KIND = {
    Kind.BY_US: Disposition.STAY_CLOSED,
    Kind.LOST: Disposition.RETRY,
    Kind.HANDSHAKE: Disposition.RETRY,
    Kind.CERTIFICATE: Disposition.PARK,
    Kind.AUTH_REFUSED: Disposition.REAUTHENTICATE,
    Kind.AUTH_TIMEOUT: Disposition.RETRY,
    Kind.TOKEN_REFUSED: Disposition.PARK,
    Kind.TOKEN_UNAVAILABLE: Disposition.RETRY,
    Kind.RATE_LIMITED: Disposition.RETRY_HOLD_FLEET,
    Kind.SESSION_EXPIRED: Disposition.RENEW,
    Kind.HEARTBEAT: Disposition.RETRY,
    Kind.TOO_LARGE: Disposition.RETRY,
}
_BY_CODE = {
    1002: Disposition.PARK,
    1003: Disposition.PARK,
    1008: Disposition.PARK,
    1012: Disposition.RETRY_HOLD_FLEET,
    1013: Disposition.RETRY_HOLD_FLEET,
    1015: Disposition.PARK,
}


def classify(ending: Ending) -> Disposition:
    """Give what follows. A close code that the table does not name is retried: unknown is never fatal."""
    if ending.kind is Kind.CLOSE_FRAME:
        return _BY_CODE.get(ending.code or 0, Disposition.RETRY)
    return _BY_KIND[ending.kind]


def handshake_refused(status: int, *, retry_after_s: float | None = None) -> Ending:
    """The ending of an upgrade that was answered with an HTTP status (PROTOCOL §1)."""
    reason = f"HTTP {status} on upgrade"
    if status in {401, 403}:
        return Ending(Kind.AUTH_REFUSED, reason=reason)
    if status in {429, 503}:
        return Ending(Kind.RATE_LIMITED, reason=reason, retry_after_s=retry_after_s)
    return Ending(Kind.HANDSHAKE, reason=reason)
