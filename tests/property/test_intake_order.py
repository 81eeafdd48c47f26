"""Whatever comes, and however handlers behave: each event once, subjects in order, only figures dropped."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.events import CallEnded, Event, Priority, QueueMeasured, ServiceLevelBreached, VoicemailLeft
from bridge.intake import Intake, subject
from bridge.metrics import Metrics
from tests.support.clock import ManualClock, settle
from tests.support.events import breached, ended, left, measured

MAKERS = (
    lambda name, number: ended(name, id=f"c{number}", key=f"c{number}"),
    lambda name, number: left(f"{name}{number}"),
    lambda _name, number: measured(number=number),
    lambda _name, number: breached(number=number),
)

events = st.lists(
    st.tuples(
        st.integers(0, len(MAKERS) - 1),
        st.sampled_from("xy"),
        st.sampled_from(list(Priority)),
        st.integers(0, 3),  # turns of the loop that its handler takes
        st.booleans(),  # whether its handler fails at the first try
        st.booleans(),  # whether the loop turns before the next comes
    ),
    max_size=40,
)


@given(plan=events)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_everything_is_handled_once_and_in_order(plan: list[tuple[int, str, Priority, int, bool, bool]]) -> None:
    asyncio.run(_check(plan))


async def _check(plan: list[tuple[int, str, Priority, int, bool, bool]]) -> None:
    behaviour: dict[str, tuple[int, bool]] = {}
    tried: list[Event] = []
    inside: set[str] = set()

    async def handle(event: Any) -> str:
        name = subject(event)
        assert name not in inside, "two of one subject side by side"
        inside.add(name)
        turns, fails = behaviour[event.key]
        tried.append(event)
        for _ in range(turns):
            await asyncio.sleep(0)
        inside.discard(name)
        if fails:
            raise ValueError(event.key)
        return "handled"

    classes: tuple[type[Event], ...] = (CallEnded, VoicemailLeft, QueueMeasured, ServiceLevelBreached)
    intake = Intake(dict.fromkeys(classes, handle), clock=ManualClock(), metrics=Metrics())
    taken: list[Event] = []
    with capture_logs() as lines:
        for number, (maker, name, priority, turns, fails, pause) in enumerate(plan):
            event = MAKERS[maker](name, number)
            object.__setattr__(event, "priority", priority)
            behaviour[event.key] = (turns, fails)
            taken.append(event)
            intake.accept(event)
            intake.accept(event)
            if pause:
                await settle(2)
        await settle(400)
        assert await intake.drain(0) == 0

    keys = [each.key for each in tried]
    assert len(keys) == len(set(keys)), "handled twice"
    lost = {each.key for each in taken} - set(keys)
    assert all(each.type == "QUEUE_UPDATE" for each in taken if each.key in lost)
    order = {each.key: place for place, each in enumerate(taken)}
    for name in {subject(each) for each in taken}:
        places = [order[each.key] for each in tried if subject(each) == name]
        assert places == sorted(places), "a subject out of order"
    figures = [each.key for each in taken if each.type == "QUEUE_UPDATE"]
    assert not figures or figures[-1] not in lost, "the newest figures were dropped"
    failed = [line for line in lines if line["event"] == "intake.failed"]
    assert len(failed) == sum(behaviour[key][1] for key in keys)
