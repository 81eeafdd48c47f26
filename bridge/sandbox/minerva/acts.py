"""What is done to sessions once, or a few times: endings, system messages, broken frames. Data; `acting` does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from bridge.sandbox.minerva.faults import Fault, at_least

Moment = Literal["now", "open", "auth", "subscribe"]
FrameKind = Literal[
    "not_json",
    "empty",
    "array",
    "no_type",
    "no_timestamp",
    "null_timestamp",
    "digit_timestamp",
    "text_timestamp",
    "missing_field",
    "null_payload",
    "array_payload",
    "unknown_type",
    "unknown_field",
    "binary",
    "big",
    "nested",
    "surrogate",
    "control_characters",
    "invalid_utf8",
]

NEVER_SENT = {1006: 'use "drop"', 1015: "serve TLS that the client cannot trust"}  # RFC 6455 §7.4.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(Fault):
    """Something done to sessions.

    Attributes:
        when: `now`, to all live sessions; or to each session as it opens, authenticates or has a subscription.
        after_s: seconds after that moment.
        every_s: with `now` and `times`, seconds between one strike and the next.
        instead: with `auth` and `subscribe`, the request is not answered; this happens in its place.
    """

    times: int | None = 1
    when: Moment = "now"
    after_s: float = 0.0
    every_s: float = 1.0
    instead: bool = False

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if self.every_s <= 0:
            raise ValueError("every_s: must be more than 0")
        if self.instead and self.when not in {"auth", "subscribe"}:
            raise ValueError('instead: needs "when" to be "auth" or "subscribe"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Act):
    """The server sends CLOSE with this code and reason; 1005 is a CLOSE without a code."""

    NAME: ClassVar[str] = "close"
    code: int = 1001
    reason: str = ""

    def __post_init__(self) -> None:
        Act.__post_init__(self)
        if self.code in NEVER_SENT:
            raise ValueError(f"code: {self.code} is never sent on a wire ({NEVER_SENT[self.code]})")
        if not 1000 <= self.code <= 4999:
            raise ValueError("code: must be a close code from 1000 to 4999")
        if len(self.reason.encode("utf-8", "surrogatepass")) > 123:
            raise ValueError("reason: a control frame has room for 123 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Act):
    """The TCP connection ends without a CLOSE frame."""

    NAME: ClassVar[str] = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Act):
    """The TCP connection is reset (RST)."""

    NAME: ClassVar[str] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatty(Act):
    """From then on the peer talks every `interval_s`, and goes on when it is sent CLOSE, which it never answers."""

    NAME: ClassVar[str] = "chatty"
    interval_s: float = 0.3

    def __post_init__(self) -> None:
        Act.__post_init__(self)
        if self.interval_s <= 0:
            raise ValueError("interval_s: must be more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpired(Act):
    """SESSION_EXPIRED is sent; the connection stays."""

    NAME: ClassVar[str] = "session_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(Act):
    """RATE_LIMITED is sent; the connection stays. `retry_after` is in the unit of the wire: seconds by default."""

    NAME: ClassVar[str] = "rate_limited"
    retry_after: float = 5.0
    limit: int = 100
    current: int = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance(Act):
    """SYSTEM_MAINTENANCE is announced, from `starts_in_s` on for `lasts_s`. It changes nothing else by itself."""

    NAME: ClassVar[str] = "maintenance"
    starts_in_s: float = 0.0
    lasts_s: float = 60.0
    message: str = "Scheduled maintenance"
    severity: str = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage(Act):
    """ERROR is sent."""

    NAME: ClassVar[str] = "error"
    code: str = "INTERNAL"
    message: str = "something went wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(Act):
    """A broken or odd frame is sent."""

    NAME: ClassVar[str] = "malformed"
    frame: FrameKind = "not_json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFill(Act):
    """The users' histories fill up with `count` old events, the newest `age_s` old; nobody is sent them live."""

    NAME: ClassVar[str] = "history_fill"
    count: int = 200
    age_s: float = 3_600.0
    type: Literal["VOICEMAIL_NEW", "CALL_INCOMING", "CALL_ENDED"] = "VOICEMAIL_NEW"

    def __post_init__(self) -> None:
        Act.__post_init__(self)
        at_least(self, "count", 1)
        if self.when != "now":
            raise ValueError('when: history is filled "now"')
