"""The sandbox Minerva keeps the protocol, and holds clients to it (PROTOCOL §1, §4, §5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.builders import call_incoming, voicemail_new
from bridge.sandbox.world import build_world
from tests.component.sandbox.minerva_client import Client
from tests.unit.sandbox.minerva.hand_clock import START, HandClock

WORLD = build_world(agents=3, queues=2)
RING = call_incoming(WORLD.callers[0], WORLD.queues[0], call_id="call-1")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def minerva(clock: HandClock) -> AsyncIterator[SandboxMinerva]:
    async with SandboxMinerva(WORLD, clock=clock) as server:
        yield server


async def test_a_handshake_without_the_subprotocol_is_refused_with_400(minerva: SandboxMinerva) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with Client(minerva, protocols=()):
            pass
    assert refused.value.status == 400


async def test_the_subprotocol_and_compression_are_agreed(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        assert client.ws.protocol == "minerva-v2"
        assert client.ws.compress


async def test_auth_gives_a_client_id_and_the_servers_time(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        answer = await client.auth()
    assert answer["type"] == "AUTH_SUCCESS"
    assert answer["timestamp"] == START * 1000
    assert answer["payload"]["clientId"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": ""}, "token"),
        ({"token": None}, "token"),
        ({"userId": " "}, "userId"),
        ({"orgId": "00D000000000000AAA"}, "orgId"),
        ({"clientInfo": None}, "clientInfo"),
    ],
)
async def test_bad_credentials_are_refused_and_the_connection_is_closed(
    minerva: SandboxMinerva, change: dict[str, Any], said: str
) -> None:
    async with Client(minerva) as client:
        await client.say("AUTH", client.credentials() | change, id=None)
        answer = await client.next()
        ending = await client.ending()
    assert answer["type"] == "AUTH_FAILURE"
    assert said in answer["payload"]["message"]
    assert ending.data == 1008


async def test_the_15_character_org_id_is_the_same_org(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.say("AUTH", client.credentials() | {"orgId": WORLD.org_id[:15]}, id=None)
        assert (await client.next())["type"] == "AUTH_SUCCESS"


@pytest.mark.parametrize("first", ["SUBSCRIBE", "HEARTBEAT", "UNSUBSCRIBE"])
async def test_whatever_comes_before_auth_is_refused_and_ends_with_1008(minerva: SandboxMinerva, first: str) -> None:
    async with Client(minerva) as client:
        await client.say(first, {"channel": "user", "userId": "agent-0001", "events": ["CALL_INCOMING"]})
        answer = await client.next()
        ending = await client.ending()
    assert (answer["type"], answer["payload"]["code"]) == ("ERROR", "NOT_AUTHENTICATED")
    assert ending.data == 1008


async def test_a_client_that_sends_no_auth_is_closed_with_1008(minerva: SandboxMinerva, clock: HandClock) -> None:
    async with Client(minerva) as client:
        await minerva.wait_for(lambda: minerva.journal.connects == 1)
        await clock.advance(10.0)
        assert (await client.ending()).data == 1008


async def test_a_client_that_authenticated_is_not_closed_by_the_auth_deadline(
    minerva: SandboxMinerva, clock: HandClock
) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await clock.advance(60.0)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_second_auth_is_an_error_and_the_session_stays(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("AUTH", client.credentials(), id=None)
        assert (await client.next())["payload"]["code"] == "ALREADY_AUTHENTICATED"
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_heartbeat_is_answered_with_its_own_timestamp(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("HEARTBEAT", clientId=client.client_id, id=None, timestamp=1_234)
        answer = await client.next()
    assert answer["payload"] == {"originalTimestamp": 1_234}
    assert minerva.journal.heartbeats["agent-0001"] == 1


async def test_a_heartbeat_with_the_wrong_client_id_is_an_error(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("HEARTBEAT", clientId="somebody else", id=None)
        assert (await client.next())["payload"]["code"] == "WRONG_CLIENT"


async def test_query_mode_is_ready_on_open(minerva: SandboxMinerva) -> None:
    query = {"token": "t", "userId": "agent-0002", "orgId": WORLD.org_id, "timestamp": "1"}
    async with Client(minerva, query=query) as client:
        await client.subscribe_user("agent-0002")
        assert (await client.next())["type"] == "SUBSCRIPTION_CONFIRMED"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"token": "", "userId": "a", "orgId": WORLD.org_id, "timestamp": "1"}, 401),
        ({"token": "t", "userId": "a", "orgId": "other", "timestamp": "1"}, 403),
        ({"token": "t", "userId": "a", "orgId": WORLD.org_id, "timestamp": "soon"}, 400),
    ],
)
async def test_query_mode_with_bad_credentials_is_refused_at_the_upgrade(
    minerva: SandboxMinerva, query: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with Client(minerva, query=query):
            pass
    assert refused.value.status == status


async def test_a_subscription_is_confirmed_by_identity(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        request = await client.subscribe_user()
        answer = await client.next()
    assert answer["payload"]["channel"] == "user"
    assert answer["payload"]["userId"] == "agent-0001"
    assert answer["meta"] == {"correlationId": request}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"channel": "user", "userId": "nobody", "events": ["CALL_INCOMING"]}, "NOT_FOUND"),
        ({"channel": "user", "userId": "agent-0002", "events": ["CALL_INCOMING"]}, "FORBIDDEN"),
        ({"channel": "user", "userId": "agent-0001", "events": ["SLA_BREACH"]}, "INVALID_EVENTS"),
        ({"channel": "user", "userId": "agent-0001", "events": []}, "INVALID_EVENTS"),
        ({"channel": "group", "groupType": "queue", "groupId": "queue-999", "events": ["SLA_BREACH"]}, "NOT_FOUND"),
        ({"channel": "group", "groupType": "team", "groupId": "team-9", "events": ["MEMBER_ADDED"]}, "NOT_FOUND"),
        (
            {
                "channel": "group",
                "groupType": "queue",
                "groupId": "queue-001",
                "events": ["SLA_BREACH"],
                "options": {"statsInterval": 1},
            },
            "INVALID_OPTIONS",
        ),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused_by_identity(
    minerva: SandboxMinerva, payload: dict[str, Any], code: str
) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("SUBSCRIBE", payload)
        answer = await client.next()
    assert (answer["type"], answer["payload"]["code"]) == ("SUBSCRIPTION_ERROR", code)
    assert answer["payload"]["reason"]
    assert payload.items() >= {key: answer["payload"][key] for key in payload if key.endswith("Id")}.items()


async def test_the_service_user_may_listen_to_everybody(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth("bridge")
        await client.subscribe_user("agent-0002")
        assert (await client.next())["type"] == "SUBSCRIPTION_CONFIRMED"


async def test_events_reach_every_session_of_the_user_and_nobody_else(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as first, Client(minerva) as second, Client(minerva) as other:
        await first.ready()
        await second.ready()
        await other.ready("agent-0002")
        sent = await minerva.send_to_user("agent-0001", "CALL_INCOMING", RING)
        await minerva.send_to_user("agent-0002", "CALL_ENDED", {"callId": "other"})
        received = [await first.next(), await second.next(), await other.next()]
    assert [message["id"] for message in received[:2]] == [sent.id, sent.id]
    assert received[0]["payload"] == RING
    assert received[2]["type"] == "CALL_ENDED"


async def test_only_subscribed_types_are_sent(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("SUBSCRIBE", {"channel": "user", "userId": "agent-0001", "events": ["CALL_ENDED"]})
        await client.next("SUBSCRIPTION_CONFIRMED")
        await minerva.send_to_user("agent-0001", "CALL_INCOMING", RING)
        await minerva.send_to_user("agent-0001", "CALL_ENDED", {"callId": "call-1"})
        assert (await client.next())["type"] == "CALL_ENDED"


async def test_after_unsubscribe_nothing_comes(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        await client.say("UNSUBSCRIBE", {"channel": "user", "userId": "agent-0001"})
        await minerva.wait_for(lambda: not minerva.is_subscribed("user", "agent-0001"))
        await minerva.send_to_user("agent-0001", "CALL_INCOMING", RING)
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_unsubscribe_carries_the_identity_only(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        await client.say("UNSUBSCRIBE", {"channel": "user", "userId": "agent-0001", "events": []})
        assert (await client.next())["payload"]["code"] == "UNEXPECTED_FIELD"


async def test_history_follows_the_confirmation_with_the_original_ids(minerva: SandboxMinerva) -> None:
    sent = [await minerva.send_to_user("agent-0001", "CALL_ENDED", {"callId": f"call-{n}"}) for n in range(4)]
    async with Client(minerva) as client:
        await client.ready(includeHistory=True, historyLimit=3)
        received = [await client.next() for _ in range(3)]
    assert [message["id"] for message in received] == [message.id for message in sent[1:]]


async def test_no_history_comes_unless_asked_for(minerva: SandboxMinerva) -> None:
    await minerva.send_to_user("agent-0001", "CALL_ENDED", {"callId": "old"})
    async with Client(minerva) as client:
        await client.ready()
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


async def test_a_queue_is_shown_at_once_and_then_at_every_interval(minerva: SandboxMinerva, clock: HandClock) -> None:
    async with Client(minerva) as client:
        await client.auth("bridge")
        await client.subscribe_queue(statsInterval=5_000)
        await client.next("SUBSCRIPTION_CONFIRMED")
        first = await client.next("QUEUE_UPDATE")
        await clock.advance(5.0)
        second = await client.next("QUEUE_UPDATE")
    assert first["payload"]["slaStatus"] == "healthy"
    assert second["timestamp"] - first["timestamp"] == 5_000
    assert first["id"] != second["id"]


async def test_a_broadcast_reaches_every_authenticated_session(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client, Client(minerva) as stranger:
        await client.auth()
        await minerva.wait_for(lambda: minerva.session_count == 2)
        await minerva.broadcast("SYSTEM_MAINTENANCE", {"startTime": 1, "endTime": 2})
        assert (await client.next())["type"] == "SYSTEM_MAINTENANCE"
        assert (await stranger.auth())["type"] == "AUTH_SUCCESS"


async def test_a_binary_frame_is_answered_by_an_error_and_the_session_stays(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        await client.raw(b"\x00\x01")
        assert (await client.next())["payload"]["code"] == "BINARY_FRAME"
        await minerva.send_to_user("agent-0001", "VOICEMAIL_NEW", _voicemail())
        assert (await client.next())["type"] == "VOICEMAIL_NEW"


async def test_envelope_and_meta_are_as_given(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.ready()
        await minerva.send_to_user(
            "agent-0001", "CALL_INCOMING", RING, id="fixed", meta={"priority": "high"}, timestamp=7
        )
        received = await client.next()
    assert (received["id"], received["timestamp"], received["meta"]) == ("fixed", 7, {"priority": "high"})


async def test_the_journal_counts_connects_closes_and_the_peak(minerva: SandboxMinerva) -> None:
    for _ in range(3):
        async with Client(minerva) as client:
            await client.auth()
            await client.ws.close(code=1000)
    await minerva.wait_for(lambda: minerva.journal.close_codes[1000] == 3)
    assert minerva.journal.connects == 3
    assert minerva.journal.auths["agent-0001"] == 3
    assert minerva.journal.peak_connects_per_s == 3
    assert minerva.session_count == 0


async def test_waiting_for_what_never_comes_ends_with_a_timeout(minerva: SandboxMinerva) -> None:
    with pytest.raises(TimeoutError):
        await minerva.wait_for(lambda: False, timeout_s=0.01)


async def test_stopping_ends_sessions_with_1001(clock: HandClock) -> None:
    minerva = SandboxMinerva(WORLD, clock=clock)
    await minerva.start()
    async with Client(minerva) as client:
        await client.auth()
        await minerva.stop()
        assert (await client.ending()).data == 1001


def _voicemail() -> dict[str, Any]:
    return voicemail_new(
        WORLD.callers[0], voicemail_id="vm-1", created_at=1, duration_s=3, transcription=None, confidence=None
    )


async def test_a_shared_session_can_be_told_whose_event_it_is(clock: HandClock) -> None:
    shared = SandboxMinerva(WORLD, clock=clock, user_in_meta=True, service_users=["hub"])
    async with shared, Client(shared) as client:
        await client.auth("hub")
        for agent in WORLD.agents:
            await client.subscribe_user(agent.user_id)
        await shared.wait_for(lambda: shared.is_subscribed("user", WORLD.agents[-1].user_id))
        await shared.send_to_user("agent-0002", "CALL_INCOMING", RING)
        assert (await client.next("CALL_INCOMING"))["meta"] == {"userId": "agent-0002"}


async def test_the_team_hears_of_its_members(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say(
            "SUBSCRIBE",
            {"channel": "group", "groupType": "team", "groupId": "team-001", "events": ["AGENT_STATUS_CHANGE"]},
        )
        assert (await client.next())["payload"]["groupId"] == "team-001"
        await minerva.send_to_group("team", "team-001", "AGENT_STATUS_CHANGE", {"agentId": "agent-0002"})
        assert (await client.next())["payload"] == {"agentId": "agent-0002"}
