"""What the parts complain of, as problems that people read: each once, and once when it is over."""

from __future__ import annotations

from bridge.handlers.lifecycle import Lifecycle
from bridge.minerva.endings import Kind
from bridge.minerva.fleet import Fleet
from bridge.minerva.health import NAMES_SHOWN, FleetReport, Report, SessionReport

SALESFORCE_AFTER_FAILURES = 3
"""Failed lookups in a row after which Salesforce is reported; one alone is a hiccup."""


class Troubles:
    """Translates for the lifecycle handler.

    `fleet` is set by the composition as soon as there is one.
    """

    fleet: Fleet

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._salesforce_failures = 0

    def sink(self, name: str, why: str | None) -> None:
        """A sink fails, or (None) delivers again."""
        key = f"sink:{name}"
        if why is None:
            self._lifecycle.recovered(key, body=f"The sink {name} delivers again.", leave_out=name)
            return
        body = f"The sink {name} fails: {why}. What is for it waits and is tried again."
        self._lifecycle.problem("sink", key, title=f"Sink {name} fails", body=body, leave_out=name, sink=name)

    def dead_letters(self, name: str, why: str | None) -> None:
        """A sink could not deliver a message at all, or (None) delivers again."""
        key = f"dead_letter:{name}"
        if why is None:
            self._lifecycle.recovered(key, body=f"The sink {name} delivers again; what was given up stays in the log.")
            return
        body = f"A message for the sink {name} was given up, {why}."
        self._lifecycle.problem(
            "dead_letter",
            key,
            title=f"A dead letter of {name}",
            body=body,
            severity="critical",
            leave_out=name,
            sink=name,
        )

    def salesforce(self, why: str | None, *, at_once: bool = False) -> None:
        """Salesforce does not answer, or (None) answers again; one failure alone is no problem yet."""
        if why is None:
            self._salesforce_failures = 0
            self._lifecycle.recovered("salesforce", body="Salesforce answers again.")
            return
        self._salesforce_failures += 1
        if self._salesforce_failures < SALESFORCE_AFTER_FAILURES and not at_once:
            return
        body = f"{why}. Calls pop as a search until it answers again."
        self._lifecycle.problem("salesforce", "salesforce", title="Salesforce cannot be used", body=body)

    def sessions(self, report: Report) -> None:
        """Sessions fail, or are well again."""
        if isinstance(report, FleetReport):
            self._whole_fleet(report)
        else:
            self._one_session(report)

    def roster(self, why: str | None) -> None:
        """The roster cannot be read any more, or (None) can again."""
        if why is None:
            self._lifecycle.recovered("roster", body="The roster is read again.")
            return
        body = f"{why}. The agents stay as they were."
        self._lifecycle.problem("source", "roster", title="The roster cannot be read", body=body)

    def _whole_fleet(self, report: FleetReport) -> None:
        if not report.ill:
            self._lifecycle.recovered("fleet", body="Most Minerva sessions are connected again.")
            return
        self._lifecycle.problem(
            "fleet",
            "fleet",
            title=f"{report.count} Minerva sessions fail",
            body=f"{report.count} agents get no screen pops and no voicemails. All sessions are tried again by themselves.",
            severity="critical",
            count=report.count,
            names=list(report.names),
        )

    def _one_session(self, report: SessionReport) -> None:
        user_id, key = report.user_id, f"session:{report.user_id}"
        if not report.ill:
            self._lifecycle.recovered(key, body=f"The Minerva session of {user_id} is connected again, or not wanted.")
            return
        session = self.fleet.session(user_id)
        ending = session.last_ending if session is not None else None
        parked = session is not None and session.parked
        if session is not None and session.degraded:
            self._lacking(user_id, key, [str(channel) for channel in session.failed])
            return
        how = "is refused and parked" if parked else f"failed {session.attempts if session else 0} times in a row"
        self._lifecycle.problem(
            "credential" if ending is not None and ending.kind is Kind.TOKEN_REFUSED else "session",
            key,
            title=f"No Minerva session for {user_id}",
            body=f"The Minerva session of {user_id} {how}: {ending}. It is tried again by itself.",
            severity="critical" if parked else "warning",
            user_id=user_id,
        )

    def _lacking(self, user_id: str, key: str, channels: list[str]) -> None:
        body = f"The Minerva session of {user_id} is connected, but has no {', '.join(channels[:NAMES_SHOWN])}."
        self._lifecycle.problem(
            "session",
            key,
            title=f"Minerva refuses subscriptions of {user_id}",
            body=f"{body} They are tried again by themselves.",
            user_id=user_id,
            channels=channels[:NAMES_SHOWN],
        )
