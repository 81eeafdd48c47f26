"""What may happen to a request instead of its answer, or before it, or after it; the usual ones by name.

Bodies: Salesforce REST API Developer Guide, "Status Codes and Error Responses"; what production answers look like.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.sandbox.salesforce.errors import error_entry

Z_99 = 2.3263478740408408
"""Standard deviations from the median to the 99th percentile of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Wait before the work: `median_s` seconds always, or log-normally spread when `p99_s` is given too."""

    median_s: float
    p99_s: float | None = None

    def __post_init__(self) -> None:
        if self.median_s < 0 or (self.p99_s is not None and not 0 < self.median_s <= self.p99_s):
            raise ValueError("latency needs 0 < median_s <= p99_s, or median_s >= 0 alone")

    def draw(self, dice: random.Random) -> float:
        """Give one wait in seconds."""
        if self.p99_s is None or self.p99_s == self.median_s:
            return self.median_s
        sigma = math.log(self.p99_s / self.median_s) / Z_99
        return dice.lognormvariate(math.log(self.median_s), sigma)


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer: until `Faults.release`, or the end of the org, after which the connection is reset."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection: before the work is done, or after it is committed so that only the answer is lost."""

    committed: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer this instead of doing the work."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Truncate:
    """Do the work and cut its JSON answer in half, under a proper Content-Length."""


@dataclass(frozen=True, slots=True)
class UpsertRace:
    """Let another transaction win: the record is written, and this request answered 400 DUPLICATE_VALUE.

    What two upserts of one external id at the same moment give (Salesforce Stack Exchange, question 197382). Only
    upserts that create are struck.
    """


@dataclass(frozen=True, slots=True)
class MoveInstance:
    """Move the org to another URL before this request: old tokens are void, logins give the new `instance_url`."""


Action = Latency | Hang | Reset | Reply | Truncate | UpsertRace | MoveInstance


def refusal(status: int, code: str, message: str, *, fields: Iterable[str] | None = None) -> Reply:
    """Give the answer with a REST error list."""
    return Reply(status, _json([error_entry(code, message, None if fields is None else list(fields))]))


def login_refusal(error: str, description: str, status: int = 400) -> Reply:
    """Give the answer of a token endpoint that refuses."""
    return Reply(status, _json({"error": error, "error_description": description}))


def too_many_requests(retry_after_s: int) -> Reply:
    """Give 429 with a Retry-After, which the core REST API does not send but its edge may."""
    body = _json([error_entry("REQUEST_LIMIT_EXCEEDED", "Too many requests")])
    return Reply(429, body, headers=(("Retry-After", str(retry_after_s)),))


def _json(value: object) -> str:
    return json.dumps(value)


def _page(title: str) -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


SESSION_EXPIRED = refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
SESSION_UNUSABLE = refusal(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
UNAUTHORIZED_PAGE = Reply(401, _page("Unauthorized"), "text/html")
UNAVAILABLE_PAGE = Reply(503, _page("We are down for maintenance."), "text/html")
UNAVAILABLE = refusal(503, "SERVER_UNAVAILABLE", "Server Unavailable")
BAD_GATEWAY = Reply(502, _page("Bad Gateway"), "text/html")
SERVER_ERROR = refusal(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")
TOTAL_REQUESTS = refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
CONCURRENT_REQUESTS = refusal(
    403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
)
FORBIDDEN = refusal(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id")
LOCKED_ROW = refusal(
    400,
    "UNABLE_TO_LOCK_ROW",
    "unable to obtain exclusive access to this record or 1 records: 003Sb0000000001AAA",
    fields=(),
)
MULTIPLE_CHOICES = Reply(
    300, _json([f"/services/data/v67.0/sobjects/Task/00TSb000000000{number}AAA" for number in (1, 2)])
)
EVENTS_UNAVAILABLE = refusal(
    503, "PLATFORM_EVENT_PUBLISHING_UNAVAILABLE", "Platform events can't be published. Try again later."
)
EVENT_LIMIT = refusal(400, "LIMIT_EXCEEDED", "The hourly event publishing limit is exceeded.")
LOGIN_REFUSED = login_refusal("invalid_grant", "user hasn't approved this consumer")
LOGIN_RATE = login_refusal("invalid_grant", "login rate exceeded")
LOGIN_INVALID_CLIENT = login_refusal("invalid_client", "invalid client credentials")

NAMED: dict[str, Action] = {
    "hang": Hang(),
    "reset": Reset(),
    "reset_after_commit": Reset(committed=True),
    "truncate": Truncate(),
    "upsert_race": UpsertRace(),
    "move_instance": MoveInstance(),
    "session_expired": SESSION_EXPIRED,
    "session_unusable": SESSION_UNUSABLE,
    "unauthorized_page": UNAUTHORIZED_PAGE,
    "unavailable_page": UNAVAILABLE_PAGE,
    "unavailable": UNAVAILABLE,
    "bad_gateway": BAD_GATEWAY,
    "server_error": SERVER_ERROR,
    "total_requests": TOTAL_REQUESTS,
    "concurrent_requests": CONCURRENT_REQUESTS,
    "forbidden": FORBIDDEN,
    "too_many_requests": too_many_requests(5),
    "locked_row": LOCKED_ROW,
    "multiple_choices": MULTIPLE_CHOICES,
    "events_unavailable": EVENTS_UNAVAILABLE,
    "event_limit": EVENT_LIMIT,
    "login_refused": LOGIN_REFUSED,
    "login_rate": LOGIN_RATE,
    "login_invalid_client": LOGIN_INVALID_CLIENT,
}
"""Actions that a script may name."""
