"""What every sink promises, whatever its channel. Subclass `SinkContract`, give it a sink, and run it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

import aiohttp
import pytest
from pydantic import ValidationError

from bridge.core.errors import SinkError
from bridge.core.tasks import Tasks
from bridge.notifications import Kind, Notification
from bridge.sinks.base import Receipt, Sink, SinkContext
from tests.support.clock import ManualClock, settle
from tests.support.notifications import HOSTILE, delivery, everything

ONE_OF_EACH = [each.type for each in everything()]


def tasks() -> set[asyncio.Task[object]]:
    """The tasks that run, but for those of a peer that runs in this very process."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}


def of_type(name: str, text: str | None = None) -> Notification:
    return next(each for each in everything(text) if each.type == name)


@asynccontextmanager
async def context() -> AsyncIterator[SinkContext]:
    """What a worker hands to its sinks."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield SinkContext(http=http, clock=ManualClock())


class SinkContract(ABC):
    """The promises of `bridge.sinks.base.Sink`."""

    kind: ClassVar[type[Sink]]
    has_peer: ClassVar[bool] = True
    """False for a sink that depends on nothing outside: it cannot fail or hang."""

    @abstractmethod
    def healthy(self) -> AbstractAsyncContextManager[Sink]:
        """The sink, its peer well."""

    def failing(self) -> AbstractAsyncContextManager[Sink]:
        """The sink, its peer away or broken."""
        raise NotImplementedError

    def hanging(self) -> AbstractAsyncContextManager[Sink]:
        """The sink, its peer never answering."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", ONE_OF_EACH)
    async def test_everything_it_takes_gets_a_receipt(self, name: str) -> None:
        async with self.healthy() as sink:
            notification = of_type(name)
            if notification.kind in sink.takes:
                receipt = await sink.deliver(delivery(notification))
                assert isinstance(receipt, Receipt)
                assert receipt.detail
                assert receipt.detail.isprintable()

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("name", ONE_OF_EACH)
    async def test_hostile_text_never_breaks_it(self, name: str, text: str) -> None:
        async with self.healthy() as sink:
            notification = of_type(name, HOSTILE[text])
            if notification.kind not in sink.takes:
                return
            try:
                receipt = await sink.deliver(delivery(notification))
            except SinkError as error:
                assert str(error).isprintable()  # noqa: PT017 - both ends are allowed, each with its promise
            else:
                assert isinstance(receipt, Receipt)

    async def test_the_same_delivery_may_come_again(self) -> None:
        async with self.healthy() as sink:
            again = delivery(next(each for each in everything() if each.kind in sink.takes))
            for _ in range(3):
                assert isinstance(await sink.deliver(again), Receipt)

    async def test_deliveries_may_run_side_by_side(self) -> None:
        async with self.healthy() as sink:
            many = [delivery(each, id=f"msg_{each.id}") for each in everything() if each.kind in sink.takes]
            receipts = await asyncio.gather(*(sink.deliver(each) for each in many * 4))
            assert all(isinstance(each, Receipt) for each in receipts)

    async def test_it_raises_nothing_but_sink_errors(self) -> None:
        if self.has_peer:
            async with self.failing() as sink:
                for each in everything():
                    if each.kind in sink.takes:
                        with pytest.raises(SinkError):
                            await sink.deliver(delivery(each))

    async def test_an_attempt_can_be_cancelled_and_leaves_no_task(self) -> None:
        if not self.has_peer:
            return
        async with self.hanging() as sink:
            work = Tasks()
            before = tasks()
            one = next(each for each in everything() if each.kind in sink.takes)
            work.start(sink.deliver(delivery(one)), name="an attempt")
            await settle()
            assert len(work) == 1
            await work.cancel()
            await settle()
            assert tasks() <= before

    async def test_it_works_after_a_cancelled_attempt(self) -> None:
        async with self.healthy() as sink:
            one = next(each for each in everything() if each.kind in sink.takes)
            work = Tasks()
            work.start(sink.deliver(delivery(one)), name="an attempt")
            await work.cancel()
            assert isinstance(await sink.deliver(delivery(one)), Receipt)

    async def test_close_may_be_called_again_and_before_the_first_delivery(self) -> None:
        async with self.healthy() as sink:
            await sink.close()
            await sink.close()

    async def test_it_says_what_the_dispatcher_needs_to_know(self) -> None:
        assert self.kind.takes
        assert self.kind.takes <= frozenset(Kind)
        assert self.kind.timeout_s > 0
        assert self.kind.concurrency >= 1

    def test_an_unknown_setting_is_refused_by_name(self) -> None:
        with pytest.raises(ValidationError, match="no_such_field"):
            self.kind.Settings.model_validate({"no_such_field": 1})
