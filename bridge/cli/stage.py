"""What a demo shows: a sink that prints each notification as one line, and the summary at the end.

With colours on a terminal, as plain lines in a pipe. Also an example of a sink: see `StageSink`.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import ClassVar

from rich.text import Text

from bridge.cli.output import console
from bridge.metrics import Metrics
from bridge.notifications import Incident, Notification, ScreenPop, Trouble, Voicemail
from bridge.sinks.base import Delivery, Receipt, Sink

STYLES = {
    "POP": "bold green",
    "VOICEMAIL": "bold cyan",
    "SLA": "bold yellow",
    "ESCALATED": "bold red",
    "ANSWERED": "bold blue",
    "RESOLVED": "green",
    "BRIDGE": "magenta",
}
LABELS = {
    "screen_pop": "POP",
    "voicemail.new": "VOICEMAIL",
    "voicemail.updated": "VOICEMAIL",
    "sla.triggered": "SLA",
    "sla.escalated": "ESCALATED",
    "sla.reminder": "SLA",
    "sla.unacknowledged": "SLA",
    "sla.acknowledged": "ANSWERED",
    "sla.resolved": "RESOLVED",
}
LONGEST_LINE = 160
LABEL_WIDTH = max(map(len, STYLES))


class StageSink(Sink):
    """Prints what it gets. Made by `Stage.sink_type`, which gives it its stage."""

    stage: ClassVar[Stage]

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Print one line. Never fails."""
        self.stage.show(delivery.notification, self.name, self.context.clock.now())
        return Receipt("shown")


class Stage:
    """The demo's output and its tally."""

    def __init__(self) -> None:
        self._out = console()
        self._began = time.monotonic()
        self._sent: Counter[str] = Counter()
        self._incidents: set[str] = set()
        self._pop_s: list[float] = []

    def sink_type(self) -> type[Sink]:
        """A sink class that prints here."""
        return type("BoundStageSink", (StageSink,), {"stage": self})

    def say(self, text: str) -> None:
        """Print a remark."""
        self._line(Text(text, style="dim"))

    def opened(self, minerva: str, salesforce: str, url: str, agents: int) -> None:
        """Tell what runs where."""
        self.say(f"Minerva {minerva}  Salesforce {salesforce}  worker {url} ({url}/metrics)  {agents} agents")
        self.say("Every line below went from Minerva through the worker to a sink. Names and numbers are invented.")

    def show(self, notification: Notification, sink: str, now: float) -> None:
        """Print a notification."""
        self._sent[notification.type] += 1
        data = notification.data
        if isinstance(data, ScreenPop):
            self._pop_s.append(max(0.0, now - notification.at))
        if isinstance(data, Incident):
            self._incidents.add(data.incident_id)
        label = LABELS.get(notification.type, "BRIDGE")
        line = Text()
        line.append(f"{time.monotonic() - self._began:6.1f}s  ", style="dim")
        line.append(f"{label:<{LABEL_WIDTH}}  ", style=STYLES[label])
        line.append(_plain(_sentence(notification, sink, now)))
        self._line(line)

    def summary(self, telemetry: Metrics) -> list[tuple[str, str]]:
        """The figures of the demo: name and value."""
        pops = sorted(self._pop_s)
        notified = sum(count for kind, count in self._sent.items() if kind != "screen_pop")
        return [
            ("events in", str(_events(telemetry))),
            ("screen pops", str(self._sent["screen_pop"])),
            ("notifications", str(notified)),
            ("  voicemails", str(self._sent["voicemail.new"])),
            ("  escalated", str(self._sent["sla.escalated"])),
            ("incidents", str(len(self._incidents))),
            ("pop time p50", _milliseconds(statistics.median(pops)) if pops else "no pops"),
            ("pop time p99", _milliseconds(pops[min(len(pops) - 1, int(len(pops) * 0.99))]) if pops else "no pops"),
        ]

    def close(self, summary: list[tuple[str, str]]) -> None:
        """Print the summary."""
        self._line(Text())
        self._line(Text("Summary", style="bold"))
        for name, value in summary:
            self._line(Text(f"  {name:<14} {value}"))

    def _line(self, text: Text) -> None:
        self._out.print(text, soft_wrap=True)


def _events(telemetry: Metrics) -> int:
    """How many events the worker took in, whatever became of them."""
    return int(
        sum(
            sample.value
            for metric in telemetry.registry.collect()
            for sample in metric.samples
            if sample.name == "minerva_bridge_events_total"
        )
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _sentence(notification: Notification, sink: str, now: float) -> str:
    data = notification.data
    match data:
        case ScreenPop():
            agent = data.agent.name or data.agent.user_id if data.agent else "nobody"
            took = _milliseconds(max(0.0, now - notification.at))
            return (
                f"{agent} sees {_target(data)} for {data.caller.number or 'a withheld number'}, {took} after the ring"
            )
        case Voicemail():
            agent = data.agent.name or data.agent.user_id if data.agent else "nobody"
            what = "was updated" if data.updated_fields else f'"{data.transcription or "no transcription"}"'
            caller = data.caller.name or data.caller.number or "a withheld number"
            return f"for {agent} from {caller}: {what}"
        case Incident():
            return f"{data.summary} → {sink}" + (
                f", answered by {data.acknowledged_by}" if data.acknowledged_by else ""
            )
        case Trouble():
            return f"{data.title}: {data.body}"
        case _:
            return data.title


def _target(pop: ScreenPop) -> str:
    target = pop.target
    if target.kind == "record":
        name = next((match.name for match in pop.matches if match.id == target.record_id), None) or pop.caller.name
        return f"{target.object} {name or target.record_id} (by {pop.lookup.source})"
    if len(pop.matches) > 1:
        return f"a search with {len(pop.matches)} matches"
    return "a degraded search" if pop.lookup.degraded else "a search, nobody matches,"


def _plain(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
