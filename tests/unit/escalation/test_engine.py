"""Queues under watch, fast-forward: what is measured, what is told to whom, and how many messages that makes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.escalation.conditioning import Level
from bridge.escalation.engine import RESOLVED_KEPT, Engine, NoSuchIncidentError, Reading
from bridge.escalation.incident import Conflict
from bridge.events import Priority, QueueRef
from bridge.metrics import Metrics
from bridge.notifications import Incident, Notification
from bridge.settings import Escalation, SinkRef
from tests.support.clock import ManualClock

HEALTHY, WARNING, CRITICAL = Level.HEALTHY, Level.WARNING, Level.CRITICAL
MINUTE, HOUR = 60.0, 3600.0
POLICY = {
    "name": "sales",
    "steps": [{"after": 0, "sinks": ["lead"]}, {"after": 300, "sinks": ["manager"]}],
    "loops": 1,
}
SALES = QueueRef("q1", "Sales")


class Floor:
    """An engine, swept once a second, and what it sent."""

    def __init__(self, *policies: dict[str, Any], sinks: Sequence[str] = ("log",), **settings: Any) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.sent: list[tuple[Notification, tuple[SinkRef, ...]]] = []
        self.told = 0
        ids = count(1)
        self.engine = Engine(
            Escalation.model_validate({"policies": list(policies), **settings}),
            sla_sinks=sinks,
            send=lambda notification, to: self.sent.append((notification, tuple(to))),
            clock=self.clock,
            metrics=self.metrics,
            console_url="https://console.example/",
            new_id=lambda: f"inc_{next(ids)}",
        )

    def read(self, level: Level, *, queue: QueueRef = SALES, stated: bool = False, **figures: Any) -> Floor:
        self.engine.read(Reading(queue=queue, level=level, at=self.clock.monotonic(), stated=stated, **figures))
        return self

    def advance(self, seconds: float, level: Level | None = None, *, every: float = 5.0) -> Floor:
        """Time passes under the sweep; with a level, it is measured every so often, at the start and the end too."""
        for second in range(int(seconds)):
            if level is not None and second % every == 0:
                self.read(level)
            self.clock.move(1)
            self.engine.sweep()
        if level is not None:
            self.read(level)
        return self

    def expect(self, *lines: str) -> Floor:
        """Each line `what severity to whom`; all that was sent since the last time."""
        fresh, self.told = self.sent[self.told :], len(self.sent)
        told = []
        for notification, to in fresh:
            assert isinstance(notification.data, Incident)
            names = "+".join(each.sink for each in to)
            told.append(f"{notification.type.removeprefix('sla.')} {notification.data.severity} {names}")
        assert told == list(lines)
        return self

    @property
    def last(self) -> Incident:
        data = self.sent[-1][0].data
        assert isinstance(data, Incident)
        return data

    def ids(self) -> set[str]:
        return {each.data.incident_id for each, _ in self.sent if isinstance(each.data, Incident)}


# --- from level to incident ------------------------------------------------------------------------------------------


def test_a_critical_queue_raises_after_its_delay_and_resolves_after_health() -> None:
    floor = Floor(POLICY).advance(14, CRITICAL, every=7).expect()
    floor.advance(7, CRITICAL, every=7).expect("triggered critical lead")
    floor.advance(300, CRITICAL).expect("escalated critical manager")
    floor.advance(119, HEALTHY).expect()
    floor.advance(5, HEALTHY).expect("resolved critical lead+manager")
    assert floor.last.resolved_by == "source"


def test_a_warning_raises_after_its_own_delay() -> None:
    Floor(POLICY).advance(55, WARNING).expect().advance(5, WARNING).expect("triggered warning lead")


def test_a_ten_second_spike_raises_nothing() -> None:
    floor = Floor(POLICY).advance(60, HEALTHY).advance(10, CRITICAL).advance(300, HEALTHY)
    assert floor.sent == []


def test_a_breach_raises_at_once() -> None:
    Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead")
    Floor(POLICY).advance(600, HEALTHY).read(CRITICAL, stated=True).expect("triggered critical lead")


def test_a_stated_warning_raises_after_its_delay_without_another_sample() -> None:
    floor = Floor(POLICY).read(WARNING, stated=True).advance(59).expect()
    floor.advance(1).expect("triggered warning lead")


def test_a_gap_breaks_a_run() -> None:
    floor = Floor(POLICY).advance(10, CRITICAL).advance(61).read(CRITICAL).expect()
    floor.advance(14, CRITICAL, every=7).expect().advance(7, CRITICAL, every=7).expect("triggered critical lead")


def test_a_silent_source_neither_resolves_nor_stops_the_chain() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead")
    floor.advance(300).expect("escalated critical manager").advance(900).expect("reminder critical manager")


def test_worsening_is_a_trigger_again_under_the_same_id_even_when_acknowledged() -> None:
    floor = Floor(POLICY).advance(60, WARNING).expect("triggered warning lead")
    floor.engine.acknowledge("inc_1", "someone")
    floor.expect("acknowledged warning lead")
    floor.advance(14, CRITICAL, every=7).expect().advance(7, CRITICAL, every=7).expect("triggered critical lead")
    assert floor.ids() == {"inc_1"}
    assert floor.last.status == "triggered"
    floor.advance(300, CRITICAL).expect("escalated critical manager")


def test_a_milder_level_neither_clears_nor_lowers_the_severity() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead")
    floor.advance(250, WARNING).expect()
    floor.advance(50, WARNING).expect("escalated critical manager")


def test_a_new_incident_inherits_no_ack() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True)
    floor.engine.acknowledge("inc_1", "someone")
    floor.advance(121, HEALTHY).read(CRITICAL, stated=True)
    floor.expect(
        "triggered critical lead", "acknowledged critical lead", "resolved critical lead", "triggered critical lead"
    )
    assert floor.ids() == {"inc_1", "inc_2"}
    assert floor.last.acknowledged_by is None


def test_queues_do_not_mix() -> None:
    floor = Floor(POLICY)
    floor.read(CRITICAL, stated=True).read(CRITICAL, stated=True, queue=QueueRef("q2", "Support"))
    floor.expect("triggered critical lead", "triggered critical lead")
    floor.advance(121, HEALTHY).expect("resolved critical lead")
    assert [each["queue"]["id"] for each in floor.engine.incidents() if each["status"] != "resolved"] == ["q2"]  # type: ignore[index]


# --- how much is said ------------------------------------------------------------------------------------------------


def test_an_hour_of_flapping_every_five_seconds_bothers_nobody() -> None:
    """Critical and healthy in turn: no run lasts its delay."""
    floor = Floor(POLICY)
    for number in range(720):
        floor.read(CRITICAL if number % 2 else HEALTHY)
        for _ in range(5):
            floor.clock.move(1)
            floor.engine.sweep()
    floor.expect()


def test_an_hour_of_flapping_that_minerva_states_as_breaches_is_one_incident_with_its_reminders() -> None:
    floor = Floor(POLICY)
    for number in range(720):
        if number % 2:
            floor.read(CRITICAL, stated=True)
        else:
            floor.read(HEALTHY)
        for _ in range(5):
            floor.clock.move(1)
            floor.engine.sweep()
    floor.expect(
        "triggered critical lead",
        "escalated critical manager",
        "reminder critical manager",
        "reminder critical manager",
    )
    assert floor.ids() == {"inc_1"}


def test_an_hour_of_slow_flapping_is_one_incident_while_health_never_lasts() -> None:
    """25 s of critical, 25 s of health, for an hour."""
    floor = Floor(POLICY)
    for _ in range(72):
        floor.advance(24, CRITICAL).advance(1).advance(24, HEALTHY).advance(1)
    assert len(floor.sent) == 4
    assert floor.ids() == {"inc_1"}


def test_four_hours_of_critical_make_seven_messages() -> None:
    floor = Floor(POLICY).advance(4 * HOUR, CRITICAL, every=30)
    assert len(floor.sent) == 7
    assert [each.type for each, _ in floor.sent[:3]] == ["sla.triggered", "sla.escalated", "sla.reminder"]


# --- timers ----------------------------------------------------------------------------------------------------------


def test_an_ack_stops_the_chain_until_it_runs_out() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead")
    shown = floor.engine.acknowledge("inc_1", "someone")
    assert (shown["status"], shown["acknowledged_by"]) == ("acknowledged", "someone")
    floor.expect("acknowledged critical lead").advance(30 * MINUTE - 1).expect()
    floor.advance(1).expect("unacknowledged critical lead")
    floor.advance(300).expect("escalated critical manager")


def test_after_a_long_sleep_one_step_per_sweep() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead")
    floor.clock.move(24 * HOUR)
    floor.engine.sweep()
    floor.expect("escalated critical manager")
    floor.engine.sweep()
    floor.expect()


@pytest.mark.parametrize("jump", [-24 * HOUR, -MINUTE, MINUTE, 24 * HOUR])
def test_setting_the_machines_clock_raises_nothing_and_clears_nothing(jump: float) -> None:
    floor = Floor(POLICY).advance(10, CRITICAL)
    floor.clock.jump(jump)
    floor.advance(4).expect().read(HEALTHY)
    floor.clock.jump(jump)
    floor.advance(10, HEALTHY).expect()
    floor.read(CRITICAL, stated=True).expect("triggered critical lead")
    floor.advance(10, HEALTHY)
    floor.clock.jump(jump)
    floor.read(HEALTHY)
    assert floor.sent[-1][0].type != "sla.resolved"


def test_setting_the_machines_clock_back_silences_nobody() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).expect("triggered critical lead").advance(100)
    floor.clock.jump(-24 * HOUR)
    floor.advance(199).expect().advance(1).expect("escalated critical manager")


# --- what messages say -----------------------------------------------------------------------------------------------


def test_a_message_says_what_a_person_needs() -> None:
    floor = Floor(POLICY).read(
        CRITICAL, stated=True, current_level=62.5, target_level=80.0, stats={"callsInQueue": 12.0}
    )
    data = floor.last
    assert data.summary == "Sales: service level critical, 62.5 % of 80 %, 12 waiting"
    assert (data.policy, data.step, data.loop, data.status) == ("sales", 1, 1, "triggered")
    assert data.console_url == "https://console.example/incidents/inc_1"
    assert data.opened_at == "2027-01-15T08:00:00.000Z"
    notification, to = floor.sent[-1]
    assert notification.subject == "incident inc_1"
    assert notification.priority is Priority.HIGH
    assert notification.facts == {"queue": "q1"}
    assert to == (SinkRef(sink="lead"),)


def test_every_message_of_an_incident_has_an_id_of_its_own() -> None:
    floor = Floor({**POLICY, "loops": 3}).read(CRITICAL, stated=True).advance(2 * HOUR).advance(121, HEALTHY)
    ids = [each.id for each, _ in floor.sent]
    assert len(ids) == len(set(ids)) > 6


def test_an_alert_without_figures_keeps_those_that_were_measured() -> None:
    floor = Floor(POLICY).read(WARNING, current_level=70.0, target_level=80.0, stats={"callsInQueue": 3.0})
    floor.read(CRITICAL, queue=QueueRef("q1"), stated=True)
    assert floor.last.summary == "Sales: service level critical, 70 % of 80 %, 3 waiting"
    assert floor.last.queue.name == "Sales"


def test_a_queue_that_is_renamed_is_shown_by_its_new_name() -> None:
    floor = Floor(POLICY).read(WARNING).read(CRITICAL, stated=True, queue=QueueRef("q1", "New Sales"))
    assert floor.last.summary.startswith("New Sales:")


def test_a_queue_without_a_name_is_shown_by_its_id() -> None:
    assert Floor(POLICY).read(CRITICAL, stated=True, queue=QueueRef("q7")).last.summary.startswith("q7:")


@pytest.mark.parametrize("figure", [-5.0, 0.0, 100.0, 250.0, 1e308, float("nan")])
def test_percentages_outside_0_to_100_decide_nothing_and_break_nothing(figure: float) -> None:
    figures: dict[str, Any] = {"current_level": figure, "target_level": figure, "stats": {"callsInQueue": figure}}
    floor = Floor(POLICY)
    for _ in range(60):
        floor.read(HEALTHY, **figures).clock.move(5)
    floor.expect().read(CRITICAL, stated=True, **figures).expect("triggered critical lead")
    floor.engine.incidents()


def test_a_queue_no_policy_names_goes_to_every_sink_that_takes_alerts() -> None:
    floor = Floor({**POLICY, "queues": ["other"]}, sinks=["log", "crm"])
    floor.read(CRITICAL, stated=True).expect("triggered critical log+crm")
    assert floor.last.policy == "default"


def test_with_nobody_to_tell_the_incident_is_kept_and_the_log_complains() -> None:
    with capture_logs() as lines:
        floor = Floor(sinks=[]).read(CRITICAL, stated=True)
    assert "incident.nobody_to_tell" in [line["event"] for line in lines]
    assert len(floor.engine.incidents()) == 1


def test_a_policys_own_delays_hold_for_its_queues_alone() -> None:
    floor = Floor({**POLICY, "queues": ["q1"], "critical_delay": 0})
    floor.read(CRITICAL).expect("triggered critical lead").read(CRITICAL, queue=QueueRef("q2")).expect()


# --- what can be asked -----------------------------------------------------------------------------------------------


def test_an_ack_of_nothing_is_refused() -> None:
    floor = Floor(POLICY)
    with pytest.raises(NoSuchIncidentError):
        floor.engine.acknowledge("inc_9", "someone")
    with pytest.raises(NoSuchIncidentError):
        floor.engine.find("inc_9")


def test_an_ack_of_what_is_resolved_is_a_conflict_and_reopens_nothing() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True).advance(121, HEALTHY)
    floor.expect("triggered critical lead", "resolved critical lead")
    with pytest.raises(Conflict):
        floor.engine.acknowledge("inc_1", "someone")
    floor.advance(HOUR).expect()
    assert floor.engine.find("inc_1")["status"] == "resolved"


def test_incidents_are_listed_open_ones_first_then_the_latest_resolved() -> None:
    floor = Floor(POLICY)
    for name in ("a", "b"):
        floor.read(CRITICAL, stated=True, queue=QueueRef(name)).advance(1)
        for _ in range(30):
            floor.read(HEALTHY, queue=QueueRef(name)).advance(5)
    floor.read(CRITICAL, stated=True, queue=QueueRef("c")).advance(5)
    floor.read(CRITICAL, stated=True, queue=QueueRef("d"))
    listed = [(each["incident_id"], each["status"]) for each in floor.engine.incidents()]
    assert listed == [("inc_4", "triggered"), ("inc_3", "triggered"), ("inc_2", "resolved"), ("inc_1", "resolved")]


def test_an_incident_is_shown_with_its_timers_and_after_its_end_with_its_duration() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True)
    shown = floor.engine.find("inc_1")
    assert shown["due_at"] == "2027-01-15T08:05:00.000Z"
    assert (shown["messages"], shown["resolved_at"]) == (1, None)
    floor.advance(125, HEALTHY).advance(HOUR)
    shown = floor.engine.find("inc_1")
    assert shown["due_at"] is None
    assert shown["duration_s"] == 120.0
    assert shown["summary"] == "Sales: service level is back"


def test_between_two_passes_the_last_announced_step_is_shown() -> None:
    floor = Floor({**POLICY, "loops": 2}).read(CRITICAL, stated=True).advance(301)
    shown = floor.engine.find("inc_1")
    assert (shown["step"], shown["loop"]) == (2, 1)


def test_resolved_incidents_are_kept_in_bounds() -> None:
    floor = Floor({**POLICY, "clear_delay": 0, "critical_delay": 0})
    for _ in range(RESOLVED_KEPT + 5):
        floor.read(CRITICAL).read(HEALTHY)
    assert len(floor.engine.incidents()) == RESOLVED_KEPT


def test_metrics_count_open_incidents_and_overdue_timers() -> None:
    floor = Floor(POLICY).read(CRITICAL, stated=True)
    sample = floor.metrics.registry.get_sample_value
    floor.clock.move(310)
    floor.metrics.render()
    assert sample("minerva_bridge_incidents", {"severity": "critical", "state": "triggered"}) == 1
    assert sample("minerva_bridge_timer_overdue_seconds") == 10
    floor.advance(125, HEALTHY).metrics.render()
    assert sample("minerva_bridge_incidents", {"severity": "critical", "state": "triggered"}) is None
    assert sample("minerva_bridge_timer_overdue_seconds") == 0
