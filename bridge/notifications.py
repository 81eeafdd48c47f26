"""The vocabulary outside: what leaves the bridge. Every sink renders from these shapes; the webhook sends them as they are.

Keys without a value are present as null. Durations are seconds, instants RFC 3339 in UTC. JSON Schemas of all of it are
published in docs/schemas/.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bridge.core.clock import rfc3339
from bridge.events import Priority

FULL_ID_BYTES = 16


class Shape(BaseModel):
    """Base of every part of a notification: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentShape(Shape):
    """The agent concerned."""

    user_id: str
    salesforce_user_id: str | None = None
    name: str | None = None


class QueueShape(Shape):
    """A queue; the name is Minerva's."""

    id: str
    name: str | None = None


class CallerShape(Shape):
    """Who calls: the number as it came, in E.164 when it can be read so, and a name when one is known."""

    number: str | None = None
    e164: str | None = None
    name: str | None = None


class RecordShape(Shape):
    """One Salesforce record; `url` opens it in Lightning."""

    object: str
    id: str
    url: str | None = None


class MatchShape(Shape):
    """One record that was found for the caller."""

    object: str
    id: str
    name: str | None = None


class TargetShape(Shape):
    """What to show: a record, a search for `query`, or a new record filled with `defaults`."""

    kind: Literal["record", "search", "new_record"]
    object: str | None = None
    record_id: str | None = None
    query: str | None = None
    defaults: dict[str, str] | None = None
    url: str | None = None


class LookupShape(Shape):
    """How the caller was looked up: from where, with how many API calls, and why it is degraded if it is."""

    source: Literal["ids", "cache", "salesforce", "none"]
    api_calls: int
    duration_s: float
    degraded: bool = False
    reason: str | None = None


class ScreenPop(Shape):
    """`screen_pop`: show this on that agent's screen, until `expires_at`."""

    event_id: str
    call_id: str
    direction: str | None
    to: str | None
    agent: AgentShape | None
    caller: CallerShape
    queue: QueueShape | None
    waited_s: float | None
    expires_at: str
    target: TargetShape
    matches: list[MatchShape]
    lookup: LookupShape


class VoicemailCaller(CallerShape):
    """Who left the message, with their record when one was found."""

    record: RecordShape | None = None


class Voicemail(Shape):
    """`voicemail.new` and `voicemail.updated`; `updated_fields` names what changed (empty for a new one)."""

    event_id: str
    voicemail_id: str
    title: str
    body: str
    to: str | None
    agent: AgentShape | None
    caller: VoicemailCaller
    duration_s: float | None
    transcription: str | None
    transcription_confidence: float | None
    recording_url: str | None
    priority: str
    created_at: str | None
    updated_fields: list[str]


class Incident(Shape):
    """Every `sla.*` but the digest: one queue's missed service level, from trigger to resolve under one id."""

    incident_id: str
    summary: str
    policy: str
    queue: QueueShape
    severity: Literal["warning", "critical"]
    status: Literal["triggered", "acknowledged", "snoozed", "suppressed", "resolved"]
    step: int
    loop: int
    flapping: bool
    current_level: float | None
    target_level: float | None
    stats: dict[str, float]
    opened_at: str
    acknowledged_by: str | None
    resolved_by: str | None
    duration_s: float | None
    ack_url: str | None
    console_url: str | None


class Trouble(Shape):
    """`bridge.problem` and `bridge.recovered`: `key` is the same in both, `facts` are particulars."""

    subject: Literal[
        "session",
        "fleet",
        "salesforce",
        "api_budget",
        "sink",
        "dead_letter",
        "credential",
        "store",
        "source",
    ]
    key: str
    severity: Literal["warning", "critical"]
    title: str
    body: str
    since: str
    facts: dict[str, Any]


class Notice(Shape):
    """`bridge.maintenance`, `bridge.gap`, `bridge.test`."""

    title: str
    body: str
    facts: dict[str, Any]


Data = ScreenPop | Voicemail | Incident | Trouble | Notice

DATA_BY_TYPE: dict[str, type[Data]] = {
    "screen_pop": ScreenPop,
    "voicemail.new": Voicemail,
    "voicemail.updated": Voicemail,
    "sla.triggered": Incident,
    "sla.escalated": Incident,
    "sla.reminder": Incident,
    "sla.unacknowledged": Incident,
    "sla.acknowledged": Incident,
    "sla.resolved": Incident,
    "bridge.problem": Trouble,
    "bridge.recovered": Trouble,
    "bridge.maintenance": Notice,
    "bridge.gap": Notice,
    "bridge.test": Notice,
}
"""Every type that is sent, with the shape of its `data`."""


class Kind(StrEnum):
    """What routes and sinks tell apart."""

    SCREEN_POP = "screen_pop"
    VOICEMAIL = "voicemail"
    SLA = "sla"
    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to people, before it is split over sinks.

    `id` is stable: the same event gives the same id after a restart. `subject` is what must stay in order: messages of
    one subject reach a sink one after another. `expires_at` (seconds since the epoch) is when it becomes worthless.
    """

    id: str
    type: str
    at: float
    data: Data
    subject: str
    priority: Priority = Priority.NORMAL
    expires_at: float | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """What routes match on: to, queue, priority, agent."""

    @property
    def kind(self) -> Kind:
        """The part of the type before the dot."""
        return Kind(self.type.partition(".")[0])

    def body(self, *, org_id: str, environment: str) -> dict[str, Any]:
        """The envelope that webhooks carry, ready for JSON."""
        return {
            "type": self.type,
            "timestamp": rfc3339(self.at),
            "org_id": org_id,
            "environment": environment,
            "data": self.data.model_dump(mode="json"),
        }


def stable_id(*parts: str) -> str:
    """Derive an id from what it names: the same parts give the same id, in every process, for ever."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    return digest[: 2 * FULL_ID_BYTES]
