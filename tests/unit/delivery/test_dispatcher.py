"""The dispatcher with scripted sinks and a clock that the test turns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from bridge.core.errors import Ambiguous, Permanent, Retryable
from bridge.delivery import dispatcher as module
from bridge.delivery.dispatcher import Dispatcher
from bridge.events import Priority
from bridge.metrics import Metrics
from bridge.notifications import Kind, Notification
from bridge.settings import Route, SinkRef
from bridge.sinks.base import Delivery, Receipt
from tests.support.clock import START, ManualClock, settle
from tests.support.notifications import ENVELOPE, incident, notice, pop, trouble, voicemail
from tests.support.scripted_sink import Answer, ScriptedSink


@dataclass
class Bench:
    """A dispatcher at work, and what it told."""

    clock: ManualClock
    dispatcher: Dispatcher
    sinks: Mapping[str, ScriptedSink]
    metrics: Metrics
    troubles: list[tuple[str, str | None]] = field(default_factory=list)

    def count(self, sink: str, outcome: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "minerva_bridge_deliveries_total", {"sink": sink, "outcome": outcome}
        )
        return found or 0.0

    def gauge(self, name: str, **labels: str) -> float | None:
        self.metrics.render()
        return self.metrics.registry.get_sample_value(f"minerva_bridge_{name}", labels)

    def post(self, *notifications: Notification) -> None:
        for each in notifications:
            self.dispatcher.post(each)

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)


def everywhere(*names: str, fallback: Sequence[str] = ()) -> tuple[Route, ...]:
    route = {"kind": "*", "sinks": list(names), "fallback": list(fallback)}
    return (Route.model_validate(route),)


def scripted(clock: ManualClock, **answers: Sequence[Answer]) -> dict[str, ScriptedSink]:
    return {name: ScriptedSink(name, clock, each) for name, each in answers.items()}


def make(clock: ManualClock, sinks: Mapping[str, ScriptedSink], routes: Sequence[Route] | None = None) -> Bench:
    metrics = Metrics()
    told: list[tuple[str, str | None]] = []
    dispatcher = Dispatcher(
        sinks,
        everywhere(*sinks) if routes is None else routes,
        org_id=ENVELOPE["org_id"],
        environment=ENVELOPE["environment"],
        clock=clock,
        dice=random.Random(7),  # noqa: S311 - jitter
        metrics=metrics,
        trouble=lambda name, why: told.append((name, why)),
    )
    return Bench(clock, dispatcher, sinks, metrics, told)


@asynccontextmanager
async def working(bench: Bench) -> AsyncIterator[Bench]:
    """The dispatcher at work; afterwards it is stopped and no task is left."""
    before = asyncio.all_tasks()
    bench.dispatcher.start()
    try:
        await settle()
        yield bench
    finally:
        await bench.dispatcher.drain(0)
    assert asyncio.all_tasks() <= before
    assert bench.clock.sleepers == 0
    assert not any(sink.overlaps for sink in bench.sinks.values()), "two of one subject side by side"


# --- where it goes ---------------------------------------------------------------------------------------------------


async def test_a_notification_reaches_every_sink_of_its_route() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=(), b=()))) as bench:
        assert bench.dispatcher.post(notice()) == 2
        await settle()
        for sink in bench.sinks.values():
            (given,) = sink.taken
            assert given.body["type"] == "bridge.test"
            assert given.body["org_id"] == ENVELOPE["org_id"]
            assert given.body["timestamp"] == "2027-01-15T08:00:00.000Z"
        assert bench.count("a", "delivered") == bench.count("b", "delivered") == 1


async def test_what_no_route_covers_is_counted_and_logged() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=()), routes=())) as bench:
        with capture_logs() as lines:
            assert bench.dispatcher.post(notice()) == 0
        assert [line["event"] for line in lines] == ["delivery.unrouted"]
        assert bench.count("", "unrouted") == 1


async def test_a_sink_gets_only_the_kinds_it_takes() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, takes=frozenset({Kind.SCREEN_POP})), "b": ScriptedSink("b", clock)}
    async with working(make(clock, sinks)) as bench:
        bench.post(pop(), notice())
        await settle()
        assert bench.sinks["a"].subjects == ["call call-1"]
        assert len(bench.sinks["b"].taken) == 2
        assert bench.dispatcher.takers(Kind.SLA) == ("b",)
        assert bench.dispatcher.takers(Kind.SCREEN_POP) == ("a", "b")


async def test_the_fallback_serves_only_when_no_listed_sink_can() -> None:
    clock = ManualClock()
    sinks = {
        "pops": ScriptedSink("pops", clock, takes=frozenset({Kind.SCREEN_POP})),
        "spare": ScriptedSink("spare", clock),
    }
    async with working(make(clock, sinks, everywhere("pops", fallback=["spare"]))) as bench:
        bench.post(pop(), voicemail())
        await settle()
        assert bench.sinks["pops"].subjects == ["call call-1"]
        assert bench.sinks["spare"].subjects == ["voicemail 1"]


async def test_nowhere_on_purpose_goes_nowhere_without_complaint() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=()), everywhere(fallback=["a"]))) as bench:
        with capture_logs() as lines:
            assert bench.dispatcher.post(notice()) == 0
        assert lines == []


async def test_each_recipient_gets_a_delivery_of_their_own_and_nobody_gets_two() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=()), routes=())) as bench:
        addresses = [SinkRef(sink="a", to=("x", "y")), SinkRef(sink="a", to=("y", "z")), SinkRef(sink="a")]
        assert bench.dispatcher.send(notice(), [*addresses, SinkRef(sink="a")]) == 4
        await settle()
        given = bench.sinks["a"].taken
        assert [each.recipient for each in given] == ["x", "y", "z", None]
        assert len({each.id for each in given}) == 4


async def test_a_sink_is_never_told_of_its_own_trouble() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, crm=(), log=()))) as bench:
        assert bench.dispatcher.post(trouble(), leave_out="crm") == 1
        await settle()
        assert bench.sinks["crm"].given == []
        assert len(bench.sinks["log"].taken) == 1


async def test_trouble_of_the_only_sink_goes_to_the_fallback_without_it() -> None:
    clock = ManualClock()
    sinks = scripted(clock, crm=(), log=())
    async with working(make(clock, sinks, everywhere("crm", fallback=["crm", "log"]))) as bench:
        assert bench.dispatcher.post(trouble(), leave_out="crm") == 1
        await settle()
        assert bench.sinks["crm"].given == []
        assert len(bench.sinks["log"].taken) == 1


# --- in which order --------------------------------------------------------------------------------------------------


async def test_resolve_never_overtakes_its_trigger() -> None:
    clock = ManualClock()
    sinks = scripted(clock, a=[Retryable("HTTP 503"), Ambiguous("no answer"), Retryable("HTTP 503")])
    async with working(make(clock, sinks)) as bench:
        bench.post(incident("sla.triggered"), incident("sla.resolved"), notice())
        await bench.advance(60)
        assert [each.notification.type for each in bench.sinks["a"].taken if each.notification.kind is Kind.SLA] == [
            "sla.triggered",
            "sla.resolved",
        ]


async def test_a_subject_that_is_retried_holds_no_other_up() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 503")]))) as bench:
        bench.post(incident(), notice(1), notice(2))
        await settle()
        assert bench.sinks["a"].subjects == ["test 1", "test 2"]
        await bench.advance(1)
        assert bench.sinks["a"].subjects == ["test 1", "test 2", "incident inc-1"]


async def test_urgent_notifications_overtake_in_the_queue_of_a_sink() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, concurrency=1, hold=asyncio.Event())}
    async with working(make(clock, sinks)) as bench:
        bench.post(notice(0))
        await settle()
        bench.post(notice(1, priority=Priority.LOW), notice(2), notice(3, priority=Priority.HIGH))
        sinks["a"].hold.set()  # type: ignore[union-attr]
        await settle()
        assert sinks["a"].subjects == ["test 0", "test 3", "test 2", "test 1"]


async def test_a_sink_is_never_asked_for_more_side_by_side_than_it_allows() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, concurrency=3)}
    async with working(make(clock, sinks)) as bench:
        bench.post(*(notice(number) for number in range(20)))
        await settle(100)
        assert len(sinks["a"].taken) == 20
        assert sinks["a"].most_inside == 3


async def test_a_hanging_sink_delays_nobody_else() -> None:
    clock = ManualClock()
    sinks = {"dead": ScriptedSink("dead", clock, hold=asyncio.Event()), "live": ScriptedSink("live", clock)}
    async with working(make(clock, sinks)) as bench:
        bench.post(*(notice(number) for number in range(50)))
        await settle(200)
        assert len(sinks["live"].taken) == 50
        assert clock.monotonic() == 0.0
        assert sinks["dead"].taken == []
        assert bench.dispatcher.status()["dead"]["in_flight"] == 4
        assert bench.dispatcher.status()["dead"]["waiting"] == 50


# --- again -----------------------------------------------------------------------------------------------------------


class Hanging(ScriptedSink):
    """Never answers, and is timed out at the loop's next turn."""

    timeout_s = 0.0

    async def deliver(self, delivery: Delivery) -> Receipt:
        self.given.append(delivery)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_sink_that_does_not_answer_is_timed_out_and_tried_again() -> None:
    clock = ManualClock()
    sinks = {"a": Hanging("a", clock)}
    async with working(make(clock, sinks)) as bench:
        bench.post(notice())
        await bench.advance(2)
        assert len(sinks["a"].given) >= 2
        assert bench.dispatcher.status()["a"]["last_error"] == "no answer within 0 s"


async def test_the_delivery_id_is_the_same_at_every_retry_and_the_attempt_is_counted() -> None:
    clock = ManualClock()
    sinks = scripted(clock, a=[Retryable("HTTP 503"), Ambiguous("no answer"), KeyError("defect")])
    async with working(make(clock, sinks)) as bench:
        bench.post(voicemail())
        await bench.advance(60)
        given = bench.sinks["a"].given
        assert len(given) == 4
        assert len({each.id for each in given}) == 1
        assert [each.attempt for each in given] == [1, 2, 3, 4]
        assert bench.count("a", "retried") == 3
        assert bench.count("a", "delivered") == 1


async def test_the_delivery_id_is_the_same_after_a_rebuild_and_differs_by_sink_recipient_and_org() -> None:
    ids: list[list[str]] = []
    for _ in range(2):
        clock = ManualClock(START + len(ids))
        async with working(make(clock, scripted(clock, a=(), b=()), routes=())) as bench:
            bench.dispatcher.send(voicemail(), [SinkRef(sink="a"), SinkRef(sink="a", to=("x",)), SinkRef(sink="b")])
            await settle()
            ids.append([each.id for sink in bench.sinks.values() for each in sink.taken])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3
    assert all(each.startswith("msg_") for each in ids[0])


async def test_waits_between_attempts_grow() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 503")] * 8))) as bench:
        bench.post(notice())
        await bench.advance(600)
        at = bench.sinks["a"].given_at
        assert len(at) == 9
        waits = [later - earlier for earlier, later in pairwise(at)]
        assert all(0 < wait <= 2.0**number for number, wait in enumerate(waits))
        assert sum(waits) > 20


async def test_retry_after_gates_the_whole_sink() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 429", retry_after=30.0)], b=()))) as bench:
        bench.post(notice(1))
        await bench.advance(5)
        bench.post(notice(2), notice(3))
        await bench.advance(24.9)
        assert len(bench.sinks["a"].given) == 1
        assert len(bench.sinks["b"].taken) == 3
        await bench.advance(0.2)
        assert sorted(bench.sinks["a"].subjects) == ["test 1", "test 2", "test 3"]


async def test_retry_after_gates_the_sink_even_when_the_delivery_that_met_it_is_given_up() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 429", retry_after=30.0)]))) as bench:
        bench.post(pop("call-1", expires_at=START + 20))
        await settle()
        assert bench.count("a", "expired") == 1
        bench.post(notice())
        await bench.advance(29)
        assert len(bench.sinks["a"].given) == 1
        await bench.advance(2)
        assert bench.sinks["a"].subjects == ["test 1"]


async def test_the_longer_of_two_gates_stays() -> None:
    clock = ManualClock()
    answers = [Retryable("HTTP 429", retry_after=60.0), Retryable("HTTP 429", retry_after=10.0)]
    async with working(make(clock, scripted(clock, a=answers))) as bench:
        bench.post(notice(1), notice(2))
        await bench.advance(59)
        assert len(bench.sinks["a"].given) == 2
        await bench.advance(2)
        assert len(bench.sinks["a"].taken) == 2


async def test_setting_the_machines_clock_back_holds_no_retry_and_no_gate_up() -> None:
    clock = ManualClock()
    answers = [Retryable("HTTP 429", retry_after=30.0), Retryable("HTTP 503")]
    async with working(make(clock, scripted(clock, a=answers))) as bench:
        bench.post(notice(1))
        await settle()
        clock.jump(-7200)
        await bench.advance(30)
        assert len(bench.sinks["a"].given) == 2
        clock.jump(-7200)
        await bench.advance(2)
        assert bench.sinks["a"].subjects == ["test 1"]


# --- given up --------------------------------------------------------------------------------------------------------


async def test_expired_pops_are_dropped_and_counted() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, concurrency=1, hold=asyncio.Event())}
    async with working(make(clock, sinks)) as bench:
        bench.post(notice(), pop("late", expires_at=START + 20), pop("later", expires_at=START + 40))
        await bench.advance(21)
        with capture_logs() as lines:
            sinks["a"].hold.set()  # type: ignore[union-attr]
            await settle()
        assert sinks["a"].subjects == ["test 1", "call later"]
        assert bench.count("a", "expired") == 1
        assert [line["event"] for line in lines] == ["delivery.expired"]
        assert bench.dispatcher.status()["a"]["waiting"] == 0
        assert bench.dispatcher.status()["a"]["dead_letters"] == 0


async def test_a_pop_is_not_retried_past_its_time() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 503")] * 50))) as bench:
        bench.post(pop(expires_at=START + 5))
        await bench.advance(600)
        assert max(bench.sinks["a"].given_at) < 5
        assert bench.count("a", "expired") == 1


async def test_dead_letters_are_counted_logged_and_let_the_next_through() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Permanent("HTTP 410")]))) as bench:
        with capture_logs() as lines:
            bench.post(incident("sla.triggered"), incident("sla.resolved"))
            await settle()
        (dead,) = [line for line in lines if line["event"] == "delivery.dead"]
        assert dead["reason"] == "HTTP 410"
        assert dead["sink"] == "a"
        assert dead["type"] == "sla.triggered"
        assert bench.count("a", "dead") == 1
        assert bench.gauge("dead_letters", sink="a") == 1
        assert [each.notification.type for each in bench.sinks["a"].taken] == ["sla.resolved"]


async def test_a_day_without_success_makes_a_dead_letter() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=[Retryable("HTTP 503")] * 5000))) as bench:
        bench.post(voicemail())
        await bench.advance(25 * 3600)
        assert bench.count("a", "dead") == 1
        assert 86_000 < max(bench.sinks["a"].given_at) <= 86_400


async def test_a_full_queue_is_told_and_the_sink_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, hold=asyncio.Event()), "b": ScriptedSink("b", clock)}
    async with working(make(clock, sinks)) as bench:
        with capture_logs() as lines:
            bench.post(*(notice(number) for number in range(5)))
            await settle()
        assert [line["reason"] for line in lines if line["event"] == "delivery.dead"] == [
            "the sink's queue is full"
        ] * 4
        assert (bench.count("a", "dead"), bench.count("b", "dead")) == (2, 2)


# --- trouble ---------------------------------------------------------------------------------------------------------


async def test_trouble_is_reported_once_after_three_failures_and_once_when_it_is_over() -> None:
    clock = ManualClock()
    async with working(
        make(clock, scripted(clock, a=[Retryable(f"HTTP 50{number}") for number in range(5)], b=()))
    ) as bench:
        bench.post(notice(1), notice(2))
        await settle()
        assert bench.troubles == []
        assert not bench.dispatcher.status()["a"]["failing"]
        await bench.advance(1)
        assert bench.troubles == [("a", "HTTP 502")]
        assert bench.dispatcher.status()["a"]["failing"]
        await bench.advance(60)
        assert bench.troubles == [("a", "HTTP 502"), ("a", None)]
        assert not bench.dispatcher.status()["a"]["failing"]
        assert bench.dispatcher.status()["a"]["last_error"] is None


async def test_two_failures_and_a_success_are_no_trouble() -> None:
    clock = ManualClock()
    answers = [Retryable("1"), Retryable("2"), None, Retryable("3"), Retryable("4"), None]
    async with working(make(clock, scripted(clock, a=answers))) as bench:
        for number in range(2):
            bench.post(notice(number))
            await bench.advance(10)
        assert len(bench.sinks["a"].taken) == 2
        assert bench.troubles == []


async def test_a_defect_in_a_sink_is_logged_retried_and_ends_no_worker() -> None:
    clock = ManualClock()
    answers: list[Answer] = [KeyError("x"), asyncio.CancelledError(), ZeroDivisionError()]
    sinks = {"a": ScriptedSink("a", clock, answers, concurrency=1)}
    async with working(make(clock, sinks)) as bench:
        with capture_logs() as lines:
            bench.post(notice())
            await bench.advance(60)
        assert [line["event"] for line in lines if line["event"] == "sink.defect"] == ["sink.defect"] * 2
        assert len(sinks["a"].given) == 4
        assert sinks["a"].subjects == ["test 1"]
        assert bench.troubles == [("a", "defect: ZeroDivisionError"), ("a", None)]


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_drain_waits_until_everything_is_delivered() -> None:
    clock = ManualClock()
    bench = make(clock, scripted(clock, a=[Retryable("HTTP 503")], b=()))
    bench.dispatcher.start()
    bench.post(*(notice(number) for number in range(3)))
    async with asyncio.TaskGroup() as group:
        drained = group.create_task(bench.dispatcher.drain(20))
        await bench.advance(5)
        assert drained.done()
    assert drained.result() == 0
    assert [len(sink.taken) for sink in bench.sinks.values()] == [3, 3]
    assert [sink.closed for sink in bench.sinks.values()] == [1, 1]
    assert clock.sleepers == 0


async def test_drain_says_line_by_line_what_it_leaves_behind_and_takes_no_longer_than_it_may() -> None:
    clock = ManualClock()
    sinks = {"dead": ScriptedSink("dead", clock, hold=asyncio.Event()), "live": ScriptedSink("live", clock)}
    bench = make(clock, sinks)
    bench.dispatcher.start()
    bench.post(notice(1), notice(2), voicemail())
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            drained = group.create_task(bench.dispatcher.drain(20))
            await bench.advance(19.9)
            assert not drained.done()
            await bench.advance(0.2)
            assert drained.done()
    assert drained.result() == 3
    left = [line for line in lines if line["event"] == "delivery.left_behind"]
    assert [(line["sink"], line["type"], line["age_s"]) for line in left] == [
        ("dead", "bridge.test", 20.0),
        ("dead", "bridge.test", 20.0),
        ("dead", "voicemail.new", 20.0),
    ]
    assert len({line["delivery_id"] for line in left}) == 3
    assert len(sinks["live"].taken) == 3


async def test_drain_waits_for_what_a_delivery_brings_about_in_another_sink() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock), "z": ScriptedSink("z", clock)}
    bench = make(clock, sinks, everywhere("z"))

    def report_to_a() -> None:
        bench.dispatcher.send(trouble(), [SinkRef(sink="a")])

    bench.dispatcher._trouble = lambda _name, _why: report_to_a()
    sinks["z"].answers = [Permanent("1"), Permanent("2"), Permanent("3")]
    bench.dispatcher.start()
    bench.post(notice(1), notice(2), notice(3))
    assert await bench.dispatcher.drain(5) == 0
    assert len(sinks["a"].taken) == 1


async def test_a_sink_that_cannot_close_keeps_no_other_open() -> None:
    clock = ManualClock()
    bench = make(clock, scripted(clock, a=(), b=()))

    def fail() -> None:
        raise RuntimeError("cannot")

    bench.sinks["a"].on_close = fail
    bench.dispatcher.start()
    with capture_logs() as lines:
        assert await bench.dispatcher.drain(1) == 0
    assert [line["event"] for line in lines] == ["sink.close_failed"]
    assert bench.sinks["b"].closed == 1


async def test_what_comes_after_the_end_is_told_not_lost_in_silence() -> None:
    clock = ManualClock()
    bench = make(clock, scripted(clock, a=()))
    bench.dispatcher.start()
    await bench.dispatcher.drain(0)
    with capture_logs() as lines:
        bench.post(voicemail())
    assert [(line["event"], line["reason"]) for line in lines] == [("delivery.dead", "the worker has stopped")]


async def test_an_idle_dispatcher_asks_for_no_time_and_an_idle_drain_takes_none() -> None:
    clock = ManualClock()
    async with working(make(clock, scripted(clock, a=(), b=()))) as bench:
        bench.post(notice())
        await settle()
        assert clock.sleepers == 0
    assert clock.monotonic() == 0.0


async def test_the_oldest_waiting_delivery_is_shown_by_age() -> None:
    clock = ManualClock()
    sinks = {"a": ScriptedSink("a", clock, hold=asyncio.Event())}
    async with working(make(clock, sinks)) as bench:
        assert bench.gauge("outbox_oldest_age_seconds") == 0
        bench.post(notice(1))
        await bench.advance(7)
        bench.post(notice(2))
        await bench.advance(3)
        assert bench.gauge("outbox_oldest_age_seconds") == 10


async def test_the_time_from_ring_to_pop_is_measured_for_pops_alone() -> None:
    clock = ManualClock(START + 2)
    async with working(make(clock, scripted(clock, a=()))) as bench:
        bench.post(pop(at=START), notice())
        await settle()
        assert bench.gauge("screen_pop_seconds_count", stage="delivered") == 1
        assert bench.gauge("screen_pop_seconds_sum", stage="delivered") == 2
