"""Keeps the incidents: feeds levels in, turns the clock, sends what follows.

What is open lives in memory for now. `sweep` is called by the scheduler once a second and by nobody else; events act at
once.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog

from bridge.core.clock import Clock, rfc3339
from bridge.escalation import incident as machine
from bridge.escalation.conditioning import Conditioner, Level
from bridge.escalation.incident import Announcement, Incident, Status
from bridge.escalation.policy import default_policy, delays, policy_for
from bridge.events import Priority, QueueRef
from bridge.metrics import Metrics
from bridge.notifications import Incident as IncidentShape
from bridge.notifications import Notification, QueueShape
from bridge.settings.escalation import Escalation
from bridge.settings.routing import SinkRef

log = structlog.get_logger()

SOURCE = "source"
"""Who resolves an incident when the queue is healthy again."""

RESOLVED_KEPT = 500
"""How many resolved incidents are kept to be listed."""

CLOCK_WAS_SET_S = 1.0
"""A clock that goes back by more than this was set; by less it is only being trimmed."""

Send = Callable[[Notification, Sequence[SinkRef]], object]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an event says of a queue: `stated` when the server names the level as an alert, not as a measurement."""

    queue: QueueRef
    level: Level
    at: float
    """Seconds on the monotonic clock."""
    stated: bool = False
    current_level: float | None = None
    target_level: float | None = None
    stats: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Watch:
    """One queue under watch."""

    conditioner: Conditioner
    reading: Reading
    incident: Incident | None = None


class NoSuchIncidentError(LookupError):
    """No incident has that id."""


class Engine:
    """All queues and their incidents.

    Args:
        settings: Policies and delays.
        sla_sinks: The sinks that take SLA messages, for queues that no policy names.
        send: Takes each notification with its sinks; returns at once.
        console_url: Where the console is, for links in messages; None when it has no public address.
    """

    def __init__(
        self,
        settings: Escalation,
        *,
        sla_sinks: Sequence[str],
        send: Send,
        clock: Clock,
        metrics: Metrics,
        console_url: str | None = None,
        new_id: Callable[[], str] = lambda: f"inc_{uuid.uuid4().hex}",
    ) -> None:
        self._settings = settings
        self._default = default_policy(sla_sinks)
        self._send = send
        self._clock = clock
        self._metrics = metrics
        self._console_url = console_url.rstrip("/") if console_url else None
        self._new_id = new_id
        self._watches: dict[str, _Watch] = {}
        self._resolved: deque[tuple[Incident, Reading]] = deque(maxlen=RESOLVED_KEPT)
        self._ahead_s = clock.now() - clock.monotonic()
        metrics.before_render(self._observe)

    # --- what comes in -------------------------------------------------------------------------------------------

    def read(self, reading: Reading) -> None:
        """Take in what an event says of a queue and do at once what follows."""
        watch = self._watches.get(reading.queue.id)
        if watch is None:
            policy = policy_for(reading.queue.id, self._settings.policies, self._default)
            watch = _Watch(Conditioner(delays(policy, self._settings)), reading)
            self._watches[reading.queue.id] = watch
        watch.reading = _merged(watch.reading, reading)
        if reading.stated:
            watch.conditioner.state_edge(reading.level, reading.at)
        else:
            watch.conditioner.sample(reading.level, reading.at)
        self._judge(watch)

    def sweep(self) -> None:
        """Do what has fallen due in all queues: steps, reminders, acknowledgements that ran out."""
        now = self._clock.now()
        set_back_s = self._ahead_s - (now - self._clock.monotonic())
        self._ahead_s -= set_back_s
        for watch in self._watches.values():
            if set_back_s > CLOCK_WAS_SET_S and watch.incident is not None and watch.incident.due_at is not None:
                watch.incident.due_at -= set_back_s  # the machine's clock was set back: that must silence nobody
            due = watch.conditioner.due_at()
            if due is not None and self._clock.monotonic() >= due:
                self._judge(watch)
            if watch.incident is not None:
                self._announce(watch.incident, watch.reading, watch.incident.tick(now))

    def acknowledge(self, incident_id: str, by: str) -> dict[str, object]:
        """Acknowledge; returns the incident as the API shows it. Raises NoSuchIncidentError or incident.Conflict."""
        incident, reading = self._lookup(incident_id)
        announcements = incident.acknowledge(by, self._clock.now())
        log.info("incident.acknowledged", incident_id=incident_id, queue=incident.queue.id, by=by)
        self._announce(incident, reading, announcements)
        return self.show(incident, reading)

    # --- what can be asked ---------------------------------------------------------------------------------------

    def incidents(self) -> list[dict[str, object]]:
        """Every open incident, then the latest resolved ones, newest first."""
        return [self.show(incident, reading) for incident, reading in self._all()]

    def find(self, incident_id: str) -> dict[str, object]:
        """One incident as the API shows it. Raises NoSuchIncidentError."""
        return self.show(*self._lookup(incident_id))

    def show(self, incident: Incident, reading: Reading) -> dict[str, object]:
        """The incident's data as messages carry it, and what only the API tells: due_at, messages, resolved_at."""
        data = self._data(incident, reading, max(incident.step, 1), incident.loop).model_dump(mode="json")
        return {
            **data,
            "due_at": rfc3339(incident.due_at) if incident.due_at is not None else None,
            "resolved_at": rfc3339(incident.resolved_at) if incident.resolved_at is not None else None,
            "messages": incident.messages,
        }

    # --- inside --------------------------------------------------------------------------------------------------

    def _all(self) -> list[tuple[Incident, Reading]]:
        current = [(watch.incident, watch.reading) for watch in self._watches.values() if watch.incident is not None]
        current.sort(key=lambda pair: -pair[0].opened_at)
        return [*current, *reversed(self._resolved)]

    def _lookup(self, incident_id: str) -> tuple[Incident, Reading]:
        for incident, reading in self._all():
            if incident.id == incident_id:
                return incident, reading
        raise NoSuchIncidentError(incident_id)

    def _judge(self, watch: _Watch) -> None:
        now = self._clock.now()
        level = watch.conditioner.raised(self._clock.monotonic())
        incident = watch.incident
        if incident is None and level > Level.HEALTHY:
            self._trigger(watch, level, now)
        elif incident is not None and level is Level.CRITICAL and incident.severity == "warning":
            log.warning("incident.worsened", incident_id=incident.id, queue=incident.queue.id)
            self._announce(incident, watch.reading, incident.worsen(now))
        elif incident is not None and watch.conditioner.cleared():
            announcements = incident.resolve(SOURCE, now)
            log.info("incident.resolved", incident_id=incident.id, queue=incident.queue.id, by=SOURCE)
            self._announce(incident, watch.reading, announcements)
            watch.incident = None
            self._resolved.append((incident, watch.reading))

    def _trigger(self, watch: _Watch, level: Level, now: float) -> None:
        queue = watch.reading.queue
        incident = Incident(
            id=self._new_id(),
            queue=queue,
            policy=policy_for(queue.id, self._settings.policies, self._default),
            severity=machine.severity(level),
            opened_at=now,
        )
        watch.incident = incident
        log.warning("incident.triggered", incident_id=incident.id, queue=queue.id, severity=incident.severity)
        self._announce(incident, watch.reading, incident.start(now))

    def _announce(self, incident: Incident, reading: Reading, announcements: Sequence[Announcement]) -> None:
        for each in announcements:
            if not each.sinks:
                log.error("incident.nobody_to_tell", incident_id=incident.id, queue=incident.queue.id, type=each.type)
            notification = Notification(
                id=f"{incident.id}/{incident.messages}/{each.type}",
                type=each.type,
                at=self._clock.now(),
                data=self._data(incident, reading, each.step, each.loop),
                subject=f"incident {incident.id}",
                priority=Priority.HIGH if incident.severity == "critical" else Priority.NORMAL,
                facts={"queue": incident.queue.id},
            )
            self._send(notification, each.sinks)

    def _data(self, incident: Incident, reading: Reading, step: int, loop: int) -> IncidentShape:
        end = incident.resolved_at if incident.resolved_at is not None else self._clock.now()
        name = reading.queue.name or incident.queue.name
        return IncidentShape(
            incident_id=incident.id,
            summary=_summary(incident, reading, name or incident.queue.id),
            policy=incident.policy.name,
            queue=QueueShape(id=incident.queue.id, name=name),
            severity=incident.severity,
            status=incident.status.value,
            step=step,
            loop=loop,
            flapping=False,
            current_level=reading.current_level,
            target_level=reading.target_level,
            stats=reading.stats,
            opened_at=rfc3339(incident.opened_at),
            acknowledged_by=incident.acknowledged_by,
            resolved_by=incident.resolved_by,
            duration_s=round(max(0.0, end - incident.opened_at), 3),
            ack_url=None,
            console_url=f"{self._console_url}/incidents/{quote(incident.id)}" if self._console_url else None,
        )

    def _observe(self) -> None:
        self._metrics.incidents.clear()
        now, overdue = self._clock.now(), 0.0
        for watch in self._watches.values():
            if watch.incident is not None:
                self._metrics.incidents.labels(watch.incident.severity, watch.incident.status.value).inc()
                overdue = max(overdue, now - (watch.incident.due_at or now))
        self._metrics.timer_overdue.set(overdue)


def _merged(before: Reading, latest: Reading) -> Reading:
    """Keep figures that the latest event leaves out: an SLA_BREACH often brings no stats."""
    return Reading(
        queue=QueueRef(latest.queue.id, latest.queue.name or before.queue.name),
        level=latest.level,
        at=latest.at,
        stated=latest.stated,
        current_level=before.current_level if latest.current_level is None else latest.current_level,
        target_level=before.target_level if latest.target_level is None else latest.target_level,
        stats=latest.stats or before.stats,
    )


def _summary(incident: Incident, reading: Reading, name: str) -> str:
    """One line for people, such as `Sales: service level critical, 62 % of 80 %, 12 waiting`."""
    if incident.status is Status.RESOLVED:
        return f"{name}: service level is back"
    parts = [f"{name}: service level {incident.severity}"]
    if reading.current_level is not None and reading.target_level is not None:
        parts.append(f"{reading.current_level:g} % of {reading.target_level:g} %")
    if (waiting := reading.stats.get("callsInQueue")) is not None:
        parts.append(f"{waiting:g} waiting")
    return ", ".join(parts)
