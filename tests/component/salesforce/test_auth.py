"""Logging in, over TLS, against an org that verifies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.core.clock import SystemClock
from bridge.core.errors import BridgeError, Refused, Unavailable
from bridge.core.logging import redactor
from bridge.salesforce import auth
from bridge.salesforce.auth import Authenticator, Login, WrongOrgError
from bridge.sandbox.certificates import ServerTls
from bridge.sandbox.salesforce import Consumer, Fault, SandboxOrg
from bridge.sandbox.salesforce.fault_actions import (
    BAD_GATEWAY,
    UNAUTHORIZED_PAGE,
    UNAVAILABLE_PAGE,
    Action,
    Hang,
    Latency,
    Reply,
    Reset,
    Truncate,
    login_refusal,
)
from bridge.settings.salesforce import Salesforce
from tests.component.salesforce.conftest import KeyPair
from tests.component.salesforce.line import CLIENT_ID, CLIENT_SECRET, USERNAME, WORLD, Line, line, together
from tests.support.clock import ManualClock

ALWAYS: dict[str, Any] = {"times": None}


def jwt_flow(keys: KeyPair, **more: Any) -> dict[str, Any]:
    return {"auth": "jwt", "username": USERNAME, "private_key": keys.private, **more}


def consumer(keys: KeyPair, *users: str) -> Consumer:
    allowed = frozenset(users or (USERNAME,))
    return Consumer(CLIENT_ID, certificate=keys.public, secret=CLIENT_SECRET, users=allowed)


async def refusal(there: Line) -> Refused:
    with pytest.raises(Refused) as caught:
        await there.authenticator.login()
    return caught.value


async def test_signed_assertion_is_verified_and_lets_us_in(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, **jwt_flow(keys)) as there:
        there.org.register(consumer(keys))
        login = await there.authenticator.login()
        assert login.instance_url == there.url
        assert there.authenticator.instance_url == there.url
        assert there.org.sessions.use(login.token) is not None
        assert there.org.ledger.logins == 1


async def test_client_secret_is_verified_and_lets_us_in(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls) as there:
        there.org.register(consumer(keys))
        login = await there.authenticator.login()
        assert there.org.sessions.use(login.token) is not None


async def test_given_token_is_used_without_a_login(tls: ServerTls) -> None:
    async with line(tls, auth="token", instance_url=lambda org: org.url, access_token=SandboxOrg.issue_token) as there:
        assert (await there.authenticator.login()).instance_url == there.url
        assert there.org.ledger.operations["login"] == 0


async def test_given_token_that_has_expired_says_what_to_set(tls: ServerTls) -> None:
    async with line(tls, auth="token", instance_url=lambda org: org.url, access_token=SandboxOrg.issue_token) as there:
        login = await there.authenticator.login()
        with pytest.raises(Refused, match="BRIDGE_SALESFORCE__ACCESS_TOKEN"):
            await there.authenticator.login(expired=login)


async def test_login_is_kept(tls: ServerTls) -> None:
    async with line(tls) as there:
        assert await there.authenticator.login() is await there.authenticator.login()
        assert there.org.ledger.logins == 1


async def test_fifty_at_once_cost_one_login(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Latency(1), route="login", **ALWAYS))
        async with asyncio.TaskGroup() as group:
            all_in = group.create_task(together(50, there.authenticator.login))
            await there.until(lambda ledger: ledger.operations["login"] == 1)
            there.gate.open()
        assert {login.token for login in all_in.result()} == {(await there.authenticator.login()).token}
        assert there.org.ledger.operations["login"] == 1


async def test_fifty_who_find_it_expired_renew_it_once(tls: ServerTls) -> None:
    async with line(tls) as there:
        old = await there.authenticator.login()
        renewed = await together(50, lambda: there.authenticator.login(expired=old))
        assert {login.token for login in renewed} == {(await there.authenticator.login()).token}
        assert there.org.ledger.operations["login"] == 2


async def test_those_who_wait_share_a_failed_login(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Latency(1), route="login", **ALWAYS))
        there.org.faults.add(Fault(login_refusal("invalid_grant", "inactive user"), route="login", **ALWAYS))
        async with asyncio.TaskGroup() as group:
            everyone = group.create_task(together(50, there.authenticator.login))
            await there.until(lambda ledger: ledger.operations["login"] == 1)
            there.gate.open()
        assert {type(error) for error in everyone.result()} == {Refused}
        assert there.org.ledger.operations["login"] == 1


async def test_login_after_a_failed_one_is_tried_again(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(UNAVAILABLE_PAGE, route="login"))
        with pytest.raises(Unavailable):
            await there.authenticator.login()
        assert (await there.authenticator.login()).instance_url == there.url


async def test_cancelled_login_does_not_keep_others_out(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Hang(), route="login"))
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(there.authenticator.login())
            await there.until(lambda ledger: ledger.faults["Hang"] == 1)
            second = group.create_task(there.authenticator.login())
            hanging.cancel()
        assert second.result().instance_url == there.url


async def test_refused_user_is_not_locked_out_by_us(tls: ServerTls) -> None:
    clock = ManualClock()
    async with line(tls, clock=clock) as there:
        there.org.faults.add(Fault(login_refusal("invalid_grant", "inactive user"), route="login", **ALWAYS))
        for _ in range(50):
            with pytest.raises(BridgeError):
                await there.authenticator.login()
        assert there.org.ledger.operations["login"] == auth.LOGIN_BURST
        with pytest.raises(Unavailable, match="activate the integration user"):
            await there.authenticator.login()
        there.org.faults.clear()
        clock.move(auth.LOGIN_EVERY_S)
        assert (await there.authenticator.login()).instance_url == there.url


async def test_hour_of_refusals_stays_far_below_salesforces_limit(tls: ServerTls) -> None:
    clock = ManualClock()
    async with line(tls, clock=clock) as there:
        there.org.faults.add(Fault(login_refusal("invalid_grant", "inactive user"), route="login", **ALWAYS))
        for _ in range(600):
            with pytest.raises(BridgeError):
                await there.authenticator.login()
            clock.move(1)
        assert there.org.ledger.operations["login"] <= auth.LOGIN_BURST + 600 / auth.LOGIN_EVERY_S


@pytest.mark.parametrize("configured", [WORLD.org_id, WORLD.org_id[:15], WORLD.org_id[:15] + "ZZZ"])
async def test_either_form_of_an_org_id_is_the_same_org(tls: ServerTls, configured: str) -> None:
    async with line(tls, org_id=configured) as there:
        assert (await there.authenticator.login()).instance_url == there.url


@pytest.mark.parametrize(
    "configured", ["00DSb0000000999", "00DSb0000000999AAA", WORLD.org_id[:14] + "x", WORLD.org_id[:15].swapcase()]
)
async def test_login_into_another_org_is_refused(tls: ServerTls, configured: str) -> None:
    async with line(tls, org_id=configured) as there:
        with pytest.raises(WrongOrgError) as caught:
            await there.authenticator.login()
        assert caught.value.landed == WORLD.org_id
        with pytest.raises(WrongOrgError):
            await there.authenticator.login()


async def test_given_token_of_another_org_is_refused(tls: ServerTls) -> None:
    given: dict[str, Any] = {
        "auth": "token",
        "instance_url": lambda org: org.url,
        "access_token": SandboxOrg.issue_token,
    }
    async with line(tls, org_id="00DSb0000000999", **given) as there:
        with pytest.raises(WrongOrgError):
            await there.authenticator.login()


async def test_login_without_an_identity_is_told_by_its_token(tls: ServerTls) -> None:
    async with line(tls) as there:
        body = json.dumps({"access_token": "00DSb0000000999!AQabc", "instance_url": there.url})
        there.org.faults.add(Fault(Reply(200, body), route="login"))
        with pytest.raises(WrongOrgError):
            await there.authenticator.login()


# Refusals that the org itself finds out


async def test_key_of_another_app_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair, other_keys: KeyPair) -> None:
    async with line(tls, **jwt_flow(other_keys)) as there:
        there.org.register(consumer(keys))
        assert "certificate of this private key" in str(await refusal(there))


async def test_user_who_is_not_approved_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, **jwt_flow(keys)) as there:
        there.org.register(consumer(keys, "somebody@callcentre.example"))
        assert "pre-authorise the user's profile" in str(await refusal(there))


async def test_unknown_consumer_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, **jwt_flow(keys, client_id="nobody")) as there:
        there.org.register(consumer(keys))
        assert "BRIDGE_SALESFORCE__CLIENT_ID" in str(await refusal(there))


async def test_wrong_audience_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, **jwt_flow(keys, audience="https://elsewhere.example")) as there:
        there.org.register(consumer(keys))
        assert "BRIDGE_SALESFORCE__AUDIENCE" in str(await refusal(there))


async def test_clock_that_is_behind_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, clock=ManualClock(), org_clock=lambda: ManualClock().now() + 600, **jwt_flow(keys)) as there:
        there.org.register(consumer(keys))
        assert "this machine's clock" in str(await refusal(there))


async def test_wrong_secret_is_refused_with_its_mend(tls: ServerTls, keys: KeyPair) -> None:
    async with line(tls, client_secret="not-the-secret") as there:
        there.org.register(consumer(keys))
        assert "BRIDGE_SALESFORCE__CLIENT_SECRET" in str(await refusal(there))


@pytest.mark.parametrize(
    ("error", "said", "mend"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "pre-authorise"),
        ("invalid_grant", "inactive user", "activate the integration user"),
        ("invalid_grant", "no client credentials user enabled", "run-as user"),
        ("invalid_grant", "ip restricted", "IP relaxation"),
        ("invalid_grant", "request not supported on this domain", "BRIDGE_SALESFORCE__LOGIN_URL"),
        ("invalid_app_access", "user is not admin approved to access this app", "pre-authorise"),
        ("unsupported_grant_type", "grant type not supported", "BRIDGE_SALESFORCE__AUTH"),
        ("invalid_client_id", "client identifier invalid", "BRIDGE_SALESFORCE__CLIENT_ID"),
        ("invalid_grant", "authentication failure", "Login History"),
        ("never_seen_before", "", "Login History"),
    ],
)
async def test_each_refusal_has_its_mend(tls: ServerTls, error: str, said: str, mend: str) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(login_refusal(error, said), route="login"))
        text = str(await refusal(there))
        assert mend in text
        assert error in text
        assert said in text


async def test_spent_login_rate_is_waited_for(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.sessions.logins_per_hour = 0
        with pytest.raises(Unavailable, match="login rate exceeded"):
            await there.authenticator.login()


# What is no answer


@pytest.mark.parametrize(
    "action",
    [
        UNAVAILABLE_PAGE,
        BAD_GATEWAY,
        UNAUTHORIZED_PAGE,
        Truncate(),
        Reset(),
        Reset(committed=True),
        Reply(200, "<html>welcome</html>", "text/html"),
        Reply(200, "[1, 2]"),
        Reply(200, "{}"),
        Reply(200, '{"access_token": 7, "instance_url": "https://acme.example"}'),
        Reply(200, '{"access_token": "", "instance_url": "https://acme.example"}'),
        Reply(200, '{"access_token": "abcdef", "instance_url": null}'),
        Reply(200, "[" * 100_000),
        Reply(400, "not json"),
        Reply(400, '{"error": 7}'),
        Reply(429, '{"error": "invalid_grant"}'),
        Reply(500, '{"error": "server_error"}'),
    ],
    ids=str,
)
async def test_login_that_is_not_answered_properly_is_unavailable(tls: ServerTls, action: Action) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(action, route="login"))
        with pytest.raises(Unavailable):
            await there.authenticator.login()


async def test_hanging_login_ends_with_the_time_out(tls: ServerTls) -> None:
    async with line(tls, timeout=0.1) as there:
        there.org.faults.add(Fault(Hang(), route="login"))
        async with asyncio.timeout(3):
            with pytest.raises(Unavailable, match=r"within 0\.1 s"):
                await there.authenticator.login()


async def test_nobody_at_the_login_host_is_unavailable(tls: ServerTls) -> None:
    async with line(tls) as there:
        await there.org.stop()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await there.authenticator.login()


async def test_host_that_we_cannot_verify_gets_no_secret(tls: ServerTls) -> None:
    async with line(tls) as there:
        stranger = Authenticator(there.settings, WORLD.org_id, http=there.http, clock=SystemClock())
        with pytest.raises(Unavailable, match="cannot be reached"):
            await stranger.login()
        assert there.org.ledger.operations["login"] == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_secret_does_not_follow_a_redirect(tls: ServerTls, status: int) -> None:
    async with line(tls) as there, line(tls) as elsewhere:
        there.org.faults.add(
            Fault(Reply(status, "", headers=(("Location", f"{elsewhere.url}/services/oauth2/token"),)), route="login")
        )
        with pytest.raises(Refused, match="BRIDGE_SALESFORCE__LOGIN_URL"):
            await there.authenticator.login()
        assert elsewhere.org.ledger.operations["login"] == 0


@pytest.mark.parametrize(
    "instance_url",
    ["http://salesforce.example", "http://203.0.113.7:8080", "ftp://acme.example", "nonsense", "https://", "http://[x"],
)
async def test_token_is_kept_from_an_instance_without_tls(tls: ServerTls, instance_url: str) -> None:
    async with line(tls) as there:
        body = json.dumps({"access_token": "abcdef", "instance_url": instance_url})
        there.org.faults.add(Fault(Reply(200, body), route="login"))
        with pytest.raises(Refused, match="not https"):
            await there.authenticator.login()


# Secrets


@pytest.fixture
def forgetful() -> Iterator[None]:
    """The process's redactor as it was before."""
    before = set(redactor._secrets)
    yield
    redactor._secrets.clear()
    redactor._secrets.update(before)


@pytest.mark.usefixtures("forgetful")
async def test_token_is_taught_to_the_redactor(tls: ServerTls) -> None:
    async with line(tls) as there:
        login = await there.authenticator.login()
        assert redactor(f"Bearer {login.token}") == "Bearer ***"


async def test_login_does_not_show_its_token() -> None:
    assert "abcdef" not in repr(Login("abcdef", "https://acme.example"))


async def _echo(request: web.Request) -> web.Response:
    form = await request.post()
    said = " ".join(str(value) for value in form.values())
    return web.json_response({"error": "invalid_grant", "error_description": said}, status=400)


@pytest.mark.parametrize("flow", ["jwt", "client_credentials"])
async def test_no_secret_is_in_the_error_of_a_host_that_repeats_it(keys: KeyPair, flow: str) -> None:
    app = web.Application()
    app.router.add_post("/services/oauth2/token", _echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        settings = Salesforce.model_validate(
            {
                **jwt_flow(keys),
                "auth": flow,
                "login_url": f"http://127.0.0.1:{runner.addresses[0][1]}",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            }
        )
        async with aiohttp.ClientSession() as http:
            authenticator = Authenticator(settings, WORLD.org_id, http=http, clock=SystemClock())
            with pytest.raises(Refused) as caught:
                await authenticator.login()
    finally:
        await runner.cleanup()
    text = str(caught.value)
    assert CLIENT_SECRET not in text
    assert "eyJ" not in text
    assert len(text) < 500
