"""What the bridge tells of itself."""

from __future__ import annotations

from bridge.core.logging import redactor
from bridge.handlers.lifecycle import Lifecycle
from bridge.notifications import Notice, Trouble
from tests.support.clock import START, ManualClock
from tests.support.events import maintenance
from tests.unit.handlers.backstage import Posted


class Voice:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.posted = Posted()
        self.lifecycle = Lifecycle(post=self.posted, clock=self.clock)

    def problem(self, key: str = "sink:crm", **more: str) -> None:
        self.lifecycle.problem("sink", key, title=f"{key} fails", body="It waits.", leave_out="crm", **more)  # type: ignore[arg-type]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each.type, each.subject) for each in self.posted.notifications]


def test_a_problem_is_told_once_and_its_end_once() -> None:
    voice = Voice()
    for _ in range(5):
        voice.problem()
        voice.clock.move(60)
    voice.lifecycle.recovered("sink:crm", body="It delivers again.")
    voice.lifecycle.recovered("sink:crm", body="It delivers again.")
    assert voice.told == [("bridge.problem", "sink:crm"), ("bridge.recovered", "sink:crm")]


def test_the_end_names_the_same_problem_since_when_and_its_facts() -> None:
    voice = Voice()
    voice.problem(sink="crm")
    voice.clock.move(90)
    voice.lifecycle.recovered("sink:crm", body="It delivers again.")
    begun, over = (each.data for each in voice.posted.notifications)
    assert isinstance(begun, Trouble)
    assert isinstance(over, Trouble)
    assert (over.key, over.subject, over.since, over.facts) == (begun.key, begun.subject, begun.since, {"sink": "crm"})
    assert over.title == "Over: sink:crm fails"
    assert over.body == "It delivers again."
    assert begun.since == "2027-01-15T08:00:00.000Z"


def test_a_problem_that_comes_back_is_told_again_under_another_id() -> None:
    voice = Voice()
    for _ in range(2):
        voice.problem()
        voice.clock.move(1)
        voice.lifecycle.recovered("sink:crm", body="well")
        voice.clock.move(1)
    assert [kind for kind, _ in voice.told] == ["bridge.problem", "bridge.recovered"] * 2
    assert len({each.id for each in voice.posted.notifications}) == 4


def test_problems_of_different_keys_are_told_apart() -> None:
    voice = Voice()
    voice.problem("sink:a")
    voice.problem("sink:b")
    voice.lifecycle.recovered("sink:a", body="well")
    assert [each["key"] for each in voice.lifecycle.problems] == ["sink:b"]


def test_a_recovery_of_what_was_never_told_says_nothing() -> None:
    voice = Voice()
    voice.lifecycle.recovered("sink:crm", body="well")
    assert voice.told == []


def test_a_sinks_trouble_is_not_sent_through_itself() -> None:
    voice = Voice()
    voice.problem()
    voice.lifecycle.recovered("sink:crm", body="well", leave_out="crm")
    assert voice.posted.left_out == ["crm", "crm"]


async def test_maintenance_is_passed_on_with_its_times() -> None:
    voice = Voice()
    event = maintenance(starts_at=START + 60, ends_at=START + 120, message="Tonight", severity="high")
    assert await voice.lifecycle.maintenance(event) == "handled"
    data = voice.posted.notifications[0].data
    assert isinstance(data, Notice)
    assert data.body == "Tonight"
    assert data.facts == {
        "starts_at": "2027-01-15T08:01:00.000Z",
        "ends_at": "2027-01-15T08:02:00.000Z",
        "severity": "high",
    }


async def test_maintenance_without_particulars_is_passed_on_too() -> None:
    voice = Voice()
    assert await voice.lifecycle.maintenance(maintenance()) == "handled"
    data = voice.posted.notifications[0].data
    assert isinstance(data, Notice)
    assert data.body == "Minerva announces maintenance."


async def test_a_maintenance_notice_that_repeats_a_token_does_not_pass_it_on() -> None:
    posted = Posted()
    redactor.learn("planted-token")
    try:
        await Lifecycle(post=posted, clock=ManualClock()).maintenance(maintenance(message="down, says planted-token"))
    finally:
        redactor.forget("planted-token")
    assert "planted" not in str(posted.notifications[0].data)
