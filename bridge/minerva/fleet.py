"""All sessions of one worker: one per agent, and a supervisor session for queues and teams when there are any."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import structlog

from bridge.core.clock import Clock
from bridge.core.gate import AdmissionGate
from bridge.core.tasks import Tasks
from bridge.events import Event, MaintenanceAnnounced, QueueEvent
from bridge.metrics import Metrics
from bridge.minerva.attribution import PLACE_WITHIN_S, Attribution
from bridge.minerva.codec import CONTROL_TYPES, EVENT_TYPES
from bridge.minerva.door import Door
from bridge.minerva.endings import Ending
from bridge.minerva.freshness import Freshness
from bridge.minerva.health import FleetHealth, Report
from bridge.minerva.messages import Channel, user
from bridge.minerva.session import Session, SessionConfig, State
from bridge.minerva.tokens import Tokens
from bridge.minerva.transport import Connector

log = structlog.get_logger()

Told = Callable[[Report], None]
"""Called with what is to be reported of sessions or of the fleet."""

GapTold = Callable[[str, float, float], None]
"""Called with an agent and the instants (seconds since the epoch) between which events may be missing."""

SHARED, SUPERVISOR = " shared", " supervisor"
"""The names under which those sessions are kept; no user id begins with a space."""

CLOSING_WAVE = 500
"""Sessions closed side by side at a drain."""


class Fleet:
    """Runs the sessions and tells what comes in.

    Args:
        shared_as: The user id of the one session that all agents share; None for one session per agent.
        accept: Takes every event; returns at once.
        report: Told once when a session is parked or failing, or many are, and once when they are well again.
        gap: Told when history could not fill a gap.
    """

    def __init__(
        self,
        *,
        shared_as: str | None = None,
        org_id: str,
        timezone: str,
        config: SessionConfig,
        clock: Clock,
        dice: random.Random,
        connector: Connector,
        tokens: Tokens,
        gate: AdmissionGate,
        metrics: Metrics,
        accept: Callable[[Event], None],
        report: Told,
        gap: GapTold,
    ) -> None:
        self._shared_as = shared_as
        self._attribution = Attribution()
        self._late = Tasks()
        self._org_id = org_id
        self._timezone = timezone
        self._config = config
        self._clock = clock
        self._dice = dice
        self._connector = connector
        self._token_source = tokens
        self._gate = gate
        self._door = Door(gate, clock)
        self._metrics = metrics
        self._accept = accept
        self._report = report
        self._gap = gap
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, Tasks] = {}
        self._health = FleetHealth()
        self._freshness = Freshness()
        self._groups: tuple[Channel, ...] = ()
        metrics.before_render(self._count_states)

    @property
    def sessions(self) -> Sequence[Session]:
        """Every session, the supervisor's included."""
        return tuple(self._sessions.values())

    def session(self, user_id: str) -> Session | None:
        """The session of that agent, or of that supervisor; None when there is none."""
        return self._sessions.get(user_id) or next(
            (session for session in self._sessions.values() if session.user_id == user_id), None
        )

    def start(
        self, agents: Iterable[str], *, supervisor: str, queues: Iterable[str] = (), teams: Iterable[str] = ()
    ) -> None:
        """Open the sessions; each connects when the gate lets it."""
        queues = tuple(queues)
        self._freshness.expect(queues, self._clock.monotonic())
        self._groups = (*(Channel(each, "queue") for each in queues), *(Channel(each, "team") for each in teams))
        if self._shared_as is not None:  # one user id, one session: it carries the groups as well
            self._open(SHARED, self._shared_as, None, (*map(user, agents), *self._groups))
            return
        for user_id in agents:
            self._open(user_id, user_id, user_id, (user(user_id),))
        if self._groups:
            self._open(SUPERVISOR, supervisor, None, self._groups)

    async def set_agents(self, agents: Iterable[str]) -> None:
        """Open sessions for agents that joined and close those of agents that left; all others stay untouched."""
        wanted = set(agents)
        if self._shared_as is not None:
            self._sessions[SHARED].want((*(user(agent) for agent in sorted(wanted)), *self._groups))
            return
        gone = [name for name, session in self._sessions.items() if session.agent and session.agent not in wanted]
        for name in gone:
            await self._tasks.pop(name).cancel()
            for report in self._health.well(self._sessions.pop(name).user_id):
                self._report(report)
        joined = sorted(wanted - set(self._sessions))
        for user_id in joined:
            self._open(user_id, user_id, user_id, (user(user_id),))
        if gone or joined:
            log.info("fleet.agents_changed", agents=len(wanted), joined=len(joined), gone=len(gone))

    async def stop(self) -> None:
        """Close every session with 1000, wave by wave, and wait until all are closed."""
        owners = [*self._tasks.values(), self._late]
        for start in range(0, len(owners), CLOSING_WAVE):
            await asyncio.gather(*(owner.cancel() for owner in owners[start : start + CLOSING_WAVE]))

    def tick(self) -> None:
        """Report what has waited long enough; called every second."""
        down = sum(session.state is not State.CONNECTED for session in self._sessions.values())
        for report in self._health.tick(self._clock.monotonic(), len(self._sessions), down):
            self._report(report)
        fallen, back = self._freshness.tick(self._clock.monotonic())
        for queue in fallen:
            log.warning("queue.silent", queue=queue)
        for queue in back:
            log.info("queue.heard_again", queue=queue)

    @property
    def stale_queues(self) -> Sequence[str]:
        """The queues that Minerva says nothing of, though it should."""
        return self._freshness.stale

    def _open(self, name: str, user_id: str, agent: str | None, wanted: tuple[Channel, ...]) -> None:
        session = Session(
            user_id=user_id,
            agent=agent,
            wanted=wanted,
            org_id=self._org_id,
            timezone=self._timezone,
            config=self._config,
            clock=self._clock,
            dice=self._dice,
            connector=self._connector,
            tokens=self._token_source,
            door=self._door,
            listener=self,
        )
        self._sessions[name] = session
        self._tasks[name] = Tasks()
        self._tasks[name].start(session.run(), name=f"session {user_id}")

    # --- what sessions tell (session.Listener) -------------------------------------------------------------------

    def event_came(self, event: Event) -> None:
        """Hand an event on and note when it came."""
        if isinstance(event, QueueEvent):
            self._freshness.heard(event.queue.id, self._clock.monotonic())
        elif isinstance(event, MaintenanceAnnounced):
            starts_at, ends_at = event.starts_at, event.ends_at
            self._door.close_between(
                None if starts_at is None else starts_at - event.skew_s,
                None if ends_at is None else ends_at - event.skew_s,
            )
        now = self._clock.now()
        self._metrics.last_event.set(now)
        self._metrics.event_lag.observe(max(0.0, event.age(now)))
        if self._shared_as is None:
            self._accept(event)
            return
        ready = self._attribution.take(event, self._clock.monotonic())
        if not ready or event not in ready:
            self._late.start(self._place_late(), name="a ring that nobody claims yet")
        for each in ready:
            self._accept(each)

    async def _place_late(self) -> None:
        await self._clock.sleep(PLACE_WITHIN_S)
        for event in self._attribution.overdue(self._clock.monotonic()):
            self._metrics.events.labels(event.type, "unplaced").inc()
            self._accept(event)

    def message_counted(self, kind: str, outcome: str) -> None:
        """Count a message that became no event; types that nobody knows share one label."""
        known = kind in EVENT_TYPES or kind in CONTROL_TYPES or kind in {"malformed", "sequence"}
        self._metrics.events.labels(kind if known else "unknown", outcome).inc()

    def latency_measured(self, seconds: float) -> None:
        """Observe a heartbeat's round trip."""
        self._metrics.heartbeat_latency.observe(seconds)

    def connection_ended(self, session: Session, ending: Ending) -> None:  # noqa: ARG002 - the reason is enough
        """Count an ending by its kind."""
        self._metrics.reconnects.labels(ending.kind.value).inc()

    def gap_found(self, session: Session, channel: Channel, since: float, until: float) -> None:
        """Count a gap and tell of it."""
        self._metrics.gaps.inc()
        log.warning("session.gap", user_id=session.user_id, channel=str(channel), seconds=round(until - since, 1))
        self._gap(channel.id, since, until)

    def state_changed(self, session: Session) -> None:
        """Report a session that turns bad or well."""
        if session.parked:
            reports = self._health.parked(session.user_id)
        elif session.state is State.ERROR:
            reports = self._health.failing(session.user_id, self._clock.monotonic(), len(self._sessions))
        elif session.degraded:
            reports = self._health.degraded(session.user_id, self._clock.monotonic())
        elif session.state in {State.CONNECTED, State.SUSPENDED}:
            reports = self._health.well(session.user_id)
        else:
            return
        for report in reports:
            self._report(report)

    def fleet_held(self, seconds: float) -> None:
        """Hold the whole fleet's connects and SUBSCRIBEs; live sessions stay (PROTOCOL §6)."""
        self._gate.hold(seconds)
        for session in self._sessions.values():
            session.hold(seconds)

    def _count_states(self) -> None:
        counts = dict.fromkeys(State, 0)
        connected = wanted = 0
        for session in self._sessions.values():
            counts[session.state] += 1
            users = sum(channel.group_type is None for channel in session.wanted)
            wanted += users
            if session.state is State.CONNECTED:
                connected += users - sum(channel.group_type is None for channel in session.failed)
        for state, count in counts.items():
            self._metrics.sessions.labels(state.value).set(count)
        self._metrics.agents.labels("wanted").set(wanted)
        self._metrics.agents.labels("connected").set(connected)
