"""All sessions of one worker: one per agent, and a supervisor session for queues and teams when there are any."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import structlog

from bridge.core.clock import Clock
from bridge.core.gate import AdmissionGate
from bridge.core.tasks import Tasks
from bridge.events import Event
from bridge.metrics import Metrics
from bridge.minerva.codec import CONTROL_TYPES, EVENT_TYPES
from bridge.minerva.endings import Ending
from bridge.minerva.messages import Channel, user
from bridge.minerva.session import Session, SessionConfig, State
from bridge.minerva.tokens import Tokens
from bridge.minerva.transport import Connector

log = structlog.get_logger()

TroubleTold = Callable[[Session, bool], None]
"""Called with a session and True when it needs to be reported, with False when it is well again."""


class Fleet:
    """Runs the sessions and tells what comes in.

    Args:
        accept: Takes every event; returns at once.
        trouble: Told once when a session is parked or failing, and once when it is well again.
    """

    def __init__(
        self,
        *,
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
        trouble: TroubleTold,
    ) -> None:
        self._org_id = org_id
        self._timezone = timezone
        self._config = config
        self._clock = clock
        self._dice = dice
        self._connector = connector
        self._tokens = tokens
        self._gate = gate
        self._metrics = metrics
        self._accept = accept
        self._trouble = trouble
        self._tasks = Tasks()
        self._sessions: dict[str, Session] = {}
        self._reported: set[str] = set()
        metrics.before_render(self._count_states)

    @property
    def sessions(self) -> Sequence[Session]:
        """Every session, the supervisor's included."""
        return tuple(self._sessions.values())

    def session(self, user_id: str) -> Session | None:
        """The session of that user, None when there is none."""
        return self._sessions.get(user_id)

    def start(
        self, agents: Iterable[str], *, supervisor: str, queues: Iterable[str] = (), teams: Iterable[str] = ()
    ) -> None:
        """Open the sessions; each connects when the gate lets it."""
        for user_id in agents:
            self._open(user_id, user_id, (user(user_id),))
        groups = (*(Channel(each, "queue") for each in queues), *(Channel(each, "team") for each in teams))
        if groups:
            self._open(supervisor, None, groups)

    async def stop(self) -> None:
        """Close every session with 1000 and wait until all are closed."""
        await self._tasks.cancel()

    def _open(self, user_id: str, agent: str | None, wanted: tuple[Channel, ...]) -> None:
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
            tokens=self._tokens,
            gate=self._gate,
            listener=self,
        )
        # An agent may carry the supervisor's name: sessions are told apart by what they are for.
        self._sessions[user_id if agent is not None else f"{user_id} (supervisor)"] = session
        self._tasks.start(session.run(), name=f"session {user_id}")

    # --- what sessions tell (session.Listener) -------------------------------------------------------------------

    def event_came(self, event: Event) -> None:
        """Hand an event on and note when it came."""
        now = self._clock.now()
        self._metrics.last_event.set(now)
        self._metrics.event_lag.observe(max(0.0, event.age(now)))
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

    def state_changed(self, session: Session) -> None:
        """Report a session that turns bad or well."""
        if session.state is State.ERROR and session.user_id not in self._reported:
            self._reported.add(session.user_id)
            self._trouble(session, True)
        elif session.state is State.CONNECTED and session.user_id in self._reported:
            self._reported.discard(session.user_id)
            self._trouble(session, False)

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
            wanted += session.agent is not None
            connected += session.agent is not None and session.state is State.CONNECTED
        for state, count in counts.items():
            self._metrics.sessions.labels(state.value).set(count)
        self._metrics.agents.labels("wanted").set(wanted)
        self._metrics.agents.labels("connected").set(connected)
