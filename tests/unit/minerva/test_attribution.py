from __future__ import annotations

from dataclasses import replace

from bridge.events import ActivitySeen
from bridge.minerva.attribution import CALLS_REMEMBERED, PLACE_WITHIN_S, Attribution
from tests.support.events import answered, ended, rang

RING = rang("c-1", agent=None)
STATUS = ActivitySeen(
    key="s-1", type="AGENT_STATUS_CHANGE", id="s-1", occurred_at=1.0, about_agent="agent-7", call_id="c-1"
)


def test_an_event_that_says_whom_it_concerns_goes_on_at_once() -> None:
    event = rang("c-1", agent="agent-1")
    assert Attribution().take(event, 0.0) == [event]


def test_a_ring_waits_for_whoever_claims_its_call_and_comes_before_the_claim() -> None:
    places = Attribution()
    assert places.take(RING, 0.0) == []
    placed, claim = places.take(STATUS, 1.0)
    assert (placed.agent, claim) == ("agent-7", STATUS)
    assert placed.key == f"agent-7/{RING.id}"
    assert places.overdue(100.0) == []


def test_an_answered_call_places_its_ring() -> None:
    places = Attribution()
    places.take(RING, 0.0)
    assert [event.agent for event in places.take(answered("c-1", agent="agent-2"), 1.0)] == ["agent-2", "agent-2"]


def test_a_ring_that_nobody_claims_goes_on_without_an_agent_and_is_counted() -> None:
    places = Attribution()
    places.take(RING, 0.0)
    assert places.overdue(PLACE_WITHIN_S - 0.5) == []
    assert places.overdue(PLACE_WITHIN_S) == [RING]
    assert places.unplaced == 1


def test_later_events_of_a_placed_call_are_its_agents() -> None:
    places = Attribution()
    places.take(STATUS, 0.0)
    (event,) = places.take(ended("c-1", agent=None), 1.0)
    assert event.agent == "agent-7"


def test_a_second_ring_is_not_given_to_whoever_had_the_call_before() -> None:
    places = Attribution()
    places.take(RING, 0.0)
    places.take(STATUS, 0.5)
    assert places.take(replace(RING, key="k-2", id="m-2"), 1.0) == []


def test_a_claim_just_before_the_ring_places_it_and_an_older_one_does_not() -> None:
    places = Attribution()
    places.take(STATUS, 0.0)
    (ring,) = places.take(RING, PLACE_WITHIN_S)
    assert ring.agent == "agent-7"
    late = Attribution()
    late.take(STATUS, 0.0)
    assert late.take(RING, PLACE_WITHIN_S + 0.1) == []


def test_what_is_remembered_is_bounded() -> None:
    places = Attribution()
    for number in range(CALLS_REMEMBERED + 10):
        places.take(replace(STATUS, call_id=f"c-{number}"), 0.0)
    assert len(places._agents) == CALLS_REMEMBERED
