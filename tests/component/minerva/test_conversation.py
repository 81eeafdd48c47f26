"""One connection's talk, on a connection in hand."""

from __future__ import annotations

import asyncio

from bridge.core.clock import SystemClock
from bridge.minerva.conversation import Conversation
from bridge.minerva.endings import Kind
from bridge.minerva.outputs import Output
from bridge.minerva.protocol import ProtocolConfig
from bridge.minerva.transport import Frame
from tests.support.minerva import Bench


class Quiet:
    """A peer that says nothing."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: list[int] = []

    async def receive(self) -> Frame:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def close(self, code: int) -> None:
        self.closed.append(code)


async def test_a_defect_in_a_timer_ends_the_connection_and_leaves_no_silent_session() -> None:
    def fail(_output: Output) -> None:
        raise RuntimeError("a defect of ours")

    peer = Quiet()
    config = ProtocolConfig(query_auth=True, subscribe_timeout_s=0.01)
    talk = Conversation(peer, Bench(config=config).machine, SystemClock(), take=fail)
    ending = await talk.run("token", asyncio.Event())
    assert (ending.kind, "RuntimeError" in ending.reason) == (Kind.LOST, True)
    assert peer.closed == [1000]


async def test_an_interrupted_talk_is_closed_with_1000_and_leaves_no_timer() -> None:
    peer, told = Quiet(), asyncio.Event()
    talk = Conversation(peer, Bench().machine, SystemClock(), take=lambda _output: None)
    told.set()
    ending = await talk.run("token", told)
    assert (ending.kind, peer.closed) == (Kind.BY_US, [1000])
    assert talk._alarm is not None
    assert talk._alarm.cancelled()
