"""How service-level alerts climb until someone answers: `BRIDGE_ESCALATION__…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.settings.kinds import Count, Duration, DurationOrZero, Names, NotEmpty, Text
from bridge.settings.model import Expects, Model, Shown
from bridge.settings.routing import SinkRefs


class Hours(Model):
    """When a policy is on duty."""

    zone: Text = Field(description="IANA time zone, as Europe/Berlin.")
    days: Text = Field(description="Days of the week, as mon-fri.")
    start: Text = Field(alias="from", description="Start of the day, HH:MM.")
    end: Text = Field(alias="to", description="End of the day, HH:MM.")
    holidays: Annotated[Names, Shown("none")] = Field(default=(), description="Days off, YYYY-MM-DD.")


class Step(Model):
    """One step of a policy."""

    after: DurationOrZero = Field(description="Seconds since the step before, or since the alert for the first.")
    sinks: Annotated[SinkRefs, NotEmpty] = Field(description="Where the message goes.")


class Policy(Model):
    """Who hears of an alert, in which order. Delays left out are those of `BRIDGE_ESCALATION__…`."""

    name: Text = Field(description="Name of the policy, unique.")
    queues: Annotated[Names, NotEmpty, Shown('["*"]')] = Field(
        default=("*",), description="Queue ids that it takes; * is any."
    )
    steps: Annotated[tuple[Step, ...], NotEmpty, Expects("list of steps", "at least one step")] = Field(
        description="The steps, first to last."
    )
    loops: Count = Field(default=1, description="Passes through the steps in all.")
    repeat: Duration = Field(default=900.0, description="Seconds between passes, then to the first reminder.")
    ack_timeout: Duration = Field(default=1800.0, description="Seconds until an acknowledgement runs out.")
    hours: Annotated[Hours | None, Expects("object", "hours of duty")] = Field(
        default=None, description="When the policy is on duty; left out: always."
    )
    warning_delay: DurationOrZero | None = Field(default=None, description="As BRIDGE_ESCALATION__WARNING_DELAY.")
    critical_delay: DurationOrZero | None = Field(default=None, description="As BRIDGE_ESCALATION__CRITICAL_DELAY.")
    clear_delay: DurationOrZero | None = Field(default=None, description="As BRIDGE_ESCALATION__CLEAR_DELAY.")
    group_wait: DurationOrZero | None = Field(default=None, description="As BRIDGE_ESCALATION__GROUP_WAIT.")
    group_interval: DurationOrZero | None = Field(default=None, description="As BRIDGE_ESCALATION__GROUP_INTERVAL.")


class Escalation(Model):
    """Policies, hysteresis and grouping; times in seconds."""

    policies: Annotated[
        tuple[Policy, ...],
        Expects("JSON list", "a JSON list of policies"),
        Shown("one step, to every sink that takes SLA messages"),
    ] = Field(default=(), description="First policy whose queues match takes the alert.")
    warning_delay: DurationOrZero = Field(default=60.0, description="How long a warning must last to raise an alert.")
    critical_delay: DurationOrZero = Field(
        default=15.0, description="How long a critical level must last to raise an alert."
    )
    clear_delay: DurationOrZero = Field(default=120.0, description="How long health must last to resolve an alert.")
    group_wait: DurationOrZero = Field(default=5.0, description="How long a step waits for other alerts to join it.")
    group_interval: DurationOrZero = Field(
        default=60.0, description="Shortest time between two grouped messages to one target."
    )
