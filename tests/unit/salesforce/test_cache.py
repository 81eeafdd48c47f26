from __future__ import annotations

import pytest

from bridge.salesforce import cache
from bridge.salesforce.cache import CallerCache
from bridge.salesforce.ranking import Hit
from tests.support.clock import ManualClock

HITS = (Hit("Contact", "003Sb0000000001AAA", None, ""),)


def test_found_caller_is_forgotten_after_its_time() -> None:
    clock = ManualClock()
    known = CallerCache(clock, ttl_s=300, negative_ttl_s=15)
    known.put("+1", HITS)
    clock.move(299)
    assert known.get("+1") == HITS
    clock.move(1)
    assert known.get("+1") is None


def test_caller_not_found_is_forgotten_sooner() -> None:
    clock = ManualClock()
    known = CallerCache(clock, ttl_s=300, negative_ttl_s=15)
    known.put("+1", ())
    clock.move(14)
    assert known.get("+1") == ()
    clock.move(1)
    assert known.get("+1") is None


def test_zero_keeps_nothing() -> None:
    known = CallerCache(ManualClock(), ttl_s=0, negative_ttl_s=0)
    known.put("+1", HITS)
    known.put("+2", ())
    assert (known.get("+1"), known.get("+2")) == (None, None)


def test_cache_is_bounded_and_drops_the_caller_not_seen_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 2)
    known = CallerCache(ManualClock(), ttl_s=300, negative_ttl_s=15)
    known.put("+1", HITS)
    known.put("+2", HITS)
    known.get("+1")
    known.put("+3", HITS)
    assert (known.get("+1"), known.get("+2"), known.get("+3")) == (HITS, None, HITS)


def test_setting_the_machines_clock_forgets_nobody() -> None:
    clock = ManualClock()
    known = CallerCache(clock, ttl_s=300, negative_ttl_s=15)
    known.put("+1", HITS)
    clock.jump(86_400)
    assert known.get("+1") == HITS
