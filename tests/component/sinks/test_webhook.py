"""The webhook against real servers on loopback; signatures are checked by an independent verifier."""

from __future__ import annotations

import asyncio
import base64
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
import trustme
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bridge.core.clock import SystemClock
from bridge.core.errors import Ambiguous, Permanent, Retryable, SinkError
from bridge.delivery.dispatcher import Dispatcher
from bridge.metrics import Metrics
from bridge.notifications import Incident
from bridge.settings import Route
from bridge.sinks.base import SinkContext
from bridge.sinks.webhook import WebhookSettings, WebhookSink
from tests.support.clock import ManualClock, settle
from tests.support.notifications import ENVELOPE, HOSTILE, delivery, incident, notice, voicemail
from tests.support.peer import Peer, answering_raw, endless, refusing, serving, status


def secret(fill: bytes) -> str:
    return "whsec_" + base64.b64encode(fill * 32).decode()


FIRST, SECOND, THIRD = secret(b"1"), secret(b"2"), secret(b"3")


@asynccontextmanager
async def webhook(url: str, clock: ManualClock | None = None, **fields: Any) -> AsyncIterator[WebhookSink]:
    # The verifier compares timestamps with the real time, so the clock starts there.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        context = SinkContext(http=http, clock=clock or ManualClock(SystemClock().now()))
        yield WebhookSink("crm", WebhookSettings.model_validate({"url": url, **fields}), context)


async def failure(url: str) -> SinkError:
    async with webhook(url) as sink:
        with pytest.raises(SinkError) as caught:
            await sink.deliver(delivery(notice()))
    return caught.value


async def answered(peer: Peer) -> SinkError:
    return await failure(peer.url)


# --- what is sent ------------------------------------------------------------------------------------------------


async def test_the_envelope_arrives_as_json_at_the_very_address() -> None:
    async with serving() as peer, webhook(peer.url, headers={"Authorization": "Bearer abc"}) as sink:
        receipt = await sink.deliver(delivery(voicemail(), id="msg_42"))
        request = await peer.got()
    assert receipt.detail == "HTTP 204"
    assert request.path == "/hook?a=b"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_42"
    assert request.headers["authorization"] == "Bearer abc"
    assert request.json() == voicemail().body(**ENVELOPE)


async def test_the_signature_verifies_and_an_altered_body_does_not() -> None:
    async with serving() as peer, webhook(peer.url, secret=FIRST) as sink:
        await sink.deliver(delivery(voicemail()))
        request = await peer.got()
    Webhook(FIRST).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(FIRST).verify(request.body.replace(b"vm-1", b"vm-2"), request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(FIRST).verify(request.body, {**request.headers, "webhook-id": "msg_other"})


async def test_with_several_secrets_the_message_verifies_with_each_and_no_other() -> None:
    async with serving() as peer, webhook(peer.url, secret=FIRST, secrets=[SECOND]) as sink:
        await sink.deliver(delivery(voicemail()))
        request = await peer.got()
    for known in (FIRST, SECOND):
        Webhook(known).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(THIRD).verify(request.body, request.headers)


async def test_without_a_secret_nothing_is_signed_and_the_id_is_still_there() -> None:
    async with serving() as peer, webhook(peer.url) as sink:
        await sink.deliver(delivery(notice()))
        request = await peer.got()
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == "msg_1"


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_arrives_whole_and_signed(name: str) -> None:
    async with serving() as peer, webhook(peer.url, secret=FIRST) as sink:
        await sink.deliver(delivery(voicemail(text=HOSTILE[name])))
        request = await peer.got()
    Webhook(FIRST).verify(request.body, request.headers)
    assert request.json()["data"]["transcription"] == HOSTILE[name]


async def test_figures_that_are_none_are_sent_as_null_because_nan_is_not_json() -> None:
    message = incident()
    assert isinstance(message.data, Incident)
    figures = {"a": float("nan"), "b": float("inf"), "c": 1.0}
    broken = incident(data=message.data.model_copy(update={"stats": figures, "current_level": float("-inf")}))
    async with serving() as peer, webhook(peer.url, secret=FIRST) as sink:
        await sink.deliver(delivery(broken))
        request = await peer.got()
    assert b"NaN" not in request.body
    assert request.json()["data"]["stats"] == {"a": None, "b": None, "c": 1.0}
    assert request.json()["data"]["current_level"] is None


async def test_the_id_is_constant_over_retries_while_timestamp_and_signature_change() -> None:
    clock = ManualClock(SystemClock().now())
    async with serving(status(503), status(500)) as peer, webhook(peer.url, clock, secret=FIRST) as sink:
        dispatcher = Dispatcher(
            {"crm": sink},
            [Route.model_validate({"kind": "*", "sinks": ["crm"]})],
            org_id=ENVELOPE["org_id"],
            environment=ENVELOPE["environment"],
            clock=clock,
            dice=random.Random(1),  # noqa: S311 - jitter
            metrics=Metrics(),
        )
        dispatcher.start()
        dispatcher.post(voicemail())
        for count in (1, 2):
            await peer.got(count)
            while clock.sleepers == 0:  # until the answer has come back and the retry is armed
                await settle()
            clock.move(5)
        await peer.got(3)
        assert await dispatcher.drain(1000) == 0
    assert len({each.headers["webhook-id"] for each in peer.requests}) == 1
    stamps = [int(each.headers["webhook-timestamp"]) for each in peer.requests]
    assert stamps[0] < stamps[1] < stamps[2]
    assert len({each.headers["webhook-signature"] for each in peer.requests}) == 3
    assert len({each.body for each in peer.requests}) == 1
    for each in peer.requests:
        Webhook(FIRST).verify(each.body, each.headers)


# --- what is answered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_2xx_counts_as_taken(code: int) -> None:
    async with serving(status(code)) as peer, webhook(peer.url) as sink:
        assert (await sink.deliver(delivery(notice()))).detail == f"HTTP {code}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(code: int) -> None:
    async with serving() as elsewhere, serving(status(code, headers={"Location": elsewhere.url})) as peer:
        assert isinstance(await answered(peer), Permanent)
        assert elsewhere.requests == []
        assert len(peer.requests) == 1


@pytest.mark.parametrize("code", [400, 405, 410, 413, 422])
async def test_an_answer_that_cannot_change_is_permanent(code: int) -> None:
    async with serving(status(code)) as peer:
        error = await answered(peer)
    assert isinstance(error, Permanent)
    assert str(error) == f"HTTP {code}"


@pytest.mark.parametrize("code", [401, 403, 404, 408, 425, 429, 500, 502, 503, 504])
async def test_an_answer_that_may_change_is_retryable(code: int) -> None:
    async with serving(status(code)) as peer:
        error = await answered(peer)
    assert isinstance(error, Retryable)
    assert error.retry_after is None


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_in_both_forms_is_handed_on(code: int) -> None:
    async with serving(status(code, headers={"Retry-After": "17"})) as peer:
        error = await answered(peer)
    assert isinstance(error, Retryable)
    assert error.retry_after == 17.0
    date = formatdate(SystemClock().now() + 90, usegmt=True)
    async with serving(status(code, headers={"Retry-After": date})) as peer:
        error = await answered(peer)
    assert isinstance(error, Retryable)
    assert error.retry_after == pytest.approx(90, abs=5)


async def test_a_page_of_html_counts_by_its_status() -> None:
    page = {"text": "<html>Welcome</html>", "content_type": "text/html"}
    async with serving(status(200, **page)) as peer, webhook(peer.url) as sink:
        assert (await sink.deliver(delivery(notice()))).detail == "HTTP 200"
    async with serving(status(502, **page)) as peer:
        error = await answered(peer)
    assert isinstance(error, Retryable)
    assert "html" not in str(error)


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    async with serving(endless) as peer, webhook(peer.url) as sink:
        assert (await sink.deliver(delivery(notice()))).detail == "HTTP 200"


# --- when there is no answer -------------------------------------------------------------------------------------


async def test_a_refused_connection_is_retryable_nothing_was_sent() -> None:
    async with refusing() as url:
        error = await failure(url)
    assert isinstance(error, Retryable)
    assert str(error) == "cannot connect: ConnectionRefusedError"


async def test_a_name_that_does_not_resolve_is_retryable() -> None:
    error = await failure("http://nobody.invalid/hook")
    assert isinstance(error, Retryable)
    assert "nobody.invalid" not in str(error)


async def test_a_reset_after_the_request_is_ambiguous() -> None:
    async with answering_raw(b"", reset=True) as url:
        assert isinstance(await failure(url), Ambiguous)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200",
    ],
    ids=["hangs up", "no HTTP", "no status", "huge header", "cut short"],
)
async def test_an_answer_that_cannot_be_read_is_ambiguous(answer: bytes) -> None:
    async with answering_raw(answer) as url:
        error = await failure(url)
    assert isinstance(error, Ambiguous)
    assert str(error).startswith("no answer: ")


async def test_a_certificate_that_is_not_trusted_is_retryable_and_nothing_is_sent() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with serving(tls=tls) as peer:
        error = await failure(peer.url)
        assert peer.requests == []
    assert isinstance(error, Retryable)
    assert str(error) == "cannot connect: SSLCertVerificationError"


async def test_tls_to_a_plain_port_is_retryable() -> None:
    async with serving() as peer:
        error = await failure(peer.url.replace("http://", "https://"))
    assert isinstance(error, Retryable)


async def test_no_error_shows_the_address_or_a_secret() -> None:
    token = "token-in-the-path"
    async with refusing() as url, serving(status(500), status(410)) as peer:
        errors = [await failure(f"{url}/{token}"), await answered(peer), await answered(peer)]
    for error in errors:
        assert token not in f"{error!r}{error}"
        assert "127.0.0.1" not in f"{error!r}{error}"


async def test_fifty_messages_at_once_arrive_each_once() -> None:
    async with serving() as peer, webhook(peer.url, secret=FIRST) as sink:
        await asyncio.gather(*(sink.deliver(delivery(notice(n), id=f"msg_{n}")) for n in range(50)))
    assert sorted(each.headers["webhook-id"] for each in peer.requests) == sorted(f"msg_{n}" for n in range(50))
