"""The vocabulary inside: what happened, in the past tense, in nobody's wire format.

Instants are seconds since the epoch, durations seconds. `occurred_at` is what Minerva's clock said; `skew_s` is how far
that clock runs ahead of ours, so `age(now)` is true on our side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Priority(IntEnum):
    """Lower is sooner."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class QueueRef:
    """A queue as an event names it; the name is Minerva's and may be missing."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CallerHint:
    """What Minerva itself knows of a caller: all of it optional, none of it verified."""

    name: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in Minerva.

    `key` names it once and for all: an event with a known key has been taken in before. `agent` is the user id of the
    agent concerned, None for groups. `replayed` says that it came out of history.
    """

    key: str
    type: str
    id: str
    occurred_at: float
    agent: str | None = None
    skew_s: float = 0.0
    ttl_s: float | None = None
    priority: Priority = Priority.NORMAL
    correlation_id: str | None = None
    replayed: bool = False

    @property
    def happened_at(self) -> float:
        """When it happened by our clock: Minerva's stamp with the skew taken off."""
        return self.occurred_at - self.skew_s

    def age(self, now: float) -> float:
        """Seconds since it happened, clock skew taken off; negative when the clocks disagree."""
        return now - self.happened_at

    def expired(self, now: float) -> bool:
        """True when its own time to live has run out (PROTOCOL §2)."""
        return self.ttl_s is not None and self.age(now) > self.ttl_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """Anything about one call. Events of one call are handled in order."""

    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRang(CallEvent):
    """A call rings at an agent. `caller_number` is `from`, else `ani`; None when both are empty."""

    direction: str | None = None
    caller_number: str | None = None
    to: str | None = None
    queue: QueueRef | None = None
    caller: CallerHint = CallerHint()
    waited_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """The call was connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The call is over."""

    duration_s: float | None = None
    disposition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMoved(CallEvent):
    """The call was held or transferred; Minerva's guide gives these no payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailLeft(Event):
    """Somebody left a message. `recording_url` is as Minerva gave it: relative to its API."""

    voicemail_id: str
    caller_number: str | None = None
    to: str | None = None
    caller: CallerHint = CallerHint()
    duration_s: float | None = None
    transcription: str | None = None
    transcription_confidence: float | None = None
    recording_url: str | None = None
    urgency: str = "normal"
    created_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailChanged(VoicemailLeft):
    """A message changed; `changed` names the fields that came with the change."""

    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvent(Event):
    """Anything about one queue's service level. Levels and targets are percent, 0 to 100."""

    queue: QueueRef
    stats: Mapping[str, float] = field(default_factory=dict)
    current_level: float | None = None
    target_level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMeasured(QueueEvent):
    """The queue's figures: `level` is healthy, warning or critical; an unknown word is kept as it came."""

    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelWarned(QueueEvent):
    """Minerva says that the service level is about to be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelBreached(QueueEvent):
    """Minerva says that the service level is missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceAnnounced(Event):
    """Minerva will be down for a while."""

    starts_at: float | None = None
    ends_at: float | None = None
    message: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySeen(Event):
    """Kept for counts and the console: presence, agent status, team and queue traffic.

    When it names an agent and their call, both are kept: on a shared session that tells whose call it is.
    """

    subject: str | None = None
    about_agent: str | None = None
    call_id: str | None = None
