"""Which policy a queue follows."""

from __future__ import annotations

from bridge.escalation.policy import DEFAULT_NAME, Delays, default_policy, delays, policy_for
from bridge.settings import Escalation, Policy, SinkRef, Step

STEPS = (Step(after=0, sinks=(SinkRef(sink="a"),)),)


def policy(name: str, *queues: str) -> Policy:
    return Policy(name=name, queues=queues or ("*",), steps=STEPS)


def test_the_first_policy_that_names_the_queue_wins() -> None:
    policies = [policy("sales", "q1", "q2"), policy("second", "q2"), policy("rest"), policy("never")]
    default = default_policy(["log"])
    chosen = [policy_for(queue, policies, default).name for queue in ("q1", "q2", "q3")]
    assert chosen == ["sales", "sales", "rest"]


def test_a_queue_that_no_policy_names_follows_the_default() -> None:
    chosen = policy_for("q9", [policy("sales", "q1")], default_policy(["log", "crm"]))
    assert chosen.name == DEFAULT_NAME
    assert [[each.sink for each in step.sinks] for step in chosen.steps] == [["log", "crm"]]
    assert chosen.loops == 1


def test_the_default_exists_even_when_no_sink_takes_alerts() -> None:
    (step,) = default_policy([]).steps
    assert step.sinks == ()


def test_a_policys_own_delays_go_before_the_general_ones_zero_included() -> None:
    own = Policy(name="own", steps=STEPS, warning_delay=0, clear_delay=7)
    assert delays(own, Escalation()) == Delays(warning_s=0, critical_s=15, clear_s=7)
    assert delays(policy("none"), Escalation(critical_delay=3)) == Delays(warning_s=60, critical_s=3, clear_s=120)
