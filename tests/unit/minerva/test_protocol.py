from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from bridge.minerva import outputs, protocol
from bridge.minerva.endings import Kind
from bridge.minerva.messages import QUEUE_EVENTS, TEAM_EVENTS, USER_EVENTS, Channel, user
from bridge.minerva.protocol import Phase, ProtocolConfig
from tests.support.minerva import WALL, Bench

QUEUE = Channel("queue-1", "queue")
TEAM = Channel("team-1", "team")
CALL = {"callId": "c-1"}


def kinds(taken: list[outputs.Output]) -> list[str]:
    return [type(output).__name__ for output in taken]


def delivered(taken: list[outputs.Output]) -> list[str]:
    return [output.event.id for output in taken if isinstance(output, outputs.Delivered)]


def ended(taken: list[outputs.Output]) -> outputs.Ended:
    (end,) = [output for output in taken if isinstance(output, outputs.Ended)]
    return end


# --- authentication (PROTOCOL §1) --------------------------------------------------------------------------------


def test_auth_is_the_first_message_and_carries_everything_the_guide_names() -> None:
    (auth,) = Bench().open()
    assert auth["type"] == "AUTH"
    assert (auth["protocol"], auth["version"], auth["timestamp"]) == ("minerva", "2.0", int(WALL * 1000))
    assert "id" not in auth
    payload = auth["payload"]
    assert (payload["token"], payload["userId"], payload["orgId"]) == ("secret-token", "agent-1", "00D000000000001EAA")
    assert payload["clientInfo"]["platform"] == "bridge"
    assert payload["clientInfo"]["userAgent"].startswith("minerva-bridge/")
    assert payload["clientInfo"]["timezone"] == "Europe/Berlin"


def test_nothing_is_subscribed_before_auth_succeeded() -> None:
    bench = Bench()
    bench.open()
    bench.say("CALL_INCOMING", CALL)
    bench.say("HEARTBEAT_ACK", {"originalTimestamp": 1})
    assert bench.sent() == []
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    assert [message["type"] for message in bench.sent()] == ["SUBSCRIBE"]


def test_an_unanswered_auth_ends_after_its_time() -> None:
    bench = Bench()
    bench.open()
    bench.pass_time(9.9)
    assert bench.take() == []
    bench.pass_time(0.2)
    assert ended(bench.take()).ending.kind is Kind.AUTH_TIMEOUT


def test_a_refused_auth_ends_with_minervas_words() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_FAILURE", {"message": "token expired"})
    end = ended(bench.take())
    assert (end.ending.kind, end.ending.reason) == (Kind.AUTH_REFUSED, "token expired")


def test_query_auth_sends_no_auth_and_is_ready_to_subscribe_on_open() -> None:
    bench = Bench(config=ProtocolConfig(query_auth=True))
    assert [message["type"] for message in bench.open()] == ["SUBSCRIBE"]


# --- subscriptions (PROTOCOL §4) ---------------------------------------------------------------------------------


def test_a_user_subscription_asks_for_all_user_events_and_history() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    (subscribe,) = bench.sent()
    assert subscribe["payload"] == {
        "channel": "user",
        "userId": "agent-1",
        "events": list(USER_EVENTS),
        "options": {"includeHistory": True, "historyLimit": 50},
    }
    assert subscribe["id"]


@pytest.mark.parametrize(("channel", "events"), [(QUEUE, QUEUE_EVENTS), (TEAM, TEAM_EVENTS)])
def test_a_group_subscription_names_its_group_and_asks_for_stats(channel: Channel, events: tuple[str, ...]) -> None:
    bench = Bench(agent=None, wanted=[channel])
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    (subscribe,) = bench.sent()
    assert subscribe["payload"] == {
        "channel": "group",
        "groupType": channel.group_type,
        "groupId": channel.id,
        "events": list(events),
        "options": {"includeStats": True, "statsInterval": 5000},
    }


def test_readiness_waits_for_every_channel() -> None:
    bench = Bench(agent=None, wanted=[QUEUE, TEAM])
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.say("SUBSCRIPTION_CONFIRMED", QUEUE.identity())
    assert "Ready" not in kinds(bench.take())
    bench.say("SUBSCRIPTION_CONFIRMED", TEAM.identity())
    assert outputs.Ready(()) in bench.take()


def test_a_confirmation_of_something_else_is_not_taken_for_ours() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.take()
    bench.say("SUBSCRIPTION_CONFIRMED", user("agent-2").identity())
    assert kinds(bench.take()) == ["Counted"]
    assert bench.machine.phase is Phase.SUBSCRIBING


def test_a_refused_channel_is_tried_again_alone_and_leaves_the_others() -> None:
    bench = Bench(agent=None, wanted=[QUEUE, TEAM])
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.say("SUBSCRIPTION_CONFIRMED", QUEUE.identity())
    bench.take()
    bench.say("SUBSCRIPTION_ERROR", {**TEAM.identity(), "reason": "unknown team", "code": "NO_TEAM"})
    taken = bench.take()
    assert outputs.SubscriptionFailed(TEAM, "unknown team") in taken
    assert outputs.Ready((TEAM,)) in taken, "connected, and degraded"
    bench.pass_time(1.3)
    (again,) = bench.sent()
    assert again["payload"]["groupId"] == "team-1"
    bench.say("SUBSCRIPTION_CONFIRMED", TEAM.identity())
    assert outputs.Ready(()) in bench.take()


def test_an_unanswered_subscribe_is_sent_again_after_its_time() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.take()
    bench.pass_time(10.0)
    assert any(isinstance(output, outputs.SubscriptionFailed) for output in bench.take())
    bench.pass_time(1.3)
    assert [message["type"] for message in bench.sent()] == ["SUBSCRIBE"]


def test_an_error_without_identity_is_matched_when_only_one_channel_waits() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.take()
    bench.say("SUBSCRIPTION_ERROR", {"channel": "user", "reason": "busy"})
    assert outputs.SubscriptionFailed(user("agent-1"), "busy") in bench.take()


# --- rate limits (PROTOCOL §3, §6) -------------------------------------------------------------------------------


def test_a_rate_limit_holds_subscribes_and_is_told_to_the_fleet() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {})
    bench.take()
    bench.say("SUBSCRIPTION_ERROR", {**user("agent-1").identity(), "reason": "later"})
    bench.say("RATE_LIMITED", {"retryAfter": 60})
    assert outputs.RateLimited(60.0) in bench.take()
    bench.pass_time(59.0)
    assert [message["type"] for message in bench.sent() if message["type"] == "SUBSCRIBE"] == []
    bench.pass_time(2.0)
    assert "SUBSCRIBE" in [message["type"] for message in bench.sent()]


@pytest.mark.parametrize(
    ("unit", "asked", "wait"),
    [(1.0, 5, 5.0), (0.001, 5000, 5.0), (1.0, 9999, 300.0), (1.0, -1, 0.0), (1.0, None, 0.0), (1.0, "7", 7.0)],
)
def test_the_wait_is_read_in_its_unit_and_capped(unit: float, asked: Any, wait: float) -> None:
    bench = Bench(config=ProtocolConfig(retry_after_scale=unit))
    bench.ready()
    bench.say("RATE_LIMITED", {"retryAfter": asked})
    assert bench.take() == [outputs.RateLimited(wait)]


def test_a_rate_limit_instead_of_an_auth_answer_ends_the_attempt() -> None:
    bench = Bench()
    bench.open()
    bench.say("RATE_LIMITED", {"retryAfter": 3})
    end = ended(bench.take())
    assert (end.ending.kind, end.ending.retry_after_s) == (Kind.RATE_LIMITED, 3.0)


# --- heartbeats (PROTOCOL §5) ------------------------------------------------------------------------------------


def beats(bench: Bench) -> list[dict[str, Any]]:
    return [message for message in bench.sent() if message["type"] == "HEARTBEAT"]


def test_beats_are_measured_send_to_send_and_carry_the_client_id() -> None:
    bench = Bench(roll=1.0)
    bench.ready()
    stamps = []
    for _ in range(3):
        bench.pass_time(30.0)
        (beat,) = beats(bench)
        assert (beat["clientId"], beat["protocol"], "id" in beat) == ("client-1", "minerva", False)
        stamps.append(beat["timestamp"])
        bench.say("HEARTBEAT_ACK", {"originalTimestamp": beat["timestamp"]})
    assert [later - earlier for earlier, later in itertools.pairwise(stamps)] == [30_000, 30_000]


@pytest.mark.parametrize(("roll", "first"), [(0.0, 3.0), (0.5, 16.5), (1.0, 30.0)])
def test_the_first_beat_comes_at_a_random_phase(roll: float, first: float) -> None:
    bench = Bench(roll=roll)
    bench.ready()
    bench.pass_time(first - 0.1)
    assert beats(bench) == []
    bench.pass_time(0.1)
    assert len(beats(bench)) == 1


def test_three_silent_beats_end_the_connection() -> None:
    bench = Bench(roll=1.0)
    bench.ready()
    bench.pass_time(30 + 30 + 30 + 9.9)
    assert "Ended" not in kinds(bench.take())
    bench.pass_time(0.2)
    assert ended(bench.take()).ending.kind is Kind.HEARTBEAT


def test_any_frame_since_the_beat_counts_as_life() -> None:
    bench = Bench(roll=1.0)
    bench.ready()
    for _ in range(10):
        bench.pass_time(30.0)
        bench.say("PRESENCE_UPDATE", {"userId": "agent-1"})
        bench.pass_time(0.1)
    assert "Ended" not in kinds(bench.take())


def test_a_binary_frame_is_a_sign_of_life_and_nothing_else() -> None:
    bench = Bench()
    bench.ready()
    bench.machine.received_binary(bench.now)
    assert bench.take() == [outputs.Counted("malformed", "binary")]


def test_only_one_beat_is_in_flight_even_when_the_timeout_outlasts_the_interval() -> None:
    bench = Bench(roll=1.0, config=ProtocolConfig(heartbeat_interval_s=2.0, heartbeat_timeout_s=10.0))
    bench.ready()
    bench.pass_time(11.9)
    assert len(beats(bench)) == 1


def test_a_late_tick_is_our_own_stall_and_blames_nobody() -> None:
    bench = Bench(roll=1.0)
    bench.ready()
    bench.pass_time(30.0)
    beats(bench)
    bench.now += 60.0  # the loop stood still: no tick, no reading
    bench.machine.tick(bench.now, bench.wall)
    assert "Ended" not in kinds(bench.take())
    bench.say("HEARTBEAT_ACK", {"originalTimestamp": 1})
    bench.pass_time(25.0)
    assert "Ended" not in kinds(bench.take())


def test_latency_is_measured_against_the_original_timestamp() -> None:
    bench = Bench(roll=1.0)
    bench.ready()
    bench.pass_time(30.0)
    (beat,) = beats(bench)
    bench.now += 0.25
    bench.say("HEARTBEAT_ACK", {"originalTimestamp": beat["timestamp"]})
    (latency,) = bench.take()
    assert isinstance(latency, outputs.Latency)
    assert latency.seconds == pytest.approx(0.25, abs=0.002)


# --- events, history, skew (PROTOCOL §2, §5) ---------------------------------------------------------------------


def test_live_events_are_acted_on_however_old_their_stamp() -> None:
    bench = Bench()
    bench.ready()
    bench.pass_time(protocol.REPLAY_WINDOW_S + 0.1)
    bench.take()
    bench.say("VOICEMAIL_NEW", {"voicemailId": "v"}, at=1_699_235_000.0, id="old")
    assert delivered(bench.take()) == ["old"]


def test_history_older_than_the_first_contact_is_recorded_and_not_acted_on() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.take()
    before = {
        "type": "VOICEMAIL_NEW",
        "id": "before",
        "timestamp": int((WALL - 60) * 1000),
        "payload": {"voicemailId": "v1"},
    }
    after = {
        "type": "VOICEMAIL_NEW",
        "id": "after",
        "timestamp": int((WALL + 1) * 1000),
        "payload": {"voicemailId": "v2"},
    }
    bench.say(
        "SUBSCRIPTION_CONFIRMED", {**user("agent-1").identity(), "history": [before, after, "rubbish", {"type": "X"}]}
    )
    taken = bench.take()
    assert delivered(taken) == ["after"]
    assert [output.event.id for output in taken if isinstance(output, outputs.Recorded)] == ["before"]
    assert all(output.event.replayed for output in taken if isinstance(output, outputs.Delivered))
    assert [output.outcome for output in taken if isinstance(output, outputs.Counted)] == [
        "not_object",
        "no_timestamp",
    ]


def test_history_may_come_as_ordinary_messages_after_the_confirmation() -> None:
    bench = Bench()
    bench.ready()
    bench.say("VOICEMAIL_NEW", {"voicemailId": "v1"}, at=WALL - 60, id="before")
    bench.say("VOICEMAIL_NEW", {"voicemailId": "v2"}, at=WALL + 0.001, id="after")
    assert delivered(bench.take()) == ["after"]


def test_skew_is_estimated_from_the_auth_answer() -> None:
    bench = Bench()
    bench.open()
    bench.now = 0.2
    bench.say("AUTH_SUCCESS", {"clientId": "x"}, at=WALL + 0.1 + 120.0)
    assert bench.machine.skew_s == pytest.approx(120.0, abs=0.002)


def test_an_absurd_clock_is_no_skew() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"}, at=1.0)
    assert bench.machine.skew_s == 0.0


def test_a_jump_in_the_sequence_is_told_and_a_repeat_is_not() -> None:
    bench = Bench()
    bench.ready()
    for number in (5, 6, 6, 9):
        bench.say("PRESENCE_UPDATE", {"userId": "u"}, meta={"sequence": number})
    assert [output for output in bench.take() if isinstance(output, outputs.SequenceJump)] == [
        outputs.SequenceJump(7, 9)
    ]


def test_unknown_and_broken_messages_are_counted_and_nothing_else_happens() -> None:
    bench = Bench()
    bench.ready()
    bench.say("NEW_THING", {})
    bench.raw("{")
    bench.say("CALL_INCOMING", {})
    assert bench.take() == [
        outputs.Counted("NEW_THING", "unknown"),
        outputs.Counted("malformed", "not_json", "{"),
        outputs.Counted("malformed", "missing_field", "CALL_INCOMING without callId"),
    ]
    assert bench.machine.phase is Phase.READY


def test_an_error_message_is_told_and_the_connection_stays() -> None:
    bench = Bench()
    bench.ready()
    bench.say("ERROR", {"code": "E1", "message": "no"})
    assert bench.take() == [outputs.ServerError("E1", "no")]
    assert bench.machine.phase is Phase.READY


def test_an_expired_session_ends_the_connection() -> None:
    bench = Bench()
    bench.ready()
    bench.say("SESSION_EXPIRED")
    assert ended(bench.take()).ending.kind is Kind.SESSION_EXPIRED


def test_after_its_end_the_machine_is_deaf() -> None:
    bench = Bench()
    bench.ready()
    bench.say("SESSION_EXPIRED")
    bench.take()
    bench.say("CALL_INCOMING", CALL)
    bench.machine.received_binary(bench.now)
    bench.machine.tick(bench.now + 1000, bench.wall)
    assert bench.take() == []
    assert bench.machine.deadline() is None


def test_the_token_stands_in_the_auth_message_alone() -> None:
    bench = Bench(roll=0.0)
    bench.machine.opened("secret-token", 0.0, WALL)
    bench.say("AUTH_SUCCESS", {"clientId": "c"})
    bench.pass_time(30.0)
    texts = [output.text for output in bench.take() if isinstance(output, outputs.Send)]
    assert ["secret-token" in text for text in texts].count(True) == 1
    assert json.loads(texts[0])["type"] == "AUTH"


def test_live_events_that_come_while_history_is_asked_for_are_released_in_order_behind_it() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.take()
    bench.say("CALL_ENDED", CALL, at=WALL + 0.3, id="later")
    bench.say("CALL_INCOMING", CALL, at=WALL + 0.2, id="sooner")
    assert delivered(bench.take()) == []
    old = {
        "type": "CALL_INCOMING",
        "id": "history",
        "timestamp": int((WALL + 0.1) * 1000),
        "payload": {"callId": "c-0"},
    }
    bench.say("SUBSCRIPTION_CONFIRMED", {**user("agent-1").identity(), "history": [old]})
    assert delivered(bench.take()) == ["history", "sooner", "later"]


def test_what_is_held_back_is_bounded_and_let_go_when_the_subscription_fails() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.take()
    for number in range(protocol.HELD_AT_MOST + 5):
        bench.say("PRESENCE_UPDATE", {"userId": "agent-1"}, id=f"m-{number}")
    assert len(delivered(bench.take())) == 5
    bench.say("SUBSCRIPTION_ERROR", {**user("agent-1").identity(), "reason": "later"})
    assert len(delivered(bench.take())) == protocol.HELD_AT_MOST


def test_a_jump_in_the_sequence_asks_for_history_once_more_and_keeps_the_session_ready() -> None:
    bench = Bench()
    bench.ready()
    bench.pass_time(3.0)
    bench.take()
    bench.say("PRESENCE_UPDATE", {"userId": "u"}, meta={"sequence": 1})
    bench.take()
    bench.say("CALL_INCOMING", CALL, meta={"sequence": 5}, id="after-the-gap")
    taken = bench.take()
    assert outputs.SequenceJump(2, 5) in taken
    (subscribe,) = [json.loads(output.text) for output in taken if isinstance(output, outputs.Send)]
    assert subscribe["payload"]["options"] == {"includeHistory": True, "historyLimit": 50}
    assert delivered(taken) == []
    assert bench.machine.phase is Phase.READY
    assert not [output for output in taken if isinstance(output, outputs.Ready)], "nobody hears of it"
    bench.say("SUBSCRIPTION_CONFIRMED", user("agent-1").identity())
    assert delivered(bench.take()) == ["after-the-gap"]


@pytest.mark.parametrize(("count", "full"), [(3, True), (2, False), (0, False)])
def test_the_end_of_a_replay_says_whether_older_events_may_be_missing(count: int, full: bool) -> None:
    bench = Bench(history_limit=3)
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.take()
    history = [
        {"type": "CALL_ENDED", "id": f"h-{number}", "timestamp": int((WALL + number) * 1000), "payload": CALL}
        for number in range(count)
    ]
    bench.say("SUBSCRIPTION_CONFIRMED", {**user("agent-1").identity(), "history": history})
    bench.pass_time(protocol.REPLAY_WINDOW_S)
    (replayed,) = [output for output in bench.take() if isinstance(output, outputs.Replayed)]
    assert (replayed.full, replayed.oldest_at) == (full, WALL if count else None)


def test_no_live_event_waits_longer_than_a_second_for_history() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.say("CALL_INCOMING", CALL, id="ring")
    bench.pass_time(protocol.HELD_FOR_S - 0.01)
    assert delivered(bench.take()) == []
    bench.pass_time(0.02)
    assert delivered(bench.take()) == ["ring"]
    bench.say("CALL_ENDED", CALL, id="end")
    assert delivered(bench.take()) == ["end"]


def numbered(bench: Bench, *numbers: int) -> None:
    for number in numbers:
        bench.say(
            "CALL_ENDED", {"callId": f"c-{number}"}, meta={"sequence": number}, id=f"m-{number}", at=WALL + number
        )


@pytest.mark.parametrize(
    ("brought", "open_at"), [([], WALL + 7), ([4, 5], WALL + 7), ([4, 5, 6], None), ([3, 4, 5, 6, 7], None)]
)
def test_a_jump_stays_open_unless_history_brings_as_many_unknown_events(
    brought: list[int], open_at: float | None
) -> None:
    bench = Bench()
    bench.ready()
    bench.pass_time(30.0)
    numbered(bench, 1, 2, 3, 7)
    bench.take()
    history = [
        {
            "type": "CALL_ENDED",
            "id": f"m-{number}",
            "timestamp": int((WALL + number) * 1000),
            "payload": {"callId": f"c-{number}"},
        }
        for number in brought
    ]
    bench.say("SUBSCRIPTION_CONFIRMED", {**user("agent-1").identity(), "history": history})
    bench.pass_time(outputs_window())
    (replayed,) = [output for output in bench.take() if isinstance(output, outputs.Replayed)]
    assert replayed.jump_at == open_at


def outputs_window() -> float:
    return protocol.REPLAY_WINDOW_S + 0.1


def test_old_stamps_are_history_for_two_seconds_even_when_no_confirmation_comes() -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.take()
    bench.pass_time(outputs_window())
    bench.take()
    bench.say("VOICEMAIL_NEW", {"voicemailId": "v"}, at=1_699_235_000.0, id="old-but-live")
    bench.pass_time(protocol.HELD_FOR_S + 0.1)
    assert delivered(bench.take()) == ["old-but-live"]


@pytest.mark.parametrize("end", ["lost", "expired"])
def test_what_was_held_back_is_not_lost_with_the_connection(end: str) -> None:
    bench = Bench()
    bench.open()
    bench.say("AUTH_SUCCESS", {"clientId": "x"})
    bench.say("VOICEMAIL_NEW", {"voicemailId": "v"}, id="held")
    assert delivered(bench.take()) == []
    if end == "lost":
        bench.machine.closed()
    else:
        bench.say("SESSION_EXPIRED")
    assert delivered(bench.take()) == ["held"]
    bench.machine.closed()
    assert bench.take() == []
