"""A queue's events → readings."""

from __future__ import annotations

import pytest

from bridge.escalation.conditioning import Level
from bridge.escalation.engine import Reading
from bridge.handlers.sla import SlaHandler
from tests.support.clock import START, ManualClock
from tests.support.events import QUEUE, breached, measured, warned


class Ear:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.readings: list[Reading] = []
        self.handler = SlaHandler(read=self.readings.append, clock=self.clock)


@pytest.mark.parametrize(
    ("word", "level"), [("healthy", Level.HEALTHY), ("warning", Level.WARNING), ("critical", Level.CRITICAL)]
)
async def test_a_measurement_is_read_with_its_figures(word: str, level: Level) -> None:
    ear = Ear()
    event = measured(word, current_level=62.0, target_level=80.0, stats={"callsInQueue": 3.0})
    assert await ear.handler.measured(event) == "handled"
    (reading,) = ear.readings
    assert (reading.level, reading.stated, reading.queue) == (level, False, QUEUE)
    assert (reading.current_level, reading.target_level, reading.stats) == (62.0, 80.0, {"callsInQueue": 3.0})


@pytest.mark.parametrize("word", ["", "meltdown", "CRITICAL!", "unknown"])
async def test_an_unknown_level_is_counted_and_changes_nothing(word: str) -> None:
    ear = Ear()
    assert await ear.handler.measured(measured(word)) == "unknown_level"
    assert ear.readings == []


async def test_what_minerva_states_is_read_as_stated() -> None:
    ear = Ear()
    assert await ear.handler.warned(warned()) == "handled"
    assert await ear.handler.breached(breached()) == "handled"
    assert [(each.level, each.stated) for each in ear.readings] == [(Level.WARNING, True), (Level.CRITICAL, True)]


async def test_runs_are_measured_by_arrival_on_the_monotonic_clock() -> None:
    ear = Ear()
    ear.clock.move(7)
    ear.clock.jump(-3600)
    await ear.handler.measured(measured(occurred_at=START - 1e6))
    assert ear.readings[0].at == 7.0
