"""A seeded day in the call centre, played on a sandbox Minerva.

The day is an agenda of moments in its own seconds, worked off one at a time by one coroutine: nothing depends on how
fast the machine is, and the same seed gives the same events with the same ids in the same order. `pace` says how many
of the day's seconds pass in one real second.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Self

from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.floor import Call, Floor
from bridge.sandbox.minerva.messages_left import Spoken, leave_message
from bridge.sandbox.minerva.narrator import Exchange, Narrator
from bridge.sandbox.minerva.queue_watch import QueueWatch
from bridge.sandbox.world import Agent, World

Span = tuple[float, float]
Sleep = Callable[[float], Awaitable[object]]
Moment = Callable[[], Awaitable[None]]

CALLS_PER_MINUTE = 3.0  # keeps five agents busy and not overwhelmed, with this talk time
TALK_S: Span = (20.0, 75.0)
DIP_S = 600.0  # how long one queue's service level is in trouble
PATIENCE_S: Span = (40.0, 180.0)
ROUTING_S: Span = (0.5, 3.0)
RING_S: Span = (2.0, 9.0)
WRAP_UP_S: Span = (5.0, 25.0)
AWAY_S: Span = (60.0, 240.0)
RECORDING_S: Span = (4.0, 20.0)  # from the missed call to its voicemail
SECOND_LOOK_S: Span = (20.0, 90.0)  # from a voicemail to its update
STATS_EVERY_S = 5.0
UNANSWERED, HELD, TRANSFERRED, AWAY, UPDATED, SPEAKS_AFTER_WAITING = 0.15, 0.15, 0.12, 0.04, 0.4, 0.6  # shares
QUIET_S = 80.0  # without a voicemail, after which the next call goes unanswered
DEMO_PACE, DEMO_DIP_S = 10.0, 150.0  # a queue in trouble every 15 real seconds
DEMO_TALK_S: Span = (15.0, 45.0)
DEMO_PER_AGENT_AND_MINUTE, DEMO_MOST_PER_MINUTE = 0.9, 8.0  # of the day's minutes; more could not be read
MOST_CALLS_PER_AGENT = 3  # outstanding ones; beyond that callers get the busy tone


class Day:
    """Calls that ring, connect and end, voicemails, and queues in trouble.

    Args:
        world: who works and who calls; needs an agent, a queue and a caller.
        minerva: where the events go.
        seed: of the day; the world's own if None.
        calls_per_minute: mean rate of arrivals, in the day's minutes.
        pace: the day's seconds per real second.
        talk_s: shortest and longest talk, in the day's seconds.
        dip_s: how long each queue's service level is in trouble, in the day's seconds.
        sleep: what waits for a number of real seconds.

    Raises:
        ValueError: a rate, a pace or a length is not positive, or the world is empty.
    """

    def __init__(
        self,
        world: World,
        minerva: Exchange,
        *,
        seed: int | None = None,
        calls_per_minute: float = CALLS_PER_MINUTE,
        pace: float = 1.0,
        talk_s: Span = TALK_S,
        dip_s: float = DIP_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if min(calls_per_minute, pace, dip_s) <= 0:
            raise ValueError("calls_per_minute, pace and dip_s must be more than 0")
        if not (world.agents and world.queues and world.callers):
            raise ValueError("a day needs an agent, a queue and a caller")
        self.now_s = 0.0
        self._world = world
        self._minerva = minerva
        self._dice = random.Random(world.seed if seed is None else seed)
        self._between_calls_s = 60.0 / calls_per_minute
        self._pace = pace
        self._talk_s = talk_s
        self._sleep = sleep
        self._floor = Floor(world)
        self._narrator = Narrator(world, minerva, self._floor, self._dice)
        self._watch = QueueWatch(world, self._floor, self._narrator, self._dice, dip_s=dip_s)
        self.counts = self._narrator.counts
        self._agenda: list[tuple[float, int, Moment]] = []
        self._order = itertools.count()
        self._voicemail_at_s = 0.0
        self._in(0.0, self._watch_queues)
        self._in(1.0, self._arrive)

    @classmethod
    def demo(cls, world: World, minerva: Exchange, *, seed: int | None = None, sleep: Sleep = asyncio.sleep) -> Self:
        """Make a day for watching: with five agents or more, each kind of thing happens in any 20 real seconds."""
        busy = min(DEMO_MOST_PER_MINUTE, DEMO_PER_AGENT_AND_MINUTE * len(world.agents))
        return cls(
            world,
            minerva,
            seed=seed,
            calls_per_minute=busy,
            pace=DEMO_PACE,
            talk_s=DEMO_TALK_S,
            dip_s=DEMO_DIP_S,
            sleep=sleep,
        )

    async def run(self, for_s: float | None = None) -> None:
        """Play the day: for ever, or for that many of its seconds; can be called again to go on."""
        end_s = float("inf") if for_s is None else self.now_s + for_s
        while self._agenda[0][0] <= end_s:
            due_s, _, moment = heapq.heappop(self._agenda)
            await self._sleep((due_s - self.now_s) / self._pace)
            self.now_s = due_s
            await moment()
        self.now_s = end_s

    def _in(self, seconds: float, moment: Moment) -> None:
        heapq.heappush(self._agenda, (self.now_s + seconds, next(self._order), moment))

    def _between(self, span: Span) -> float:
        return self._dice.uniform(*span)

    async def _watch_queues(self) -> None:
        self._in(STATS_EVERY_S, self._watch_queues)
        await self._watch.look(self.now_s)

    # --- a call, from the first ring to the last word ---

    async def _arrive(self) -> None:
        self._in(self._dice.expovariate(1 / self._between_calls_s), self._arrive)
        if self._floor.outstanding >= MOST_CALLS_PER_AGENT * len(self._world.agents):
            return
        call = Call(
            self._narrator.new_id(), self._dice.choice(self._world.callers), self._dice.choice(self._world.queues)
        )
        position = self._floor.queue_up(call, self.now_s)
        await self._narrator.tell_queue(
            call.queue,
            "CALL_QUEUED",
            builders.call_queued(
                call.caller, call.queue, call_id=call.id, position=position, queued_at=self._minerva.now_ms()
            ),
        )
        self._in(self._between(ROUTING_S), self._route)
        self._in(self._between(PATIENCE_S), lambda: self._give_up(call))

    async def _route(self) -> None:
        """Bring those who wait longest together with agents who are free."""
        while self._floor.waiting and (free := self._floor.free_agents()):
            call = self._floor.take_next()
            await self._narrator.tell_queue(
                call.queue,
                "CALL_DEQUEUED",
                builders.call_dequeued(call.queue, call_id=call.id, reason="routed", wait_s=call.waited_s(self.now_s)),
            )
            await self._ring(call, self._dice.choice(free))

    async def _give_up(self, call: Call) -> None:
        if not self._floor.abandon(call):
            return
        waited_s = call.waited_s(self.now_s)
        payload = builders.call_dequeued(call.queue, call_id=call.id, reason="abandoned", wait_s=waited_s)
        await self._narrator.tell_queue(call.queue, "CALL_DEQUEUED", payload)
        if self._dice.random() < SPEAKS_AFTER_WAITING:
            agent = self._dice.choice(self._world.agents)
            self._in(self._between(RECORDING_S), lambda: self._voicemail(call, agent))

    async def _ring(self, call: Call, agent: Agent) -> None:
        await self._narrator.set_status(agent, "ringing", "Inbound call", call.id)
        payload = builders.call_incoming(
            call.caller,
            call.queue,
            call_id=call.id,
            call_sid="CA" + call.id.replace("-", ""),
            wait_s=call.waited_s(self.now_s),
        )
        await self._narrator.tell(agent, "CALL_INCOMING", payload)
        quiet = self.now_s - self._voicemail_at_s > QUIET_S
        missed = self._dice.random() < UNANSWERED or quiet
        if missed:
            self._voicemail_at_s = self.now_s  # it is as good as left: the next call may be answered
        self._in(self._between(RING_S), lambda: self._miss(call, agent) if missed else self._answer(call, agent))

    async def _miss(self, call: Call, agent: Agent) -> None:
        await self._end(call, agent, "no_answer", 0.0)
        await self._set_free(agent)
        self._in(self._between(RECORDING_S), lambda: self._voicemail(call, agent))

    async def _answer(self, call: Call, agent: Agent) -> None:
        connected_at_s = self.now_s
        self._floor.answered(call)
        payload = builders.call_connected(
            call.caller,
            agent,
            call_id=call.id,
            connected_at=self._minerva.now_ms(),
            recording_id=f"rec-{call.id}",
        )
        await self._narrator.tell(agent, "CALL_CONNECTED", payload)
        await self._narrator.set_status(agent, "on_call", "Inbound call accepted", call.id)
        talk_s, draw = self._between(self._talk_s), self._dice.random()
        if draw < TRANSFERRED and not call.transferred:
            self._in(talk_s / 2, lambda: self._transfer(call, agent, connected_at_s, talk_s / 2))
            return
        if draw > 1 - HELD:
            self._in(talk_s / 3, lambda: self._hold(call, agent))
        self._in(talk_s, lambda: self._hang_up(call, agent, connected_at_s))

    async def _hold(self, call: Call, agent: Agent) -> None:
        await self._narrator.tell(
            agent, "CALL_HELD", builders.call_held(call_id=call.id, held_at=self._minerva.now_ms())
        )

    async def _transfer(self, call: Call, agent: Agent, connected_at_s: float, rest_s: float) -> None:
        free = self._floor.free_agents()
        if not free:
            self._in(rest_s, lambda: self._hang_up(call, agent, connected_at_s))
            return
        other, call.transferred = self._dice.choice(free), True
        payload = builders.call_transferred(other, call_id=call.id, transferred_at=self._minerva.now_ms())
        await self._narrator.tell(agent, "CALL_TRANSFERRED", payload)
        await self._wrap_up(agent, call)
        await self._ring(call, other)

    async def _hang_up(self, call: Call, agent: Agent, connected_at_s: float) -> None:
        await self._end(call, agent, "completed", self.now_s - connected_at_s)
        await self._wrap_up(agent, call)

    async def _end(self, call: Call, agent: Agent, disposition: str, duration_s: float) -> None:
        self._floor.ended(call)
        payload = builders.call_ended(
            call_id=call.id,
            ended_at=self._minerva.now_ms(),
            duration_s=round(duration_s),
            disposition=disposition,
            ended_by=self._dice.choice(("caller", "caller", "agent")) if duration_s else "system",
        )
        await self._narrator.tell(agent, "CALL_ENDED", payload)

    async def _wrap_up(self, agent: Agent, call: Call) -> None:
        await self._narrator.set_status(agent, "wrap_up", "After-call work", call.id)
        self._in(self._between(WRAP_UP_S), lambda: self._set_free(agent))

    async def _set_free(self, agent: Agent) -> None:
        if self._dice.random() < AWAY and len(self._world.agents) > 1:
            await self._narrator.set_status(agent, "away", "Short break")
            self._in(self._between(AWAY_S), lambda: self._set_free(agent))
            return
        await self._narrator.set_status(agent, "available", "Ready")
        await self._route()

    # --- voicemails ---

    async def _voicemail(self, call: Call, agent: Agent) -> None:
        self._voicemail_at_s = self.now_s
        voicemail_id, spoken = f"vm-{self._narrator.new_id()}", leave_message(self._dice)
        payload = builders.voicemail_new(
            call.caller,
            voicemail_id=voicemail_id,
            created_at=self._minerva.now_ms(),
            duration_s=spoken.duration_s,
            transcription=spoken.heard,
            confidence=spoken.confidence,
            priority=spoken.priority,
        )
        await self._narrator.tell(agent, "VOICEMAIL_NEW", payload)
        if self._dice.random() < UPDATED:
            self._in(self._between(SECOND_LOOK_S), lambda: self._look_again(voicemail_id, agent, spoken))

    async def _look_again(self, voicemail_id: str, agent: Agent, spoken: Spoken) -> None:
        """Update a voicemail: what was mumbled is understood better, what was clear has been listened to."""
        if spoken.confidence is not None and spoken.heard != spoken.said:
            better = {"transcription": spoken.said, "transcriptionConfidence": round(spoken.confidence + 0.25, 2)}
            payload = builders.voicemail_updated(voicemail_id, **better)
        else:
            payload = builders.voicemail_updated(voicemail_id, status="listened")
        await self._narrator.tell(agent, "VOICEMAIL_UPDATED", payload)
