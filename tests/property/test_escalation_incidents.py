"""Whatever happens to an incident: unanswered it has a next due time, resolved it stays so, nobody is told out of turn."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.escalation.conditioning import Conditioner, Level
from bridge.escalation.incident import REMINDER_GROWTH_CAP, Announcement, Conflict, Incident, Status
from bridge.escalation.policy import Delays
from bridge.events import QueueRef
from bridge.settings import Policy, SinkRef, Step

waits = st.integers(0, 900).map(float)
policies = st.builds(
    Policy,
    name=st.just("p"),
    steps=st.lists(
        st.builds(Step, after=waits, sinks=st.sampled_from("abc").map(lambda name: (SinkRef(sink=name),))),
        min_size=1,
        max_size=4,
    ).map(tuple),
    loops=st.integers(1, 3),
    repeat=st.integers(1, 1800).map(float),
    ack_timeout=st.integers(1, 3600).map(float),
)


class IncidentMachine(RuleBasedStateMachine):
    """Any order of sweeps, sleeps, clock jumps, acks, worsenings and ends."""

    @initialize(policy=policies, severe=st.booleans())
    def open(self, policy: Policy, severe: bool) -> None:
        self.now = 1_000_000.0
        self.incident = Incident("i", QueueRef("q"), policy, "critical" if severe else "warning", self.now)
        self.told: set[SinkRef] = set()
        self.ended = 0
        self.hear(self.incident.start(self.now))

    def hear(self, announcements: list[Announcement]) -> None:
        assert len(announcements) <= 1, "more than one message at a time"
        for each in announcements:
            assert self.ended == 0, "a message after the end"
            assert each.sinks, "a message to nobody"
            assert 1 <= each.step <= len(self.incident.policy.steps)
            assert 1 <= each.loop <= self.incident.policy.loops
            if each.type in {"sla.acknowledged", "sla.resolved"}:
                assert set(each.sinks) == self.told, "not exactly those who were told"
                self.ended += each.type == "sla.resolved"
            self.told |= set(each.sinks)

    @rule(seconds=st.floats(0, 4000))
    def sweep(self, seconds: float) -> None:
        self.now += seconds
        self.hear(self.incident.tick(self.now))

    @rule(seconds=st.floats(-1e6, 1e6))
    def clock_is_set(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sweep_when_due(self) -> None:
        if self.incident.due_at is not None:
            self.now = max(self.now, self.incident.due_at)
            before = self.incident.messages
            self.hear(self.incident.tick(self.now))
            assert self.incident.messages == before + 1, "due, and nothing happened"

    @rule()
    def ack(self) -> None:
        if self.incident.status is Status.TRIGGERED:
            self.hear(self.incident.acknowledge("someone", self.now))
        else:
            with pytest.raises(Conflict):
                self.incident.acknowledge("someone", self.now)

    @rule()
    def worsen(self) -> None:
        self.hear(self.incident.worsen(self.now))

    @rule(really=st.integers(0, 4))
    def resolve(self, really: int) -> None:
        if really:  # rarely, or stories would all be short
            return
        if self.incident.open:
            told = bool(self.told)
            self.hear(self.incident.resolve("source", self.now))
            assert self.ended == told
        else:
            with pytest.raises(Conflict):
                self.incident.resolve("source", self.now)

    @invariant()
    def an_open_incident_always_has_a_next_due_time(self) -> None:
        assert (self.incident.due_at is not None) == self.incident.open

    @invariant()
    def it_never_waits_longer_than_its_policy_says(self) -> None:
        policy = self.incident.policy
        longest = max(policy.repeat * REMINDER_GROWTH_CAP, policy.ack_timeout, *(step.after for step in policy.steps))
        if self.incident.due_at is not None:
            self.due = getattr(self, "due", self.incident.due_at)
            if self.incident.due_at != self.due:
                self.due = self.incident.due_at
                assert self.due - self.now <= longest + 0.001  # a rounding at most

    @invariant()
    def an_ack_has_a_name_and_nothing_else_has(self) -> None:
        if self.incident.open:
            assert (self.incident.acknowledged_by is not None) == (self.incident.status is Status.ACKNOWLEDGED)


TestIncident = IncidentMachine.TestCase
TestIncident.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

levels = st.sampled_from(list(Level))
story = st.lists(st.tuples(levels, st.floats(0, 200), st.booleans()), max_size=40)
DELAYS = Delays(warning_s=60, critical_s=15, clear_s=120)


@given(story=story)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_level_is_raised_that_was_not_seen_and_none_is_clear_that_is_raised(
    story: list[tuple[Level, float, bool]],
) -> None:
    conditioner, now, worst, last = Conditioner(DELAYS), 0.0, Level.HEALTHY, Level.HEALTHY
    for level, wait, stated in story:
        now += wait
        if stated and level is not Level.HEALTHY:
            conditioner.state_edge(level, now)
            last = max(last, level)
        else:
            conditioner.sample(level, now)
            last = level
        worst = max(worst, level)
        raised = conditioner.raised(now)
        assert raised <= worst
        assert raised <= last, "worse than what was said last"
        assert not (conditioner.cleared() and raised > Level.HEALTHY)
        if conditioner.cleared():
            assert last is Level.HEALTHY


@given(story=story, back=st.floats(-1e5, -1))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_clock_that_jumps_back_never_raises_by_itself(story: list[tuple[Level, float, bool]], back: float) -> None:
    conditioner, now = Conditioner(DELAYS), 0.0
    for level, wait, _ in story:
        now += wait
        conditioner.sample(level, now)
    before = conditioner.raised(now)
    assert conditioner.raised(now + back) == before
    now += back
    conditioner.sample(Level.CRITICAL, now)
    assert conditioner.raised(now) <= before
