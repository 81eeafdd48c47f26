"""The Prometheus metrics of one worker: names and labels as the HTTP contract fixes them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge import __version__

_POP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
_LAG_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0)


class Metrics:
    """One registry per worker, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._observers: list[Callable[[], None]] = []
        self.sessions = self._gauge("sessions", "Minerva sessions by state", ["state"])
        self.agents = self._gauge("agents", "Agents wanted and connected", ["kind"])
        self.events = self._counter("events", "Messages from Minerva", ["type", "outcome"])
        self.last_event = self._gauge("last_event_timestamp_seconds", "When the last event came in")
        self.event_lag = self._histogram("event_lag_seconds", "Age of events when taken in", _LAG_BUCKETS)
        self.pop_seconds = self._histogram("screen_pop_seconds", "From ring to screen pop", _POP_BUCKETS, ["stage"])
        self.pops = self._counter("screen_pops", "Screen pops", ["outcome"])
        self.salesforce_calls = self._counter("salesforce_calls", "Salesforce API calls", ["operation", "outcome"])
        self.salesforce_remaining = self._gauge("salesforce_api_remaining_ratio", "Share of the day's API calls left")
        self.salesforce_remaining.set(float("nan"))  # not known before the first answer
        self.deliveries = self._counter("deliveries", "Deliveries to sinks", ["sink", "outcome"])
        self.outbox_oldest = self._gauge("outbox_oldest_age_seconds", "Age of the oldest unsent delivery")
        self.dead_letters = self._gauge("dead_letters", "Deliveries given up and kept", ["sink"])
        self.incidents = self._gauge("incidents", "Open service-level incidents", ["severity", "state"])
        self.timer_overdue = self._gauge("timer_overdue_seconds", "How late the escalation sweep is")
        self.heartbeat_latency = self._histogram(
            "heartbeat_latency_seconds", "Round trip of heartbeats", (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0)
        )
        self.reconnects = self._counter("reconnects", "Connections that ended, by reason", ["reason"])
        self.gaps = self._counter("gaps", "Gaps in the events that history could not fill")
        self._gauge("build_info", "The running version", ["version"]).labels(__version__).set(1)

    def render(self) -> bytes:
        """The text that Prometheus scrapes; gauges are brought up to date for it."""
        for observe in self._observers:
            observe()
        return generate_latest(self.registry)

    def before_render(self, observe: Callable[[], None]) -> None:
        """Have gauges set when they are read, so that nothing is counted on the hot path."""
        self._observers.append(observe)

    def _gauge(self, name: str, text: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(f"minerva_bridge_{name}", text, labels or [], registry=self.registry)

    def _counter(self, name: str, text: str, labels: list[str] | None = None) -> Counter:
        return Counter(f"minerva_bridge_{name}_total", text, labels or [], registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], labels: list[str] | None = None
    ) -> Histogram:
        return Histogram(f"minerva_bridge_{name}", text, labels or [], registry=self.registry, buckets=buckets)
