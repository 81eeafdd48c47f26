"""Events as the codec makes them, with any field replaced."""

from __future__ import annotations

from typing import Any

from bridge.events import (
    CallAnswered,
    CallEnded,
    CallRang,
    MaintenanceAnnounced,
    QueueMeasured,
    QueueRef,
    ServiceLevelBreached,
    ServiceLevelWarned,
    VoicemailChanged,
    VoicemailLeft,
)
from tests.support.clock import START

AGENT = "agent-1"
NUMBER = "+15551234567"
QUEUE = QueueRef("queue-1", "Sales")


def rang(call_id: str = "call-1", *, agent: str | None = AGENT, **fields: Any) -> CallRang:
    """A call rings at an agent."""
    base = _base("CALL_INCOMING", f"rang-{call_id}", agent)
    inbound = {"direction": "inbound", "caller_number": NUMBER, "to": "+15550000001"}
    return CallRang(**{**base, **inbound, "call_id": call_id, **fields})


def answered(call_id: str = "call-1", *, agent: str | None = AGENT, **fields: Any) -> CallAnswered:
    """The agent takes it."""
    return CallAnswered(**{**_base("CALL_CONNECTED", f"answered-{call_id}", agent), "call_id": call_id, **fields})


def ended(call_id: str = "call-1", *, agent: str | None = AGENT, **fields: Any) -> CallEnded:
    """It is over."""
    return CallEnded(**{**_base("CALL_ENDED", f"ended-{call_id}", agent), "call_id": call_id, **fields})


def left(voicemail_id: str = "vm-1", *, agent: str | None = AGENT, **fields: Any) -> VoicemailLeft:
    """A voicemail is left."""
    base = {**_base("VOICEMAIL_NEW", f"left-{voicemail_id}", agent), "caller_number": NUMBER}
    return VoicemailLeft(**{**base, "voicemail_id": voicemail_id, **fields})


def changed(voicemail_id: str = "vm-1", *, agent: str | None = AGENT, **fields: Any) -> VoicemailChanged:
    """A voicemail changes."""
    base = {**_base("VOICEMAIL_UPDATED", f"changed-{voicemail_id}", agent), "caller_number": NUMBER}
    return VoicemailChanged(**{**base, "voicemail_id": voicemail_id, **fields})


def measured(level: str = "critical", *, number: int = 1, queue: QueueRef = QUEUE, **fields: Any) -> QueueMeasured:
    """A queue's figures."""
    base = _base("QUEUE_UPDATE", f"measured-{queue.id}-{number}", None)
    return QueueMeasured(**{**base, "queue": queue, "level": level, **fields})


def warned(*, number: int = 1, queue: QueueRef = QUEUE, **fields: Any) -> ServiceLevelWarned:
    """Minerva warns."""
    return ServiceLevelWarned(**{**_base("SLA_WARNING", f"warned-{queue.id}-{number}", None), "queue": queue, **fields})


def breached(*, number: int = 1, queue: QueueRef = QUEUE, **fields: Any) -> ServiceLevelBreached:
    """Minerva says that it is missed."""
    return ServiceLevelBreached(
        **{**_base("SLA_BREACH", f"breached-{queue.id}-{number}", None), "queue": queue, **fields}
    )


def maintenance(**fields: Any) -> MaintenanceAnnounced:
    """Minerva will be down."""
    return MaintenanceAnnounced(**{**_base("SYSTEM_MAINTENANCE", "maintenance-1", None), **fields})


def _base(kind: str, name: str, agent: str | None) -> dict[str, Any]:
    key = name if agent is None else f"{agent}/{name}"
    return {"type": kind, "id": name, "key": key, "agent": agent, "occurred_at": START}
