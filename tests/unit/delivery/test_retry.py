"""What follows a failed attempt."""

from __future__ import annotations

import math

import pytest

from bridge.core.errors import Ambiguous, Permanent, Retryable, SinkError
from bridge.delivery.retry import BASE_S, CAP_S, GIVE_UP_AFTER_S, Again, Dead, Decision, Expired, decide, pause_s

NOW = 1_000_000.0
HEALS = [Retryable("busy"), Ambiguous("no answer"), SinkError("defect: KeyError")]


def judged(
    error: BaseException, *, attempt: int = 1, age_s: float = 0.0, left_s: float | None = None, roll: float = 0.5
) -> Decision:
    expires_at = None if left_s is None else NOW + left_s
    return decide(error, attempt=attempt, created_at=NOW - age_s, expires_at=expires_at, now=NOW, roll=roll)


@pytest.mark.parametrize("error", HEALS, ids=lambda error: type(error).__name__)
def test_what_may_heal_is_tried_again(error: SinkError) -> None:
    decision = judged(error)
    assert isinstance(decision, Again)
    assert NOW < decision.at <= NOW + BASE_S


def test_permanent_is_dead_at_once_with_its_reason() -> None:
    assert judged(Permanent("HTTP 410")) == Dead("HTTP 410")


def test_a_permanent_error_without_words_still_has_a_reason() -> None:
    assert judged(Permanent("")) == Dead("Permanent")


def test_waits_grow_and_stay_under_the_cap() -> None:
    waits = []
    for attempt in (1, 2, 3, 8, 9, 30, 10_000):
        decision = judged(Retryable("busy"), attempt=attempt, roll=1.0)
        assert isinstance(decision, Again)
        waits.append(decision.at - NOW)
    assert waits == [1.0, 2.0, 4.0, 128.0, 256.0, CAP_S, CAP_S]


def test_the_wait_is_spread_by_the_dice() -> None:
    spread = {judged(Retryable("busy"), attempt=5, roll=roll) for roll in (0.0, 0.3, 0.6, 0.9)}
    assert len(spread) == 4


def test_a_wait_that_was_asked_for_is_never_shortened() -> None:
    assert judged(Retryable("busy", retry_after=100.0), roll=0.0) == Again(NOW + 100)
    late = judged(Retryable("busy", retry_after=1.0), attempt=9, roll=1.0)
    assert late == Again(NOW + 256)


def test_what_would_come_too_late_expires() -> None:
    assert judged(Retryable("busy"), left_s=10.0) == Again(NOW + 0.55)
    assert judged(Retryable("busy", retry_after=10.0), left_s=10.0) == Expired()
    assert judged(Ambiguous("lost"), attempt=9, left_s=10.0) == Expired()


def test_an_expiring_message_is_never_a_dead_letter_for_its_age() -> None:
    assert isinstance(judged(Retryable("busy"), age_s=2 * GIVE_UP_AFTER_S, left_s=10.0), Again)


def test_a_day_of_failures_makes_a_dead_letter_that_says_so() -> None:
    assert isinstance(judged(Retryable("HTTP 503"), attempt=300, age_s=GIVE_UP_AFTER_S - 301), Again)
    decision = judged(Retryable("HTTP 503"), attempt=300, age_s=GIVE_UP_AFTER_S)
    assert decision == Dead("given up after 300 attempts: HTTP 503")


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Retryable("busy", retry_after=30.0), 30.0),
        (Retryable("busy"), 0.0),
        (Retryable("busy", retry_after=0.0), 0.0),
        (Retryable("busy", retry_after=-5.0), 0.0),
        (Retryable("busy", retry_after=math.nan), 0.0),
        (Retryable("busy", retry_after=math.inf), GIVE_UP_AFTER_S),
        (Permanent("gone"), 0.0),
        (Ambiguous("lost"), 0.0),
        (SinkError("defect"), 0.0),
    ],
)
def test_only_a_sensible_retry_after_closes_the_gate(error: SinkError, pause: float) -> None:
    assert pause_s(error) == pause


def test_a_nonsensical_retry_after_does_not_break_the_wait() -> None:
    decision = judged(Retryable("busy", retry_after=math.nan))
    assert decision == Again(NOW + 0.55)
