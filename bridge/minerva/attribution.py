"""Whose event is it, when one session is shared by all agents? Pure.

The agent is taken from the event itself, else from what else is said of its call. A ring that cannot be placed within
two seconds goes on without an agent (PROTOCOL §4).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from bridge.events import CallEvent, CallRang, Event

PLACE_WITHIN_S = 2.0
CALLS_REMEMBERED = 20_000


@dataclass(slots=True)
class Attribution:
    """Knows which agent has which call and holds back rings that nobody claims yet. `now` is monotonic seconds."""

    _agents: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _waiting: OrderedDict[str, tuple[float, CallRang]] = field(default_factory=OrderedDict)
    unplaced: int = 0
    """Rings that went on without an agent."""

    def take(self, event: Event, now: float, *, call_agent: tuple[str, str] | None = None) -> list[Event]:
        """Take an event in; gives those that are ready, this one and those it places.

        Args:
            event: What came in; `agent` is set when it says itself whom it concerns.
            now: The present.
            call_agent: A call id and its agent, when the message names both.
        """
        ready: list[Event] = []
        if call_agent is not None:
            self._remember(*call_agent)
            waiting = self._waiting.pop(call_agent[0], None)
            if waiting is not None:
                ready.append(placed(waiting[1], call_agent[1]))
        if isinstance(event, CallEvent):
            if event.agent is not None:
                self._remember(event.call_id, event.agent)
            elif (agent := self._agents.get(event.call_id)) is not None:
                event = placed(event, agent)
            elif isinstance(event, CallRang):
                self._waiting[event.call_id] = (now + PLACE_WITHIN_S, event)
                return ready
        return [*ready, event]

    def overdue(self, now: float) -> list[Event]:
        """The rings that nobody claimed in time; they go on without an agent."""
        late = [call_id for call_id, (due, _) in self._waiting.items() if due <= now]
        self.unplaced += len(late)
        return [self._waiting.pop(call_id)[1] for call_id in late]

    def deadline(self) -> float | None:
        """When the next ring is overdue."""
        return next((due for due, _ in self._waiting.values()), None)

    def _remember(self, call_id: str, agent: str) -> None:
        self._agents[call_id] = agent
        self._agents.move_to_end(call_id)
        while len(self._agents) > CALLS_REMEMBERED:
            self._agents.popitem(last=False)


def placed(event: CallEvent, agent: str) -> CallEvent:
    """The event as that agent's, under that agent's key."""
    return replace(event, agent=agent, key=f"{agent}/{event.id}")
