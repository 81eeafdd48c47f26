"""One client's session: AUTH, subscriptions, heartbeats, and what the faults on the board make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSMessage, WSMsgType

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks, first_exit
from bridge.sandbox.minerva.acting import perform
from bridge.sandbox.minerva.acts import (
    Act,
    Moment,
)
from bridge.sandbox.minerva.connection import Connection
from bridge.sandbox.minerva.distortion import Distortion
from bridge.sandbox.minerva.faults import (
    AuthRefused,
    AuthUnanswered,
    Reorder,
    Silent,
    SlowReader,
)
from bridge.sandbox.minerva.subscribing import Subscriptions
from bridge.sandbox.minerva.subscription import Channel
from bridge.sandbox.minerva.switchboard import Switchboard
from bridge.sandbox.minerva.tokens import LONGEST_USER_ID, TokenDesk
from bridge.sandbox.minerva.wire import ClientMessage, Message, Violation, read_client_message

POLICY_VIOLATION = 1008  # no AUTH in time, a wrong first message, refused credentials


class Session:
    """A session from the open socket to its end. All sending is queued, so the handlers are plain functions.

    `user_id` is None until AUTH succeeded, or given at once in query mode (PROTOCOL §1).
    """

    def __init__(
        self,
        number: int,
        connection: Connection,
        *,
        switchboard: Switchboard,
        desk: TokenDesk,
        clock: Clock,
        tasks: Tasks,
        query_user: str | None = None,
        auth_timeout_s: float,
    ) -> None:
        self.number = number
        self.user_id = query_user
        self.connection = connection
        self.switchboard = switchboard
        self._board = switchboard.board
        self._journal = switchboard.journal
        self._desk = desk
        self._clock = clock
        self._tasks = tasks
        self._query_mode = query_user is not None
        self._auth_timeout_s = auth_timeout_s
        self.subscriptions = Subscriptions(self, clock, tasks)
        self._client_id = switchboard.new_id()
        self._distortion = Distortion(self._board)
        self._auth_is_due = not self._query_mode

    async def run(self) -> None:
        """Serve the client until the connection is over. Never raises for anything a client sends."""
        self._tasks.start(self.connection.write_out(), name="minerva-writer")
        if self._query_mode:
            self._journal.auths[str(self.user_id)] += 1
            self.note("auth", "query")
        else:
            self._tasks.start(self._auth_deadline(), name="minerva-auth-deadline")
        self._reach("open")
        if self._query_mode:
            self._reach("auth")
        while (frame := await self.connection.receive()) is not None:
            await self._while_slow()
            self._take(frame)

    def end(self) -> None:
        """Leave all channels; the connection is over."""
        self.subscriptions.leave_all()

    def push(self, channel: Channel, message: Message) -> None:
        """Send an event of a channel, if its type was subscribed to."""
        if not self.subscriptions.want(channel, message.type):
            return
        for each in self._distortion.apply(message, self.user_id):
            self.say(each)
        if self._distortion.holding:
            self._tasks.start(self._release_later(), name="minerva-reorder")

    def say(self, message: Message) -> None:
        """Send a message, unless the server has been made silent."""
        if not self._board.find(Silent, self.user_id, lambda fault: fault.what == "everything"):
            self._journal.sent[message.type] += 1
            self.connection.send(message.frame())

    def send(self, kind: str, payload: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> None:
        """Make a message and send it."""
        self.say(self.switchboard.message(kind, payload, meta=meta))

    def suffer(self, act: Act) -> None:
        """Let an act happen to this session, after its delay."""
        if act.after_s:
            self._tasks.start(self._suffer_later(act), name=f"minerva-{act.NAME}")
        else:
            perform(act, self, self._clock, self._tasks)

    # --- what clients say ---

    def _take(self, frame: WSMessage) -> None:
        try:
            if frame.type is not WSMsgType.TEXT:
                raise Violation("BINARY_FRAME", "frames are text")
            self._handle(read_client_message(frame.data))
        except Violation as violation:
            self._journal.violations[violation.code] += 1
            self.note("violation", f"{violation.code}: {violation}")
            self.send("ERROR", {"code": violation.code, "message": str(violation)})
            if self.user_id is None:
                self.connection.close(POLICY_VIOLATION, "the first message must be AUTH")

    def _handle(self, message: ClientMessage) -> None:
        if self.user_id is None:
            if message.type != "AUTH":
                raise Violation("NOT_AUTHENTICATED", f"{message.type} before AUTH")
            self._authenticate(message)
            return
        handlers: Mapping[str, Callable[[ClientMessage], None]] = {
            "AUTH": self._authenticate_again,
            "HEARTBEAT": self._heartbeat,
            "SUBSCRIBE": self.subscriptions.subscribe,
            "UNSUBSCRIBE": self.subscriptions.unsubscribe,
        }
        handlers[message.type](message)

    def _authenticate(self, message: ClientMessage) -> None:
        token, user_id, org_id = (message.payload.get(name) for name in ("token", "userId", "orgId"))
        user = user_id if isinstance(user_id, str) else None
        if self._board.spend(AuthUnanswered, user):
            self._auth_is_due = False
            return
        refused = self._board.spend(AuthRefused, user)
        refusal = refused.message if refused else self._desk.refusal(token, user_id, org_id)
        if refusal is None and not _has_client_info(message.payload):
            refusal = "clientInfo needs platform, userAgent and timezone"
        if refusal is not None or user is None:
            self._refuse(user, refusal or "", refused.close_code if refused else POLICY_VIOLATION)
            return
        self._auth_is_due = False
        acts = self._board.acts("auth", user)
        if not any(act.instead for act in acts):
            self.user_id = user
            self._journal.auths[user] += 1
            self.send("AUTH_SUCCESS", {"clientId": self._client_id, "userId": user})
            self.note("auth", "handshake")
        for act in acts:
            self.suffer(act)

    def _refuse(self, user: str | None, reason: str, close_code: int | None) -> None:
        self._journal.auth_failures[(user or "")[:LONGEST_USER_ID]] += 1
        self._journal.record("auth_failure", user, self.number, reason)
        self.send("AUTH_FAILURE", {"message": reason, "code": "AUTH_REFUSED"})
        if close_code is not None:
            self.connection.close(close_code, "authentication failed")
        else:
            self._auth_is_due = False

    def _authenticate_again(self, _: ClientMessage) -> None:
        raise Violation("ALREADY_AUTHENTICATED", "this session is authenticated")

    def _heartbeat(self, message: ClientMessage) -> None:
        if not self._query_mode and message.client_id != self._client_id:
            raise Violation("WRONG_CLIENT", "clientId is not the one that AUTH_SUCCESS gave")
        self._journal.heartbeats[str(self.user_id)] += 1
        self.note("heartbeat")
        if not self._board.spend(Silent, self.user_id):
            self.send("HEARTBEAT_ACK", {"originalTimestamp": message.timestamp})

    # --- what takes time ---

    async def _auth_deadline(self) -> None:
        await self._clock.sleep(self._auth_timeout_s)
        if self._auth_is_due:
            self.connection.close(POLICY_VIOLATION, "no AUTH in time")

    async def _release_later(self) -> None:
        fault = self._board.find(Reorder, self.user_id)
        await self._clock.sleep(fault.hold_s if fault else 0)
        for message in self._distortion.release(self.user_id):
            self.say(message)

    async def _suffer_later(self, act: Act) -> None:
        await self._clock.sleep(act.after_s)
        perform(act, self, self._clock, self._tasks)

    async def _while_slow(self) -> None:
        while self._board.find(SlowReader, self.user_id) and not self.connection.closing:
            await first_exit(self._board.changed(), self.connection.pause_reading())

    def _reach(self, moment: Moment) -> None:
        for act in self._board.acts(moment, self.user_id):
            self.suffer(act)

    def note(self, kind: str, detail: str = "") -> None:
        """Write into the journal."""
        self._journal.record(kind, self.user_id, self.number, detail)


def _has_client_info(payload: Mapping[str, Any]) -> bool:
    info = payload.get("clientInfo")
    return isinstance(info, dict) and all(
        isinstance(info.get(key), str) for key in ("platform", "userAgent", "timezone")
    )
