"""Which calls pop, when, and at whom."""

from __future__ import annotations

import pytest

from bridge.events import CallerHint, Priority, QueueRef
from bridge.handlers import calls as module
from bridge.handlers.calls import CallHandler
from bridge.metrics import Metrics
from bridge.notifications import TargetShape
from bridge.settings import ScreenPop as Rules
from tests.support.clock import START, ManualClock
from tests.support.events import NUMBER, answered, ended, rang
from tests.unit.handlers.backstage import DIRECTORY, FoundCaller, Posted, ToldLookup


class Desk:
    """A call handler and what came of it."""

    def __init__(self, **rules: object) -> None:
        self.clock = ManualClock()
        self.lookup = ToldLookup()
        self.posted = Posted()
        self.metrics = Metrics()
        self.handler = CallHandler(
            Rules.model_validate(rules),
            lookup=self.lookup,
            directory=DIRECTORY,
            post=self.posted,
            clock=self.clock,
            metrics=self.metrics,
        )
        self.rang, self.answered, self.ended = self.handler.rang, self.handler.answered, self.handler.ended

    def count(self, outcome: str) -> float:
        found = self.metrics.registry.get_sample_value("minerva_bridge_screen_pops_total", {"outcome": outcome})
        return found or 0.0


async def test_a_ringing_inbound_call_pops_with_all_that_is_known() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller("From The Record", e164=NUMBER)
    event = rang(
        queue=QueueRef("q", "Sales"), waited_s=4.0, priority=Priority.HIGH, caller=CallerHint(name="From Minerva")
    )
    assert await desk.rang(event) == "handled"
    (pop,), (notification,) = desk.posted.pops, desk.posted.notifications
    assert (pop.call_id, pop.direction, pop.to, pop.waited_s) == ("call-1", "inbound", "+15550000001", 4.0)
    assert pop.agent is not None
    assert pop.agent.salesforce_user_id == "005000000000001"
    assert (pop.caller.number, pop.caller.e164, pop.caller.name) == (NUMBER, NUMBER, "From Minerva")
    assert pop.queue is not None
    assert pop.queue.name == "Sales"
    assert pop.expires_at == "2027-01-15T08:00:20.000Z"
    assert notification.expires_at == START + 20
    assert notification.priority is Priority.HIGH
    assert notification.subject == "call call-1"
    assert notification.facts == {"to": "+15550000001", "queue": "q", "agent": "agent-1"}
    assert desk.count("search") == 1


async def test_a_name_comes_from_the_record_when_minerva_has_none() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller("From The Record")
    await desk.rang(rang())
    assert desk.posted.pops[0].caller.name == "From The Record"


async def test_a_new_record_is_filled_with_the_callers_name() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller(shows=TargetShape(kind="new_record", object="Contact"))
    await desk.rang(rang(caller=CallerHint(name="From Minerva")))
    assert desk.posted.pops[0].target.defaults == {"LastName": "From Minerva"}


@pytest.mark.parametrize("direction", ["outbound", "OUTBOUND", "internal", "sideways", ""])
async def test_a_call_that_is_not_inbound_pops_nothing(direction: str) -> None:
    desk = Desk()
    assert await desk.rang(rang(direction=direction)) == "not_inbound"
    assert desk.posted.notifications == []
    assert desk.lookup.asked == []
    assert desk.count("not_inbound") == 1


@pytest.mark.parametrize("direction", [None, "inbound", "Inbound", "INBOUND"])
async def test_a_call_is_inbound_unless_it_says_otherwise(direction: str | None) -> None:
    assert await Desk().rang(rang(direction=direction)) == "handled"


async def test_a_ring_that_comes_after_its_end_pops_nothing() -> None:
    desk = Desk()
    await desk.ended(ended())
    assert await desk.rang(rang()) == "ended"
    assert desk.posted.notifications == []


async def test_a_stale_ring_pops_nothing_and_skew_is_no_age() -> None:
    desk = Desk(max_age=20)
    assert await desk.rang(rang(occurred_at=START - 20.5)) == "stale"
    assert await desk.rang(rang(occurred_at=START - 60, skew_s=60.0 - 120.0)) == "handled"
    assert desk.count("stale") == 1


async def test_a_stamp_from_the_future_keeps_no_pop_alive_for_longer() -> None:
    desk = Desk()
    assert await desk.rang(rang(occurred_at=253_402_300_799.0)) == "handled"
    assert desk.posted.notifications[0].expires_at == START + 20


async def test_a_transferred_call_pops_once_at_each_agent_it_reaches() -> None:
    desk = Desk()
    await desk.rang(rang())
    await desk.ended(ended(agent="agent-1"))
    assert await desk.rang(rang(agent="agent-2")) == "handled"
    assert [each.agent.user_id for each in desk.posted.pops if each.agent] == ["agent-1", "agent-2"]
    assert len({each.id for each in desk.posted.notifications}) == 2


async def test_the_same_ring_after_a_restart_has_the_same_id() -> None:
    ids = []
    for _ in range(2):
        desk = Desk()
        await desk.rang(rang())
        ids.append(desk.posted.notifications[0].id)
    assert ids[0] == ids[1]


async def test_a_withheld_number_pops_too() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller(shows=TargetShape(kind="search"))
    assert await desk.rang(rang(caller_number=None)) == "handled"
    pop = desk.posted.pops[0]
    assert (pop.caller.number, pop.caller.e164, pop.caller.name) == (None, None, None)
    assert desk.lookup.asked[0][0] is None


async def test_an_agent_nobody_knows_by_name_pops_by_id() -> None:
    desk = Desk()
    await desk.rang(rang(agent="stranger"))
    agent = desk.posted.pops[0].agent
    assert agent is not None
    assert (agent.user_id, agent.name) == ("stranger", None)


async def test_when_the_rule_says_none_nothing_pops() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller(shows=None)
    assert await desk.rang(rang()) == "no_target"
    assert desk.posted.notifications == []
    assert desk.count("no_target") == 1


async def test_a_degraded_pop_is_counted_as_such() -> None:
    desk = Desk()
    desk.lookup.caller = FoundCaller(degraded=True)
    assert await desk.rang(rang()) == "handled"
    assert desk.count("degraded") == 1
    assert desk.posted.pops[0].lookup.degraded


# --- answered mode ---------------------------------------------------------------------------------------------------


async def test_in_answered_mode_a_call_pops_when_it_is_answered_not_before() -> None:
    desk = Desk(when="answered")
    assert await desk.rang(rang()) == "waiting"
    assert desk.posted.notifications == []
    desk.clock.move(30)
    assert await desk.answered(answered(occurred_at=START + 30)) == "handled"
    assert desk.posted.pops[0].event_id == "rang-call-1"
    assert desk.posted.notifications[0].expires_at == START + 50


async def test_in_answered_mode_it_pops_once_and_only_at_the_agent_who_answers() -> None:
    desk = Desk(when="answered")
    for agent in ("agent-1", "agent-2"):
        await desk.rang(rang(agent=agent))
    assert await desk.answered(answered(agent="agent-2")) == "handled"
    assert await desk.answered(answered(agent="agent-2", id="again")) == "seen"
    assert [each.agent.user_id for each in desk.posted.pops if each.agent] == ["agent-2"]


async def test_in_answered_mode_an_ended_or_late_call_pops_nothing() -> None:
    desk = Desk(when="answered")
    await desk.rang(rang("a"))
    await desk.ended(ended("a"))
    assert await desk.answered(answered("a")) == "seen"
    await desk.rang(rang("b"))
    assert await desk.answered(answered("b", occurred_at=START - 60)) == "stale"
    assert desk.posted.notifications == []


async def test_in_answered_mode_outbound_calls_stay_out() -> None:
    desk = Desk(when="answered")
    await desk.rang(rang(direction="outbound"))
    assert await desk.answered(answered()) == "seen"


async def test_in_answered_mode_a_pop_that_failed_can_be_tried_again() -> None:
    desk = Desk(when="answered")
    desk.posted.fails = [RuntimeError("no")]
    await desk.rang(rang())
    with pytest.raises(RuntimeError):
        await desk.answered(answered())
    assert await desk.answered(answered(replayed=True)) == "handled"


async def test_in_ringing_mode_an_answer_pops_nothing_more() -> None:
    desk = Desk()
    await desk.rang(rang())
    assert await desk.answered(answered()) == "seen"
    assert len(desk.posted.pops) == 1


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    desk = Desk(when="answered")
    for number in range(10):
        await desk.rang(rang(f"call-{number}"))
        await desk.ended(ended(f"other-{number}"))
    assert len(desk.handler._ringing) == len(desk.handler._ended) == 3
    assert await desk.answered(answered("call-9")) == "handled"
