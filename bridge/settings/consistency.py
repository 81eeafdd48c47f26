"""What has to fit together across settings; each check reports what it sees and leaves the rest to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import Problem
from bridge.settings.draft import Draft
from bridge.settings.escalation import Policy
from bridge.settings.roster import Agent
from bridge.settings.routing import Route, SinkRef
from bridge.settings.salesforce import NEEDS
from bridge.settings.schema import Path, quoted, variable
from bridge.settings.urls import is_loopback


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the cross-checks run. What could not be validated is missing: it has its problem already.

    Attributes:
        draft: What the sources gave.
        right: The validated fields of `Settings`.
        sinks: Names of all sinks, the invalid ones too; None when they could not be read at all.
        agents: Agents of BRIDGE_AGENTS by position.
        file_agents: Agents of BRIDGE_AGENTS_FILE by line.
        routes: Routes by position.
        policies: Escalation policies by position.
    """

    draft: Draft
    right: Mapping[str, Any]
    sinks: frozenset[str] | None
    agents: Mapping[int, Agent]
    file_agents: Mapping[int, Agent]
    routes: Mapping[int, Route]
    policies: Mapping[int, Policy]

    def refuse(self, path: Path | tuple[str | int, ...], wrong: str, expected: str) -> None:
        """Report a problem."""
        self.draft.problems.append(Problem(variable(path), wrong, expected))

    def roster(self) -> frozenset[str] | None:
        """The user ids of all agents; None when they are not all known here."""
        failed = {("agents_file",), ("roster", "salesforce_field")} & self.draft.failed
        if failed or self.draft.given("roster", "salesforce_field") or not {"agents", "agents_file"} <= set(self.right):
            return None
        return frozenset(agent.user_id for agent in (*self.agents.values(), *self.file_agents.values()))

    def known_sinks(self, where: tuple[str | int, ...], refs: tuple[SinkRef, ...]) -> None:
        """Refuse references to sinks that are not configured."""
        for index, ref in enumerate(refs):
            if self.sinks is not None and ref.sink not in self.sinks:
                names = ", ".join(sorted(self.sinks)) or "none is configured"
                self.refuse((*where, index), f"there is no sink {quoted(ref.sink)}", f"one of BRIDGE_SINKS: {names}")


def check(facts: Facts) -> None:
    """Run the checks that concern no routes and policies."""
    _minerva(facts)
    _supervisor(facts)
    _salesforce(facts)
    _agents(facts)
    _something_to_do(facts)
    _console(facts)


def _minerva(facts: Facts) -> None:
    token, service_token = (facts.draft.given("minerva", name) for name in ("token", "service_token"))
    if token == service_token:
        wrong = "is given together with BRIDGE_MINERVA__SERVICE_TOKEN" if token else "is required"
        facts.refuse(
            ("minerva", "token"), wrong, "exactly one of BRIDGE_MINERVA__TOKEN and BRIDGE_MINERVA__SERVICE_TOKEN"
        )
    minerva = facts.right.get("minerva")
    if minerva is not None and minerva.backoff_max < minerva.backoff_base:
        facts.refuse(("minerva", "backoff_max"), "is below BRIDGE_MINERVA__BACKOFF_BASE", "at least the first wait")


def _supervisor(facts: Facts) -> None:
    minerva = facts.right.get("minerva")
    watches = facts.right.get("queues") or facts.right.get("teams")
    if minerva is None or minerva.sessions != "per_agent" or not watches:
        return
    agents = (*facts.agents.values(), *facts.file_agents.values())
    if any(agent.user_id == minerva.service_user for agent in agents):
        wrong = "is an agent's user_id as well, who would have two sessions"
        facts.refuse(("minerva", "service_user"), wrong, "a userId of its own for the supervisor session")


def _salesforce(facts: Facts) -> None:
    auth = facts.draft.value("salesforce", "auth") or "jwt"
    for name in NEEDS.get(str(auth).strip(), ()):
        if not facts.draft.given("salesforce", name):
            facts.refuse(("salesforce", name), "is required", f"needed by BRIDGE_SALESFORCE__AUTH={str(auth).strip()}")


def _agents(facts: Facts) -> None:
    seen: set[str] = set()
    for index, agent in facts.agents.items():
        if agent.user_id in seen:
            facts.refuse(("agents", index, "user_id"), f"{quoted(agent.user_id)} is given twice", "each agent once")
        seen.add(agent.user_id)
    for line, agent in facts.file_agents.items():
        if agent.user_id in seen:
            wrong = f"{facts.right['agents_file'].name} line {line}: user_id {quoted(agent.user_id)} is given twice"
            facts.refuse(("agents_file",), wrong, "each agent once, in BRIDGE_AGENTS or in the file")
        seen.add(agent.user_id)


def _something_to_do(facts: Facts) -> None:
    sources = (("agents",), ("agents_file",), ("roster", "salesforce_field"), ("queues",), ("teams",))
    given = [path for path in sources if facts.draft.given(*path)]
    # An empty list is nothing either; what failed or is of another shape has its own problem.
    if all(facts.draft.value(*path) == [] and path not in facts.draft.failed for path in given):
        expected = "agents in BRIDGE_AGENTS or BRIDGE_AGENTS_FILE, or ids in BRIDGE_QUEUES or BRIDGE_TEAMS"
        facts.refuse(("agents",), "is empty and there are no queues and teams either: nothing to do", expected)


def _console(facts: Facts) -> None:
    console = facts.right.get("console")
    host = console.host if console is not None else facts.draft.value("console", "host")
    if isinstance(host, str) and not is_loopback(host) and not facts.draft.given("console", "token"):
        facts.refuse(("console", "token"), "is required", "needed when BRIDGE_CONSOLE__HOST is not a loopback host")
