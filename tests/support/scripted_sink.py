"""A sink that does what the test tells it to, and remembers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

import aiohttp

from bridge.core.clock import Clock
from bridge.notifications import Kind
from bridge.sinks.base import Delivery, Receipt, Sink, SinkContext, SinkSettings

Answer = BaseException | None
"""What an attempt ends with: an error to raise, or None for a receipt."""


class ScriptedSink(Sink):
    """Answers with `answers` one after another, then takes everything; waits for `hold` first when one is set."""

    concurrency: ClassVar[int] = 4

    def __init__(self, name: str, clock: Clock, answers: Iterable[Answer] = (), **attributes: Any) -> None:
        context = SinkContext(http=cast(aiohttp.ClientSession, None), clock=clock)
        super().__init__(name, SinkSettings(), context)
        self.answers = list(answers)
        self.given: list[Delivery] = []
        self.given_at: list[float] = []
        self.taken: list[Delivery] = []
        self.hold: asyncio.Event | None = None
        self.now_inside: set[str] = set()
        self.most_inside = 0
        self.overlaps: list[str] = []
        self.closed = 0
        self.on_close: Callable[[], None] = lambda: None
        for attribute, value in attributes.items():
            setattr(self, attribute, value)

    async def deliver(self, delivery: Delivery) -> Receipt:
        subject = delivery.notification.subject
        if subject in self.now_inside:
            self.overlaps.append(subject)
        self.now_inside.add(subject)
        self.most_inside = max(self.most_inside, len(self.now_inside))
        self.given.append(delivery)
        self.given_at.append(self.context.clock.monotonic())
        try:
            if self.hold is not None:
                await self.hold.wait()
            else:
                await asyncio.sleep(0)
            answer = self.answers.pop(0) if self.answers else None
            if answer is not None:
                raise answer
        finally:
            self.now_inside.discard(subject)
        self.taken.append(delivery)
        return Receipt("taken")

    async def close(self) -> None:
        self.closed += 1
        self.on_close()

    @property
    def subjects(self) -> list[str]:
        """The subjects that were taken, in order."""
        return [each.notification.subject for each in self.taken]


ALL_KINDS = frozenset(Kind)
