"""Nothing that a client sends kills the sandbox, or makes it write a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.world import build_world
from tests.component.sandbox.minerva_client import NOW_MS, Client

WORLD = build_world(agents=2, queues=1)
UUID = "11111111-2222-4333-8444-555555555555"
ENVELOPE = {"protocol": "minerva", "version": "2.0", "timestamp": NOW_MS, "id": UUID}


@pytest.fixture
async def minerva(caplog: pytest.LogCaptureFixture) -> AsyncIterator[SandboxMinerva]:
    with caplog.at_level(logging.WARNING):
        async with SandboxMinerva(WORLD) as server:
            yield server
    assert not caplog.records


NONSENSE = [
    "",
    "x" * 10_000,
    "{",
    "[]",
    "null",
    '"AUTH"',
    "\x00\x01\x1b[31m\u202e",
    "[" * 100_000,
    '{"a":' * 50_000,
    "1" * 10_000,
    '{"timestamp": NaN}',
    '{"timestamp": Infinity, "type": "AUTH"}',
    json.dumps({"type": "AUTH"}),
    json.dumps({**ENVELOPE, "type": "AUTH", "payload": []}),
    json.dumps({**ENVELOPE, "type": "AUTH", "payload": None}),
    json.dumps({**ENVELOPE, "type": ["AUTH"]}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "version": "1.0"}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "timestamp": True}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "timestamp": "1"}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "timestamp": 1.5}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "id": "no uuid"}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "id": {}}),
    json.dumps({**ENVELOPE, "type": "X" * 10_000}),
    json.dumps({**ENVELOPE, "type": "\ud800"}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE"}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "payload": {"channel": ["user"], "userId": {}}}),
    json.dumps({**ENVELOPE, "type": "SUBSCRIBE", "payload": {"channel": "user", "userId": "\ud800" * 10_000}}),
    json.dumps(
        {**ENVELOPE, "type": "SUBSCRIBE", "payload": {"channel": "user", "userId": "agent-0001", "events": [[], {}]}}
    ),
    json.dumps({**ENVELOPE, "type": "UNSUBSCRIBE", "payload": {"channel": "group", "groupType": "x", "groupId": "y"}}),
    json.dumps({**ENVELOPE, "type": "HEARTBEAT", "clientId": {"a": ["b"]}}),
]


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:30].encode("unicode_escape").decode())
async def test_nonsense_in_a_session_is_answered_and_the_session_stays(minerva: SandboxMinerva, text: str) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.raw(text)
        assert (await client.next())["type"] in {"ERROR", "SUBSCRIPTION_ERROR"}
        await client.heartbeat()
        assert (await client.next())["type"] == "HEARTBEAT_ACK"


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:30].encode("unicode_escape").decode())
async def test_nonsense_before_auth_ends_the_session_with_1008(minerva: SandboxMinerva, text: str) -> None:
    async with Client(minerva) as client:
        await client.raw(text)
        assert (await client.next())["type"] in {"ERROR", "AUTH_FAILURE"}
        assert (await client.ending()).data == 1008


async def test_an_error_echoes_a_long_type_only_in_part(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.say("Y" * 10_000)
        assert len((await client.next())["payload"]["message"]) < 300


async def test_a_message_above_1_mib_ends_with_1009(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.ws.send_str("x" * (1024 * 1024 + 1), compress=0)
        assert (await client.ending()).data == 1009
    await minerva.wait_for(lambda: minerva.journal.close_codes[1009] == 1)


async def test_text_that_is_not_utf8_ends_with_1007(minerva: SandboxMinerva) -> None:
    async with Client(minerva) as client:
        await client.auth()
        await client.ws.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await client.ending()).data == 1007


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ws?token=" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /control/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
        b"POST /api/auth/ws-token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
    ],
    ids=["tls", "plain", "long", "control", "token"],
)
async def test_a_stranger_gets_an_answer_and_the_server_lives(minerva: SandboxMinerva, request_bytes: bytes) -> None:
    host, port = minerva.api_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_bytes)
    async with asyncio.timeout(5):
        assert (await reader.readline()).split()[1].startswith(b"4")
    writer.close()
    await writer.wait_closed()
    async with Client(minerva) as client:
        assert (await client.auth())["type"] == "AUTH_SUCCESS"


async def test_a_client_that_vanishes_leaves_nothing_behind(minerva: SandboxMinerva) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with Client(minerva) as client:
            await client.ready()
    await minerva.wait_for(lambda: minerva.session_count == 0)
    await asyncio.sleep(0)
    assert not minerva.is_subscribed("user", "agent-0001")
    assert len(asyncio.all_tasks()) <= before + 1
