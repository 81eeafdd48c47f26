"""One connection's talk, on a connection in hand."""

from __future__ import annotations

import asyncio

from bridge.core.clock import SystemClock
from bridge.minerva.conversation import Conversation
from bridge.minerva.endings import Ending, Kind
from bridge.minerva.outputs import Delivered, Output
from bridge.minerva.protocol import ProtocolConfig
from bridge.minerva.transport import Frame, Text
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


class Hasty(Quiet):
    """A peer that takes the AUTH, tells of a voicemail at once and is gone."""

    def __init__(self) -> None:
        super().__init__()
        stamp = int(SystemClock().now() * 1000)
        self._frames: list[Frame] = [
            Text(f'{{"type": "AUTH_SUCCESS", "timestamp": {stamp}, "payload": {{"clientId": "c"}}}}'),
            Text(f'{{"type": "VOICEMAIL_NEW", "id": "m", "timestamp": {stamp}, "payload": {{"voicemailId": "v"}}}}'),
            Ending(Kind.LOST, 1006),
        ]

    async def receive(self) -> Frame:
        return self._frames.pop(0)


async def test_an_event_just_before_the_connection_is_lost_is_taken_in() -> None:
    taken: list[Output] = []
    ending = await Conversation(Hasty(), Bench(first_contact_at=0.0).machine, SystemClock(), take=taken.append).run(
        "token", asyncio.Event()
    )
    assert ending.kind is Kind.LOST
    assert [output.event.id for output in taken if isinstance(output, Delivered)] == ["m"]


async def test_an_interrupted_talk_is_closed_with_1000_and_leaves_no_timer() -> None:
    peer, told = Quiet(), asyncio.Event()
    talk = Conversation(peer, Bench().machine, SystemClock(), take=lambda _output: None)
    told.set()
    ending = await talk.run("token", told)
    assert (ending.kind, peer.closed) == (Kind.BY_US, [1000])
    assert talk._alarm is not None
    assert talk._alarm.cancelled()
