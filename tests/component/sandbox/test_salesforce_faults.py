"""Each fault does to a real connection what it promises."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bridge.sandbox.salesforce import Fault, fault_from
from bridge.sandbox.salesforce.fault_actions import (
    BAD_GATEWAY,
    CONCURRENT_REQUESTS,
    LOCKED_ROW,
    LOGIN_RATE,
    LOGIN_REFUSED,
    MULTIPLE_CHOICES,
    SESSION_EXPIRED,
    SESSION_UNUSABLE,
    TOTAL_REQUESTS,
    UNAUTHORIZED_PAGE,
    UNAVAILABLE,
    UNAVAILABLE_PAGE,
    Action,
    Hang,
    Latency,
    MoveInstance,
    Reset,
    Truncate,
    UpsertRace,
    too_many_requests,
)
from tests.component.sandbox.salesforce_client import Client, serving

USERS = "SELECT Id FROM User"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving() as client:
        yield client


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        (SESSION_EXPIRED, 401, "INVALID_SESSION_ID"),
        (SESSION_UNUSABLE, 401, "INVALID_SESSION_ID"),
        (TOTAL_REQUESTS, 403, "REQUEST_LIMIT_EXCEEDED"),
        (CONCURRENT_REQUESTS, 403, "REQUEST_LIMIT_EXCEEDED"),
        (LOCKED_ROW, 400, "UNABLE_TO_LOCK_ROW"),
        (UNAVAILABLE, 503, "SERVER_UNAVAILABLE"),
        (too_many_requests(7), 429, "REQUEST_LIMIT_EXCEEDED"),
    ],
)
async def test_a_refusal_is_a_list_and_strikes_once(client: Client, action: Action, status: int, code: str) -> None:
    client.org.faults.add(Fault(action, route="query"))
    answer = await client.query(USERS)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert (await client.query(USERS)).status == 200


async def test_a_permanent_refusal_outlasts_a_new_login(client: Client) -> None:
    client.org.faults.add(Fault(SESSION_EXPIRED, times=None))
    for _ in range(3):
        client.token = (await client.login()).json["access_token"]
        assert (await client.query(USERS)).status == 401
    client.org.faults.clear()
    assert (await client.query(USERS)).status == 200


@pytest.mark.parametrize(("action", "status"), [(UNAUTHORIZED_PAGE, 401), (UNAVAILABLE_PAGE, 503), (BAD_GATEWAY, 502)])
async def test_a_page_is_no_json(client: Client, action: Action, status: int) -> None:
    client.org.faults.add(Fault(action))
    answer = await client.query(USERS)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html;charset=UTF-8"
    with pytest.raises(json.JSONDecodeError):
        answer.json  # noqa: B018 - reading is the attempt


async def test_truncated_json_arrives_whole_and_is_broken(client: Client) -> None:
    client.org.faults.add(Fault(Truncate()))
    answer = await client.query(USERS)
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json  # noqa: B018 - reading is the attempt


async def test_choices_are_offered(client: Client) -> None:
    client.org.faults.add(Fault(MULTIPLE_CHOICES, route="upsert"))
    answer = await client.upsert("c-1", Subject="x")
    assert (answer.status, len(answer.json)) == (300, 2)


async def test_a_reset_before_the_work_leaves_nothing_behind(client: Client) -> None:
    client.org.faults.add(Fault(Reset(), route="upsert"))
    with pytest.raises(aiohttp.ClientError):
        await client.upsert("c-1", Subject="x")
    assert (await client.upsert("c-1", Subject="x")).json["created"] is True


async def test_a_reset_after_commit_loses_the_answer_only(client: Client) -> None:
    client.org.faults.add(Fault(Reset(committed=True), route="upsert"))
    with pytest.raises(aiohttp.ClientError):
        await client.upsert("c-1", Subject="x")
    assert (await client.upsert("c-1", Subject="x")).json["created"] is False
    assert client.org.ledger.created_by_external_id.total() == 1


async def test_the_peer_sees_a_reset_not_an_end(client: Client) -> None:
    client.org.faults.add(Fault(Reset()))
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET /services/data/v67.0/limits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n\r\n"
    writer.write(request.encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_latency_waits_before_the_work(client: Client) -> None:
    client.org.faults.add(Fault(Latency(0.4), route="query", times=None))
    await client.query(USERS)
    await client.query(USERS)
    await client.search("FIND {ada}")
    assert client.clock.slept == [0.4, 0.4]


async def lost(client: Client, value: str) -> None:
    # an upsert, since aiohttp's client repeats a GET by itself when the connection is lost
    with pytest.raises(aiohttp.ClientError):
        await client.upsert(value, Subject="x")


async def test_a_hang_lasts_until_it_is_released(client: Client) -> None:
    client.org.faults.add(Fault(Hang(), route="upsert", times=2))

    async def release() -> None:
        async with asyncio.timeout(5):
            await client.org.ledger.until(lambda seen: seen.running == 2 and seen.faults["Hang"] == 2)
        assert (await client.query(USERS)).status == 200
        client.org.faults.release()

    await asyncio.gather(lost(client, "c-1"), lost(client, "c-2"), release())
    assert client.org.ledger.peak == 3
    assert client.org.ledger.running == 0
    assert not client.org.ledger.created_by_external_id


async def test_stopping_ends_a_hang(client: Client) -> None:
    client.org.faults.add(Fault(Hang()))

    async def stop() -> None:
        async with asyncio.timeout(5):
            await client.org.ledger.until(lambda seen: seen.running == 1)
            await client.org.stop()

    await asyncio.gather(lost(client, "c-1"), stop())


async def test_the_loser_of_a_race_finds_the_record_written(client: Client) -> None:
    client.org.faults.add(Fault(UpsertRace(), route="upsert"))
    answer = await client.upsert("c-1", Subject="x")
    assert (answer.status, answer.code) == (400, "DUPLICATE_VALUE")
    assert answer.json[0]["message"].startswith(
        "duplicate value found: Call_Id__c duplicates value on record with id: 00T"
    )
    assert (await client.upsert("c-1", Subject="x")).json["created"] is False


async def test_a_moved_org_answers_at_its_new_url_only(client: Client) -> None:
    old_url = client.url
    client.org.faults.add(Fault(MoveInstance(), route="query"))
    assert (await client.query(USERS)).status == 401
    login = (await client.login()).json
    assert login["instance_url"] == client.org.url != old_url
    client.token = login["access_token"]
    assert (await client.query(USERS)).status == 401
    client.url = login["instance_url"]
    assert (await client.query(USERS)).status == 200


async def test_a_move_may_happen_at_login(client: Client) -> None:
    client.org.faults.add(Fault(MoveInstance(), route="login"))
    assert (await client.login()).json["instance_url"] != client.url


@pytest.mark.parametrize(
    ("action", "description"),
    [(LOGIN_REFUSED, "user hasn't approved this consumer"), (LOGIN_RATE, "login rate exceeded")],
)
async def test_a_login_is_refused_in_its_own_shape(client: Client, action: Action, description: str) -> None:
    client.org.faults.add(Fault(action, route="login"))
    answer = await client.login()
    assert (answer.status, answer.json) == (400, {"error": "invalid_grant", "error_description": description})
    assert client.org.ledger.refused_logins == 1
    assert (await client.login()).status == 200


async def test_a_scripted_fault_strikes_like_any_other(client: Client) -> None:
    client.org.faults.add(fault_from({"action": "unavailable_page", "route": "search", "times": None}))
    assert [(await client.search("FIND {ada}")).status for _ in range(2)] == [503, 503]
