"""Fills users' histories with invented events of the past (fault `history_fill`)."""

from __future__ import annotations

import random
from typing import Any

from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.acts import (
    HistoryFill,
)
from bridge.sandbox.minerva.subscription import Channel
from bridge.sandbox.minerva.switchboard import Switchboard
from bridge.sandbox.world import World

SPACING_MS = 1_000  # between one event of the past and the next


def fill_history(act: HistoryFill, switchboard: Switchboard, world: World, dice: random.Random) -> None:
    """Put `act.count` events into the history of each user concerned; nobody is sent them."""
    for agent in world.agents:
        if not act.concerns(agent.user_id):
            continue
        newest_at = switchboard.now_ms() - int(act.age_s * 1000)
        for place in reversed(range(act.count)):
            at = newest_at - place * SPACING_MS
            payload = _payload(act, world, dice, switchboard.new_id(), at)
            message = switchboard.message(act.type, payload, timestamp=at)
            switchboard.remember(Channel("user", agent.user_id), message)


def _payload(act: HistoryFill, world: World, dice: random.Random, identity: str, at: int) -> dict[str, Any]:
    caller = dice.choice(world.callers)
    if act.type == "CALL_ENDED":
        return builders.call_ended(call_id=identity, ended_at=at, duration_s=90)
    if act.type == "CALL_INCOMING":
        return builders.call_incoming(caller, dice.choice(world.queues), call_id=identity)
    return builders.voicemail_new(
        caller,
        voicemail_id=identity,
        created_at=at,
        duration_s=20,
        transcription="Please call me back when you have a minute.",
        confidence=0.9,
    )
