from __future__ import annotations

from bridge.minerva.health import FleetHealth, FleetReport, SessionReport


def names(count: int) -> list[str]:
    return [f"agent-{number:02d}" for number in range(count)]


def test_a_parked_session_is_reported_at_once_and_once() -> None:
    health = FleetHealth()
    assert health.parked("a") == [SessionReport("a", ill=True)]
    assert health.parked("a") == []
    assert health.well("a") == [SessionReport("a", ill=False)]
    assert health.well("a") == []


def test_in_a_small_fleet_each_failing_session_is_reported_at_once() -> None:
    health = FleetHealth()
    assert health.failing("a", 0.0, 3) == [SessionReport("a", ill=True)]
    assert health.tick(100.0, 3, 3) == []


def test_a_few_of_many_are_reported_at_the_next_tick() -> None:
    health = FleetHealth()
    for name in names(3):
        assert health.failing(name, 0.0, 8) == []
    assert health.tick(1.0, 8, 3) == [SessionReport(name, ill=True) for name in names(3)]
    assert health.tick(2.0, 8, 3) == []


def test_more_than_half_of_a_fleet_is_one_problem_after_a_minute() -> None:
    health = FleetHealth()
    for name in names(30):
        assert health.failing(name, 0.0, 50) == []
    assert health.tick(59.9, 50, 30) == []
    (report,) = health.tick(60.0, 50, 30)
    assert report == FleetReport(ill=True, count=30, names=names(25))
    assert health.tick(61.0, 50, 30) == []


def test_while_most_are_down_the_first_to_fail_are_not_reported_singly() -> None:
    health = FleetHealth()
    health.failing("a", 0.0, 10)
    assert health.tick(1.0, 10, 9) == []
    assert health.tick(30.0, 10, 9) == []
    assert health.tick(60.0, 10, 9) == [FleetReport(ill=True, count=1, names=["a"])]


def test_half_of_a_fleet_is_reported_singly() -> None:
    health = FleetHealth()
    for name in names(2):
        health.failing(name, 0.0, 4)
    assert health.tick(1.0, 4, 2) == [SessionReport(name, ill=True) for name in names(2)]


def test_a_fleet_that_recovers_says_so_and_gives_the_last_a_minute() -> None:
    health = FleetHealth()
    for name in names(6):
        health.failing(name, 0.0, 10)
    health.tick(60.0, 10, 6)
    for name in names(6)[1:]:
        assert health.well(name) == []
    assert health.tick(61.0, 10, 1) == [FleetReport(ill=False)]
    assert health.tick(62.0, 10, 1) == []
    assert health.tick(122.0, 10, 1) == [SessionReport("agent-00", ill=True)]


def test_who_heals_before_the_next_tick_is_never_reported() -> None:
    health = FleetHealth()
    health.failing("a", 0.0, 10)
    assert health.well("a") == []
    assert health.tick(120.0, 10, 0) == []


def test_a_session_that_lacks_a_subscription_is_reported_after_a_minute_and_closed_when_whole() -> None:
    health = FleetHealth()
    assert health.degraded("a", 0.0) == []
    assert health.degraded("a", 30.0) == []
    assert health.tick(59.0, 10, 0) == []
    assert health.tick(60.0, 10, 0) == [SessionReport("a", ill=True)]
    assert health.tick(61.0, 10, 0) == []
    assert health.well("a") == [SessionReport("a", ill=False)]
