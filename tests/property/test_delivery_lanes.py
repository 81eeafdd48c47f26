"""The lanes against a plain model: whatever happens, one of a subject at a time, in order, and nothing is lost."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.delivery.lanes import Lanes, Waiting
from bridge.events import Priority
from tests.support.notifications import delivery, notice

SUBJECTS = st.sampled_from("abc")


class LanesMachine(RuleBasedStateMachine):
    """The model: a list per subject, who is in flight, and until when who must wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.lanes = Lanes()
        self.model: dict[str, list[Waiting]] = {}
        self.in_flight: dict[str, Waiting] = {}
        self.due: dict[str, float] = {}
        self.added = 0
        self.settled = 0

    @rule(subject=SUBJECTS, priority=st.sampled_from(list(Priority)))
    def add(self, subject: str, priority: Priority) -> None:
        self.added += 1
        each = Waiting(delivery(notice(self.added, subject=subject, priority=priority)), created_at=self.now)
        self.lanes.add(each)
        self.model.setdefault(subject, []).append(each)

    def ready(self) -> list[Waiting]:
        return [
            lane[0]
            for subject, lane in self.model.items()
            if lane and subject not in self.in_flight and self.due.get(subject, 0.0) <= self.now
        ]

    @rule()
    def take(self) -> None:
        ready = self.ready()
        taken = self.lanes.take(self.now)
        if taken is None:
            assert not ready, "somebody is ready and nobody was given out"
            return
        subject = taken.delivery.notification.subject
        assert subject not in self.in_flight, "two of one subject in flight"
        assert taken is self.model[subject][0], "not the first of its subject"
        assert taken in ready, "given out before its time"
        assert taken.priority == min(each.priority for each in ready), "an urgent one was passed over"
        self.in_flight[subject] = taken
        self.due.pop(subject, None)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        subject = data.draw(st.sampled_from(sorted(self.in_flight)))
        self.lanes.settle(self.in_flight.pop(subject))
        self.model[subject].pop(0)
        self.settled += 1

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), wait=st.floats(-1, 20))
    def retry(self, data: st.DataObject, wait: float) -> None:
        subject = data.draw(st.sampled_from(sorted(self.in_flight)))
        self.lanes.retry(self.in_flight.pop(subject), self.now + wait)
        self.due[subject] = self.now + wait

    @rule(seconds=st.floats(0, 30))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask_when(self) -> None:
        later = [at for at in self.due.values() if at > self.now]
        assert self.lanes.next_at(self.now) == (min(later) if later else None)

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = [each for lane in self.model.values() for each in lane]
        assert len(self.lanes) == len(waiting) == self.added - self.settled
        assert {id(each) for each in self.lanes.all()} == {id(each) for each in waiting}
        assert self.lanes.idle == (not waiting)

    def teardown(self) -> None:
        """Whatever the state, everything can be got out in the end."""
        for each in self.in_flight.values():
            self.lanes.settle(each)
            self.model[each.delivery.notification.subject].pop(0)
        while (each := self.lanes.take(self.now + 1000)) is not None:  # type: ignore[assignment]
            subject = each.delivery.notification.subject
            assert each is self.model[subject].pop(0)
            self.lanes.settle(each)
        assert self.lanes.idle
        assert not any(self.model.values())


TestLanes = LanesMachine.TestCase
TestLanes.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
