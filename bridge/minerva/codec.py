"""A message from Minerva → a domain event. Tolerant where the protocol is, exact where it is not (PROTOCOL §3). Pure.

Whatever comes in, nothing but `Malformed` goes out as an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.events import (
    ActivitySeen,
    CallAnswered,
    CallEnded,
    CallerHint,
    CallMoved,
    CallRang,
    Event,
    MaintenanceAnnounced,
    Priority,
    QueueMeasured,
    QueueRef,
    ServiceLevelBreached,
    ServiceLevelWarned,
    VoicemailChanged,
    VoicemailLeft,
)
from bridge.minerva.wire import Malformed, Message, as_instant, as_mapping, as_number, as_text, clean, ttl_s

LONGEST_NUMBER = 256  # the longest SIP address that carriers pass on; what is longer was not meant to be a number

# Groups have no agent: one id concerns everybody.
GROUP_TYPES = frozenset(
    {
        "AGENT_STATUS_CHANGE",
        "CALL_DEQUEUED",
        "CALL_QUEUED",
        "MEMBER_ADDED",
        "MEMBER_REMOVED",
        "QUEUE_STATS_UPDATE",
        "QUEUE_UPDATE",
        "SLA_BREACH",
        "SLA_WARNING",
        "TEAM_STATS_UPDATE",
    }
)
CONTROL_TYPES = frozenset(
    {
        "AUTH_FAILURE",
        "AUTH_SUCCESS",
        "ERROR",
        "HEARTBEAT_ACK",
        "RATE_LIMITED",
        "SESSION_EXPIRED",
        "SUBSCRIPTION_CONFIRMED",
        "SUBSCRIPTION_ERROR",
    }
)
_URGENT = frozenset({"CALL_INCOMING", "SLA_BREACH"})  # high whatever they say (PROTOCOL §2)
_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came in: the session's agent (None on the supervisor session) and what is known of its clock.

    On a session `shared` by all agents the message itself says whom it concerns, if anything does.
    """

    agent: str | None
    skew_s: float = 0.0
    replayed: bool = False
    shared: bool = False


def to_event(message: Message, origin: Origin) -> Event | None:
    """Make the domain event of a message; None for a type that is not known (tolerated and counted by the caller).

    Raises:
        Malformed: reason missing_field, when what is required to act on the event is not there (PROTOCOL §3 `*`).
    """
    build = _BUILDERS.get(message.type)
    return None if build is None else build(message, origin)


def _required(message: Message, name: str) -> str:
    value = as_text(message.payload.get(name))
    if value is None:
        raise Malformed("missing_field", f"{message.type} without {name}")
    return value


def _base(message: Message, origin: Origin, subject: str | None) -> dict[str, Any]:
    """The fields every event has. A missing id becomes type:subject:timestamp (PROTOCOL §2)."""
    event_id = message.id or f"{message.type}:{subject or ''}:{int(message.sent_at * 1000)}"
    agent = None if message.type in GROUP_TYPES else origin.agent or (_named_agent(message) if origin.shared else None)
    said = as_text(message.meta.get("priority"))
    return {
        "key": event_id if agent is None else f"{agent}/{event_id}",
        "type": message.type,
        "id": event_id,
        "occurred_at": message.sent_at,
        "agent": agent,
        "skew_s": origin.skew_s,
        "ttl_s": ttl_s(message),
        "priority": Priority.HIGH if message.type in _URGENT else _PRIORITIES.get(said or "", Priority.NORMAL),
        "correlation_id": as_text(message.meta.get("correlationId")),
        "replayed": origin.replayed,
    }


def _named_agent(message: Message) -> str | None:
    """Whom a message on a shared session concerns, by its own words (PROTOCOL §4)."""
    payload = message.payload
    named = as_text(payload.get("agentId")) or as_text(payload.get("userId")) or as_text(message.meta.get("userId"))
    if named is not None:
        return named
    participants = payload.get("participants")
    for each in participants if isinstance(participants, list) else ():
        if isinstance(each, dict) and each.get("role") == "agent" and (agent := as_text(each.get("id"))):
            return agent
    return None


def _hint(payload: Mapping[str, Any]) -> CallerHint:
    info = as_mapping(payload.get("callerInfo"))
    return CallerHint(
        name=as_text(info.get("name")),
        account_id=as_text(info.get("accountId")),
        contact_id=as_text(info.get("contactId")),
        case_id=as_text(info.get("caseId")),
    )


def _caller_number(payload: Mapping[str, Any]) -> str | None:
    """`from`, else (absent, null, empty) `ani` (PROTOCOL §5)."""
    for name in ("from", "ani"):
        number = (as_text(payload.get(name)) or "").strip()
        if number:
            return number[:LONGEST_NUMBER]
    return None


def _call_rang(message: Message, origin: Origin) -> CallRang:
    payload, call = message.payload, _required(message, "callId")
    queue = as_text(payload.get("queueId"))
    return CallRang(
        **_base(message, origin, call),
        call_id=call,
        direction=as_text(payload.get("direction")),
        caller_number=_caller_number(payload),
        to=as_text(payload.get("to")) or as_text(payload.get("dnis")),
        queue=QueueRef(queue, as_text(payload.get("queueName"))) if queue else None,
        caller=_hint(payload),
        waited_s=as_number(payload.get("waitTime")),
    )


def _call_answered(message: Message, origin: Origin) -> CallAnswered:
    call = _required(message, "callId")
    return CallAnswered(**_base(message, origin, call), call_id=call)


def _call_ended(message: Message, origin: Origin) -> CallEnded:
    payload, call = message.payload, _required(message, "callId")
    return CallEnded(
        **_base(message, origin, call),
        call_id=call,
        duration_s=as_number(payload.get("duration")),
        disposition=as_text(payload.get("disposition")),
    )


def _call_moved(message: Message, origin: Origin) -> CallMoved:
    call = _required(message, "callId")
    return CallMoved(**_base(message, origin, call), call_id=call)


def _voicemail_fields(message: Message) -> dict[str, Any]:
    payload = message.payload
    confidence = as_number(payload.get("transcriptionConfidence"))
    return {
        "voicemail_id": _required(message, "voicemailId"),
        "caller_number": _caller_number(payload),
        "to": as_text(payload.get("to")),
        "caller": _hint(payload),
        "duration_s": as_number(payload.get("duration")),
        "transcription": as_text(payload.get("transcription")),
        "transcription_confidence": confidence if confidence is not None and 0 <= confidence <= 1 else None,
        "recording_url": as_text(payload.get("recordingUrl")),
        "urgency": as_text(payload.get("priority")) or "normal",
        "created_at": as_instant(payload.get("createdAt")),
    }


def _voicemail_left(message: Message, origin: Origin) -> VoicemailLeft:
    fields = _voicemail_fields(message)
    base = _base(message, origin, fields["voicemail_id"])
    if fields["urgency"] == "high":
        base["priority"] = Priority.HIGH
    return VoicemailLeft(**base, **fields)


def _voicemail_changed(message: Message, origin: Origin) -> VoicemailChanged:
    fields = _voicemail_fields(message)
    changed = tuple(sorted(clean(name) for name in message.payload if name != "voicemailId"))
    return VoicemailChanged(**_base(message, origin, fields["voicemail_id"]), **fields, changed=changed)


def _percent(value: object) -> float | None:
    number = as_number(value)
    return number if number is not None and 0 <= number <= 100 else None  # noqa: PLR2004 - percent


def _queue_fields(message: Message, origin: Origin) -> dict[str, Any]:
    payload, queue = message.payload, _required(message, "queueId")
    stats = {
        name: number
        for name, value in as_mapping(payload.get("stats")).items()
        if (number := as_number(value)) is not None
    }
    current = payload.get("currentLevel")
    target = payload.get("targetLevel")
    return {
        **_base(message, origin, queue),
        "queue": QueueRef(queue, as_text(payload.get("queueName"))),
        "stats": stats,
        "current_level": _percent(stats.get("currentServiceLevel") if current is None else current),
        "target_level": _percent(stats.get("serviceLevelTarget") if target is None else target),
    }


def _queue_measured(message: Message, origin: Origin) -> QueueMeasured:
    return QueueMeasured(**_queue_fields(message, origin), level=_required(message, "slaStatus").lower())


def _sla_warned(message: Message, origin: Origin) -> ServiceLevelWarned:
    return ServiceLevelWarned(**_queue_fields(message, origin))


def _sla_breached(message: Message, origin: Origin) -> ServiceLevelBreached:
    return ServiceLevelBreached(**_queue_fields(message, origin))


def _maintenance(message: Message, origin: Origin) -> MaintenanceAnnounced:
    payload = message.payload
    base = _base(message, Origin(None, origin.skew_s, origin.replayed), None)
    # Every session hears of it, each under an id of its own: the window is what it is known by, and told once.
    window = [as_text(payload.get(name)) for name in ("startTime", "endTime", "message", "severity")]
    base["key"] = f"maintenance/{json.dumps(window)}"
    return MaintenanceAnnounced(
        **base,
        starts_at=as_instant(payload.get("startTime")),
        ends_at=as_instant(payload.get("endTime")),
        message=as_text(payload.get("message")),
        severity=as_text(payload.get("severity")),
    )


def _activity(message: Message, origin: Origin) -> ActivitySeen:
    payload = message.payload
    subject = next((text for name in _SUBJECTS if (text := as_text(payload.get(name)))), None)
    return ActivitySeen(
        **_base(message, origin, subject),
        subject=subject,
        about_agent=as_text(payload.get("agentId")),
        call_id=as_text(payload.get("callId")),
    )


_SUBJECTS = ("userId", "agentId", "queueId", "groupId", "teamId", "callId")
_BUILDERS: Mapping[str, Callable[[Message, Origin], Event]] = {
    "AGENT_STATUS_CHANGE": _activity,
    "CALL_CONNECTED": _call_answered,
    "CALL_DEQUEUED": _activity,
    "CALL_ENDED": _call_ended,
    "CALL_HELD": _call_moved,
    "CALL_INCOMING": _call_rang,
    "CALL_QUEUED": _activity,
    "CALL_TRANSFERRED": _call_moved,
    "MEMBER_ADDED": _activity,
    "MEMBER_REMOVED": _activity,
    "PRESENCE_UPDATE": _activity,
    "QUEUE_STATS_UPDATE": _activity,
    "QUEUE_UPDATE": _queue_measured,
    "SLA_BREACH": _sla_breached,
    "SLA_WARNING": _sla_warned,
    "SYSTEM_MAINTENANCE": _maintenance,
    "TEAM_STATS_UPDATE": _activity,
    "VOICEMAIL_NEW": _voicemail_left,
    "VOICEMAIL_UPDATED": _voicemail_changed,
}
EVENT_TYPES = frozenset(_BUILDERS)
"""The types that become events; all others are control messages or unknown."""
