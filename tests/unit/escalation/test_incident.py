"""One incident, fast-forward: `expect`, `advance`, `expect`."""

from __future__ import annotations

import pytest

from bridge.escalation.conditioning import Level
from bridge.escalation.incident import Announcement, Conflict, Incident, Severity, Status, severity
from bridge.events import QueueRef
from bridge.settings import Policy, SinkRef, Step

MINUTE, HOUR = 60.0, 3600.0
START = 1_000_000.0


def to(name: str) -> tuple[SinkRef, ...]:
    return tuple(SinkRef(sink=each) for each in name.split("+"))


def policy(
    *steps: tuple[float, str], loops: int = 1, repeat: float = 15 * MINUTE, ack_timeout: float = 30 * MINUTE
) -> Policy:
    made = tuple(Step(after=after, sinks=to(sinks)) for after, sinks in steps)
    return Policy(name="sales", steps=made, loops=loops, repeat=repeat, ack_timeout=ack_timeout)


TWO_STEPS = policy((0, "lead"), (5 * MINUTE, "manager"))


class Story:
    """One incident under a clock. `expect` must name everything that was announced since the last time."""

    def __init__(self, rules: Policy = TWO_STEPS, *, severity: Severity = "critical") -> None:
        self.now = START
        self.incident = Incident("inc", QueueRef("q"), rules, severity, self.now)
        self.heard: list[Announcement] = []
        self.heard += self.incident.start(self.now)

    def expect(self, *lines: str) -> Story:
        """Each line: `what to whom step/loop`, as `escalated manager 2/1`."""
        told = [
            f"{each.type.removeprefix('sla.')} {'+'.join(ref.sink for ref in each.sinks)} {each.step}/{each.loop}"
            for each in self.heard
        ]
        assert told == list(lines)
        self.heard.clear()
        return self

    def advance(self, seconds: float) -> Story:
        """A sweep every second, as the worker does it."""
        for _ in range(int(seconds)):
            self.now += 1
            self.heard += self.incident.tick(self.now)
        return self

    def sleep(self, seconds: float) -> Story:
        """Time passes and nobody sweeps."""
        self.now += seconds
        return self

    def sweep(self) -> Story:
        self.heard += self.incident.tick(self.now)
        return self

    def ack(self, by: str = "someone") -> Story:
        self.heard += self.incident.acknowledge(by, self.now)
        return self

    def worsen(self) -> Story:
        self.heard += self.incident.worsen(self.now)
        return self

    def resolve(self) -> Story:
        self.heard += self.incident.resolve("source", self.now)
        return self


def test_the_steps_come_one_after_another_and_then_reminders() -> None:
    story = Story().expect("triggered lead 1/1")
    story.advance(5 * MINUTE - 1).expect()
    story.advance(1).expect("escalated manager 2/1")
    story.advance(15 * MINUTE - 1).expect()
    story.advance(1).expect("reminder manager 2/1")


def test_a_first_step_with_a_delay_waits() -> None:
    story = Story(policy((30, "lead"))).expect()
    story.advance(29).expect()
    story.advance(1).expect("triggered lead 1/1")


def test_steps_without_delay_still_come_one_per_sweep() -> None:
    story = Story(policy((0, "a"), (0, "b"), (0, "c"))).expect("triggered a 1/1")
    story.sweep().expect("escalated b 2/1").sweep().expect("escalated c 3/1").sweep().expect()


def test_loops_are_passes_in_all_with_repeat_between_them() -> None:
    story = Story(policy((0, "lead"), (60, "manager"), loops=3, repeat=600))
    story.expect("triggered lead 1/1").advance(60).expect("escalated manager 2/1")
    story.advance(599).expect().advance(1).expect("escalated lead 1/2").advance(60).expect("escalated manager 2/2")
    story.advance(600).expect("escalated lead 1/3").advance(60).expect("escalated manager 2/3")
    story.advance(600).expect("reminder manager 2/3")


def test_reminders_grow_to_four_times_and_never_fall_silent() -> None:
    story = Story(policy((0, "lead"), repeat=600)).expect("triggered lead 1/1")
    for wait in (600, 1200, 2400, 2400, 2400, 2400):
        story.advance(wait - 1).expect()
        story.advance(1).expect("reminder lead 1/1")
    story.advance(2 * 24 * HOUR)
    assert len(story.heard) == 2 * 24 * HOUR / 2400


def test_four_hours_of_silence_from_people_are_seven_messages() -> None:
    story = Story(policy((0, "lead"), (300, "manager"))).advance(4 * HOUR)
    assert story.incident.messages == len(story.heard) == 7


def test_an_ack_stops_the_chain_and_tells_those_who_were_told() -> None:
    story = Story().expect("triggered lead 1/1").advance(60)
    story.ack().expect("acknowledged lead 1/1")
    story.advance(30 * MINUTE - 1).expect()
    assert story.incident.acknowledged_by == "someone"


def test_an_ack_before_anybody_was_told_tells_nobody() -> None:
    Story(policy((60, "lead"))).ack().expect()


def test_an_ack_that_runs_out_is_told_and_the_chain_goes_on_where_it_stood() -> None:
    story = Story().expect("triggered lead 1/1").ack().expect("acknowledged lead 1/1")
    story.advance(30 * MINUTE).expect("unacknowledged lead 1/1")
    assert story.incident.status is Status.TRIGGERED
    assert story.incident.acknowledged_by is None
    story.advance(5 * MINUTE - 1).expect().advance(1).expect("escalated manager 2/1")
    story.advance(15 * MINUTE).expect("reminder manager 2/1")


def test_an_ack_after_the_last_step_leads_back_to_reminders() -> None:
    story = Story(policy((0, "lead"), repeat=600)).advance(700).expect("triggered lead 1/1", "reminder lead 1/1")
    story.ack().expect("acknowledged lead 1/1").advance(30 * MINUTE).expect("unacknowledged lead 1/1")
    story.advance(599).expect().advance(1).expect("reminder lead 1/1")


def test_an_ack_between_two_passes_goes_on_with_the_next_after_repeat() -> None:
    story = Story(policy((0, "lead"), (0, "manager"), loops=2, repeat=600)).advance(1)
    story.expect("triggered lead 1/1", "escalated manager 2/1")
    story.advance(60).ack().expect("acknowledged lead+manager 2/1")
    story.advance(30 * MINUTE).expect("unacknowledged manager 2/1")
    story.advance(599).expect().advance(1).expect("escalated lead 1/2")


def test_an_ack_that_ran_out_can_be_given_again() -> None:
    story = Story().ack("first").advance(30 * MINUTE).ack("second")
    assert story.incident.acknowledged_by == "second"


def test_a_second_ack_is_a_conflict_that_names_the_first() -> None:
    story = Story().ack("first")
    with pytest.raises(Conflict, match="first"):
        story.ack("second")
    assert story.incident.acknowledged_by == "first"


def test_worsening_starts_the_chain_again_under_the_same_id() -> None:
    story = Story(severity="warning").advance(6 * MINUTE).expect("triggered lead 1/1", "escalated manager 2/1")
    story.worsen().expect("triggered lead 1/1").advance(5 * MINUTE).expect("escalated manager 2/1")
    assert story.incident.severity == "critical"
    assert story.incident.id == "inc"


def test_worsening_starts_again_even_when_acknowledged_and_forgets_the_ack() -> None:
    story = Story(severity="warning").expect("triggered lead 1/1").ack().expect("acknowledged lead 1/1")
    story.worsen().expect("triggered lead 1/1")
    assert story.incident.status is Status.TRIGGERED
    assert story.incident.acknowledged_by is None
    story.advance(5 * MINUTE).expect("escalated manager 2/1")


def test_worsening_begins_the_growth_of_reminders_anew() -> None:
    story = Story(policy((0, "lead"), repeat=600), severity="warning").advance(600 + 1200 + 2400)
    story.heard.clear()
    story.worsen().expect("triggered lead 1/1").advance(600).expect("reminder lead 1/1")


def test_worsening_in_a_later_pass_goes_back_to_the_first() -> None:
    story = Story(policy((0, "lead"), loops=2, repeat=600), severity="warning").advance(600)
    story.expect("triggered lead 1/1", "escalated lead 1/2").worsen().expect("triggered lead 1/1")
    story.advance(600).expect("escalated lead 1/2")


def test_a_critical_incident_does_not_worsen() -> None:
    Story().expect("triggered lead 1/1").worsen().expect()


def test_the_end_is_told_to_those_who_were_told_of_the_beginning_and_to_nobody_else() -> None:
    Story().advance(60).expect("triggered lead 1/1").resolve().expect("resolved lead 1/1")
    story = Story(policy((0, "lead"), (60, "lead+manager"))).advance(60)
    story.expect("triggered lead 1/1", "escalated lead+manager 2/1").resolve().expect("resolved lead+manager 2/1")


def test_an_end_before_anybody_was_told_is_told_to_nobody() -> None:
    Story(policy((60, "lead"))).advance(30).resolve().advance(3600).expect()


def test_an_acknowledged_incident_can_end() -> None:
    story = Story().ack().resolve().expect("triggered lead 1/1", "acknowledged lead 1/1", "resolved lead 1/1")
    assert story.incident.acknowledged_by == "someone"
    assert story.incident.resolved_by == "source"


def test_resolved_never_reopens() -> None:
    story = Story(severity="warning").resolve()
    story.heard.clear()
    with pytest.raises(Conflict):
        story.ack()
    with pytest.raises(Conflict):
        story.resolve()
    story.worsen().advance(HOUR).expect()
    assert story.incident.status is Status.RESOLVED
    assert story.incident.due_at is None
    assert not story.incident.open


def test_after_a_long_sleep_one_step_per_sweep() -> None:
    story = Story(policy((0, "a"), (60, "b"), (60, "c"))).expect("triggered a 1/1")
    story.sleep(24 * HOUR).sweep().expect("escalated b 2/1").sweep().expect()
    story.advance(60).expect("escalated c 3/1")


def test_a_clock_that_jumps_back_announces_nothing() -> None:
    story = Story().expect("triggered lead 1/1").sleep(-24 * HOUR).sweep().expect()
    assert story.incident.due_at is not None


def test_the_severity_of_a_level() -> None:
    assert severity(Level.CRITICAL) == "critical"
    assert severity(Level.WARNING) == "warning"
