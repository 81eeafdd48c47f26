from __future__ import annotations

from bridge.core.gate import AdmissionGate
from bridge.core.tasks import Tasks
from bridge.minerva.door import CANARY_EVERY_S, LONGEST_WINDOW_S, Door
from tests.support.clock import ManualClock


class Queue:
    """Some sessions before a door."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.door = Door(AdmissionGate(self.clock, rate=1000), self.clock)
        self.tasks = Tasks()
        self.inside: list[int] = []

    def knock(self, count: int) -> None:
        for number in range(count):
            self.tasks.start(self._enter(number), name=f"session {number}")

    async def _enter(self, number: int) -> None:
        await self.door.admitted()
        self.inside.append(number)


async def test_outside_a_window_everybody_passes() -> None:
    queue = Queue()
    queue.knock(5)
    await queue.clock.advance(0.1)
    assert len(queue.inside) == 5


async def test_in_a_window_one_canary_a_minute_tries_until_it_ends() -> None:
    queue = Queue()
    queue.door.close_between(None, queue.clock.now() + 150)
    queue.knock(5)
    await queue.clock.advance(CANARY_EVERY_S - 1)
    assert queue.inside == []
    await queue.clock.advance(2)
    assert len(queue.inside) == 1
    await queue.clock.advance(CANARY_EVERY_S)
    assert len(queue.inside) == 2
    await queue.clock.advance(30)
    assert len(queue.inside) == 5


async def test_a_canary_that_gets_through_opens_for_all() -> None:
    queue = Queue()
    queue.door.close_between(None, queue.clock.now() + 3000)
    queue.knock(5)
    await queue.clock.advance(CANARY_EVERY_S + 1)
    assert len(queue.inside) == 1
    queue.door.passed()
    await queue.clock.advance(1)
    assert len(queue.inside) == 5


async def test_a_window_is_believed_for_an_hour_at_most() -> None:
    queue = Queue()
    queue.door.close_between(queue.clock.now(), queue.clock.now() + 86_400)
    await queue.clock.advance(LONGEST_WINDOW_S + 1)
    assert not queue.door.closed


async def test_a_window_that_is_over_or_not_yet_begun_closes_nothing() -> None:
    queue = Queue()
    queue.door.close_between(None, None)
    assert not queue.door.closed
    queue.door.close_between(queue.clock.now() - 100, queue.clock.now() - 50)
    assert not queue.door.closed
    queue.door.close_between(queue.clock.now() + 100, queue.clock.now() + 200)
    assert not queue.door.closed
    await queue.clock.advance(150)
    assert queue.door.closed
