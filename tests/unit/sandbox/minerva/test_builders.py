"""Payloads have the fields of PROTOCOL §3, and the wire carries them whole."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.malformed import BIG_BYTES, malformed_frame
from bridge.sandbox.minerva.messages_left import TEXTS, leave_message
from bridge.sandbox.minerva.tide import COMFORT, margin_at, status_of
from bridge.sandbox.minerva.wire import Message
from bridge.sandbox.world import Agent, Caller, Queue

AGENT = Agent("agent-1", "005", "Jane Smith", "jane@example.com")
QUEUE = Queue("queue-1", "Sales", 80)
CALLER = Caller("+12125550100", "single", name="John Doe", account_id="001", contact_id="003")
NOBODY = Caller(None, "withheld")


def test_an_incoming_call_has_the_fields_of_the_guide() -> None:
    payload = builders.call_incoming(CALLER, QUEUE, call_id="c", call_sid="CA1", wait_s=45)
    assert payload == {
        "callId": "c",
        "callSid": "CA1",
        "direction": "inbound",
        "from": "+12125550100",
        "to": builders.MAIN_LINE,
        "queueId": "queue-1",
        "queueName": "Sales",
        "callerInfo": {"name": "John Doe", "accountId": "001", "contactId": "003", "caseId": None},
        "ani": "+12125550100",
        "dnis": builders.MAIN_LINE,
        "waitTime": 45,
    }


def test_a_withheld_caller_is_anonymous_and_has_no_ani() -> None:
    payload = builders.call_incoming(NOBODY, QUEUE, call_id="c")
    assert (payload["from"], payload["ani"]) == ("anonymous", None)


def test_a_connected_call_names_the_agent_among_the_participants() -> None:
    payload = builders.call_connected(CALLER, AGENT, call_id="c", connected_at=5, recording_id="r")
    assert [(each["role"], each["id"]) for each in payload["participants"]] == [
        ("agent", "agent-1"),
        ("caller", "caller-c"),
    ]


@pytest.mark.parametrize(("disposition", "wrap_up"), [("completed", True), ("no_answer", False)])
def test_wrap_up_follows_answered_calls_only(disposition: str, wrap_up: bool) -> None:
    payload = builders.call_ended(call_id="c", ended_at=1, duration_s=2, disposition=disposition)
    assert payload["wrapUpRequired"] is wrap_up
    assert (payload["wrapUpTimeout"] is not None) is wrap_up


def test_a_queue_update_carries_all_figures() -> None:
    payload = builders.queue_update(QUEUE, builders.QueueStats(callsInQueue=5), sla_status="warning", updated_at=1)
    assert payload["stats"]["callsInQueue"] == 5
    assert set(payload["stats"]) == {
        "callsInQueue",
        "longestWaitTime",
        "averageWaitTime",
        "availableAgents",
        "totalAgents",
        "busyAgents",
        "awayAgents",
        "serviceLevelTarget",
        "currentServiceLevel",
        "callsAnsweredToday",
        "callsAbandonedToday",
        "averageHandleTime",
    }


def test_an_alert_says_level_and_target() -> None:
    stats = builders.QueueStats(currentServiceLevel=60, serviceLevelTarget=80)
    payload = builders.sla_alert(QUEUE, stats, sla_status="critical")
    assert (payload["currentLevel"], payload["targetLevel"], payload["slaStatus"]) == (60, 80, "critical")


def test_a_message_is_ascii_on_the_wire_and_leaves_an_empty_meta_out() -> None:
    body = json.loads(Message("X", 1, {"name": "Zoë \ud800"}, "i").frame().decode("ascii"))
    assert body == {"type": "X", "id": "i", "timestamp": 1, "payload": {"name": "Zoë \ud800"}}


def test_messages_left_vary_in_text_and_in_clarity() -> None:
    dice = random.Random(1)  # noqa: S311 - the same draws each time
    spoken = [leave_message(dice) for _ in range(500)]
    assert {each.said for each in spoken} >= set(TEXTS)
    assert any(each.heard is None for each in spoken)
    assert any(each.heard and "…" in each.heard for each in spoken)
    assert all(each.duration_s > 0 for each in spoken)


@pytest.mark.parametrize(
    ("at_s", "place", "status"),
    [
        (0.0, 0, "healthy"),
        (30.0, 0, "warning"),
        (60.0, 0, "critical"),
        (95.0, 0, "healthy"),
        (60.0, 1, "healthy"),
        (160.0, 1, "critical"),
        (260.0, 0, "critical"),
    ],
)
def test_queues_dip_in_turn(at_s: float, place: int, status: str) -> None:
    assert status_of(margin_at(at_s, place, 2, 100.0)) == status


def test_a_queue_that_is_not_in_trouble_is_comfortable() -> None:
    assert margin_at(10.0, 1, 2, 100.0) == COMFORT


def test_the_big_frame_is_json_and_too_big() -> None:
    frame = malformed_frame("big", 1)
    assert len(frame) > BIG_BYTES
    assert json.loads(frame)["type"] == "CALL_INCOMING"


@pytest.mark.parametrize(("kind", "field"), [("no_type", "type"), ("no_timestamp", "timestamp")])
def test_a_frame_without_a_field_has_all_the_others(kind: Any, field: str) -> None:
    body = json.loads(malformed_frame(kind, 1))
    assert field not in body
    assert body["payload"]["callId"]


def test_the_nested_frame_is_too_deep_for_a_recursive_parser() -> None:
    with pytest.raises(RecursionError):
        json.loads(malformed_frame("nested", 1))
