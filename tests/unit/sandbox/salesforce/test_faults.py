from __future__ import annotations

import random
import statistics

import pytest

from bridge.sandbox.salesforce.fault_actions import (
    BAD_GATEWAY,
    NAMED,
    SESSION_EXPIRED,
    Hang,
    Latency,
    Reply,
)
from bridge.sandbox.salesforce.faults import Fault, Faults, fault_from


def test_a_fault_strikes_as_often_as_told() -> None:
    faults = Faults()
    faults.add(Fault(BAD_GATEWAY, route="search", times=2, after=1))
    assert [faults.strike("search") for _ in range(4)] == [[], [BAD_GATEWAY], [BAD_GATEWAY], []]


def test_a_fault_without_number_strikes_for_ever() -> None:
    faults = Faults()
    faults.add(Fault(BAD_GATEWAY, times=None))
    assert all(faults.strike("query") == [BAD_GATEWAY] for _ in range(50))


def test_only_its_operations_are_struck() -> None:
    faults = Faults()
    faults.add(Fault(BAD_GATEWAY, route="query*|create", times=None))
    assert [bool(faults.strike(name)) for name in ("query", "query_more", "create", "search")] == [
        True,
        True,
        True,
        False,
    ]


def test_login_is_struck_only_by_its_name() -> None:
    faults = Faults()
    faults.add(Fault(BAD_GATEWAY, times=None))
    assert faults.strike("login") == []
    faults.add(Fault(SESSION_EXPIRED, route="login"))
    assert faults.strike("login") == [SESSION_EXPIRED]


def test_waits_add_up_and_the_first_other_fault_decides() -> None:
    faults = Faults()
    faults.add(Fault(Hang()), Fault(Latency(1.0)), Fault(BAD_GATEWAY))
    assert faults.strike("get") == [Latency(1.0), Hang()]
    assert faults.strike("get") == [BAD_GATEWAY]


def test_the_same_seed_gives_the_same_misfortune() -> None:
    def run() -> list[bool]:
        faults = Faults(random.Random(3))  # noqa: S311 - seeded on purpose
        faults.add(Fault(BAD_GATEWAY, times=None, probability=0.3))
        return [bool(faults.strike("get")) for _ in range(200)]

    assert run() == run()
    assert 30 < sum(run()) < 90


def test_latency_has_the_median_and_p99_asked_for() -> None:
    dice = random.Random(1)  # noqa: S311 - seeded on purpose
    waits = sorted(Latency(0.2, 1.0).draw(dice) for _ in range(20_000))
    assert statistics.median(waits) == pytest.approx(0.2, rel=0.05)
    assert waits[19_800] == pytest.approx(1.0, rel=0.1)


def test_latency_without_spread_is_fixed() -> None:
    assert Latency(0.4).draw(random.Random(1)) == 0.4  # noqa: S311 - seeded on purpose


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_fault_can_be_scripted(name: str) -> None:
    assert fault_from({"action": name, "route": "search", "times": None}) == Fault(NAMED[name], "search", None)


def test_faults_with_settings_can_be_scripted() -> None:
    assert fault_from({"action": "latency", "median_s": 0.4, "p99_s": 1.2}).action == Latency(0.4, 1.2)
    reply = fault_from({"action": "error", "status": 400, "code": "X", "message": "y", "probability": 0.5}).action
    assert reply == Reply(400, '[{"message": "y", "errorCode": "X"}]')


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"action": "nope"},
        {"action": "hang", "seconds": 3},
        {"action": "latency"},
        {"action": "latency", "median_s": 2, "p99_s": 1},
        {"action": "hang", "times": 0},
        {"action": "hang", "probability": 2},
        {"action": ["hang"]},
    ],
)
def test_a_wrong_script_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fault|latency"):
        fault_from(entry)
