"""Payloads of every message in the guide, built from people and queues of the world. Pure: ids and times come in.

All `_at` arguments are ms since the epoch, as on the wire; durations and waits are seconds (PROTOCOL §3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bridge.sandbox.world import Agent, Caller, Queue

MAIN_LINE = "+12125550199"  # what all callers dial; of the range that is kept for fiction
WITHHELD = "anonymous"
WRAP_UP_TIMEOUT_S = 120

Payload = dict[str, Any]
SlaStatus = Literal["healthy", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """The figures of one queue, named as on the wire. Waits and handle times in seconds, levels in percent."""

    callsInQueue: int = 0  # noqa: N815 - the wire's own name
    longestWaitTime: int = 0  # noqa: N815 - the wire's own name
    averageWaitTime: int = 0  # noqa: N815 - the wire's own name
    availableAgents: int = 0  # noqa: N815 - the wire's own name
    totalAgents: int = 0  # noqa: N815 - the wire's own name
    busyAgents: int = 0  # noqa: N815 - the wire's own name
    awayAgents: int = 0  # noqa: N815 - the wire's own name
    serviceLevelTarget: int = 80  # noqa: N815 - the wire's own name
    currentServiceLevel: int = 95  # noqa: N815 - the wire's own name
    callsAnsweredToday: int = 0  # noqa: N815 - the wire's own name
    callsAbandonedToday: int = 0  # noqa: N815 - the wire's own name
    averageHandleTime: int = 0  # noqa: N815 - the wire's own name


def call_incoming(
    caller: Caller,
    queue: Queue,
    *,
    call_id: str,
    call_sid: str | None = None,
    wait_s: int = 0,
    direction: str = "inbound",
    to: str = MAIN_LINE,
) -> Payload:
    """A call rings. A withheld caller comes from "anonymous" and has no ani."""
    return {
        "callId": call_id,
        "callSid": call_sid,
        "direction": direction,
        "from": caller.number or WITHHELD,
        "to": to,
        "queueId": queue.id,
        "queueName": queue.name,
        "callerInfo": {
            "name": caller.name,
            "accountId": caller.account_id,
            "contactId": caller.contact_id,
            "caseId": None,
        },
        "ani": caller.number,
        "dnis": to,
        "waitTime": wait_s,
    }


def call_connected(caller: Caller, agent: Agent, *, call_id: str, connected_at: int, recording_id: str) -> Payload:
    """An agent has answered."""
    return {
        "callId": call_id,
        "connectedAt": connected_at,
        "participants": [
            {"id": agent.user_id, "role": "agent", "name": agent.name, "number": None},
            {"id": f"caller-{call_id}", "role": "caller", "name": caller.name, "number": caller.number or WITHHELD},
        ],
        "recordingEnabled": True,
        "recordingId": recording_id,
    }


def call_ended(
    *, call_id: str, ended_at: int, duration_s: int, disposition: str = "completed", ended_by: str = "caller"
) -> Payload:
    """A call is over; wrap-up is due when it was answered."""
    answered = disposition == "completed"
    return {
        "callId": call_id,
        "endedAt": ended_at,
        "duration": duration_s,
        "disposition": disposition,
        "endedBy": ended_by,
        "wrapUpRequired": answered,
        "wrapUpTimeout": WRAP_UP_TIMEOUT_S if answered else None,
    }


def call_held(*, call_id: str, held_at: int) -> Payload:
    """A call is on hold. The guide gives no payload beyond the callId."""
    return {"callId": call_id, "heldAt": held_at}


def call_transferred(agent: Agent, *, call_id: str, transferred_at: int) -> Payload:
    """A call goes to another agent, who is rung with the same callId."""
    return {"callId": call_id, "transferredTo": agent.user_id, "transferredAt": transferred_at}


def voicemail_new(
    caller: Caller,
    *,
    voicemail_id: str,
    created_at: int,
    duration_s: int,
    transcription: str | None,
    confidence: float | None,
    priority: str = "normal",
    to: str = MAIN_LINE,
) -> Payload:
    """Somebody left a message."""
    return {
        "voicemailId": voicemail_id,
        "from": caller.number or WITHHELD,
        "to": to,
        "duration": duration_s,
        "transcription": transcription,
        "transcriptionConfidence": confidence,
        "recordingUrl": f"/api/voicemail/{voicemail_id}/audio",
        "callerInfo": {"name": caller.name, "contactId": caller.contact_id},
        "priority": priority,
        "createdAt": created_at,
    }


def voicemail_updated(voicemail_id: str, **changed: Any) -> Payload:
    """Some fields of a voicemail have changed."""
    return {"voicemailId": voicemail_id, **changed}


def presence_update(
    agent: Agent, *, status: str, previous: str, updated_at: int, message: str | None = None
) -> Payload:
    """An agent's presence has changed."""
    return {
        "userId": agent.user_id,
        "status": status,
        "previousStatus": previous,
        "statusMessage": message,
        "availableChannels": ["voice"] if status == "available" else [],
        "skills": ["support"],
        "capacity": {"voice": {"current": int(status in {"ringing", "on_call"}), "max": 1}},
        "updatedAt": updated_at,
    }


def agent_status_change(
    agent: Agent, *, status: str, reason: str, queue_ids: Sequence[str], at: int, call_id: str | None = None
) -> Payload:
    """What a team hears of its member."""
    return {
        "agentId": agent.user_id,
        "newStatus": status,
        "statusReason": reason,
        "callId": call_id,
        "queueIds": list(queue_ids),
        "timestamp": at,
    }


def queue_update(queue: Queue, stats: QueueStats, *, sla_status: SlaStatus, updated_at: int) -> Payload:
    """The state of one queue."""
    return {
        "queueId": queue.id,
        "queueName": queue.name,
        "stats": asdict(stats),
        "slaStatus": sla_status,
        "updatedAt": updated_at,
    }


def sla_alert(queue: Queue, stats: QueueStats, *, sla_status: SlaStatus) -> Payload:
    """What SLA_WARNING and SLA_BREACH say."""
    return {
        "queueId": queue.id,
        "queueName": queue.name,
        "status": sla_status,
        "currentLevel": stats.currentServiceLevel,
        "targetLevel": stats.serviceLevelTarget,
        "stats": asdict(stats),
        "slaStatus": sla_status,
    }


def call_queued(caller: Caller, queue: Queue, *, call_id: str, position: int, queued_at: int) -> Payload:
    """A caller has begun to wait."""
    return {
        "callId": call_id,
        "queueId": queue.id,
        "queueName": queue.name,
        "from": caller.number or WITHHELD,
        "position": position,
        "queuedAt": queued_at,
    }


def call_dequeued(queue: Queue, *, call_id: str, reason: str, wait_s: int) -> Payload:
    """A caller waits no longer: `reason` is routed or abandoned."""
    return {"callId": call_id, "queueId": queue.id, "queueName": queue.name, "reason": reason, "waitTime": wait_s}


def team_stats(team_id: str, *, available: int, busy: int, away: int, updated_at: int) -> Payload:
    """The state of one team."""
    return {
        "teamId": team_id,
        "availableAgents": available,
        "busyAgents": busy,
        "awayAgents": away,
        "updatedAt": updated_at,
    }


def maintenance(*, start_at: int, end_at: int, message: str, severity: str) -> Payload:
    """SYSTEM_MAINTENANCE."""
    return {"startTime": start_at, "endTime": end_at, "message": message, "severity": severity}


def rate_limited(*, retry_after: float, limit: int, current: int) -> Payload:
    """RATE_LIMITED; `retry_after` in the unit of the wire."""
    return {"retryAfter": retry_after, "limit": limit, "current": current}
