"""What the bridge tells of itself: problems, recoveries, maintenance. Each problem once, and once when it is over."""

from __future__ import annotations

from typing import Any, Literal

import structlog

from bridge.core.clock import Clock, rfc3339
from bridge.core.logging import redactor
from bridge.events import MaintenanceAnnounced
from bridge.handlers.ports import Post
from bridge.notifications import Notice, Notification, Trouble

log = structlog.get_logger()

Subject = Literal[
    "session", "fleet", "salesforce", "api_budget", "sink", "dead_letter", "credential", "store", "source"
]


class Lifecycle:
    """Keeps the open problems and sends what changes."""

    def __init__(self, *, post: Post, clock: Clock) -> None:
        self._post = post
        self._clock = clock
        self._open: dict[str, Trouble] = {}

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The open problems, for the API."""
        return [trouble.model_dump(mode="json") for trouble in self._open.values()]

    def problem(
        self,
        subject: Subject,
        key: str,
        *,
        title: str,
        body: str,
        severity: Literal["warning", "critical"] = "warning",
        leave_out: str | None = None,
        **facts: Any,
    ) -> None:
        """Report a problem, unless one of that key is open already.

        Args:
            subject: What it is about.
            key: What it is known by until it is over.
            title: One line for people.
            body: What happened and what to do.
            severity: How bad.
            leave_out: The sink that the problem is about: it must not carry its own trouble.
            facts: Particulars.
        """
        if key in self._open:
            return
        now = self._clock.now()
        trouble = Trouble(
            subject=subject, key=key, severity=severity, title=title, body=body, since=rfc3339(now), facts=facts
        )
        self._open[key] = trouble
        log.warning("bridge.problem", subject=subject, key=key, title=title)
        self._send("bridge.problem", trouble, now, leave_out)

    def recovered(self, key: str, *, body: str, leave_out: str | None = None) -> None:
        """Report that the problem of that key is over, if one was reported."""
        trouble = self._open.pop(key, None)
        if trouble is None:
            return
        now = self._clock.now()
        log.info("bridge.recovered", subject=trouble.subject, key=key)
        over = trouble.model_copy(update={"title": f"Over: {trouble.title}", "body": body})
        self._send("bridge.recovered", over, now, leave_out)

    def gap(self, agent: str, since: float, until: float) -> None:
        """Tell that events of an agent may be missing: history did not reach back far enough.

        Args:
            agent: Whose events.
            since: The last event taken in, seconds since the epoch on Minerva's clock.
            until: The oldest event that history still held.
        """
        start, end = rfc3339(since), rfc3339(until)
        body = f"Events of {agent} between {start} and {end} may be missing: Minerva's history does not reach that far back."
        self._post(
            Notification(
                id=f"gap/{agent}/{until:.3f}",
                type="bridge.gap",
                at=self._clock.now(),
                data=Notice(title="Events may be missing", body=body, facts={"agent": agent, "from": start, "to": end}),
                subject=f"gap {agent}",
            )
        )

    async def maintenance(self, event: MaintenanceAnnounced) -> str:
        """Pass on that Minerva will be down."""
        start = rfc3339(event.starts_at) if event.starts_at is not None else None
        end = rfc3339(event.ends_at) if event.ends_at is not None else None
        facts = {"starts_at": start, "ends_at": end, "severity": event.severity}
        body = redactor(event.message or "Minerva announces maintenance.")
        self._post(
            Notification(
                id=f"maintenance/{event.id}",
                type="bridge.maintenance",
                at=event.happened_at,
                data=Notice(title="Minerva maintenance", body=body, facts=facts),
                subject="maintenance",
            )
        )
        return "handled"

    def _send(self, kind: str, trouble: Trouble, now: float, leave_out: str | None) -> None:
        self._post(
            Notification(id=f"{kind}/{trouble.key}/{now:.3f}", type=kind, at=now, data=trouble, subject=trouble.key),
            leave_out=leave_out,
        )
