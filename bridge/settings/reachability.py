"""Whether routes and policies can do what they say: sinks that exist, matches that can come true, kinds covered."""

from __future__ import annotations

from collections.abc import Collection

from bridge.settings.consistency import Facts
from bridge.settings.routing import KINDS, MATCHABLE, PRIORITIES, Route
from bridge.settings.schema import quoted, variable

ANY = "*"


def check(facts: Facts) -> None:
    """Run the checks of routes and policies."""
    for index, route in facts.routes.items():
        facts.known_sinks(("routes", index, "sinks"), route.sinks)
        facts.known_sinks(("routes", index, "fallback"), route.fallback)
        _match(facts, index, route)
    if facts.draft.given("routes") and facts.right.get("routes") is not None:
        _coverage(facts, facts.right["routes"])
    _policies(facts)


def _match(facts: Facts, index: int, route: Route) -> None:
    for name, values in route.match.given().items():
        where = ("routes", index, "match", name)
        allowed = MATCHABLE[route.kind]
        if name not in allowed:
            expected = f"match on {', '.join(allowed)}" if allowed else "no match"
            facts.refuse(where, f"can never be true: {route.kind} messages have no {name}", expected)
        elif not values:
            facts.refuse(where, "can never be true: the list is empty", "at least one value, or leave it out")
        else:
            _values(facts, where, values, _possible(facts, name))


def _possible(facts: Facts, name: str) -> Collection[str] | None:
    """What a match on `name` can be; None when anything can come."""
    if name == "priority":
        return PRIORITIES
    if name == "agent":
        return facts.roster()
    if name == "queue":
        # Calls name their queue even when no queue is watched: then nothing is known about the ids that can come.
        return facts.right.get("queues") or None
    return None


def _values(
    facts: Facts, where: tuple[str | int, ...], values: tuple[str, ...], possible: Collection[str] | None
) -> None:
    expected = {
        "priority": ", ".join(PRIORITIES),
        "agent": "a user_id of BRIDGE_AGENTS or BRIDGE_AGENTS_FILE",
        "queue": "an id of BRIDGE_QUEUES",
    }
    for value in values:
        if possible is not None and value not in possible:
            facts.refuse(where, f"can never be true: there is no {where[-1]} {quoted(value)}", expected[str(where[-1])])


def _coverage(facts: Facts, routes: tuple[Route, ...]) -> None:
    for kind in KINDS:
        fitting = [(index, route) for index, route in enumerate(routes) if route.kind in {kind, ANY}]
        if not fitting:
            expected = f'a route of kind {kind} or *; "sinks": [] says on purpose that it goes nowhere'
            facts.refuse(("routes",), f"no route covers {kind}", expected)
            continue
        catch_all = next((index for index, route in fitting if not route.match.given()), None)
        if catch_all is None:
            facts.draft.warnings.append(
                f"{variable(('routes',))}: {kind} messages that match no route go nowhere (a last route without match)"
            )
    _shadowed(facts, routes)


def _shadowed(facts: Facts, routes: tuple[Route, ...]) -> None:
    taken: set[str] = set()
    for index, route in enumerate(routes):
        kinds = set(KINDS) if route.kind == ANY else {route.kind}
        if kinds <= taken:
            facts.draft.warnings.append(
                f"{variable(('routes', index))}: is never reached, an earlier route takes all of its messages"
                " (put it before that one)"
            )
        if not route.match.given():
            taken |= kinds


def _policies(facts: Facts) -> None:
    queues = facts.right.get("queues")
    seen: set[str] = set()
    for index, policy in facts.policies.items():
        where = ("escalation", "policies", index)
        if policy.name in seen:
            facts.refuse((*where, "name"), f"{quoted(policy.name)} is given twice", "a name of its own for each policy")
        seen.add(policy.name)
        for queue in policy.queues:
            if queues is not None and queue != ANY and queue not in queues:
                facts.refuse((*where, "queues"), f"there is no queue {quoted(queue)}", "ids of BRIDGE_QUEUES, or *")
        for step, value in enumerate(policy.steps):
            facts.known_sinks((*where, "steps", step, "sinks"), value.sinks)
