"""Gets notifications to their sinks: one queue and its own workers per sink, so that a slow one delays nobody else.

Owns: time-outs, order, retries, the per-sink gate, dead letters. What waits lives in memory for now: a drain tries to
empty it, and says line by line what it had to leave behind. Waits are measured on the monotonic clock: setting the
machine's clock back holds no retry up.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bridge.core.clock import Clock
from bridge.core.errors import Ambiguous, SinkError
from bridge.core.tasks import Tasks, first_exit
from bridge.delivery.lanes import Lanes, Round, Waiting
from bridge.delivery.retry import Again, Dead, Expired, decide, pause_s
from bridge.delivery.routing import route
from bridge.metrics import Metrics
from bridge.notifications import Kind, Notification, stable_id
from bridge.settings.routing import Route, SinkRef
from bridge.sinks.base import Delivery, Sink

log = structlog.get_logger()

MAX_WAITING = 20_000
"""Per sink: what comes beyond it becomes a dead letter, told and counted, before memory runs out."""

MAX_DEAD_KEPT = 1_000
FALLBACK_AFTER_ATTEMPTS = 3
"""Failed attempts after which a delivery counts as reaching nobody; it is still tried, and the fallback serves."""

TROUBLE_AFTER_FAILURES = 3
"""Failures in a row after which a sink is reported as a problem."""

SinkTrouble = Callable[[str, str | None], None]
"""Called with a sink's name and why it fails, or None when it is well again."""


@dataclass(slots=True)
class _Channel:
    """One sink's queue and health."""

    sink: Sink
    lanes: Lanes = field(default_factory=Lanes)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a worker may find something to do, or a drain its end."""
    retimed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be an earlier instant to wait for."""
    gate_until: float = -math.inf
    """Monotonic: the sink is left alone until then."""
    in_flight: int = 0
    failures: int = 0
    last_error: str | None = None
    reported: bool = False
    lost: bool = False
    delivered: int = 0
    dead: deque[Waiting] = field(default_factory=lambda: deque(maxlen=MAX_DEAD_KEPT))
    dead_count: int = 0


class Dispatcher:
    """Splits notifications over sinks and stays with each delivery until it is settled.

    Args:
        sinks: The configured sinks by name.
        routes: The routes in force.
        org_id: The org, as every webhook body names it.
        environment: The environment, as every webhook body names it.
        trouble: Told that a sink fails, and that it delivers again.
        lost: Told that a sink has dead letters, and that it delivers again.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        routes: Sequence[Route],
        *,
        org_id: str,
        environment: str,
        clock: Clock,
        dice: random.Random,
        metrics: Metrics,
        trouble: SinkTrouble = lambda _name, _why: None,
        lost: SinkTrouble = lambda _name, _why: None,
    ) -> None:
        self._channels = {name: _Channel(sink) for name, sink in sinks.items()}
        self._routes = tuple(routes)
        self._envelope = {"org_id": org_id, "environment": environment}
        self._clock = clock
        self._dice = dice
        self._metrics = metrics
        self._trouble = trouble
        self._lost = lost
        self._tasks = Tasks()
        self._stopped = False
        metrics.before_render(self._observe)

    def start(self) -> None:
        """Start every sink's workers."""
        for name, channel in self._channels.items():
            self._tasks.start(self._keep_time(channel), name=f"sink {name} time")
            for number in range(channel.sink.concurrency):
                self._tasks.start(self._work(name, channel), name=f"sink {name} {number}")

    # --- taking in -----------------------------------------------------------------------------------------------

    def post(self, notification: Notification, *, leave_out: str | None = None) -> int:
        """Send a notification where the routes say; returns to how many sinks. Returns at once.

        Args:
            notification: What to send.
            leave_out: A sink that must not get it: the one it speaks about.
        """
        chosen = route(self._routes, notification)
        if chosen is None:
            self._metrics.deliveries.labels("", "unrouted").inc()
            log.error("delivery.unrouted", type=notification.type, notification_id=notification.id)
            return 0
        fallback = tuple(each for each in chosen.fallback if each.sink != leave_out)
        taken = self.send(notification, [each for each in chosen.sinks if each.sink != leave_out], fallback)
        if not taken and chosen.sinks:
            taken = self.send(notification, fallback)
        return taken

    def send(self, notification: Notification, addresses: Sequence[SinkRef], fallback: tuple[SinkRef, ...] = ()) -> int:
        """Send a notification to these sinks, past the routes; returns to how many deliveries. Returns at once.

        `fallback` serves when every one of them has failed three times or for good.
        """
        body = notification.body(**self._envelope)
        taken = self._split(notification, addresses)
        round_ = Round(fallback, len(taken))
        for name, recipient in taken:
            self._enqueue(name, self._channels[name], notification, body, recipient=recipient, round_=round_)
        return len(taken)

    def _split(self, notification: Notification, addresses: Sequence[SinkRef]) -> dict[tuple[str, str | None], None]:
        """Whom the addresses mean, in order; a recipient named twice is told once."""
        taken: dict[tuple[str, str | None], None] = {}
        for address in addresses:
            if notification.kind in self._channels[address.sink].sink.takes:
                recipients = address.to if isinstance(address.to, tuple) else (address.to,)
                taken |= dict.fromkeys((address.sink, recipient) for recipient in recipients)
        return taken

    def takers(self, kind: Kind) -> tuple[str, ...]:
        """The names of all sinks that take that kind."""
        return tuple(name for name, channel in self._channels.items() if kind in channel.sink.takes)

    def _enqueue(
        self,
        name: str,
        channel: _Channel,
        notification: Notification,
        body: Mapping[str, Any],
        *,
        recipient: str | None,
        round_: Round,
    ) -> None:
        delivery = Delivery(
            id=f"msg_{stable_id(self._envelope['org_id'], notification.id, name, recipient or '')}",
            notification=notification,
            recipient=recipient,
            body=body,
        )
        waiting = Waiting(delivery, created_at=self._clock.now(), round=round_)
        if self._stopped or len(channel.lanes) >= MAX_WAITING:
            why = "the worker has stopped" if self._stopped else "the sink's queue is full"
            self._bury(name, channel, waiting, why)
            return
        channel.lanes.add(waiting)
        channel.changed.set()

    # --- delivering ----------------------------------------------------------------------------------------------

    async def _work(self, name: str, channel: _Channel) -> None:
        while True:
            waiting = await self._next(channel)
            channel.in_flight += 1
            try:
                await self._attempt(name, channel, waiting)
            finally:
                channel.in_flight -= 1
                channel.changed.set()

    async def _next(self, channel: _Channel) -> Waiting:
        while True:
            now = self._clock.monotonic()
            if now >= channel.gate_until and (waiting := channel.lanes.take(now)) is not None:
                return waiting
            channel.changed.clear()
            await channel.changed.wait()

    async def _keep_time(self, channel: _Channel) -> None:
        """Wake the sink's workers when its gate opens or a retry falls due: one sleeper for all of them."""
        while True:
            channel.retimed.clear()
            now = self._clock.monotonic()
            next_at = channel.gate_until if channel.gate_until > now else channel.lanes.next_at(now)
            if next_at is None:
                await channel.retimed.wait()
            else:
                await first_exit(self._clock.sleep(next_at - now), channel.retimed.wait())
                channel.changed.set()

    async def _attempt(self, name: str, channel: _Channel, waiting: Waiting) -> None:
        notification = waiting.delivery.notification
        expires_at = notification.expires_at
        if expires_at is not None and self._clock.now() >= expires_at:
            self._expire(name, channel, waiting)
            return
        waiting.attempts += 1
        if waiting.attempts > 1:
            waiting.delivery = replace(waiting.delivery, attempt=waiting.attempts)
        try:
            async with asyncio.timeout(channel.sink.timeout_s):
                await channel.sink.deliver(waiting.delivery)
        except TimeoutError:
            self._failed(name, channel, waiting, Ambiguous(f"no answer within {channel.sink.timeout_s:g} s"))
        except SinkError as error:
            self._failed(name, channel, waiting, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled us: something inside the sink was. Letting it through would end this worker unseen.
            self._failed(name, channel, waiting, SinkError("defect: cancelled itself"))
        except Exception as error:
            log.exception("sink.defect", sink=name)
            self._failed(name, channel, waiting, SinkError(f"defect: {type(error).__name__}"))
        else:
            self._delivered(name, channel, waiting)

    def _delivered(self, name: str, channel: _Channel, waiting: Waiting) -> None:
        channel.lanes.settle(waiting)
        channel.delivered += 1
        if waiting.round is not None:
            waiting.round.reached = True
        channel.failures = 0
        channel.last_error = None
        self._metrics.deliveries.labels(name, "delivered").inc()
        if waiting.delivery.notification.kind is Kind.SCREEN_POP:
            seconds = max(0.0, self._clock.now() - waiting.delivery.notification.at)
            self._metrics.pop_seconds.labels("delivered").observe(seconds)
        if channel.reported:
            channel.reported = False
            self._trouble(name, None)
        if channel.lost:
            channel.lost = False
            self._lost(name, None)

    def _failed(self, name: str, channel: _Channel, waiting: Waiting, error: SinkError) -> None:
        now = self._clock.now()
        reason = str(error) or type(error).__name__
        waiting.last_error = channel.last_error = reason
        channel.failures += 1
        decision = decide(
            error,
            attempt=waiting.attempts,
            created_at=waiting.created_at,
            expires_at=waiting.delivery.notification.expires_at,
            now=now,
            roll=self._dice.random(),
        )
        if (pause := pause_s(error)) > 0:  # even if this delivery is given up: the sink did ask
            channel.gate_until = max(channel.gate_until, self._clock.monotonic() + pause)
        channel.retimed.set()
        match decision:
            case Again(at):
                self._metrics.deliveries.labels(name, "retried").inc()
                log.warning(
                    "delivery.failed", **self._named(name, waiting), reason=reason, again_in_s=round(at - now, 1)
                )
                channel.lanes.retry(waiting, self._clock.monotonic() + (at - now))
                if waiting.attempts >= FALLBACK_AFTER_ATTEMPTS:
                    self._give_up(waiting)
            case Expired():
                self._expire(name, channel, waiting)
            case Dead(why):
                channel.lanes.settle(waiting)
                self._bury(name, channel, waiting, why)
        if channel.failures >= TROUBLE_AFTER_FAILURES and not channel.reported:
            channel.reported = True
            self._trouble(name, reason)

    def _expire(self, name: str, channel: _Channel, waiting: Waiting) -> None:
        channel.lanes.settle(waiting)
        self._metrics.deliveries.labels(name, "expired").inc()
        log.warning("delivery.expired", **self._named(name, waiting), reason=waiting.last_error)

    def _bury(self, name: str, channel: _Channel, waiting: Waiting, why: str) -> None:
        waiting.last_error = why
        channel.dead.append(waiting)
        channel.dead_count += 1
        self._metrics.deliveries.labels(name, "dead").inc()
        log.error("delivery.dead", **self._named(name, waiting), reason=why)
        self._give_up(waiting)
        if not channel.lost:
            channel.lost = True
            self._lost(name, f"{waiting.delivery.notification.type} {waiting.delivery.id}: {why}")

    def _give_up(self, waiting: Waiting) -> None:
        """This delivery reaches nobody, for now or for good: the route's fallback serves when none of its sinks does."""
        notification = waiting.delivery.notification
        if waiting.round is not None and waiting.round.give_up(waiting.delivery.id) and not self._stopped:
            log.warning("delivery.fallback", type=notification.type, notification_id=notification.id)
            self.send(notification, waiting.round.fallback)

    def _named(self, name: str, waiting: Waiting) -> dict[str, object]:
        return {
            "sink": name,
            "type": waiting.delivery.notification.type,
            "delivery_id": waiting.delivery.id,
            "attempt": waiting.attempts,
        }

    # --- ending and showing --------------------------------------------------------------------------------------

    async def drain(self, seconds: float) -> int:
        """Wait until all queues are empty, `seconds` at most, then stop; returns how many deliveries were left behind.

        A delivery that waits for a retry holds nobody up past that time; each one left behind is logged.
        """
        await first_exit(self._emptied(), self._clock.sleep(seconds))
        self._stopped = True
        await self._tasks.cancel()
        left = 0
        for name, channel in self._channels.items():
            for waiting in channel.lanes.all():
                left += 1
                age = self._clock.now() - waiting.created_at
                log.error("delivery.left_behind", **self._named(name, waiting), age_s=round(age, 1))
            await self._close(name, channel.sink)
        return left

    async def _emptied(self) -> None:
        while busy := next((each for each in self._channels.values() if not each.lanes.idle), None):
            busy.changed.clear()
            await busy.changed.wait()

    async def _close(self, name: str, sink: Sink) -> None:
        try:
            async with asyncio.timeout(sink.timeout_s):
                await sink.close()
        except Exception as error:  # one sink that cannot let go must not keep the others open
            log.exception("sink.close_failed", sink=name, error=type(error).__name__)

    def status(self) -> dict[str, dict[str, Any]]:
        """Each sink's figures, for the API."""
        return {
            name: {
                "type_name": type(channel.sink).__name__,
                "waiting": len(channel.lanes),
                "in_flight": channel.in_flight,
                "delivered": channel.delivered,
                "dead_letters": channel.dead_count,
                "failing": channel.failures >= TROUBLE_AFTER_FAILURES,
                "last_error": channel.last_error,
            }
            for name, channel in self._channels.items()
        }

    def _observe(self) -> None:
        now = self._clock.now()
        oldest = [made for channel in self._channels.values() if (made := channel.lanes.oldest()) is not None]
        self._metrics.outbox_oldest.set(max(0.0, now - min(oldest)) if oldest else 0.0)
        for name, channel in self._channels.items():
            self._metrics.dead_letters.labels(name).set(channel.dead_count)
