"""Every event once, in the order that matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import intake as module
from bridge.events import (
    ActivitySeen,
    CallAnswered,
    CallEnded,
    CallRang,
    Event,
    Priority,
    QueueMeasured,
    QueueRef,
    ServiceLevelBreached,
    ServiceLevelWarned,
    VoicemailChanged,
    VoicemailLeft,
)
from bridge.intake import CLAIM_LIFE_S, Claims, Intake, claims, subject
from bridge.metrics import Metrics
from tests.support.clock import START, ManualClock, settle
from tests.support.events import answered, breached, changed, ended, left, measured, rang, warned

CLASSES: tuple[type[Event], ...] = (
    CallRang,
    CallAnswered,
    CallEnded,
    VoicemailLeft,
    VoicemailChanged,
    QueueMeasured,
    ServiceLevelWarned,
    ServiceLevelBreached,
)


class Bench:
    """An intake whose one handler remembers, and does what `behave` says."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.begun: list[Event] = []
        self.handled: list[Event] = []
        self.inside = 0
        self.most_inside = 0
        self.behave: Callable[[Event], Awaitable[str | None]] = self._nothing
        self.intake = Intake(dict.fromkeys(CLASSES, self.handle), clock=self.clock, metrics=self.metrics)

    async def _nothing(self, _event: Event) -> None:
        await asyncio.sleep(0)

    async def handle(self, event: Any) -> str:
        self.begun.append(event)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            outcome = await self.behave(event)
        finally:
            self.inside -= 1
        self.handled.append(event)
        return outcome or "handled"

    def accept(self, *events: Event) -> None:
        for each in events:
            self.intake.accept(each)

    def count(self, kind: str, outcome: str) -> float:
        labels = {"type": kind, "outcome": outcome}
        return self.metrics.registry.get_sample_value("minerva_bridge_events_total", labels) or 0.0


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """An intake at work; afterwards no task is left."""
    before = asyncio.all_tasks()
    made = Bench()
    try:
        yield made
    finally:
        await made.intake.drain(0)
    assert asyncio.all_tasks() <= before
    assert made.clock.sleepers == 0


class Held:
    """Holds handlers until it is let go, all or those of one key."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.open = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        if not self.keys or event.key in self.keys:
            await self.open.wait()


# --- once --------------------------------------------------------------------------------------------------------


async def test_an_event_is_handled_once_however_often_it_comes() -> None:
    async with bench() as it:
        it.accept(rang(), rang())
        await settle()
        it.accept(rang())
        await settle()
        assert len(it.handled) == 1
        assert it.count("CALL_INCOMING", "duplicate") == 2
        assert it.count("CALL_INCOMING", "handled") == 1


async def test_a_ring_is_taken_once_per_agent_and_call_whatever_its_id() -> None:
    async with bench() as it:
        it.accept(rang(), rang(id="other", key="agent-1/other"), rang(agent="agent-2"), rang("call-2"))
        await settle()
        assert sorted((each.agent or "", each.id) for each in it.handled) == [
            ("agent-1", "rang-call-1"),
            ("agent-1", "rang-call-2"),
            ("agent-2", "rang-call-1"),
        ]
        assert it.count("CALL_INCOMING", "duplicate") == 1


async def test_a_voicemail_is_taken_once_per_agent_whatever_its_id() -> None:
    async with bench() as it:
        it.accept(left(), left(id="again", key="agent-1/again", replayed=True), left(agent="agent-2"))
        await settle()
        assert len(it.handled) == 2
        assert it.count("VOICEMAIL_NEW", "duplicate") == 1


async def test_every_change_of_a_voicemail_is_taken_and_follows_it() -> None:
    async with bench() as it:
        it.accept(left(), changed(id="a", key="a"), changed(id="b", key="b"), changed(id="a", key="a"))
        await settle()
        assert [each.id for each in it.handled] == ["left-vm-1", "a", "b"]


async def test_one_id_may_concern_two_agents() -> None:
    async with bench() as it:
        it.accept(ended(agent="agent-1"), ended(agent="agent-2"))
        await settle()
        assert len(it.handled) == 2


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()], ids=["error", "cancelled inside"])
async def test_a_failed_handler_gives_its_claim_back(error: BaseException) -> None:
    async with bench() as it:

        async def fail(_event: Event) -> None:
            raise error

        it.behave = fail
        with capture_logs() as lines:
            it.accept(left())
            await settle()
        assert [line["event"] for line in lines] == ["intake.failed"]
        assert it.count("VOICEMAIL_NEW", "failed") == 1
        it.behave = it._nothing
        it.accept(left(id="again", key="agent-1/again", replayed=True))
        await settle()
        assert it.count("VOICEMAIL_NEW", "handled") == 1


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()], ids=["error", "cancelled inside"])
async def test_a_failed_handler_does_not_stop_what_follows_in_its_lane(error: BaseException) -> None:
    async with bench() as it:

        async def fail_rings(event: Event) -> None:
            if isinstance(event, CallRang):
                raise error

        it.behave = fail_rings
        with capture_logs():
            it.accept(rang(), ended(), rang("call-2"))
            await settle()
            it.accept(answered())
            await settle()
        assert [each.type for each in it.handled] == ["CALL_ENDED", "CALL_CONNECTED"]


async def test_a_refused_duplicate_claims_nothing() -> None:
    clock = ManualClock()
    taken = Claims(clock)
    assert taken.take(("a", "b"))
    assert not taken.take(("b", "c"))
    assert taken.take(("c",))


def test_claims_are_forgotten_after_a_day_not_before() -> None:
    clock = ManualClock()
    taken = Claims(clock)
    assert taken.take(("a",))
    clock.move(CLAIM_LIFE_S)
    assert not taken.take(("a",))
    clock.move(1)
    assert taken.take(("a",))


def test_setting_the_machines_clock_forgets_no_claim() -> None:
    clock = ManualClock()
    taken = Claims(clock)
    assert taken.take(("a",))
    clock.jump(10 * CLAIM_LIFE_S)
    assert not taken.take(("a",))


def test_claims_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLAIMS_KEPT", 3)
    taken = Claims(ManualClock())
    for name in "abcde":
        assert taken.take((name,))
    assert not taken.take(("e",))
    assert taken.take(("a",))
    assert len(taken._taken) <= 4


# --- in which order ----------------------------------------------------------------------------------------------


async def test_events_of_one_call_are_handled_in_order() -> None:
    async with bench() as it:
        held = Held()
        it.behave = held
        it.accept(rang(), answered(), ended())
        await settle()
        assert [each.type for each in it.begun] == ["CALL_INCOMING"]
        held.open.set()
        await settle()
        assert [each.type for each in it.handled] == ["CALL_INCOMING", "CALL_CONNECTED", "CALL_ENDED"]
        assert it.most_inside == 1


async def test_calls_are_handled_side_by_side() -> None:
    async with bench() as it:
        held = Held("agent-1/rang-call-1")
        it.behave = held
        it.accept(rang("call-1"), ended("call-1"), rang("call-2"), ended("call-2"), left())
        await settle()
        assert sorted(each.id for each in it.handled) == ["ended-call-2", "left-vm-1", "rang-call-2"]
        held.open.set()
        await settle()
        assert len(it.handled) == 5


async def test_no_more_than_the_limit_run_side_by_side_and_none_starves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIDE_BY_SIDE", 3)
    async with bench() as it:
        it.accept(*(rang(f"call-{number}") for number in range(20)))
        await settle(100)
        assert len(it.handled) == 20
        assert it.most_inside == 3


async def test_high_priority_overtakes_what_waits_and_waits_for_nothing_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SIDE_BY_SIDE", 1)
    async with bench() as it:
        held = Held("agent-1/left-first")
        it.behave = held
        it.accept(left("first"))
        await settle()
        it.accept(
            left("low", priority=Priority.LOW),
            left("normal"),
            rang("high", priority=Priority.HIGH),
            breached(priority=Priority.HIGH),
        )
        await settle()
        assert [each.id for each in it.handled] == ["rang-high", "breached-queue-1-1"]
        held.open.set()
        await settle()
        assert [each.id for each in it.handled] == [
            "rang-high",
            "breached-queue-1-1",
            "left-first",
            "left-normal",
            "left-low",
        ]


# --- what is dropped, and what never is --------------------------------------------------------------------------


async def test_only_the_newest_figures_of_a_queue_wait() -> None:
    async with bench() as it:
        held = Held("measured-queue-1-0")
        it.behave = held
        it.accept(*(measured(number=number) for number in range(10)))
        it.accept(measured(number=7, queue=QueueRef("queue-2")))
        await settle()
        held.open.set()
        await settle()
        ids = [each.id for each in it.handled]
        assert [each for each in ids if "queue-1" in each] == ["measured-queue-1-0", "measured-queue-1-9"]
        assert "measured-queue-2-7" in ids
        assert it.count("QUEUE_UPDATE", "conflated") == 8


async def test_conflation_never_drops_an_alert_and_keeps_figures_on_their_side_of_it() -> None:
    async with bench() as it:
        held = Held("measured-queue-1-0")
        it.behave = held
        it.accept(measured(number=0), measured(number=1), breached(), warned(), measured(number=2), measured(number=3))
        await settle()
        held.open.set()
        await settle()
        assert [each.id for each in it.handled] == [
            "measured-queue-1-0",
            "measured-queue-1-1",
            "breached-queue-1-1",
            "warned-queue-1-1",
            "measured-queue-1-3",
        ]


async def test_overflow_drops_figures_and_never_calls_voicemails_or_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    async with bench() as it:
        held = Held()
        it.behave = held
        it.accept(rang("call-1"), rang("call-2"))
        it.accept(measured(), rang("call-3"), left(), breached(), warned())
        await settle()
        held.open.set()
        await settle()
        assert it.count("QUEUE_UPDATE", "overflow") == 1
        assert len(it.handled) == 6


async def test_an_expired_event_is_counted_and_not_acted_on() -> None:
    async with bench() as it:
        it.accept(rang(ttl_s=10.0, occurred_at=START - 11), left(ttl_s=10.0, occurred_at=START - 9))
        it.accept(left("vm-2", occurred_at=START - 1e6))
        await settle()
        assert sorted(each.id for each in it.handled) == ["left-vm-1", "left-vm-2"]
        assert it.count("CALL_INCOMING", "expired") == 1


async def test_the_time_spent_waiting_counts_against_the_ttl() -> None:
    async with bench() as it:
        held = Held("agent-1/rang-call-1")
        it.behave = held
        it.accept(rang(), answered(ttl_s=5.0))
        await it.clock.advance(6)
        held.open.set()
        await settle()
        assert it.count("CALL_CONNECTED", "expired") == 1


async def test_clock_skew_is_taken_off_before_an_event_expires() -> None:
    async with bench() as it:
        it.accept(rang(ttl_s=10.0, occurred_at=START - 60, skew_s=-55.0))
        await settle()
        assert it.count("CALL_INCOMING", "handled") == 1


async def test_what_nobody_handles_is_counted_as_seen() -> None:
    async with bench() as it:
        it.accept(ActivitySeen(key="p", type="PRESENCE_UPDATE", id="p", occurred_at=START))
        assert it.count("PRESENCE_UPDATE", "seen") == 1


async def test_the_handlers_word_is_the_outcome() -> None:
    async with bench() as it:

        async def word(_event: Event) -> str:
            return "stale"

        it.behave = word
        it.accept(rang())
        await settle()
        assert it.count("CALL_INCOMING", "stale") == 1


# --- the end -----------------------------------------------------------------------------------------------------


async def test_drain_finishes_what_was_taken_in_and_takes_nothing_more() -> None:
    it = Bench()
    held = Held()
    it.behave = held
    it.accept(rang(), ended(), left())
    async with asyncio.TaskGroup() as group:
        drained = group.create_task(it.intake.drain(10))
        await settle()
        assert not drained.done()
        it.accept(rang("late"))
        held.open.set()
    assert drained.result() == 0
    assert len(it.handled) == 3
    assert it.count("CALL_INCOMING", "closed") == 1
    assert it.clock.sleepers == 0


async def test_drain_takes_no_longer_than_it_may_and_says_what_is_left() -> None:
    it = Bench()
    held = Held("agent-1/rang-call-1")
    it.behave = held
    it.accept(rang(), ended(), left())
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            drained = group.create_task(it.intake.drain(10))
            await it.clock.advance(9.9)
            assert not drained.done()
            await it.clock.advance(0.2)
            assert drained.done()
    assert drained.result() == 2
    assert lines == [{"event": "intake.left_behind", "log_level": "error", "events": 2}]
    assert it.inside == 0


async def test_an_idle_intake_drains_at_once() -> None:
    it = Bench()
    assert await it.intake.drain(1000) == 0
    assert it.clock.monotonic() == 0.0


# --- names -------------------------------------------------------------------------------------------------------


def test_subjects_and_claims_are_what_the_protocol_says() -> None:
    assert subject(rang()) == subject(answered()) == subject(ended(agent="agent-2")) == "call call-1"
    assert subject(left()) == subject(changed()) == "voicemail vm-1"
    assert subject(measured()) == subject(warned()) == subject(breached()) == "queue queue-1"
    assert claims(rang()) == ("agent-1/rang-call-1", "ring agent-1/call-1")
    assert claims(left()) == ("agent-1/left-vm-1", "voicemail agent-1/vm-1")
    assert claims(changed()) == ("agent-1/changed-vm-1",)
    assert claims(breached()) == ("breached-queue-1-1",)
