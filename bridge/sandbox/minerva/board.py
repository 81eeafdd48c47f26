"""Which faults are armed, for whom, and how often they may still strike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks
from bridge.sandbox.minerva.acts import (
    Act,
    Moment,
)
from bridge.sandbox.minerva.faults import (
    Fault,
)

F = TypeVar("F", bound=Fault)


@dataclass(slots=True)
class _Armed:
    """A fault on the board; `left` is None when it never wears out."""

    fault: Fault
    left: int | None


def _everything(_: object) -> bool:
    return True


class FaultBoard:
    """Faults wait here for their moment. `strike` carries out the acts that are due `now`.

    `clear` and `close` take everything off again, timers included.
    """

    def __init__(self, clock: Clock, strike: Callable[[Act], None]) -> None:
        self._clock = clock
        self._strike = strike
        self._armed: list[_Armed] = []
        self._tasks = Tasks()
        self._round = 0  # a timer that was started in an earlier round has been cleared
        self._changed = asyncio.Event()

    def arm(self, faults: Iterable[Fault]) -> None:
        """Put faults on the board; those with `at_s` or `for_s` get a timer. Needs a running loop for these."""
        for fault in faults:
            if fault.at_s == 0 and fault.for_s is None and not _is_due_now(fault):
                self._put(fault)
            else:
                self._tasks.start(self._run(fault, self._round), name=f"fault-{fault.NAME}")

    async def _run(self, fault: Fault, begun: int) -> None:
        if fault.at_s:
            await self._clock.sleep(fault.at_s)
        if begun != self._round:
            return
        if isinstance(fault, Act) and fault.when == "now":
            await self._strike_repeatedly(fault, begun)
            return
        armed = self._put(fault)
        if fault.for_s is not None:
            await self._clock.sleep(fault.for_s)
            self._take_off(armed)

    async def _strike_repeatedly(self, act: Act, begun: int) -> None:
        struck = 0
        while begun == self._round:
            self._strike(act)
            struck += 1
            over = act.for_s is not None and struck * act.every_s > act.for_s
            if over or (act.times is not None and struck >= act.times):
                return
            await self._clock.sleep(act.every_s)

    def _put(self, fault: Fault) -> _Armed:
        armed = _Armed(fault, fault.times)
        self._armed.append(armed)
        self._note_change()
        return armed

    def _take_off(self, armed: _Armed) -> None:
        if armed in self._armed:
            self._armed.remove(armed)
            self._note_change()

    def find(self, kind: type[F], user_id: str | None, where: Callable[[F], bool] = _everything) -> F | None:
        """Give the first armed fault of that kind that concerns the user, leaving it as it is."""
        found = self._find(kind, user_id, where)
        return found[1] if found else None

    def spend(self, kind: type[F], user_id: str | None, where: Callable[[F], bool] = _everything) -> F | None:
        """Give the first armed fault of that kind that concerns the user, and count the strike."""
        found = self._find(kind, user_id, where)
        if not found:
            return None
        self._spend(found[0])
        return found[1]

    def acts(self, moment: Moment, user_id: str | None) -> list[Act]:
        """Give, and count, the acts that are armed for this moment of a session's life."""
        due = []
        for armed in list(self._armed):
            fault = armed.fault
            if isinstance(fault, Act) and fault.when == moment and fault.concerns(user_id):
                due.append(fault)
                self._spend(armed)
        return due

    def armed(self) -> list[Fault]:
        """Give what is on the board."""
        return [armed.fault for armed in self._armed]

    def clear(self) -> None:
        """Take everything off, what has not begun yet included."""
        self._round += 1
        self._armed.clear()
        self._note_change()

    async def changed(self) -> None:
        """Return at the next change of what is armed."""
        await self._changed.wait()

    async def close(self) -> None:
        """Take everything off and wait until no timer is left."""
        self.clear()
        await self._tasks.cancel()

    def _find(self, kind: type[F], user_id: str | None, where: Callable[[F], bool]) -> tuple[_Armed, F] | None:
        for armed in self._armed:
            fault = armed.fault
            if isinstance(fault, kind) and fault.concerns(user_id) and where(fault):
                return armed, fault
        return None

    def _spend(self, armed: _Armed) -> None:
        if armed.left is None:
            return
        armed.left -= 1
        if armed.left == 0:
            self._take_off(armed)

    def _note_change(self) -> None:
        self._changed.set()  # wakes those who wait; those who come later wait for the next change
        self._changed = asyncio.Event()


def _is_due_now(fault: Fault) -> bool:
    return isinstance(fault, Act) and fault.when == "now"
