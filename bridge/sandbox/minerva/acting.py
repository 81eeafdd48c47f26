"""Carries out acts of the fault script on one session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import WSMsgType

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks
from bridge.sandbox.minerva import builders
from bridge.sandbox.minerva.acts import (
    Act,
    Chatty,
    Close,
    Drop,
    ErrorMessage,
    Maintenance,
    Malformed,
    RateLimited,
    Reset,
    SessionExpired,
)
from bridge.sandbox.minerva.connection import Connection
from bridge.sandbox.minerva.malformed import malformed_frame
from bridge.sandbox.minerva.switchboard import Switchboard

CHATTER = "PRESENCE_UPDATE"


class Victim(Protocol):
    """A session, as far as acts need it."""

    user_id: str | None
    connection: Connection
    switchboard: Switchboard

    def send(self, kind: str, payload: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> None:
        """Make a message and send it."""


def perform(act: Act, session: Victim, clock: Clock, tasks: Tasks) -> None:
    """Do to this session what the act says, now."""
    now_ms = session.switchboard.now_ms()
    match act:
        case Close():
            session.connection.close(act.code, act.reason)
        case Drop():
            session.connection.drop()
        case Reset():
            session.connection.reset()
        case Chatty():
            session.connection.answers_close = False
            tasks.start(_chatter(act, session, clock), name="minerva-chatty")
        case SessionExpired():
            session.send("SESSION_EXPIRED", {})
        case RateLimited():
            session.send(
                "RATE_LIMITED",
                builders.rate_limited(retry_after=act.retry_after, limit=act.limit, current=act.current),
            )
        case Maintenance():
            start_at = now_ms + int(act.starts_in_s * 1000)
            session.send(
                "SYSTEM_MAINTENANCE",
                builders.maintenance(
                    start_at=start_at,
                    end_at=start_at + int(act.lasts_s * 1000),
                    message=act.message,
                    severity=act.severity,
                ),
            )
        case ErrorMessage():
            session.send("ERROR", {"code": act.code, "message": act.message})
        case Malformed():
            opcode = WSMsgType.BINARY if act.frame == "binary" else WSMsgType.TEXT
            session.connection.send(malformed_frame(act.frame, now_ms), opcode)
        case _:
            raise TypeError(f"{act.NAME} is not done to sessions")


async def _chatter(act: Chatty, session: Victim, clock: Clock) -> None:
    while True:
        payload = {"userId": session.user_id, "status": "available", "updatedAt": session.switchboard.now_ms()}
        session.send(CHATTER, payload)
        await clock.sleep(act.interval_s)
