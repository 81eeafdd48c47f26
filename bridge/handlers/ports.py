"""What handlers need of the rest, by role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from bridge.events import CallerHint
from bridge.notifications import AgentShape, LookupShape, MatchShape, Notification, RecordShape, TargetShape


class Caller(Protocol):
    """A caller that was looked up."""

    @property
    def e164(self) -> str | None:
        """The number in E.164, None when it cannot be read so or is withheld."""

    @property
    def lookup(self) -> LookupShape:
        """How it was looked up."""

    def matches(self) -> list[MatchShape]:
        """The records found, best first."""

    def record(self) -> RecordShape | None:
        """The one record that is the caller's; None when there is none or it is not certain."""

    def name(self) -> str | None:
        """What the matched record calls them."""

    def target(self, name: str | None) -> TargetShape | None:
        """What to show by the org's rules; None when the rule says to pop nothing. `name` fills a new record."""


class CallerLookup(Protocol):
    """Finds callers, always by the deadline."""

    async def find(self, number: str | None, hint: CallerHint, *, named: bool = False) -> Caller:
        """Find a caller; `named` when a name is worth a call to Salesforce. Never raises."""


class Post(Protocol):
    """Sends notifications where the routes say."""

    def __call__(self, notification: Notification, *, leave_out: str | None = None) -> int:
        """Send; returns at once with the number of deliveries."""


class Directory:
    """The agents that are known by name."""

    def __init__(self, agents: Iterable[AgentShape]) -> None:
        self._agents: dict[str, AgentShape] = {}
        self.replace(agents)

    def replace(self, agents: Iterable[AgentShape]) -> None:
        """Know these from now on."""
        self._agents = {agent.user_id: agent for agent in agents}

    def agent(self, user_id: str | None) -> AgentShape | None:
        """The agent of that user id; one that is not on the list has no name. None for None."""
        return None if user_id is None else self._agents.get(user_id) or AgentShape(user_id=user_id)
