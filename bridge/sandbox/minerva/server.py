"""The sandbox Minerva: WebSocket, token endpoint and remote control on one port."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.core.clock import Clock, SystemClock
from bridge.sandbox.minerva.acts import (
    Act,
    HistoryFill,
)
from bridge.sandbox.minerva.board import FaultBoard
from bridge.sandbox.minerva.control import Control
from bridge.sandbox.minerva.directory import DEFAULT_SERVICE_USERS, Directory
from bridge.sandbox.minerva.door import MAX_MESSAGE_BYTES, Door
from bridge.sandbox.minerva.faults import (
    Fault,
)
from bridge.sandbox.minerva.journal import DEFAULT_WAIT_S, Entry, Journal
from bridge.sandbox.minerva.past import fill_history
from bridge.sandbox.minerva.session import Session
from bridge.sandbox.minerva.subscription import Channel, ChannelKind
from bridge.sandbox.minerva.switchboard import Switchboard
from bridge.sandbox.minerva.tokens import TokenDesk
from bridge.sandbox.minerva.wire import Message
from bridge.sandbox.world import World

LOOPBACK = "127.0.0.1"
AUTH_TIMEOUT_S = 10.0  # PROTOCOL §1: AUTH is answered within 10 s; the server grants clients as long to send it
CLOSE_GRACE_S = 2.0  # for handlers at stop
GOING_AWAY = 1001

_LOG = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Let a stranger's broken HTTP, which was answered with 400, leave no traceback; our own failures must show."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOG.addFilter(_is_ours)


class SandboxMinerva:
    """A Minerva to rehearse against, built from a World; an async context manager.

    `url` and `api_url` are there once it is started. Every wait and timestamp comes from `clock`. Port 0 is any free
    one. `service_users` may subscribe to every user's channel. `user_in_meta` names the user in `meta.userId`.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        faults: Iterable[Fault] = (),
        auth_timeout_s: float = AUTH_TIMEOUT_S,
        compression: bool = True,
        service_users: Iterable[str] = DEFAULT_SERVICE_USERS,
        teams: Mapping[str, Iterable[str]] | None = None,
        user_in_meta: bool = False,
    ) -> None:
        self.world = world
        self.clock = clock or SystemClock()
        self.journal = Journal(self.clock)
        self._host = host
        self._port = port
        self._ssl = ssl_context
        self._faults = tuple(faults)
        self._dice = random.Random(world.seed)
        self._board = FaultBoard(self.clock, self._strike)
        self._switchboard = Switchboard(
            clock=self.clock,
            board=self._board,
            journal=self.journal,
            directory=Directory(world, teams=teams, service_users=service_users),
            dice=self._dice,
            user_in_meta=user_in_meta,
        )
        self._desk = TokenDesk(self.clock, self._switchboard.directory, self._board, self.journal)
        self._door = Door(
            switchboard=self._switchboard,
            desk=self._desk,
            clock=self.clock,
            auth_timeout_s=auth_timeout_s,
            compression=compression,
        )
        self._runner: web.AppRunner | None = None

    # --- life ---

    async def start(self) -> None:
        """Listen, then arm the faults it was built with.

        Raises:
            OSError: the port cannot be had.
        """
        app = web.Application(client_max_size=MAX_MESSAGE_BYTES)
        app.add_routes([web.get("/ws", self._door.handle), web.post("/api/auth/ws-token", self._desk.handle)])
        app.add_routes(Control(self).routes())
        runner = web.AppRunner(app, access_log=None, logger=_LOG, handle_signals=False, shutdown_timeout=CLOSE_GRACE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, ssl_context=self._ssl, backlog=4096).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        self.arm(*self._faults)

    async def stop(self) -> None:
        """End every session with 1001, stop listening, leave no task behind."""
        await self._board.close()
        for session in list(self._door.sessions.values()):
            session.connection.close(GOING_AWAY, "the sandbox ends")
        await asyncio.sleep(0)  # one turn for the writers
        for session in list(self._door.sessions.values()):
            session.connection.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where clients connect: `ws://…/ws`, or `wss` with TLS."""
        return f"{'wss' if self._ssl else 'ws'}://{self._host}:{self._port}/ws"

    @property
    def api_url(self) -> str:
        """The base of the HTTP API: `/api/auth/ws-token` and `/control/…` lie below it."""
        return f"{'https' if self._ssl else 'http'}://{self._host}:{self._port}"

    def now_ms(self) -> int:
        """Ms since the epoch as this server believes."""
        return self._switchboard.now_ms()

    # --- pushing ---

    async def send_to_user(self, user_id: str, type: str, payload: Mapping[str, Any], **envelope: Any) -> Message:  # noqa: A002
        """Push an event on a user's channel. See `send`."""
        return await self.send(Channel("user", user_id), type, payload, **envelope)

    async def send_to_group(
        self,
        group_type: ChannelKind,
        group_id: str,
        type: str,  # noqa: A002 - the wire's own name
        payload: Mapping[str, Any],
        **envelope: Any,
    ) -> Message:
        """Push an event on a queue's or team's channel. See `send`."""
        return await self.send(Channel(group_type, group_id), type, payload, **envelope)

    async def broadcast(self, type: str, payload: Mapping[str, Any], **envelope: Any) -> Message:  # noqa: A002
        """Push a message to every authenticated session. See `send`."""
        return await self.send(None, type, payload, **envelope)

    async def send(
        self,
        channel: Channel | None,
        kind: str,
        payload: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own name
        meta: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> Message:
        """Push a message to a channel's subscribers, or to every session, and give it as it was sent.

        It is in the outboxes and in the history on return; whether it has been read, the client must tell.
        """
        message = self._switchboard.message(kind, payload, id=id, meta=meta, timestamp=timestamp)
        if channel:
            self._switchboard.publish(channel, message)
        else:
            for session in list(self._door.sessions.values()):
                if session.user_id is not None:
                    session.say(message)
        self.journal.changed()
        await asyncio.sleep(0)  # the writers' turn: a caller that pushes without end must not starve them
        return message

    async def send_raw(self, user_id: str, data: str | bytes) -> int:
        """Send a text or binary frame as it is to all sessions of a user; gives their number."""
        opcode = WSMsgType.TEXT if isinstance(data, str) else WSMsgType.BINARY
        frame = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        sessions = self.sessions_of(user_id)
        for session in sessions:
            session.connection.send(frame, opcode)
        await asyncio.sleep(0)
        return len(sessions)

    def set_snapshot(self, group_type: ChannelKind, group_id: str, type: str, payload: Mapping[str, Any]) -> None:  # noqa: A002
        """Set what subscribers of a group are shown at every `statsInterval`; `updatedAt` is put in each time."""
        self._switchboard.set_snapshot(Channel(group_type, group_id), type, payload)

    # --- faults ---

    def arm(self, *faults: Fault) -> None:
        """Arm faults; `at_s` counts from now."""
        self._board.arm(faults)

    def disarm(self) -> None:
        """Take all faults off."""
        self._board.clear()

    def armed(self) -> list[Fault]:
        """Give the faults that are armed and not spent."""
        return self._board.armed()

    def _strike(self, act: Act) -> None:
        self.journal.record("act", detail=act.NAME)
        if isinstance(act, HistoryFill):
            fill_history(act, self._switchboard, self.world, self._dice)
            return
        for session in list(self._door.sessions.values()):
            if act.concerns(session.user_id):
                session.suffer(act)

    # --- looking ---

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return when the predicate is true; it is asked again whenever anything happens.

        Raises:
            TimeoutError: it was still false after `timeout_s` seconds.
        """
        await self.journal.wait_for(predicate, timeout_s)

    def sessions_of(self, user_id: str) -> list[Session]:
        """Give the live sessions of a user."""
        return [session for session in self._door.sessions.values() if session.user_id == user_id]

    def is_subscribed(self, kind: ChannelKind, identity: str) -> bool:
        """Tell whether any session listens to that user, queue or team."""
        return bool(self._switchboard.listeners(Channel(kind, identity)))

    def knows(self, channel: Channel) -> bool:
        """Tell whether there is such a user, queue or team."""
        return self._switchboard.directory.knows(channel.kind, channel.id)

    @property
    def session_count(self) -> int:
        """How many sockets are open."""
        return len(self._door.sessions)

    def recent(self, limit: int) -> list[Entry]:
        """Give the newest log entries, oldest first."""
        return list(self.journal.entries)[-limit:]

    def state(self) -> dict[str, Any]:
        """Give sessions and counters as JSON."""
        return {
            "sessions": [
                {
                    "session": session.number,
                    "user": session.user_id,
                    "subscriptions": session.subscriptions.names(),
                }
                for session in self._door.sessions.values()
            ],
            "counters": self.journal.snapshot(),
        }
