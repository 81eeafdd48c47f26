"""Which policy a queue's incidents follow, and with which delays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.settings.escalation import Escalation, Policy, Step
from bridge.settings.routing import SinkRef

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a level must last before it counts, in seconds."""

    warning_s: float
    critical_s: float
    clear_s: float


def default_policy(sinks: Sequence[str]) -> Policy:
    """The policy of queues that no other takes: one step, to these sinks. There may be none: incidents are kept still."""
    step = Step.model_construct(after=0.0, sinks=tuple(SinkRef(sink=name) for name in sinks))
    return Policy(name=DEFAULT_NAME, steps=(step,))


def policy_for(queue_id: str, policies: Sequence[Policy], default: Policy) -> Policy:
    """The first policy whose queues name it or say `*`; the default one when there is none."""
    return next((each for each in policies if queue_id in each.queues or "*" in each.queues), default)


def delays(policy: Policy, general: Escalation) -> Delays:
    """The policy's own delays, the general ones where it has none."""
    return Delays(
        warning_s=general.warning_delay if policy.warning_delay is None else policy.warning_delay,
        critical_s=general.critical_delay if policy.critical_delay is None else policy.critical_delay,
        clear_s=general.clear_delay if policy.clear_delay is None else policy.clear_delay,
    )
