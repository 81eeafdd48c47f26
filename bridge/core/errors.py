"""The error tree, by who must act.

BridgeError
├── ConfigurationError    the operator: a setting is wrong; carries every problem at once
├── Unavailable           nobody: an outside dependency is away, it is tried again
├── Refused               the operator: an outside dependency said no and will say it again
└── SinkError             what a sink raises instead of returning a receipt
    ├── Retryable         try again, not before `retry_after` seconds when it says so
    ├── Permanent         never again: this delivery cannot succeed
    └── Ambiguous         it may have arrived: the answer was lost
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BridgeError(Exception):
    """Root of what the bridge itself raises."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: `VARIABLE: what is wrong (what is expected)`."""

    variable: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.wrong} ({self.expected})"


class ConfigurationError(BridgeError):
    """The settings cannot work; `problems` holds all that is wrong, never a secret's value."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Unavailable(BridgeError):
    """An outside dependency did not answer, or answered that it cannot now."""


class Refused(BridgeError):
    """An outside dependency understood and said no; asking again alone changes nothing."""


class SinkError(BridgeError):
    """A delivery did not succeed."""


class Retryable(SinkError):
    """The delivery may succeed later. `retry_after` is the wait in seconds that the peer asked for, if any."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Permanent(SinkError):
    """The delivery can never succeed as it is."""


class Ambiguous(SinkError):
    """The request was sent and its answer lost: it may have arrived."""
