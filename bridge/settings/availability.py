"""What the contract names and this version cannot do yet: refused, so that nothing is silently ignored.

When a feature is built, its line goes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import Problem
from bridge.settings.draft import Draft
from bridge.settings.schema import variable

NOT_YET = "not available yet"


def _on(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "yes", "on", "t", "y"}


def _given(value: Any) -> bool:
    return value is not None


def _postgresql(value: Any) -> bool:
    return str(value).strip().startswith("postgres")


@dataclass(frozen=True, slots=True)
class Gate:
    """A setting whose value, when `closed` says so, asks for something that is not built."""

    path: tuple[str, ...]
    closed: Callable[[Any], bool]
    feature: str
    instead: str


GATES = (
    Gate(("database_url",), _postgresql, "PostgreSQL is", "sqlite:///PATH"),
    Gate(
        ("roster", "salesforce_field"), _given, "a roster kept in Salesforce is", "BRIDGE_AGENTS or BRIDGE_AGENTS_FILE"
    ),
    Gate(("screen_pop", "prefer_open_case"), _on, "preferring the open case is", "false"),
    Gate(("call_log", "enabled"), _on, "the call log is", "false"),
    Gate(("proxy", "url"), _given, "a proxy is", "leave it out"),
)

LOOKUP_OBJECTS = frozenset({"Contact", "Account", "Lead"})
"""The objects whose phone fields are known without asking the org."""

UNUSED_YET = {
    ("signing_keys",): "links in messages are not available yet; the keys are checked and not used",
    ("console", "public_url"): "pages are not available yet; messages carry no link to the console",
    ("salesforce", "api_reserve"): "the API budget is not available yet; the share is checked and not used",
}
"""What can be tuned ahead of its feature: told, so that nothing is silently ignored."""

POLICY_FIELDS = {
    "hours": "hours of duty are",
}

SINK_TYPES = (
    "apprise",
    "desk",
    "email",
    "pagerduty",
    "salesforce_case",
    "salesforce_event",
    "salesforce_notification",
    "salesforce_task",
    "slack",
    "teams",
)


def check(draft: Draft) -> None:
    """Report every setting that asks for what is not built."""
    for gate in GATES:
        entry = draft.entries.get(gate.path)
        if entry is not None and not entry.computed and gate.closed(entry.value):
            draft.problems.append(Problem(variable(gate.path), f"{gate.feature} {NOT_YET}", gate.instead))
    for path, text in UNUSED_YET.items():
        entry = draft.entries.get(path)
        if entry is not None and not entry.computed:
            draft.warnings.append(f"{variable(path)}: {text}")
    objects = draft.value("salesforce", "lookup_objects")
    for name in objects if isinstance(objects, list | tuple) else ():
        if str(name).isidentifier() and name not in LOOKUP_OBJECTS:
            where = variable(("salesforce", "lookup_objects"))
            known = f"from {', '.join(sorted(LOOKUP_OBJECTS))}"
            draft.problems.append(Problem(where, f"looking up {name!r} is {NOT_YET}", known))
    policies = draft.value("escalation", "policies")
    for index, policy in enumerate(policies if isinstance(policies, list) else ()):
        for name, feature in POLICY_FIELDS.items():
            if isinstance(policy, Mapping) and policy.get(name) is not None:
                where = variable(("escalation", "policies", index, name))
                draft.problems.append(Problem(where, f"{feature} {NOT_YET}", "leave it out"))


def unusable_sink(kind: str, known: Collection[str]) -> tuple[str, str]:
    """Say why there is no sink of this type, and what there is: (what is wrong, what is expected)."""
    wrong = f"{kind} sinks are {NOT_YET}" if kind in SINK_TYPES else "is an unknown type"
    return wrong, f"one of {', '.join(sorted(known))}"
