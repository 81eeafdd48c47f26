"""The worker as the console sees it: its state in plain data, and the few things that people may do to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bridge import __version__
from bridge.core.clock import rfc3339
from bridge.delivery.dispatcher import Dispatcher
from bridge.escalation.engine import Engine
from bridge.handlers.lifecycle import Lifecycle
from bridge.metrics import Metrics
from bridge.minerva.fleet import Fleet
from bridge.minerva.session import Session
from bridge.salesforce.auth import Authenticator
from bridge.settings import Settings


class NoSuchSessionError(LookupError):
    """No session has that user id."""


class Backstage:
    """Looks into the parts of one worker. `reasons` and `alive` are the composition's to keep true."""

    def __init__(
        self,
        settings: Settings,
        *,
        fleet: Fleet,
        engine: Engine,
        dispatcher: Dispatcher,
        lifecycle: Lifecycle,
        authenticator: Authenticator,
        metrics: Metrics,
        started_at: float,
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._engine = engine
        self._dispatcher = dispatcher
        self._lifecycle = lifecycle
        self._authenticator = authenticator
        self._metrics = metrics
        self._started_at = started_at

    def metrics(self) -> bytes:
        """The Prometheus text."""
        return self._metrics.render()

    def status(self, *, ready: bool) -> Mapping[str, Any]:
        """The whole at a glance."""
        counts = Counter(session.state.value for session in self._fleet.sessions)
        open_incidents = [each for each in self._engine.incidents() if each["status"] != "resolved"]
        return {
            "version": __version__,
            "environment": self._settings.environment,
            "org_id": self._settings.org_id,
            "started_at": rfc3339(self._started_at),
            "ready": ready,
            "sessions": dict(counts),
            "agents": sum(channel.group_type is None for session in self._fleet.sessions for channel in session.wanted),
            "queues": len(self._settings.queues),
            "stale_queues": list(self._fleet.stale_queues),
            "salesforce": {"instance_url": self._authenticator.instance_url},
            "sinks": self._dispatcher.status(),
            "open_incidents": len(open_incidents),
            "problems": self._lifecycle.problems,
        }

    def sessions(self) -> Sequence[Mapping[str, Any]]:
        """Every Minerva session."""
        return [_shown(session) for session in self._fleet.sessions]

    def change_session(self, user_id: str, change: str) -> Mapping[str, Any]:
        """Reconnect, pause or resume one session. Raises NoSuchSessionError."""
        session = self._fleet.session(user_id)
        if session is None:
            raise NoSuchSessionError(user_id)
        {"reconnect": session.reconnect, "pause": session.pause, "resume": session.resume}[change]()
        return _shown(session)

    def incidents(self) -> Sequence[Mapping[str, Any]]:
        """Open incidents, then the latest resolved."""
        return self._engine.incidents()

    def incident(self, incident_id: str) -> Mapping[str, Any]:
        """One incident. Raises NoSuchIncidentError."""
        return self._engine.find(incident_id)

    def acknowledge(self, incident_id: str, by: str) -> Mapping[str, Any]:
        """Acknowledge one. Raises NoSuchIncidentError or Conflict."""
        return self._engine.acknowledge(incident_id, by)


def _shown(session: Session) -> dict[str, Any]:
    return {
        "user_id": session.user_id,
        "kind": _kind(session),
        "state": session.state.value,
        "degraded": session.degraded,
        "parked": session.parked,
        "failing": session.failing,
        "paused": session.paused,
        "since": rfc3339(session.since),
        "attempts": session.attempts,
        "channels": [str(channel) for channel in session.wanted],
        "failed_channels": [str(channel) for channel in session.failed] if session.degraded else [],
        "last_event_at": rfc3339(session.last_event_at) if session.last_event_at is not None else None,
        "latency_s": session.latency_s,
        "last_ending": str(session.last_ending) if session.last_ending is not None else None,
    }


def _kind(session: Session) -> str:
    if session.agent is not None:
        return "agent"
    return "shared" if any(channel.group_type is None for channel in session.wanted) else "supervisor"
