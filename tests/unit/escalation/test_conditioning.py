"""When a queue's levels are believed."""

from __future__ import annotations

import pytest

from bridge.escalation.conditioning import Conditioner, Level, read_level
from bridge.escalation.policy import Delays

HEALTHY, WARNING, CRITICAL = Level.HEALTHY, Level.WARNING, Level.CRITICAL
DELAYS = Delays(warning_s=60, critical_s=15, clear_s=120)
AT_ONCE = Delays(warning_s=0, critical_s=0, clear_s=0)


class Hand:
    """Feeds one conditioner with a sample every so often."""

    def __init__(self, delays: Delays = DELAYS, *, every: float = 5.0) -> None:
        self.conditioner = Conditioner(delays)
        self.every = every
        self.now = 1000.0

    def feed(self, level: Level, seconds: float) -> Hand:
        """Samples of one level for that long, the first one at once."""
        end = self.now + seconds
        while self.now < end:
            self.conditioner.sample(level, self.now)
            self.now += self.every
        return self

    def silence(self, seconds: float) -> Hand:
        self.now += seconds
        return self

    def edge(self, level: Level) -> Hand:
        self.conditioner.state_edge(level, self.now)
        return self

    @property
    def raised(self) -> Level:
        return self.conditioner.raised(self.now)

    @property
    def cleared(self) -> bool:
        return self.conditioner.cleared()


@pytest.mark.parametrize(("level", "delay"), [(WARNING, 60), (CRITICAL, 15)])
def test_a_level_counts_when_it_has_lasted_its_delay(level: Level, delay: float) -> None:
    assert Hand().feed(level, delay).raised < level  # the last sample is one interval short
    assert Hand().feed(level, delay + 1).raised is level


def test_a_critical_queue_is_a_warning_as_well_when_that_has_lasted() -> None:
    hand = Hand().feed(WARNING, 55).feed(CRITICAL, 10)
    assert hand.raised is WARNING
    assert hand.feed(CRITICAL, 10).raised is CRITICAL


def test_a_ten_second_spike_raises_nothing() -> None:
    hand = Hand(every=1).feed(HEALTHY, 60)
    for _ in range(11):
        hand.feed(CRITICAL, 1)
        assert hand.raised is HEALTHY
    assert hand.feed(HEALTHY, 60).raised is HEALTHY


def test_one_sample_proves_nothing_however_long_ago() -> None:
    hand = Hand(every=50).feed(CRITICAL, 1)
    assert hand.silence(10_000).raised is HEALTHY


def test_two_samples_are_needed_even_when_the_delay_is_short() -> None:
    delays = Delays(warning_s=0.001, critical_s=0.001, clear_s=0.001)
    hand = Hand(delays).feed(CRITICAL, 1)
    assert hand.raised is HEALTHY
    assert hand.feed(CRITICAL, 1).raised is CRITICAL
    assert not hand.feed(HEALTHY, 1).cleared
    assert hand.feed(HEALTHY, 1).cleared


def test_with_no_delay_the_first_sample_counts() -> None:
    assert Hand(AT_ONCE).feed(CRITICAL, 1).raised is CRITICAL
    assert Hand(AT_ONCE).feed(WARNING, 1).raised is WARNING
    assert Hand(AT_ONCE).feed(HEALTHY, 1).cleared


def test_a_healthier_sample_breaks_the_run() -> None:
    hand = Hand().feed(CRITICAL, 15).feed(WARNING, 5).feed(CRITICAL, 15)
    assert hand.raised is HEALTHY
    assert hand.feed(CRITICAL, 5).raised is CRITICAL


def test_a_gap_breaks_a_run_silence_is_no_evidence() -> None:
    hand = Hand().feed(CRITICAL, 10).silence(61).feed(CRITICAL, 5)
    assert hand.raised is HEALTHY
    assert hand.feed(CRITICAL, 15).raised is CRITICAL


def test_a_gap_after_the_very_first_sample_breaks_its_run_too() -> None:
    hand = Hand().feed(CRITICAL, 1).silence(300).feed(CRITICAL, 1)
    assert hand.raised is HEALTHY


def test_a_gap_breaks_health_as_well() -> None:
    hand = Hand().feed(HEALTHY, 10).silence(300).feed(HEALTHY, 10)
    assert not hand.cleared
    assert hand.feed(HEALTHY, 121).cleared


def test_a_short_silence_is_no_gap() -> None:
    hand = Hand().feed(CRITICAL, 10).silence(50).feed(CRITICAL, 5)
    assert hand.raised is CRITICAL


def test_a_queue_that_is_measured_rarely_is_believed_all_the_same() -> None:
    hand = Hand(every=100).feed(CRITICAL, 301)
    assert hand.raised is CRITICAL


def test_a_breach_counts_at_once() -> None:
    assert Hand().edge(CRITICAL).raised is CRITICAL
    assert Hand().feed(HEALTHY, 600).edge(CRITICAL).raised is CRITICAL


def test_a_breach_stands_through_silence_until_a_sample_contradicts_it() -> None:
    hand = Hand().edge(CRITICAL).silence(3600)
    assert hand.raised is CRITICAL
    assert hand.feed(CRITICAL, 5).raised is CRITICAL
    assert hand.feed(HEALTHY, 5).raised is HEALTHY


def test_a_stated_warning_counts_after_its_delay_without_another_sample() -> None:
    hand = Hand().edge(WARNING)
    assert hand.conditioner.due_at() == hand.now + 60
    assert hand.silence(59.9).raised is HEALTHY
    assert hand.silence(0.1).raised is WARNING


def test_a_stated_warning_that_a_sample_contradicts_never_counts() -> None:
    hand = Hand().edge(WARNING).silence(30).feed(HEALTHY, 5).silence(600)
    assert hand.raised is HEALTHY
    assert hand.conditioner.due_at() is None


def test_a_stated_warning_waits_its_delay_after_a_silence_too() -> None:
    hand = Hand().feed(WARNING, 5).silence(3600).edge(WARNING)
    assert hand.raised is HEALTHY
    assert hand.silence(60).raised is WARNING


def test_a_breach_that_turns_out_a_warning_is_no_longer_critical() -> None:
    hand = Hand().edge(CRITICAL).silence(60).feed(WARNING, 5)
    assert hand.raised is WARNING
    assert not hand.cleared


def test_health_clears_after_its_delay_by_measured_samples_alone() -> None:
    hand = Hand().feed(HEALTHY, 121)
    assert hand.cleared
    assert not Hand().feed(HEALTHY, 10).silence(600).cleared
    assert not Hand().feed(HEALTHY, 119).cleared


@pytest.mark.parametrize("level", [WARNING, CRITICAL])
def test_anything_worse_starts_the_clearing_anew(level: Level) -> None:
    assert not Hand().feed(HEALTHY, 100).feed(level, 5).feed(HEALTHY, 100).cleared
    assert not Hand().feed(HEALTHY, 100).edge(level).feed(HEALTHY, 100).cleared


def test_a_clock_that_jumps_back_raises_and_clears_nothing_by_itself() -> None:
    for level in (WARNING, CRITICAL, HEALTHY):
        hand = Hand().feed(level, 10)
        hand.silence(-3600)
        hand.feed(level, 10)
        assert hand.raised is HEALTHY
        assert not hand.cleared


def test_words_for_levels() -> None:
    assert [read_level(word) for word in ("healthy", "warning", "critical")] == [HEALTHY, WARNING, CRITICAL]
    assert [read_level(word) for word in ("", "CRITICAL", "meltdown", "healthy ")] == [None] * 4
