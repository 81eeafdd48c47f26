"""The token endpoint, the remote control and TLS of the sandbox Minerva."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import trustme

from bridge.sandbox.minerva import SandboxMinerva, read_script
from bridge.sandbox.minerva.tokens import LIFETIME_S
from bridge.sandbox.world import build_world
from tests.component.sandbox.minerva_client import Client
from tests.unit.sandbox.minerva.hand_clock import START, HandClock

WORLD = build_world(agents=2, queues=1)
AGENT = "agent-0001"
ASK = {"userId": AGENT, "orgId": WORLD.org_id}
SERVICE = {"Authorization": "Bearer planted-service-token"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def minerva(clock: HandClock) -> AsyncIterator[SandboxMinerva]:
    async with SandboxMinerva(WORLD, clock=clock) as server:
        yield server


@pytest.fixture
async def http(minerva: SandboxMinerva) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(minerva.api_url) as session:
        yield session


async def token(http: aiohttp.ClientSession, body: Any = ASK, headers: dict[str, str] = SERVICE) -> tuple[int, Any]:
    async with http.post("/api/auth/ws-token", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def auth_with(minerva: SandboxMinerva, secret: str, user_id: str = AGENT) -> dict[str, Any]:
    async with Client(minerva) as client:
        await client.say("AUTH", client.credentials(user_id) | {"token": secret}, id=None)
        return await client.next()


def arm(minerva: SandboxMinerva, **entry: Any) -> None:
    minerva.arm(*read_script(entry))


async def test_a_token_is_issued_with_its_end(minerva: SandboxMinerva, http: aiohttp.ClientSession) -> None:
    status, body = await token(http)
    assert status == 200
    assert body["expiresAt"] == (START + LIFETIME_S) * 1000
    assert (await auth_with(minerva, body["token"]))["type"] == "AUTH_SUCCESS"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (ASK, {}, 401),
        (ASK, {"Authorization": "Bearer "}, 401),
        (ASK, {"Authorization": "Basic abc"}, 401),
        ({"orgId": WORLD.org_id}, SERVICE, 400),
        ([], SERVICE, 400),
        ({"userId": AGENT, "orgId": "other"}, SERVICE, 403),
    ],
)
async def test_a_bad_token_request_is_refused(
    http: aiohttp.ClientSession, body: Any, headers: dict[str, str], status: int
) -> None:
    assert (await token(http, body, headers))[0] == status


async def test_a_token_is_good_for_its_user_only(minerva: SandboxMinerva, http: aiohttp.ClientSession) -> None:
    _, body = await token(http)
    answer = await auth_with(minerva, body["token"], "agent-0002")
    assert answer["payload"]["message"] == "token belongs to another user"


async def test_a_short_lived_token_expires(
    minerva: SandboxMinerva, http: aiohttp.ClientSession, clock: HandClock
) -> None:
    arm(minerva, fault="token_short_lived", lifetime_s=5, form="expiresIn")
    _, body = await token(http)
    assert body["expiresIn"] == 5
    await clock.advance(5.0)
    assert (await auth_with(minerva, body["token"]))["payload"]["message"] == "token has expired"


async def test_the_token_endpoint_refuses_as_often_as_told(
    minerva: SandboxMinerva, http: aiohttp.ClientSession
) -> None:
    arm(minerva, fault="token_refused", status=503, message="later", times=1)
    assert await token(http) == (503, {"error": "later"})
    assert (await token(http))[0] == 200


async def test_the_token_endpoint_answers_nonsense(minerva: SandboxMinerva, http: aiohttp.ClientSession) -> None:
    arm(minerva, fault="token_malformed", body="<html>")
    async with http.post("/api/auth/ws-token", json=ASK, headers=SERVICE) as answer:
        assert (answer.status, await answer.text()) == (200, "<html>")


async def test_faults_are_armed_and_shown_and_taken_off(http: aiohttp.ClientSession) -> None:
    script = [{"fault": "silent"}, {"fault": "lose", "every": 3, "users": [AGENT]}]
    async with http.post("/control/faults", json=script) as answer:
        assert await answer.json() == {"accepted": 2}
    async with http.get("/control/state") as answer:
        state = await answer.json()
    assert [fault["fault"] for fault in state["faults"]] == ["silent", "lose"]
    assert state["faults"][1]["users"] == [AGENT]
    async with http.delete("/control/faults") as answer:
        assert answer.status == 200
    async with http.get("/control/state") as answer:
        assert (await answer.json())["faults"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the message is not JSON"),
        (b'"silent"', "a script is a list of objects"),
        (b'[{"fault": "silent"}, {"fault": "close", "code": 1006}]', "entry 2 (close): code: 1006 is never sent"),
    ],
)
async def test_a_bad_script_is_refused_in_one_line(http: aiohttp.ClientSession, body: bytes, said: str) -> None:
    async with http.post("/control/faults", data=body) as answer:
        error = (await answer.json())["error"]
        assert answer.status == 400
    assert error.startswith(said)
    assert "\n" not in error


async def test_an_event_is_pushed_by_remote_control(minerva: SandboxMinerva, http: aiohttp.ClientSession) -> None:
    async with Client(minerva) as client:
        await client.ready()
        event = {
            "user": AGENT,
            "type": "CALL_ENDED",
            "payload": {"callId": "c"},
            "id": "i",
            "meta": {"priority": "low"},
        }
        async with http.post("/control/send", json=event) as answer:
            assert (await answer.json())["id"] == "i"
        received = await client.next()
    assert (received["id"], received["payload"], received["meta"]) == ("i", {"callId": "c"}, {"priority": "low"})


async def test_a_message_without_a_channel_goes_to_every_session(
    minerva: SandboxMinerva, http: aiohttp.ClientSession
) -> None:
    async with Client(minerva) as client:
        await client.auth()
        async with http.post("/control/send", json={"type": "SESSION_EXPIRED"}) as answer:
            assert answer.status == 200
        assert (await client.next())["type"] == "SESSION_EXPIRED"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ([], "an event: must be an object"),
        ({"user": AGENT}, "type: must be a string"),
        ({"type": "X", "payload": []}, "payload: must be an object"),
        ({"type": "X", "user": "nobody"}, "user: there is no such user"),
        ({"type": "X", "user": AGENT, "queue": "queue-001"}, "name one of user, queue and team"),
        ({"type": "X", "timestamp": "now"}, "timestamp: must be a whole number"),
        ({"type": "X", "colour": 1}, "colour: no such field"),
    ],
)
async def test_a_bad_event_is_refused_by_field(http: aiohttp.ClientSession, event: Any, said: str) -> None:
    async with http.post("/control/send", json=event) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"].startswith(said)


async def test_the_state_names_sessions_and_counts_and_no_token(
    minerva: SandboxMinerva, http: aiohttp.ClientSession
) -> None:
    _, issued = await token(http)
    async with Client(minerva) as client:
        await client.say("AUTH", client.credentials() | {"token": issued["token"]}, id=None)
        await client.next()
        await client.subscribe_user()
        await client.next()
        async with http.get("/control/state") as answer:
            text, state = await answer.text(), await answer.json()
    assert state["sessions"] == [{"session": 1, "user": AGENT, "subscriptions": [f"user:{AGENT}"]}]
    assert state["counters"]["connects"] == 1
    assert issued["token"] not in text
    assert "planted-service-token" not in text


async def test_all_of_it_works_over_tls(clock: HandClock) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        SandboxMinerva(WORLD, clock=clock, ssl_context=context) as minerva,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http,
    ):
        assert minerva.url.startswith("wss://")
        async with http.post(f"{minerva.api_url}/api/auth/ws-token", json=ASK, headers=SERVICE) as answer:
            assert answer.status == 200
        async with http.ws_connect(minerva.url, protocols=("minerva-v2",)) as ws:
            arm(minerva, fault="reset")
            assert (await ws.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        await minerva.wait_for(lambda: minerva.session_count == 0)
