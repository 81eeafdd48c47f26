"""Who and what the sandbox Minerva knows: its org, users, queues and teams. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from bridge.sandbox.world import World

DEFAULT_TEAM = "team-001"  # everybody who works in the world
DEFAULT_SERVICE_USERS = ("bridge",)
SHORT_ORG_ID = 15  # an org id may come without its three characters of checksum


class Directory:
    """Looks things up in a World. `teams` maps a team's id to the user ids of its members."""

    def __init__(
        self,
        world: World,
        *,
        teams: Mapping[str, Iterable[str]] | None = None,
        service_users: Iterable[str] = DEFAULT_SERVICE_USERS,
    ) -> None:
        everybody = frozenset(agent.user_id for agent in world.agents)
        self.org_id = world.org_id
        self.service_users = frozenset(service_users)
        self.users = everybody | self.service_users
        self.queues = {queue.id: queue for queue in world.queues}
        self.teams = {DEFAULT_TEAM: everybody} if teams is None else {name: frozenset(of) for name, of in teams.items()}

    def knows(self, kind: Literal["user", "queue", "team"], identity: str) -> bool:
        """Tell whether there is such a user, queue or team."""
        return identity in {"user": self.users, "queue": self.queues, "team": self.teams}[kind]

    def is_org(self, org_id: object) -> bool:
        """Tell whether that is this org's id, in its 15 or 18 character form."""
        return isinstance(org_id, str) and org_id in {self.org_id, self.org_id[:SHORT_ORG_ID]}
