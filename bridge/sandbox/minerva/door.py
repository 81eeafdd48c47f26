"""The door of the WebSocket: who is let in, and the bookkeeping of who is inside."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks
from bridge.sandbox.minerva.connection import CLOSE_WAIT_S, Connection
from bridge.sandbox.minerva.faults import UpgradeRefused
from bridge.sandbox.minerva.session import Session
from bridge.sandbox.minerva.switchboard import Switchboard
from bridge.sandbox.minerva.tokens import LONGEST_USER_ID, TokenDesk
from bridge.sandbox.minerva.wire import SUBPROTOCOL

MAX_MESSAGE_BYTES = 1024 * 1024  # PROTOCOL §1


class Door:
    """Upgrades requests to sessions. `sessions` holds those that are live, by number."""

    def __init__(
        self,
        *,
        switchboard: Switchboard,
        desk: TokenDesk,
        clock: Clock,
        auth_timeout_s: float,
        compression: bool,
    ) -> None:
        self._switchboard = switchboard
        self._board = switchboard.board
        self._journal = switchboard.journal
        self._desk = desk
        self._clock = clock
        self._auth_timeout_s = auth_timeout_s
        self._compression = compression
        self._opened = 0
        self.sessions: dict[int, Session] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client from the upgrade to the end of its connection."""
        query_user, refusal = self._admit(request)
        if refusal:
            self._journal.record("upgrade_refused", query_user, detail=str(refusal.status))
            return refusal
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            compress=self._compression,
            autoclose=False,  # `Connection` answers CLOSE, or does not
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=CLOSE_WAIT_S,
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is not None:
            await self._serve(ws, transport, query_user)
        return ws

    async def _serve(self, ws: web.WebSocketResponse, transport: asyncio.Transport, query_user: str | None) -> None:
        self._opened += 1
        tasks = Tasks()
        connection = Connection(ws, transport, self._clock, tasks)
        session = Session(
            self._opened,
            connection,
            switchboard=self._switchboard,
            desk=self._desk,
            clock=self._clock,
            tasks=tasks,
            query_user=query_user,
            auth_timeout_s=self._auth_timeout_s,
        )
        self.sessions[session.number] = session
        self._journal.connected(session.number)
        try:
            await session.run()
        finally:
            session.end()
            await tasks.cancel()
            transport.close()
            del self.sessions[session.number]
            self._journal.close_codes[connection.code] += 1
            ending = f"{connection.code} by {connection.ended_by}"
            self._journal.record("close", session.user_id, session.number, ending)

    def _admit(self, request: web.Request) -> tuple[str | None, web.Response | None]:
        """Decide about an upgrade: the user of query mode, and the refusal if there is one."""
        query = request.query
        user = query.get("userId") if "token" in query else None
        fault = self._board.spend(UpgradeRefused, user)
        if fault:
            headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
            return user, web.json_response({"error": "refused"}, status=fault.status, headers=headers)
        offered = {each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
        if SUBPROTOCOL not in offered:
            return user, _refusal(400, f"the subprotocol {SUBPROTOCOL} must be offered")
        if "token" not in query:
            return None, None
        if not query.get("timestamp", "").isdecimal():
            return user, _refusal(400, "timestamp must be ms since the epoch")
        refusal = self._desk.refusal(query["token"], user, query.get("orgId"))
        if refusal:
            self._journal.auth_failures[(user or "")[:LONGEST_USER_ID]] += 1
            return user, _refusal(403 if "orgId" in refusal else 401, refusal)
        return user, None


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
