from __future__ import annotations

from bridge.minerva.freshness import STALE_AFTER_S, Freshness


def test_a_queue_that_falls_silent_is_told_once_and_once_when_it_speaks_again() -> None:
    queues = Freshness()
    queues.expect(["q-1", "q-2"], 0.0)
    queues.heard("q-2", 50.0)
    assert queues.tick(STALE_AFTER_S) == ([], [])
    assert queues.tick(STALE_AFTER_S + 1) == (["q-1"], [])
    assert queues.tick(STALE_AFTER_S + 2) == ([], [])
    assert queues.stale == ["q-1"]
    queues.heard("q-1", STALE_AFTER_S + 3)
    assert queues.tick(STALE_AFTER_S + 4) == ([], ["q-1"])
    assert queues.stale == []


def test_a_queue_that_nobody_asked_for_is_not_missed() -> None:
    queues = Freshness()
    queues.heard("q-9", 0.0)
    assert queues.tick(1000.0) == ([], [])
