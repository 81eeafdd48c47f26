"""A call rings → its caller's record on that agent's screen."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import structlog

from bridge.core.clock import Clock, rfc3339
from bridge.events import CallAnswered, CallEnded, CallMoved, CallRang
from bridge.handlers.ports import CallerLookup, Directory, Post
from bridge.metrics import Metrics
from bridge.notifications import CallerShape, Notification, QueueShape, ScreenPop
from bridge.settings.screen_pop import ScreenPop as Rules

log = structlog.get_logger()

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 10_000
"""Calls remembered as ended or ringing: many hours of a large centre's calls."""


class CallHandler:
    """Decides which calls pop, and pops them."""

    def __init__(
        self,
        rules: Rules,
        *,
        lookup: CallerLookup,
        directory: Directory,
        post: Post,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._rules = rules
        self._lookup = lookup
        self._directory = directory
        self._post = post
        self._clock = clock
        self._metrics = metrics
        self._ended: OrderedDict[tuple[str | None, str], None] = OrderedDict()
        self._ringing: OrderedDict[tuple[str | None, str], CallRang] = OrderedDict()

    async def rang(self, event: CallRang) -> str:
        """Pop now, or remember the ring until it is answered when the org wants it so."""
        if (reason := self._unfit(event)) is not None:
            return self._popped(event, reason)
        if self._rules.when == "answered":
            _remember(self._ringing, (event.agent, event.call_id), event)
            return "waiting"
        return await self._pop(event, since=self._began(event))

    async def answered(self, event: CallAnswered) -> str:
        """Pop the call that rang at this agent before, when the org wants pops on answer."""
        ring = self._ringing.get((event.agent, event.call_id))
        if ring is None or (event.agent, event.call_id) in self._ended:
            return "seen"
        if event.age(self._clock.now()) > self._rules.max_age:
            return self._popped(ring, "stale")
        outcome = await self._pop(ring, since=self._began(event))
        self._ringing.pop((event.agent, event.call_id), None)  # only now: a failed pop may be tried again
        return outcome

    async def ended(self, event: CallEnded) -> str:
        """Remember that it is over for this agent: a ring that comes late pops nothing; a transfer still pops at the next."""
        _remember(self._ended, (event.agent, event.call_id), None)
        return "handled"

    async def moved(self, event: CallMoved) -> str:  # noqa: ARG002 - nothing follows yet
        """A call was held or transferred: the agent it reaches gets a ring of their own."""
        return "seen"

    def _unfit(self, event: CallRang) -> str | None:
        """Why this ring pops nothing; None when it does."""
        if event.direction is not None and event.direction.lower() != "inbound":
            return "not_inbound"
        if (event.agent, event.call_id) in self._ended:
            return "ended"
        if event.age(self._clock.now()) > self._rules.max_age:
            return "stale"
        return None

    def _began(self, event: CallRang | CallAnswered) -> float:
        """When it happened on our clock; a stamp from the future keeps no pop alive for longer than the rules say."""
        return min(event.happened_at, self._clock.now())

    async def _pop(self, event: CallRang, *, since: float) -> str:
        started = self._clock.monotonic()
        caller = await self._lookup.find(event.caller_number, event.caller)
        self._metrics.pop_seconds.labels("lookup").observe(self._clock.monotonic() - started)
        name = event.caller.name or caller.name()
        target = caller.target(name)
        if target is None:
            return self._popped(event, "no_target")
        expires_at = since + self._rules.max_age
        pop = ScreenPop(
            event_id=event.id,
            call_id=event.call_id,
            direction=event.direction,
            to=event.to,
            agent=self._directory.agent(event.agent),
            caller=CallerShape(number=event.caller_number, e164=caller.e164, name=name),
            queue=QueueShape(id=event.queue.id, name=event.queue.name) if event.queue is not None else None,
            waited_s=event.waited_s,
            expires_at=rfc3339(expires_at),
            target=target,
            matches=caller.matches(),
            lookup=caller.lookup,
        )
        facts = {"to": event.to, "queue": event.queue.id if event.queue else None, "agent": event.agent}
        self._post(
            Notification(
                id=f"pop/{event.agent}/{event.call_id}",
                type="screen_pop",
                at=event.happened_at,
                data=pop,
                subject=f"call {event.call_id}",
                priority=event.priority,
                expires_at=expires_at,
                facts={key: value for key, value in facts.items() if value is not None},
            )
        )
        self._metrics.pop_seconds.labels("posted").observe(max(0.0, self._clock.now() - since))
        return self._popped(event, "degraded" if caller.lookup.degraded else target.kind)

    def _popped(self, event: CallRang, outcome: str) -> str:
        self._metrics.pops.labels(outcome).inc()
        log.info(
            "call.rang",
            call_id=event.call_id,
            agent=event.agent,
            outcome=outcome,
            correlation_id=event.correlation_id,
        )
        return "handled" if outcome in {"record", "search", "new_record", "degraded"} else outcome


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)
