"""Notifications of every shape, with any field replaced; and texts that nobody would wish to get."""

from __future__ import annotations

from typing import Any

from bridge.core.clock import rfc3339
from bridge.events import Priority
from bridge.notifications import (
    AgentShape,
    CallerShape,
    Incident,
    LookupShape,
    Notice,
    Notification,
    QueueShape,
    ScreenPop,
    TargetShape,
    Trouble,
    Voicemail,
    VoicemailCaller,
)
from bridge.sinks.base import Delivery
from tests.support.clock import START

NUMBER = "+15551234567"
CALLER = "Planted Caller"
TRANSCRIPTION = "planted words of a transcription"
AGENT = AgentShape(user_id="agent-1", name="First Agent")
ENVELOPE = {"org_id": "00D000000000001", "environment": "development"}

HOSTILE = {
    "control characters": "a\x00b\x07c\x1b[2Jd\r\nSet-Cookie: x\ne\x7f",
    "lone surrogates": "\ud800 in the middle \udfff",
    "ten kilobytes": "long " * 2048,
    "right to left": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u2066isolated",
    "line separators": "one\u2028two\u2029three\x85four",
    "markup": "<script>alert(1)</script> {{7*7}} ${jndi:ldap://x} %s %(name)s {0}",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "empty": "",
}


def pop(call_id: str = "call-1", *, at: float = START, text: str | None = None, **changes: Any) -> Notification:
    """A screen pop; `text` takes the place of everything a caller can choose."""
    data = ScreenPop(
        event_id="event-1",
        call_id=call_id,
        direction="inbound",
        to="+15550000001",
        agent=AGENT,
        caller=CallerShape(number=text if text is not None else NUMBER, e164=NUMBER, name=text or CALLER),
        queue=QueueShape(id="queue-1", name=text or "Sales"),
        waited_s=3.0,
        expires_at=rfc3339(at + 20),
        target=TargetShape(kind="search", query=text or NUMBER),
        matches=[],
        lookup=LookupShape(source="none", api_calls=1, duration_s=0.1, degraded=True, reason=f"no answer for {NUMBER}"),
    )
    return _made("screen_pop", data, id=f"pop/{call_id}", at=at, subject=f"call {call_id}", changes=changes)


def voicemail(number: int = 1, *, text: str | None = None, **changes: Any) -> Notification:
    """A new voicemail."""
    data = Voicemail(
        event_id=f"event-{number}",
        voicemail_id=f"vm-{number}",
        title="New Voicemail",
        body=f"From: {text or CALLER}\nTranscription: {text or TRANSCRIPTION}",
        to="+15550000001",
        agent=AGENT,
        caller=VoicemailCaller(number=text if text is not None else NUMBER, e164=NUMBER, name=text or CALLER),
        duration_s=12.0,
        transcription=text if text is not None else TRANSCRIPTION,
        transcription_confidence=0.9,
        recording_url="https://minerva.example/recordings/1",
        priority="normal",
        created_at=rfc3339(START),
        updated_fields=[],
    )
    return _made("voicemail.new", data, id=f"vm/{number}", subject=f"voicemail {number}", changes=changes)


def incident(
    kind: str = "sla.triggered", *, name: str = "inc-1", text: str | None = None, **changes: Any
) -> Notification:
    """A message about one incident."""
    data = Incident(
        incident_id=name,
        summary=f"{text or 'Sales'}: service level critical",
        policy="default",
        queue=QueueShape(id="queue-1", name=text or "Sales"),
        severity="critical",
        status="triggered",
        step=1,
        loop=1,
        flapping=False,
        current_level=62.0,
        target_level=80.0,
        stats={"callsInQueue": 5.0},
        opened_at=rfc3339(START),
        acknowledged_by=text,
        resolved_by=None,
        duration_s=1.0,
        ack_url=None,
        console_url=None,
    )
    return _made(kind, data, id=f"{name}/{kind}", subject=f"incident {name}", changes=changes)


def trouble(kind: str = "bridge.problem", *, text: str | None = None, **changes: Any) -> Notification:
    """A problem of the bridge itself."""
    data = Trouble(
        subject="sink",
        key="sink:crm",
        severity="warning",
        title=text or "Sink crm fails",
        body=text or "It waits.",
        since=rfc3339(START),
        facts={"sink": text or "crm"},
    )
    return _made(kind, data, id=f"{kind}/sink:crm", subject="sink:crm", changes=changes)


def notice(number: int = 1, *, text: str | None = None, **changes: Any) -> Notification:
    """A test message."""
    data = Notice(title=text or "Test", body=text or "A test.", facts={"text": text})
    return _made("bridge.test", data, id=f"test/{number}", subject=f"test {number}", changes=changes)


def everything(text: str | None = None) -> list[Notification]:
    """One notification of every shape."""
    return [pop(text=text), voicemail(text=text), incident(text=text), trouble(text=text), notice(text=text)]


def delivery(notification: Notification, *, id: str = "msg_1", attempt: int = 1) -> Delivery:  # noqa: A002 - its name there
    """The notification as a sink gets it."""
    return Delivery(
        id=id, notification=notification, recipient=None, body=notification.body(**ENVELOPE), attempt=attempt
    )


def _made(kind: str, data: Any, *, changes: dict[str, Any], **fields: Any) -> Notification:
    return Notification(**{"type": kind, "data": data, "at": START, "priority": Priority.NORMAL, **fields, **changes})
