from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.events import (
    ActivitySeen,
    CallRang,
    MaintenanceAnnounced,
    Priority,
    QueueMeasured,
    ServiceLevelBreached,
    VoicemailChanged,
    VoicemailLeft,
)
from bridge.minerva.codec import Origin, to_event
from bridge.minerva.wire import EXCERPT_LENGTH, Malformed, parse

AGENT = Origin("agent-1")


def frame(kind: str, payload: Any = None, **envelope: Any) -> str:
    return json.dumps({"type": kind, "id": "m-1", "timestamp": 1_699_234_567_890, "payload": payload, **envelope})


def event(kind: str, payload: Any, origin: Origin = AGENT, **envelope: Any) -> Any:
    return to_event(parse(frame(kind, payload, **envelope)), origin)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("nonsense", "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"type": "X", "timestamp": NaN}', "not_json"),
        ("[1, 2]", "not_object"),
        ('"text"', "not_object"),
        ("null", "not_object"),
        ('{"timestamp": 1}', "no_type"),
        ('{"type": "", "timestamp": 1}', "no_type"),
        ('{"type": 7, "timestamp": 1}', "bad_type"),
        ('{"type": {"a": 1}, "timestamp": 1}', "bad_type"),
        ('{"type": "X"}', "no_timestamp"),
        ('{"type": "X", "timestamp": null}', "no_timestamp"),
        ('{"type": "X", "timestamp": "soon"}', "bad_timestamp"),
        ('{"type": "X", "timestamp": true}', "bad_timestamp"),
        ('{"type": "X", "timestamp": -5}', "bad_timestamp"),
        ('{"type": "X", "timestamp": 1e300}', "bad_timestamp"),
        ('{"type": "X", "timestamp": 1, "payload": [1]}', "bad_payload"),
    ],
)
def test_a_message_that_cannot_be_used_is_named_by_its_reason(text: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.reason == reason
    assert len(caught.value.excerpt) <= EXCERPT_LENGTH


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("CALL_INCOMING", {"from": "+15551234567"}),
        ("CALL_INCOMING", {"callId": None}),
        ("CALL_INCOMING", {"callId": ["x"]}),
        ("CALL_CONNECTED", {}),
        ("CALL_ENDED", {}),
        ("VOICEMAIL_NEW", {"from": "+15551234567"}),
        ("VOICEMAIL_UPDATED", {}),
        ("QUEUE_UPDATE", {"queueId": "q"}),
        ("QUEUE_UPDATE", {"slaStatus": "critical"}),
        ("SLA_BREACH", {}),
        ("SLA_WARNING", None),
    ],
)
def test_what_is_required_to_act_is_required(kind: str, payload: Any) -> None:
    with pytest.raises(Malformed, match="missing_field"):
        event(kind, payload)


def test_the_guides_incoming_call_is_understood_whole() -> None:
    rang = event(
        "CALL_INCOMING",
        {
            "callId": "call-uuid-456",
            "callSid": "CA1234567890abcdef",
            "direction": "inbound",
            "from": "+15551234567",
            "to": "+15559876543",
            "queueId": "queue-uuid-789",
            "queueName": "Sales Queue",
            "callerInfo": {"name": "A Caller", "accountId": "001ABC123", "contactId": "003DEF456", "caseId": None},
            "ani": "+15551234567",
            "dnis": "+15559876543",
            "waitTime": 45,
        },
    )
    assert isinstance(rang, CallRang)
    assert (rang.call_id, rang.direction, rang.caller_number, rang.to) == (
        "call-uuid-456",
        "inbound",
        "+15551234567",
        "+15559876543",
    )
    assert rang.queue is not None
    assert (rang.queue.id, rang.queue.name, rang.waited_s) == ("queue-uuid-789", "Sales Queue", 45)
    assert (rang.caller.name, rang.caller.contact_id, rang.caller.case_id) == ("A Caller", "003DEF456", None)
    assert (rang.agent, rang.key, rang.occurred_at) == ("agent-1", "agent-1/m-1", 1_699_234_567.89)


@pytest.mark.parametrize("absent", [{}, {"from": None}, {"from": ""}])
def test_the_ani_serves_where_from_is_missing(absent: dict[str, Any]) -> None:
    assert event("CALL_INCOMING", {"callId": "c", "ani": "+15550100", **absent}).caller_number == "+15550100"


def test_optional_fields_may_be_absent_null_or_of_another_type() -> None:
    bare = event("CALL_INCOMING", {"callId": "c"})
    odd = event(
        "CALL_INCOMING",
        {"callId": "c", "queueId": None, "callerInfo": "nobody", "waitTime": [], "direction": {}, "from": False},
    )
    assert (odd.queue, odd.caller, odd.waited_s, odd.direction, odd.caller_number) == (
        bare.queue,
        bare.caller,
        None,
        None,
        None,
    )


def test_numbers_may_be_strings_of_digits() -> None:
    left = event("VOICEMAIL_NEW", {"voicemailId": "v", "duration": "45", "transcriptionConfidence": "0.92"})
    assert isinstance(left, VoicemailLeft)
    assert (left.duration_s, left.transcription_confidence) == (45, 0.92)
    assert parse('{"type": "X", "timestamp": "1699234567890"}').sent_at == 1_699_234_567.89


def test_ids_may_be_numbers() -> None:
    assert event("CALL_INCOMING", {"callId": 7}, id=8).key == "agent-1/8"


def test_a_missing_id_is_made_of_type_subject_and_time() -> None:
    assert event("VOICEMAIL_NEW", {"voicemailId": "v-9"}, id=None).id == "VOICEMAIL_NEW:v-9:1699234567890"


def test_one_id_may_concern_two_agents_but_a_groups_event_concerns_all() -> None:
    call = {"callId": "c"}
    assert event("CALL_INCOMING", call, Origin("a")).key != event("CALL_INCOMING", call, Origin("b")).key
    queue = {"queueId": "q", "slaStatus": "healthy"}
    assert event("QUEUE_UPDATE", queue, Origin("a")).key == event("QUEUE_UPDATE", queue, Origin("b")).key


def test_the_guides_queue_update_is_understood() -> None:
    stats = {"callsInQueue": 5, "serviceLevelTarget": 80, "currentServiceLevel": 75, "availableAgents": "3", "x": None}
    measured = event(
        "QUEUE_UPDATE",
        {"queueId": "q", "queueName": "Sales", "stats": stats, "slaStatus": "Warning", "updatedAt": 1},
        Origin(None),
    )
    assert isinstance(measured, QueueMeasured)
    assert (measured.level, measured.current_level, measured.target_level) == ("warning", 75, 80)
    assert measured.stats == {
        "callsInQueue": 5,
        "serviceLevelTarget": 80,
        "currentServiceLevel": 75,
        "availableAgents": 3,
    }
    assert measured.agent is None


def test_percentages_outside_0_to_100_are_left_out() -> None:
    breached = event("SLA_BREACH", {"queueId": "q", "currentLevel": 140, "targetLevel": -3}, Origin(None))
    assert isinstance(breached, ServiceLevelBreached)
    assert (breached.current_level, breached.target_level) == (None, None)


@pytest.mark.parametrize(("kind", "payload"), [("CALL_INCOMING", {"callId": "c"}), ("SLA_BREACH", {"queueId": "q"})])
def test_rings_and_breaches_are_urgent_whatever_they_say(kind: str, payload: dict[str, Any]) -> None:
    assert event(kind, payload, meta={"priority": "low"}).priority is Priority.HIGH


def test_priority_ttl_and_correlation_come_from_meta() -> None:
    meta = {"priority": "low", "ttl": 5000, "correlationId": "k-1", "sequence": 4}
    changed = event("VOICEMAIL_UPDATED", {"voicemailId": "v", "priority": "x"}, meta=meta)
    assert isinstance(changed, VoicemailChanged)
    assert (changed.priority, changed.ttl_s, changed.correlation_id) == (Priority.LOW, 5.0, "k-1")
    assert changed.changed == ("priority",)


def test_a_high_voicemail_is_urgent() -> None:
    assert event("VOICEMAIL_NEW", {"voicemailId": "v", "priority": "high"}).priority is Priority.HIGH


def test_unknown_types_are_tolerated() -> None:
    assert to_event(parse(frame("SOMETHING_NEW", {"a": 1})), AGENT) is None


def test_unknown_enum_values_are_kept_as_they_came() -> None:
    assert event("QUEUE_UPDATE", {"queueId": "q", "slaStatus": "purple"}).level == "purple"


def test_lone_surrogates_never_come_in() -> None:
    left = to_event(
        parse('{"type":"VOICEMAIL_NEW","timestamp":1,"payload":{"voicemailId":"v\\ud800","transcription":"\\udfff!"}}'),
        AGENT,
    )
    assert isinstance(left, VoicemailLeft)
    assert (left.voicemail_id, left.transcription) == ("v\ufffd", "\ufffd!")


def test_maintenance_concerns_everybody() -> None:
    announced = event("SYSTEM_MAINTENANCE", {"startTime": 1_699_234_567_890, "message": "soon"})
    assert isinstance(announced, MaintenanceAnnounced)
    assert (announced.agent, announced.starts_at, announced.ends_at) == (None, 1_699_234_567.89, None)


def test_traffic_that_is_only_counted_is_known() -> None:
    seen = event("PRESENCE_UPDATE", {"userId": "u", "status": "available"})
    assert isinstance(seen, ActivitySeen)
    assert seen.subject == "u"


def test_age_takes_the_clock_skew_off() -> None:
    rang = event("CALL_INCOMING", {"callId": "c"}, Origin("a", skew_s=60.0), meta={"ttl": 1000})
    ours = 1_699_234_567.89 - 60.0
    assert rang.age(ours + 0.5) == pytest.approx(0.5)
    assert not rang.expired(ours + 0.5)
    assert rang.expired(ours + 1.5)
