"""Which sinks a notification goes to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bridge.delivery.routing import default_routes, route
from bridge.notifications import Kind, Notification
from bridge.settings import Match, Route, SinkRef
from tests.support.notifications import incident, notice, pop, trouble, voicemail


def to(*names: str) -> tuple[SinkRef, ...]:
    return tuple(SinkRef(sink=name) for name in names)


def chosen(routes: list[Route], notification: Notification) -> list[str] | None:
    found = route(routes, notification)
    return None if found is None else [each.sink for each in found.sinks]


def test_the_first_route_that_fits_wins() -> None:
    routes = [
        Route(kind="screen_pop", match=Match(agent=("agent-2",)), sinks=to("second")),
        Route(kind="screen_pop", sinks=to("first")),
        Route(kind="*", sinks=to("rest")),
    ]
    assert chosen(routes, pop(facts={"agent": "agent-1"})) == ["first"]
    assert chosen(routes, pop(facts={"agent": "agent-2"})) == ["second"]
    assert chosen(routes, voicemail()) == ["rest"]


@pytest.mark.parametrize(
    ("kind", "notification"),
    [("screen_pop", pop()), ("voicemail", voicemail()), ("bridge", trouble()), ("bridge", notice())],
)
def test_a_kind_takes_its_own_messages_only(kind: str, notification: Notification) -> None:
    routes = [Route.model_validate({"kind": kind, "sinks": ["a"]})]
    assert chosen(routes, notification) == ["a"]
    others = [pop(), voicemail(), trouble()]
    assert [chosen(routes, each) for each in others if each.kind is not notification.kind] == [None, None]


def test_all_values_of_all_fields_must_fit() -> None:
    routes = [Route(kind="voicemail", match=Match(to=("100", "200"), priority=("high",)), sinks=to("a"))]

    def fits(facts: Mapping[str, str]) -> bool:
        return chosen(routes, voicemail(facts=dict(facts))) is not None

    assert fits({"to": "100", "priority": "high"})
    assert fits({"to": "200", "priority": "high", "agent": "anyone"})
    assert not fits({"to": "300", "priority": "high"})
    assert not fits({"to": "100", "priority": "low"})


def test_a_message_without_the_fact_does_not_fit() -> None:
    routes = [Route(kind="*", match=Match(queue=("q",)), sinks=to("a"))]
    assert chosen(routes, pop(facts={})) is None
    assert chosen(routes, pop(facts={"queue": "q"})) == ["a"]


def test_nowhere_on_purpose_is_an_answer_and_no_route_is_none() -> None:
    assert chosen([Route(kind="bridge", sinks=())], trouble()) == []
    assert chosen([], trouble()) is None


def test_by_default_everything_goes_to_those_that_may_and_can() -> None:
    routes = list(default_routes({"log": frozenset(Kind), "desk": frozenset({Kind.SCREEN_POP})}))
    assert chosen(routes, pop()) == ["log", "desk"]
    assert chosen(routes, voicemail()) == ["log"]
    assert chosen(routes, trouble()) == ["log"]


def test_by_default_no_route_carries_service_level_alerts() -> None:
    assert route(default_routes({"log": frozenset(Kind)}), incident()) is None


def test_with_no_sink_allowed_the_default_is_nowhere() -> None:
    assert [each.sinks for each in default_routes({})] == [(), (), ()]
