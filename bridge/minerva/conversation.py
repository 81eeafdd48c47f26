"""One open connection and its machine: reads, writes, and wakes the machine when something falls due.

Two tasks while it lasts, a reader that only reads and a writer that only writes; deadlines are one timer of the loop,
set anew only when one comes sooner, so that a heartbeat and its answer cost no cancelled wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol as Port

import structlog

from bridge.core.clock import Clock
from bridge.core.tasks import first_exit
from bridge.minerva.endings import Ending, Kind
from bridge.minerva.outputs import Ended, Output, Send
from bridge.minerva.protocol import Protocol
from bridge.minerva.transport import Binary, Connection, Text

log = structlog.get_logger()


class FrameLog(Port):
    """Is shown every text frame."""

    def __call__(self, direction: str, text: str) -> None:
        """`direction` is in or out."""


class Conversation:
    """Runs a machine on a connection until one of them ends.

    Args:
        connection: Open; closed by `run`.
        machine: Fresh; opened by `run`.
        clock: The time that the machine is told.
        take: Gets everything that the machine puts out but messages and the end; returns at once.
        show: Is shown every text frame; None for nobody.
    """

    def __init__(
        self,
        connection: Connection,
        machine: Protocol,
        clock: Clock,
        *,
        take: Callable[[Output], None],
        show: FrameLog | None = None,
    ) -> None:
        self.machine = machine
        self._connection = connection
        self._clock = clock
        self._take = take
        self._show = show
        self._outbox: list[str] = []
        self._to_write = asyncio.Event()
        self._ending: Ending | None = None
        self._close_code = 1000
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0

    async def run(self, token: str, interrupted: asyncio.Event) -> Ending:
        """Talk until the connection ends or `interrupted` is set; the connection is closed whatever happens."""
        try:
            self.machine.opened(token, self._clock.monotonic(), self._clock.now())
            self.settle()
            await first_exit(self._read(), self._write(), interrupted.wait())
        finally:
            try:
                self.machine.closed()
                self.settle()
            finally:
                if self._alarm is not None:
                    self._alarm.cancel()
                await self._connection.close(self._close_code)
        return self._ending or Ending(Kind.BY_US, reason="interrupted")

    def settle(self) -> None:
        """Carry out what the machine puts out; call it after telling the machine anything from outside."""
        for output in self.machine.take():
            match output:
                case Send(text):
                    self._outbox.append(text)
                    self._to_write.set()
                case Ended(ending, close_code):
                    self._ending, self._close_code = ending, close_code
                    self._to_write.set()
                case _:
                    self._take(output)
        self._set_alarm()

    async def _read(self) -> None:
        """Only reads: parse, note, hand on. 0.1 s of work here would make heartbeats look missed."""
        while self._ending is None:
            frame = await self._connection.receive()
            if isinstance(frame, Text):
                if self._show is not None:
                    self._show("in", frame.text)
                self.machine.received(frame.text, self._clock.monotonic(), self._clock.now())
            elif isinstance(frame, Binary):
                self.machine.received_binary(self._clock.monotonic())
            else:
                self._ending = frame
                return
            self.settle()

    async def _write(self) -> None:
        while self._ending is None:
            await self._to_write.wait()
            self._to_write.clear()
            outbox, self._outbox = self._outbox, []
            for text in outbox:
                if self._show is not None:
                    self._show("out", text)
                await self._connection.send(text)

    def _set_alarm(self) -> None:
        due = self.machine.deadline()
        if due is None or (self._alarm is not None and self._alarm_at <= due):
            return  # an alarm that rings too soon finds nothing to do and is set anew
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        wait = max(0.0, due - self._clock.monotonic())
        self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        try:
            self.machine.tick(self._clock.monotonic(), self._clock.now())
            self.settle()
        except Exception as error:  # the loop would log it and go on, and this connection would never beat again
            log.exception("session.defect")
            self._ending = Ending(Kind.LOST, reason=f"defect: {type(error).__name__}")
            self._to_write.set()
