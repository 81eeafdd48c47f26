"""A protocol machine in hand: literals in, decoded outputs out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

from bridge.minerva.messages import Channel, Identity, user
from bridge.minerva.outputs import Output, Send
from bridge.minerva.protocol import Protocol, ProtocolConfig

WALL = 1_763_000_000.0
"""Where the wall clock stands when the monotonic one shows 0."""


class Bench:
    """One machine, its clock and what it put out."""

    def __init__(
        self,
        *,
        agent: str | None = "agent-1",
        wanted: Iterable[Channel] | None = None,
        config: ProtocolConfig | None = None,
        first_contact_at: float = WALL,
        roll: float = 0.5,
        history_limit: int = 50,
    ) -> None:
        numbers = itertools.count(1)
        channels = tuple(wanted) if wanted is not None else (user(agent or "bridge"),)
        self.now = 0.0
        self.outputs: list[Output] = []
        self.machine = Protocol(
            config=config or ProtocolConfig(),
            identity=Identity(agent or "bridge", "00D000000000001EAA", "Europe/Berlin"),
            agent=agent,
            wanted=channels,
            new_id=lambda: f"id-{next(numbers)}",
            roll=lambda: roll,
            first_contacts=dict.fromkeys(channels, first_contact_at),
            history_limit=history_limit,
        )

    @property
    def wall(self) -> float:
        return WALL + self.now

    def open(self) -> list[dict[str, Any]]:
        self.machine.opened("secret-token", self.now, self.wall)
        return self.sent()

    def ready(self) -> None:
        """Go through AUTH and one confirmation per channel."""
        self.open()
        self.say("AUTH_SUCCESS", {"clientId": "client-1"})
        for message in self.sent():
            self.say("SUBSCRIPTION_CONFIRMED", identity_of(message))
        self.take()

    def say(self, kind: str, payload: Any = None, *, at: float | None = None, **envelope: Any) -> None:
        stamp = int((self.wall if at is None else at) * 1000)
        self.raw(
            json.dumps({"type": kind, "id": f"s-{kind}-{stamp}", "timestamp": stamp, "payload": payload, **envelope})
        )

    def raw(self, text: str) -> None:
        self.machine.received(text, self.now, self.wall)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, ticking at every deadline on the way."""
        end = self.now + seconds
        while (due := self.machine.deadline()) is not None and due <= end:
            before = (self.machine.deadline(), len(self.outputs))
            self.now = max(self.now, due)
            self.machine.tick(self.now, self.wall)
            self.outputs += self.machine.take()
            assert (self.machine.deadline(), len(self.outputs)) != before, "a tick at its deadline must get somewhere"
        self.now = end

    def take(self) -> list[Output]:
        """Everything that was put out since the last call."""
        self.outputs += self.machine.take()
        outputs, self.outputs = self.outputs, []
        return outputs

    def sent(self) -> list[dict[str, Any]]:
        """Take the outputs and give the messages among them, decoded."""
        return [json.loads(output.text) for output in self.take() if isinstance(output, Send)]


def identity_of(subscribe: dict[str, Any]) -> dict[str, Any]:
    return {
        name: subscribe["payload"][name]
        for name in ("channel", "userId", "groupType", "groupId")
        if name in subscribe["payload"]
    }
