"""Whose event is it, when one session is shared by all agents? Pure.

The agent is taken from the event itself, else from what else is said of its call. A ring that cannot be placed within
two seconds goes on without an agent (PROTOCOL §4).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from bridge.events import ActivitySeen, CallEvent, CallRang, Event

PLACE_WITHIN_S = 2.0
TOLERANCE_S = 0.05
"""A sleeper may wake a little early by the other clock."""

CALLS_REMEMBERED = 20_000


@dataclass(slots=True)
class _Claim:
    """Whose call it is, since when that is known, and whether it has rung there."""

    agent: str
    at: float
    rang: bool = False

    def places(self, now: float) -> bool:
        """True when a ring now is this agent's: a later one may be a transfer, and whoever had the call is no answer."""
        return not self.rang and now - self.at <= PLACE_WITHIN_S


@dataclass(slots=True)
class Attribution:
    """Knows which agent has which call and holds back rings that nobody claims yet. `now` is monotonic seconds."""

    _agents: OrderedDict[str, _Claim] = field(default_factory=OrderedDict)
    _waiting: OrderedDict[str, tuple[float, CallRang]] = field(default_factory=OrderedDict)
    unplaced: int = 0
    """Rings that went on without an agent."""

    def take(self, event: Event, now: float) -> list[Event]:
        """Take an event in; gives those that are ready: the ring that it places, then the event itself.

        `event.agent` is set when the event says itself whom it concerns. A ring that nobody claims yet is kept.
        """
        ready: list[Event] = []
        known = _call_and_agent(event)
        if known is not None:
            call_id, agent = known
            claim = self._remember(call_id, agent, now)
            if (waiting := self._waiting.pop(call_id, None)) is not None:
                claim.rang = True
                ready.append(placed(waiting[1], agent))
            claim.rang = claim.rang or isinstance(event, CallRang)
        elif isinstance(event, CallEvent):
            former = self._agents.get(event.call_id)
            if isinstance(event, CallRang) and (former is None or not former.places(now)):
                self._waiting[event.call_id] = (now + PLACE_WITHIN_S, event)
                return ready
            if former is not None:
                former.rang = True
                event = placed(event, former.agent)
        return [*ready, event]

    def overdue(self, now: float) -> list[Event]:
        """The rings that nobody claimed in time; they go on without an agent."""
        late = [call_id for call_id, (due, _) in self._waiting.items() if due <= now + TOLERANCE_S]
        self.unplaced += len(late)
        return [self._waiting.pop(call_id)[1] for call_id in late]

    def _remember(self, call_id: str, agent: str, now: float) -> _Claim:
        before = self._agents.get(call_id)
        claim = before if before is not None and before.agent == agent else _Claim(agent, now)
        self._agents[call_id] = claim
        self._agents.move_to_end(call_id)
        while len(self._agents) > CALLS_REMEMBERED:
            self._agents.popitem(last=False)
        return claim


def _call_and_agent(event: Event) -> tuple[str, str] | None:
    if isinstance(event, CallEvent) and event.agent is not None:
        return event.call_id, event.agent
    if isinstance(event, ActivitySeen) and event.call_id is not None and event.about_agent is not None:
        return event.call_id, event.about_agent
    return None


def placed(event: CallEvent, agent: str) -> CallEvent:
    """The event as that agent's, under that agent's key."""
    return replace(event, agent=agent, key=f"{agent}/{event.id}")
