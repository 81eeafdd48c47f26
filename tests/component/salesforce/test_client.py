"""Calls to Salesforce, over TLS, against an org in which everything goes wrong that can."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.core.errors import BridgeError, Refused, Unavailable
from bridge.salesforce import auth
from bridge.sandbox.certificates import ServerTls, make_server_tls
from bridge.sandbox.salesforce import Fault, SandboxOrg
from bridge.sandbox.salesforce.fault_actions import (
    BAD_GATEWAY,
    CONCURRENT_REQUESTS,
    FORBIDDEN,
    LOCKED_ROW,
    MULTIPLE_CHOICES,
    SERVER_ERROR,
    SESSION_EXPIRED,
    SESSION_UNUSABLE,
    TOTAL_REQUESTS,
    UNAUTHORIZED_PAGE,
    UNAVAILABLE,
    UNAVAILABLE_PAGE,
    Action,
    Hang,
    Latency,
    Reply,
    Reset,
    Truncate,
    refusal,
    too_many_requests,
)
from tests.component.salesforce.line import ANY_RECORD, CLIENT_SECRET, line, together
from tests.support.clock import ManualClock

ALWAYS: dict[str, Any] = {"times": None}
GIVEN_TOKEN: dict[str, Any] = {
    "auth": "token",
    "instance_url": lambda org: org.url,
    "access_token": SandboxOrg.issue_token,
}
ONE_ACCOUNT = "SELECT Id FROM Account LIMIT 1"


async def test_search_and_query_answer_with_records(tls: ServerTls) -> None:
    async with line(tls) as there:
        [record] = await there.client.query(ONE_ACCOUNT)
        assert record["attributes"]["type"] == "Account"
        assert await there.client.search('FIND {"99999999"} IN PHONE FIELDS RETURNING Contact(Id)') == []
        assert there.org.ledger.logins == 1


async def test_configured_api_version_is_spoken(tls: ServerTls) -> None:
    async with line(tls, api_version="58.0") as there:
        [record] = await there.client.query(ONE_ACCOUNT)
        assert "/services/data/v58.0/" in record["attributes"]["url"]


async def test_old_version_answers_searches_with_a_bare_list(tls: ServerTls) -> None:
    async with line(tls, api_version="36.0") as there:
        await there.client.query(ONE_ACCOUNT)
        assert await there.client.search('FIND {"99999999"} IN PHONE FIELDS RETURNING Contact(Id)') == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_loopback_org_without_tls_is_spoken_to_in_plain_http(host: str) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        async with line(None, host=host) as there:
            assert there.url.startswith("http://")
            assert len(await there.client.query(ONE_ACCOUNT)) == 1
    except OSError:
        pytest.skip(f"{host} cannot be listened on")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST"])
async def test_loopback_org_may_be_called_by_name(name: str) -> None:
    async with line(
        None,
        auth="token",
        instance_url=lambda org: org.url.replace("127.0.0.1", name),
        access_token=SandboxOrg.issue_token,
    ) as there:
        assert len(await there.client.query(ONE_ACCOUNT)) == 1


async def test_org_we_cannot_verify_gets_no_token(tls: ServerTls, tmp_path: Path) -> None:
    stranger = make_server_tls(tmp_path)
    async with line(tls, ca_file=stranger.ca_file, **GIVEN_TOKEN) as there:
        with pytest.raises(Unavailable, match="SSLError"):
            await there.client.query(ONE_ACCOUNT)
        assert there.api_calls == 0


# Nothing from the environment


async def test_netrc_proxy_and_bundle_of_the_environment_are_ignored(
    tls: ServerTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login somebody password else\n")
    netrc.chmod(0o600)
    other_bundle = make_server_tls(tmp_path / "other").ca_file
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(other_bundle))
    async with line(tls) as there:
        assert len(await there.client.query(ONE_ACCOUNT)) == 1
        assert there.org.ledger.logins == 1
        assert there.org.ledger.statuses == {200: 2}


# Threads and connections


async def test_sixteen_threads_share_a_pool_without_a_warning(tls: ServerTls, caplog: pytest.LogCaptureFixture) -> None:
    async with line(tls, concurrency=16) as there:
        there.org.faults.add(Fault(Latency(1), route="query", **ALWAYS))
        async with asyncio.TaskGroup() as group:
            everyone = group.create_task(together(100, lambda: there.client.query(ONE_ACCOUNT)))
            await there.until(lambda ledger: ledger.running == 16)
            there.gate.open()
        assert [len(records) for records in everyone.result()] == [1] * 100
        assert there.org.ledger.peak == 16
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_no_more_calls_run_than_threads(tls: ServerTls) -> None:
    async with line(tls, concurrency=2) as there:
        await together(30, lambda: there.client.query(ONE_ACCOUNT))
        assert there.org.ledger.peak <= 2


async def test_call_after_the_close_is_unavailable(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.client.query(ONE_ACCOUNT)
        there.client.close()
        with pytest.raises(Unavailable, match="stopping"):
            await there.client.query(ONE_ACCOUNT)
        there.client.close()


async def test_calls_that_wait_for_a_thread_end_with_the_close(tls: ServerTls) -> None:
    async with line(tls, concurrency=1) as there:
        await there.authenticator.login()
        there.org.faults.add(Fault(Hang(), route="query"))
        async with asyncio.TaskGroup() as group:
            everyone = group.create_task(together(3, lambda: there.client.query(ONE_ACCOUNT)))
            await there.until(lambda ledger: ledger.faults["Hang"] == 1)
            there.client.close()
            there.org.faults.release()
        assert {type(error) for error in everyone.result()} == {Unavailable}


async def test_cancelled_caller_is_cancelled(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Hang(), route="query"))
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(there.client.query(ONE_ACCOUNT))
            await there.until(lambda ledger: ledger.faults["Hang"] == 1)
            hanging.cancel()
        assert hanging.cancelled()


# What goes wrong


@pytest.mark.parametrize("secure", [True, False])
async def test_hanging_call_ends_with_the_time_out(tls: ServerTls, secure: bool) -> None:
    async with line(tls if secure else None, timeout=0.1) as there:
        there.org.faults.add(Fault(Hang(), route="search|query", **ALWAYS))
        for call in (there.client.query(ONE_ACCOUNT), there.client.search(ANY_RECORD)):
            async with asyncio.timeout(3):
                with pytest.raises(Unavailable, match=r"no answer within 0\.1 s"):
                    await call


NOT_NOW = [
    UNAVAILABLE_PAGE,
    UNAVAILABLE,
    BAD_GATEWAY,
    SERVER_ERROR,
    TOTAL_REQUESTS,
    CONCURRENT_REQUESTS,
    LOCKED_ROW,
    too_many_requests(30),
    Reply(429, "<html>slow down</html>", "text/html"),
    Reply(502, ""),
    Reply(599, "null"),
    Truncate(),
    Reset(),
    Reset(committed=True),
    Reply(200, "<html>log in</html>", "text/html"),
    Reply(200, ""),
    Reply(200, "null"),
    Reply(200, "7"),
    Reply(200, '"text"'),
    Reply(200, "true"),
    Reply(200, '{"hello": "world"}'),
    Reply(200, '{"records": 7, "searchRecords": "x"}'),
    Reply(200, '{"records": null, "searchRecords": null}'),
    Reply(200, "[" * 100_000),
    Reply(200, "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")),
]
NEVER = [
    FORBIDDEN,
    MULTIPLE_CHOICES,
    refusal(400, "MALFORMED_QUERY", "unexpected token: FORM"),
    refusal(400, "MALFORMED_SEARCH", "line 1:12 mismatched character"),
    refusal(400, "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'"),
    refusal(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"),
    refusal(404, "NOT_FOUND", "The requested resource does not exist"),
    Reply(404, "<html>no such page</html>", "text/html"),
    Reply(400, "[]"),
    Reply(400, "[7]"),
    Reply(400, '{"errorCode": 7}'),
    Reply(400, '[{"errorCode": null, "message": ["x"]}]'),
    Reply(418, ""),
]


@pytest.mark.parametrize(
    ("action", "kind"), [*((each, Unavailable) for each in NOT_NOW), *((each, Refused) for each in NEVER)], ids=str
)
async def test_every_bad_answer_is_one_of_two_errors(tls: ServerTls, action: Action, kind: type[BridgeError]) -> None:
    async with line(tls, **GIVEN_TOKEN) as there:
        there.org.faults.add(Fault(action, times=2))
        for call in (there.client.query(ONE_ACCOUNT), there.client.search(ANY_RECORD)):
            with pytest.raises(BridgeError) as caught:
                await call
            assert type(caught.value) is kind
            assert len(str(caught.value)) < 400
        assert there.api_calls == 2  # never repeated by itself
        assert len(await there.client.query(ONE_ACCOUNT)) == 1


async def test_error_keeps_salesforces_own_code_and_words(tls: ServerTls) -> None:
    async with line(tls) as there:
        with pytest.raises(Refused, match=r"MALFORMED_QUERY: .*FORM") as caught:
            await there.client.query("SELECT Id FORM Contact")
        assert "\n" not in str(caught.value)


async def test_nobody_at_the_org_is_unavailable(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.authenticator.login()
        await there.org.stop()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await there.client.query(ONE_ACCOUNT)


async def test_day_without_calls_left_is_unavailable(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.api_limit = 0
        with pytest.raises(Unavailable, match="REQUEST_LIMIT_EXCEEDED"):
            await there.client.query(ONE_ACCOUNT)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_token_does_not_follow_a_redirect(tls: ServerTls, status: int) -> None:
    async with line(tls) as there, line(tls) as elsewhere:
        headers = (("Location", f"{elsewhere.url}/services/data/v67.0/query/?q=x"),)
        there.org.faults.add(Fault(Reply(status, "", headers=headers), route="query"))
        with pytest.raises(Unavailable):
            await there.client.query(ONE_ACCOUNT)
        assert elsewhere.api_calls == 0


# Logins that expire


@pytest.mark.parametrize("answer", [SESSION_EXPIRED, UNAUTHORIZED_PAGE, Reply(401, ""), Reply(401, "{}")], ids=str)
async def test_expired_login_is_renewed_once(tls: ServerTls, answer: Action) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(answer, route="query"))
        assert len(await there.client.query(ONE_ACCOUNT)) == 1
        assert there.org.ledger.logins == 2
        assert there.api_calls == 2


async def test_fifty_calls_that_meet_an_expired_login_cost_one_more(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.client.query(ONE_ACCOUNT)
        there.org.expire_tokens()
        answers = await together(50, lambda: there.client.query(ONE_ACCOUNT))
        assert [len(answer) for answer in answers] == [1] * 50
        assert there.org.ledger.logins == 2


async def test_permanent_401_is_refused_after_one_renewal(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(SESSION_UNUSABLE, route="query", **ALWAYS))
        with pytest.raises(Refused, match="fresh login"):
            await there.client.query(ONE_ACCOUNT)
        assert there.org.ledger.logins == 2
        assert there.api_calls == 2


async def test_permanent_401_is_never_a_login_loop(tls: ServerTls) -> None:
    clock = ManualClock()
    async with line(tls, clock=clock) as there:
        there.org.faults.add(Fault(SESSION_UNUSABLE, route="query", **ALWAYS))
        for _ in range(100):
            with pytest.raises(BridgeError):
                await there.client.query(ONE_ACCOUNT)
        assert there.org.ledger.operations["login"] == auth.LOGIN_BURST
        there.org.faults.clear()
        clock.move(auth.LOGIN_EVERY_S)
        assert len(await there.client.query(ONE_ACCOUNT)) == 1


async def test_given_token_that_expired_is_refused_and_says_what_to_set(tls: ServerTls) -> None:
    async with line(tls, **GIVEN_TOKEN) as there:
        there.org.expire_tokens()
        for _ in range(3):
            with pytest.raises(Refused, match="BRIDGE_SALESFORCE__ACCESS_TOKEN"):
                await there.client.query(ONE_ACCOUNT)
        assert there.org.ledger.operations["login"] == 0


async def test_org_that_moves_is_followed(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.client.query(ONE_ACCOUNT)
        moved_to = await there.org.move()
        assert there.client.instance_url == there.url != moved_to
        assert len(await there.client.query(ONE_ACCOUNT)) == 1
        assert there.client.instance_url == moved_to
        assert there.org.ledger.logins == 2


async def test_renewal_that_lands_in_another_org_is_not_used(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.client.query(ONE_ACCOUNT)
        there.org.expire_tokens()
        body = f'{{"access_token": "00DSb0000000999!AQ", "instance_url": "{there.url}"}}'
        there.org.faults.add(Fault(Reply(200, body), route="login"))
        with pytest.raises(auth.WrongOrgError):
            await there.client.query(ONE_ACCOUNT)
        assert there.api_calls == 2


# What is told


@pytest.mark.parametrize(
    "spoil",
    [
        lambda there: there.org.faults.add(Fault(SESSION_UNUSABLE, route="query", **ALWAYS)),
        lambda there: there.org.faults.add(Fault(UNAVAILABLE_PAGE, route="query")),
        lambda there: there.org.faults.add(Fault(FORBIDDEN, route="query")),
        lambda there: there.org.faults.add(Fault(Reset(), route="query")),
    ],
)
async def test_no_secret_is_in_any_error(tls: ServerTls, spoil: Callable[[Any], None]) -> None:
    async with line(tls) as there:
        login = await there.authenticator.login()
        spoil(there)
        with pytest.raises(BridgeError) as caught:
            await there.client.query(ONE_ACCOUNT)
        error: BaseException | None = caught.value
        assert error is not None
        assert error.__cause__ is None
        assert error.__suppress_context__
        for secret in (login.token, CLIENT_SECRET):
            assert secret not in str(error)
            assert secret not in repr(error)


async def test_calls_are_counted_by_outcome(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(SESSION_EXPIRED, route="query"))
        await there.client.query(ONE_ACCOUNT)
        for action in (FORBIDDEN, UNAVAILABLE):
            there.org.faults.add(Fault(action, route="query"))
            with pytest.raises(BridgeError):
                await there.client.query(ONE_ACCOUNT)
        outcomes = {name: there.calls("query", name) for name in ("ok", "expired", "refused", "unavailable")}
        assert outcomes == {"ok": 1, "expired": 1, "refused": 1, "unavailable": 1}


async def test_share_of_the_days_calls_that_is_left_is_shown(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.api_limit = 10
        for _ in range(4):
            await there.client.query(ONE_ACCOUNT)
        left = there.metrics.registry.get_sample_value("minerva_bridge_salesforce_api_remaining_ratio")
        assert left == pytest.approx(0.6)
