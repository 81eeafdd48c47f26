"""Which sinks a notification goes to. Pure; the rules are the settings' `BRIDGE_ROUTES`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.notifications import Kind, Notification
from bridge.settings.routing import Route, SinkRef


def default_routes(takers: Mapping[str, frozenset[Kind]]) -> tuple[Route, ...]:
    """The routes when none are given: every kind to those sinks that may have callers' data and take it.

    Args:
        takers: The sinks that are allowed it without a word (log, desk, salesforce_*), with the kinds they take.
    """
    return tuple(
        Route(kind=kind.value, sinks=tuple(SinkRef(sink=name) for name, kinds in takers.items() if kind in kinds))
        for kind in (Kind.SCREEN_POP, Kind.VOICEMAIL, Kind.BRIDGE)
    )


def route(routes: Sequence[Route], notification: Notification) -> Route | None:
    """The first route whose kind and match fit; None when there is none."""
    kind = notification.kind.value
    return next((each for each in routes if each.kind in {kind, "*"} and _fits(each, notification.facts)), None)


def _fits(candidate: Route, facts: Mapping[str, str]) -> bool:
    return all(facts.get(name) in allowed for name, allowed in candidate.match.given().items())
