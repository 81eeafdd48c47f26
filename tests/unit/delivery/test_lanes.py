"""The waiting deliveries of one sink."""

from __future__ import annotations

from bridge.delivery.lanes import Lanes, Waiting
from bridge.events import Priority
from tests.support.notifications import delivery, notice

NOW = 100.0


def waiting(subject: str, *, priority: Priority = Priority.NORMAL, made: float = NOW) -> Waiting:
    return Waiting(delivery(notice(subject=subject, priority=priority)), created_at=made)


def subject_of(each: Waiting | None) -> str | None:
    return None if each is None else each.delivery.notification.subject


def test_one_subject_goes_one_after_another() -> None:
    lanes = Lanes()
    first, second = waiting("a"), waiting("a")
    lanes.add(first)
    lanes.add(second)
    assert lanes.take(NOW) is first
    assert lanes.take(NOW) is None
    lanes.settle(first)
    assert lanes.take(NOW) is second
    lanes.settle(second)
    assert lanes.idle
    assert len(lanes) == 0


def test_subjects_go_side_by_side() -> None:
    lanes = Lanes()
    for name in "abc":
        lanes.add(waiting(name))
    assert [subject_of(lanes.take(NOW)) for _ in range(4)] == ["a", "b", "c", None]


def test_urgent_ones_overtake() -> None:
    lanes = Lanes()
    for name, priority in (("low", Priority.LOW), ("normal", Priority.NORMAL), ("high", Priority.HIGH)):
        lanes.add(waiting(name, priority=priority))
    assert [subject_of(lanes.take(NOW)) for _ in range(3)] == ["high", "normal", "low"]


def test_a_retry_keeps_its_place_in_front_of_its_successor() -> None:
    lanes = Lanes()
    trigger, resolve, other = waiting("incident"), waiting("incident"), waiting("other")
    for each in (trigger, resolve, other):
        lanes.add(each)
    assert lanes.take(NOW) is trigger
    lanes.retry(trigger, NOW + 10)
    assert lanes.take(NOW + 9.9) is other
    assert lanes.take(NOW + 9.9) is None
    assert lanes.take(NOW + 10) is trigger
    lanes.settle(trigger)
    assert lanes.take(NOW + 10) is resolve


def test_the_next_instant_is_the_earliest_that_has_not_come() -> None:
    lanes = Lanes()
    assert lanes.next_at(NOW) is None
    for name, at in (("a", NOW + 5), ("b", NOW + 2)):
        each = waiting(name)
        lanes.add(each)
        lanes.take(NOW)
        lanes.retry(each, at)
    assert lanes.next_at(NOW) == NOW + 2
    assert lanes.next_at(NOW + 2) == NOW + 5
    assert lanes.next_at(NOW + 5) is None
    assert {subject_of(lanes.take(NOW)), subject_of(lanes.take(NOW))} == {"a", "b"}


def test_the_oldest_is_known_for_the_metrics() -> None:
    lanes = Lanes()
    assert lanes.oldest() is None
    lanes.add(waiting("a", made=7.0))
    lanes.add(waiting("b", made=5.0))
    lanes.add(waiting("b", made=1.0))
    assert lanes.oldest() == 5.0


def test_everything_that_waits_can_be_listed() -> None:
    lanes = Lanes()
    mine = [waiting("a"), waiting("a"), waiting("b")]
    for each in mine:
        lanes.add(each)
    lanes.take(NOW)
    assert lanes.all() == mine
