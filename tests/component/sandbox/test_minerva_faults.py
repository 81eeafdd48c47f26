"""Each fault does to a real connection what docs/sandbox.md says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bridge.sandbox.minerva import SandboxMinerva, read_script
from bridge.sandbox.world import build_world
from tests.component.sandbox.minerva_client import Client
from tests.unit.sandbox.minerva.hand_clock import START, HandClock

WORLD = build_world(agents=3, queues=2)
AGENT = "agent-0001"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def minerva(clock: HandClock) -> AsyncIterator[SandboxMinerva]:
    async with SandboxMinerva(WORLD, clock=clock) as server:
        yield server


def arm(minerva: SandboxMinerva, *entries: dict[str, Any]) -> None:
    minerva.arm(*read_script(list(entries)))


async def call(minerva: SandboxMinerva, number: int) -> str:
    return (await minerva.send_to_user(AGENT, "CALL_ENDED", {"callId": f"call-{number}"})).id


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_the_upgrade_is_refused_as_often_as_told(minerva: SandboxMinerva, status: int) -> None:
    arm(minerva, {"fault": "upgrade_refused", "status": status, "times": 1, "retry_after_s": 7})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with Client(minerva):
            pass
    assert refused.value.status == status
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "7"
    async with Client(minerva) as client:
        assert (await client.auth())["type"] == "AUTH_SUCCESS"


async def test_auth_is_refused_for_the_users_named(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "auth_refused", "users": [AGENT], "message": "no"})
    async with Client(minerva) as client:
        assert (await client.auth())["payload"]["message"] == "no"
        assert (await client.ending()).data == 1008
    async with Client(minerva) as other:
        assert (await other.auth("agent-0002"))["type"] == "AUTH_SUCCESS"


async def test_auth_is_never_answered(minerva: SandboxMinerva, clock: HandClock) -> None:
    arm(minerva, {"fault": "auth_unanswered"}, {"fault": "drop", "at_s": 100})
    async with Client(minerva) as client:
        await client.say("AUTH", client.credentials(), id=None)
        await client.ws.ping()
        await minerva.wait_for(lambda: minerva.journal.connects == 1)
        await clock.advance(100.0)
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSED


async def test_accept_then_close(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "close", "when": "open", "code": 1013, "reason": "later", "times": 2})
    for _ in range(2):
        async with Client(minerva) as client:
            ending = await client.ending()
            assert (ending.type, ending.data, ending.extra) == (aiohttp.WSMsgType.CLOSE, 1013, "later")
    async with Client(minerva) as client:
        assert (await client.auth())["type"] == "AUTH_SUCCESS"


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4999])
async def test_every_close_code_reaches_the_client(minerva: SandboxMinerva, code: int) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "close", "code": code, "reason": "because"})
        ending = await client.ending()
    assert (ending.data, ending.extra) == (code, "because")


async def test_1005_is_a_close_without_a_code(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "close", "code": 1005})
        ending = await client.ending()
    assert (ending.type, ending.data) == (aiohttp.WSMsgType.CLOSE, 0)


async def test_a_close_comes_after_what_was_sent_before_it(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        for number in range(50):
            await call(minerva, number)
        arm(minerva, {"fault": "close"})
        for number in range(50):
            assert (await client.next())["payload"]["callId"] == f"call-{number}"


@pytest.mark.parametrize("fault", ["drop", "reset"])
async def test_connections_end_without_a_close_frame(minerva: SandboxMinerva, fault: str) -> None:
    async with Client(minerva) as first, Client(minerva) as second:
        await first.ready()
        await second.ready("agent-0002")
        arm(minerva, {"fault": fault})
        assert (await first.ending()).type is not aiohttp.WSMsgType.CLOSE
        assert (await second.ending()).type is not aiohttp.WSMsgType.CLOSE
        await minerva.wait_for(lambda: minerva.session_count == 0)
    assert minerva.journal.close_codes[1006] == 2


async def test_a_chatty_peer_never_answers_close_and_talks_on(minerva: SandboxMinerva, clock: HandClock) -> None:
    arm(minerva, {"fault": "chatty", "when": "auth", "interval_s": 0.3})
    async with Client(minerva) as client:
        await client.auth()
        assert (await client.next())["type"] == "PRESENCE_UPDATE"
        await client.ws._writer.close(1000)
        for _ in range(5):
            await clock.advance(0.3)
            assert (await client.next())["type"] == "PRESENCE_UPDATE"


async def test_a_server_without_acks_still_sends_events(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "silent", "times": 1})
    async with Client(minerva) as client:
        await client.ready()
        await client.heartbeat()
        await minerva.wait_for(lambda: minerva.journal.heartbeats[AGENT] == 1)
        await call(minerva, 1)
        assert (await client.next())["type"] == "CALL_ENDED"
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_silent_server_says_nothing_until_it_ends(minerva: SandboxMinerva, clock: HandClock) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "silent", "what": "everything", "for_s": 60})
        await clock.advance(1.0)
        await client.heartbeat()
        await minerva.wait_for(lambda: minerva.journal.heartbeats[AGENT] == 1)
        await call(minerva, 1)
        await clock.advance(60.0)
        await call(minerva, 2)
        assert (await client.next())["payload"] == {"callId": "call-2"}


async def test_a_slow_reader_reads_on_when_it_is_over(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "slow_reader"})
        for _ in range(3):
            await client.heartbeat()
        await call(minerva, 1)
        assert (await client.next())["type"] == "CALL_ENDED"
        assert minerva.journal.heartbeats[AGENT] == 0
        minerva.disarm()
        for _ in range(3):
            assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_slow_reader_that_is_dropped_ends(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "slow_reader"})
        await client.heartbeat()
        await minerva.wait_for(lambda: minerva.journal.connects == 1)
        arm(minerva, {"fault": "drop"})
        await minerva.wait_for(lambda: minerva.session_count == 0)


@pytest.mark.parametrize(
    ("entry", "kind", "payload"),
    [
        ({"fault": "session_expired"}, "SESSION_EXPIRED", {}),
        (
            {"fault": "rate_limited", "retry_after": 3, "limit": 10, "current": 11},
            "RATE_LIMITED",
            {"retryAfter": 3, "limit": 10, "current": 11},
        ),
        ({"fault": "error", "code": "X", "message": "y"}, "ERROR", {"code": "X", "message": "y"}),
        (
            {"fault": "maintenance", "starts_in_s": 10, "lasts_s": 20, "message": "m", "severity": "info"},
            "SYSTEM_MAINTENANCE",
            {
                "startTime": (START + 10) * 1000,
                "endTime": (START + 30) * 1000,
                "message": "m",
                "severity": "info",
            },
        ),
    ],
)
async def test_system_messages_are_sent_and_the_connection_stays(
    minerva: SandboxMinerva, entry: dict[str, Any], kind: str, payload: dict[str, Any]
) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, entry)
        answer = await client.next()
        assert (answer["type"], answer["payload"]) == (kind, payload)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_an_act_comes_its_delay_after_its_moment(minerva: SandboxMinerva, clock: HandClock) -> None:
    arm(minerva, {"fault": "session_expired", "when": "auth", "after_s": 30})
    async with Client(minerva) as client:
        await client.ready()
        await clock.advance(29.0)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"
        await clock.advance(1.0)
        assert (await client.next())["type"] == "SESSION_EXPIRED"


async def test_an_act_in_place_of_the_answer_leaves_the_session_without_one(minerva: SandboxMinerva) -> None:
    arm(
        minerva,
        {"fault": "rate_limited", "when": "auth", "instead": True},
        {"fault": "close", "when": "auth", "code": 1013},
    )
    async with Client(minerva) as client:
        assert (await client.auth())["type"] == "RATE_LIMITED"
        assert (await client.ending()).data == 1013


async def test_subscribe_is_answered_by_rate_limited_once(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "rate_limited", "when": "subscribe", "instead": True})
    async with Client(minerva) as client:
        await client.auth()
        await client.subscribe_user()
        assert (await client.next())["type"] == "RATE_LIMITED"
        await client.subscribe_user()
        assert (await client.next())["type"] == "SUBSCRIPTION_CONFIRMED"


async def test_an_act_repeats_at_its_interval(minerva: SandboxMinerva, clock: HandClock) -> None:
    arm(minerva, {"fault": "drop", "at_s": 10, "times": 2, "every_s": 5})
    for wait_s in (10.0, 5.0):
        async with Client(minerva) as client:
            await client.ready()
            await clock.advance(wait_s)
            await client.ending()
    async with Client(minerva) as client:
        await client.ready()
        await clock.advance(60.0)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_subscription_fails_n_times_and_then_works(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "subscription_error", "times": 2, "code": "BUSY", "channels": [AGENT]})
    async with Client(minerva) as client:
        await client.auth()
        for _ in range(2):
            await client.subscribe_user()
            assert (await client.next())["payload"]["code"] == "BUSY"
        await client.subscribe_user()
        assert (await client.next())["type"] == "SUBSCRIPTION_CONFIRMED"


async def test_a_subscription_is_never_confirmed_and_carries_nothing(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "subscription_unconfirmed"})
    async with Client(minerva) as client:
        await client.auth()
        await client.subscribe_user()
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"
        assert not minerva.is_subscribed("user", AGENT)


async def test_history_comes_inline(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "history_form", "form": "inline"})
    sent = [await call(minerva, number) for number in range(3)]
    async with Client(minerva) as client:
        await client.auth()
        await client.subscribe_user(includeHistory=True, historyLimit=2)
        answer = await client.next()
    assert [event["id"] for event in answer["payload"]["history"]] == sent[1:]


async def test_history_overflows_and_comes_back_full(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "history_fill", "count": 300, "users": [AGENT], "age_s": 100})
    async with Client(minerva) as client:
        await client.ready(includeHistory=True, historyLimit=500)
        events = [await client.next() for _ in range(200)]
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"
    assert events[-1]["timestamp"] == (START - 100) * 1000
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)


async def test_events_come_twice_with_one_id(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "duplicate", "copies": 3, "times": 1})
    async with Client(minerva) as client:
        await client.ready()
        doubled, once = await call(minerva, 1), await call(minerva, 2)
        assert [(await client.next())["id"] for _ in range(4)] == [doubled, doubled, doubled, once]


async def test_events_come_in_reverse(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "reorder", "window": 3})
    async with Client(minerva) as client:
        await client.ready()
        sent = [await call(minerva, number) for number in range(3)]
        assert [(await client.next())["id"] for _ in range(3)] == sent[::-1]


async def test_a_held_event_is_not_held_for_ever(minerva: SandboxMinerva, clock: HandClock) -> None:
    arm(minerva, {"fault": "reorder", "hold_s": 2})
    async with Client(minerva) as client:
        await client.ready()
        sent = await call(minerva, 1)
        await clock.advance(2.0)
        assert (await client.next())["id"] == sent


async def test_a_lost_event_leaves_a_hole_that_history_fills(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "sequence"}, {"fault": "lose", "every": 2, "times": 1})
    async with Client(minerva) as client:
        await client.ready()
        sent = [await call(minerva, number) for number in range(3)]
        received = [await client.next() for _ in range(2)]
        assert [event["meta"]["sequence"] for event in received] == [1, 3]
        await client.subscribe_user(includeHistory=True)
        assert "history" not in (await client.next())["payload"]
        assert [(await client.next())["id"] for _ in range(3)] == sent


async def test_a_skipped_number_is_a_hole_that_nothing_fills(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "sequence", "start": 10, "skip_every": 2})
    async with Client(minerva) as client:
        await client.ready()
        for number in range(4):
            await call(minerva, number)
        assert [(await client.next())["meta"]["sequence"] for _ in range(4)] == [10, 11, 13, 14]


async def test_events_carry_a_ttl_and_are_backdated(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "ttl", "ttl_ms": 1000, "backdate_ms": 5000, "types": ["CALL_ENDED"]})
    async with Client(minerva) as client:
        await client.ready()
        await call(minerva, 1)
        event = await client.next()
    assert (event["timestamp"], event["meta"]) == (START * 1000 - 5000, {"ttl": 1000})


async def test_the_servers_clock_is_off(minerva: SandboxMinerva) -> None:
    arm(minerva, {"fault": "clock_skew", "offset_ms": -90_000})
    async with Client(minerva) as client:
        assert (await client.auth())["timestamp"] == START * 1000 - 90_000


@pytest.mark.parametrize(
    "frame",
    [
        "not_json",
        "empty",
        "array",
        "no_type",
        "no_timestamp",
        "null_timestamp",
        "digit_timestamp",
        "text_timestamp",
        "missing_field",
        "null_payload",
        "array_payload",
        "unknown_type",
        "unknown_field",
        "binary",
        "big",
        "nested",
        "surrogate",
        "control_characters",
    ],
)
async def test_a_malformed_frame_is_sent_and_the_server_goes_on(minerva: SandboxMinerva, frame: str) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "malformed", "frame": frame})
        sent = await client.receive()
        expected = aiohttp.WSMsgType.BINARY if frame == "binary" else aiohttp.WSMsgType.TEXT
        assert sent.type is expected
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"
    if frame == "surrogate":
        assert json.loads(sent.data)["payload"]["callerInfo"]["name"] == "\ud83d lone \udc00"
    if frame == "big":
        assert len(sent.data) > 2 * 1024 * 1024


async def test_invalid_utf8_is_sent_as_it_is(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "malformed", "frame": "invalid_utf8"})
        assert (await client.ending()).type is aiohttp.WSMsgType.ERROR


async def test_raw_frames_go_out_as_they_are(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        assert await minerva.send_raw(AGENT, "hello") == 1
        assert await minerva.send_raw(AGENT, b"\x00") == 1
        assert (await client.receive()).data == "hello"
        assert (await client.receive()).data == b"\x00"


async def test_disarming_takes_off_what_has_not_begun(minerva: SandboxMinerva, clock: HandClock) -> None:
    async with Client(minerva) as client:
        await client.ready()
        arm(minerva, {"fault": "drop", "at_s": 5})
        minerva.disarm()
        await clock.advance(10.0)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"
