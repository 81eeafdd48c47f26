"""The contract, kept by every sink that comes with the bridge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from bridge.sinks import registry
from bridge.sinks.base import Sink, SinkSettings
from bridge.sinks.log import LogSink
from bridge.sinks.webhook import WebhookSettings, WebhookSink
from tests.contract.sink_contract import SinkContract, context
from tests.support.peer import hang, serving, status

SECRET = "whsec_" + "QUJD" * 8


class TestLog(SinkContract):
    kind: ClassVar[type[Sink]] = LogSink
    has_peer: ClassVar[bool] = False

    @asynccontextmanager
    async def healthy(self) -> AsyncIterator[Sink]:
        async with context() as made:
            yield LogSink("log", SinkSettings(), made)


@asynccontextmanager
async def webhook(url: str) -> AsyncIterator[Sink]:
    async with context() as made:
        yield WebhookSink("crm", WebhookSettings.model_validate({"url": url, "secret": SECRET}), made)


class TestWebhook(SinkContract):
    kind: ClassVar[type[Sink]] = WebhookSink

    @asynccontextmanager
    async def healthy(self) -> AsyncIterator[Sink]:
        async with serving() as peer, webhook(peer.url) as sink:
            yield sink

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[Sink]:
        async with serving() as peer, webhook(peer.url) as sink:
            peer.then = status(500)
            yield sink

    @asynccontextmanager
    async def hanging(self) -> AsyncIterator[Sink]:
        async with serving() as peer, webhook(peer.url) as sink:
            peer.then = hang
            yield sink


class TestWebhookWithoutPeer(TestWebhook):
    @asynccontextmanager
    async def failing(self) -> AsyncIterator[Sink]:
        async with serving() as peer:
            gone = peer.url
        async with webhook(gone) as sink:
            yield sink


def test_every_sink_that_comes_with_the_bridge_is_under_contract() -> None:
    ours = {each for each in registry.installed().values() if each.__module__.startswith("bridge.")}
    assert ours == {TestLog.kind, TestWebhook.kind}
