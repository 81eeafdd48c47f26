"""One queue's incident: a state machine over triggers, worsenings, acknowledgements, timers and the end. Pure.

Every method gives the announcements that follow, in order; the caller sends them. Instants are seconds since the epoch.
An unanswered incident always has a next timer: after the last pass through the steps it reminds, at growing intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from bridge.escalation.conditioning import Level
from bridge.events import QueueRef
from bridge.settings.escalation import Policy
from bridge.settings.routing import SinkRef

REMINDER_GROWTH_CAP = 4
"""Reminders come after `repeat`, then twice, then four times as long, and stay there: never silent."""

Severity = Literal["warning", "critical"]
Type = Literal[
    "sla.triggered",
    "sla.escalated",
    "sla.reminder",
    "sla.unacknowledged",
    "sla.acknowledged",
    "sla.resolved",
]


class Status(StrEnum):
    """Where an incident stands."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message to send, to these sinks; step and loop are counted from 1."""

    type: Type
    sinks: tuple[SinkRef, ...]
    step: int
    loop: int


class Conflict(Exception):
    """The incident's state forbids what was asked; the text says why."""


@dataclass(slots=True)
class Incident:
    """An open or resolved incident. The policy is frozen into it: a new configuration does not change it."""

    id: str
    queue: QueueRef
    policy: Policy
    severity: Severity
    opened_at: float
    status: Status = Status.TRIGGERED
    step: int = 0
    """The step announced last, from 1; 0 before the first."""
    loop: int = 1
    """The pass that step was in."""
    due_at: float | None = None
    """When the next step, reminder or end of an acknowledgement falls due."""
    acknowledged_by: str | None = None
    resolved_by: str | None = None
    resolved_at: float | None = None
    reminders: int = 0
    messages: int = 0
    told: tuple[SinkRef, ...] = field(default=())
    """Everybody who got a trigger or an escalation: those who hear of the end."""

    @property
    def open(self) -> bool:
        """True until it is resolved."""
        return self.status is not Status.RESOLVED

    def start(self, now: float) -> list[Announcement]:
        """Begin the chain: the first step at once, or after its delay."""
        self.step, self.loop, self.reminders = 0, 1, 0
        self.due_at = now + self.policy.steps[0].after
        return self.tick(now)

    def worsen(self, now: float) -> list[Announcement]:
        """Turn critical: the chain starts again under the same id, acknowledged or not. A critical one stays as it is."""
        if self.severity == "critical" or not self.open:
            return []
        self.severity, self.status, self.acknowledged_by = "critical", Status.TRIGGERED, None
        return self.start(now)

    def tick(self, now: float) -> list[Announcement]:
        """Do what has fallen due: one step at most, so that a long sleep is no burst."""
        if not self.open or self.due_at is None or now < self.due_at:
            return []
        if self.status is Status.ACKNOWLEDGED:
            return self._ack_ran_out(now)
        if self.step == len(self.policy.steps):
            if self.loop >= self.policy.loops:
                return self._remind(now)
            self.step, self.loop = 0, self.loop + 1
        self.step += 1
        kind: Type = "sla.triggered" if (self.step, self.loop) == (1, 1) else "sla.escalated"
        announcement = self._announce(kind, self.policy.steps[self.step - 1].sinks)
        self.due_at = self._next_step_at(now)
        return [announcement]

    def acknowledge(self, by: str, now: float) -> list[Announcement]:
        """Somebody answers: the chain stops until the acknowledgement runs out. Raises Conflict when it is resolved."""
        if not self.open:
            raise Conflict("the incident is resolved")
        if self.status is Status.ACKNOWLEDGED:
            raise Conflict(f"the incident is acknowledged already, by {self.acknowledged_by}")
        self.status, self.acknowledged_by = Status.ACKNOWLEDGED, by
        self.due_at = now + self.policy.ack_timeout if self.policy.ack_timeout > 0 else None
        return [self._tell_all("sla.acknowledged")] if self.told else []

    def resolve(self, by: str, now: float) -> list[Announcement]:
        """It is over. Only those hear of it who were told of it. Raises Conflict when it is resolved already."""
        if not self.open:
            raise Conflict("the incident is resolved already")
        self.status, self.resolved_by, self.resolved_at, self.due_at = Status.RESOLVED, by, now, None
        return [self._tell_all("sla.resolved")] if self.told else []

    # --- inside --------------------------------------------------------------------------------------------------

    def _next_step_at(self, now: float) -> float:
        """When to go on after the step announced last: the next one, another pass, or the first reminder."""
        steps = self.policy.steps
        return now + (steps[self.step].after if self.step < len(steps) else self.policy.repeat)

    def _ack_ran_out(self, now: float) -> list[Announcement]:
        self.status, self.acknowledged_by = Status.TRIGGERED, None
        announcement = self._announce("sla.unacknowledged", self._last_sinks())
        self.due_at = self._next_step_at(now)
        return [announcement]

    def _remind(self, now: float) -> list[Announcement]:
        self.reminders += 1
        self.due_at = now + self.policy.repeat * min(2**self.reminders, REMINDER_GROWTH_CAP)
        return [self._announce("sla.reminder", self.policy.steps[-1].sinks)]

    def _last_sinks(self) -> tuple[SinkRef, ...]:
        return self.policy.steps[max(self.step, 1) - 1].sinks

    def _announce(self, kind: Type, sinks: tuple[SinkRef, ...]) -> Announcement:
        self.told += tuple(each for each in sinks if each not in self.told)
        self.messages += 1
        return Announcement(kind, sinks, max(self.step, 1), self.loop)

    def _tell_all(self, kind: Type) -> Announcement:
        self.messages += 1
        return Announcement(kind, self.told, max(self.step, 1), self.loop)


def severity(level: Level) -> Severity:
    """The severity of an incident that such a level raises."""
    return "critical" if level is Level.CRITICAL else "warning"
