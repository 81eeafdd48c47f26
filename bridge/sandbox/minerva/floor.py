"""The state of the call centre's floor: who is free, who waits, how the queues stand. Bookkeeping only, no events."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from bridge.sandbox.minerva.builders import Payload, QueueStats, SlaStatus, team_stats
from bridge.sandbox.world import Agent, Caller, Queue, World

TYPICAL_HANDLE_S = (180, 320)  # average handle times that queues show


@dataclass(slots=True, eq=False)
class Call:
    """One call on its way through the house. `queued_at_s` is in the day's seconds."""

    id: str
    caller: Caller
    queue: Queue
    queued_at_s: float = 0.0
    transferred: bool = False

    def waited_s(self, now_s: float) -> int:
        """Give the seconds since the caller joined the queue."""
        return round(now_s - self.queued_at_s)


class Floor:
    """Agents with one call each at most, and callers in line."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._status = {agent.user_id: "available" for agent in world.agents}
        self._judged: dict[str, SlaStatus] = {}
        self._answered: Counter[str] = Counter()
        self._abandoned: Counter[str] = Counter()
        self._in_progress: set[str] = set()
        self.waiting: list[Call] = []

    @property
    def outstanding(self) -> int:
        """How many calls wait, ring or talk."""
        return len(self.waiting) + len(self._in_progress)

    def free_agents(self) -> list[Agent]:
        """Give the agents who can take a call."""
        return [agent for agent in self._world.agents if self._status[agent.user_id] == "available"]

    def set_status(self, agent: Agent, status: str) -> str:
        """Set what an agent does; gives what they did before."""
        previous, self._status[agent.user_id] = self._status[agent.user_id], status
        return previous

    def queue_up(self, call: Call, now_s: float) -> int:
        """Let a caller wait; gives the position in that queue, from 1."""
        call.queued_at_s = now_s
        self.waiting.append(call)
        return self._in_line(call.queue)

    def take_next(self) -> Call:
        """Take the caller who waits longest out of the line: the call is in progress from now on."""
        call = self.waiting.pop(0)
        self._in_progress.add(call.id)
        return call

    def abandon(self, call: Call) -> bool:
        """Let a caller hang up; False when the wait was over already."""
        if call not in self.waiting:
            return False
        self.waiting.remove(call)
        self._abandoned[call.queue.id] += 1
        return True

    def answered(self, call: Call) -> None:
        """Count an answered call, once however often it is transferred."""
        if not call.transferred:
            self._answered[call.queue.id] += 1

    def ended(self, call: Call) -> None:
        """Note that a call is over."""
        self._in_progress.discard(call.id)

    def judge(
        self, queue: Queue, margin: float, status: SlaStatus, now_s: float, dice: random.Random
    ) -> tuple[SlaStatus, QueueStats]:
        """Note a queue's new status; gives the one before, and figures that go with a level of target + margin."""
        before = self._judged.get(queue.id, "healthy")
        self._judged[queue.id] = status
        pressure = max(0, round(8 - margin))
        waits = [call.waited_s(now_s) for call in self.waiting if call.queue is queue]
        longest_s = max([*waits, pressure * 9 + dice.randint(0, 6)])
        wobble = dice.choice((-1, 0, 0, 1)) if status == "healthy" and margin > 2 else 0
        busy, away = self._count("ringing", "on_call", "wrap_up"), self._count("away")
        stats = QueueStats(
            callsInQueue=len(waits) + pressure // 3,
            longestWaitTime=longest_s,
            averageWaitTime=longest_s // 3 + 3,
            availableAgents=self._count("available"),
            totalAgents=len(self._status),
            busyAgents=busy,
            awayAgents=away,
            serviceLevelTarget=queue.target,
            currentServiceLevel=min(100, round(queue.target + margin) + wobble),
            callsAnsweredToday=self._answered[queue.id],
            callsAbandonedToday=self._abandoned[queue.id],
            averageHandleTime=dice.randint(*TYPICAL_HANDLE_S),
        )
        return before, stats

    def team_stats(self, team_id: str, updated_at: int) -> Payload:
        """Give the figures of the team that everybody is in; `updated_at` is ms since the epoch."""
        return team_stats(
            team_id,
            available=self._count("available"),
            busy=self._count("ringing", "on_call", "wrap_up"),
            away=self._count("away"),
            updated_at=updated_at,
        )

    def _count(self, *statuses: str) -> int:
        return sum(status in statuses for status in self._status.values())

    def _in_line(self, queue: Queue) -> int:
        return sum(call.queue is queue for call in self.waiting)
