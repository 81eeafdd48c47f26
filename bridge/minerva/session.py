"""One session with Minerva: owns a connection, its protocol machine and the loop that brings it back.

Owns: the state that survives a reconnect (attempts, first contact, history limit). Does not own: one connection's talk
(`conversation`), the door, the tokens, what becomes of events. `run` is one task.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol as Port

import structlog

from bridge.core.backoff import jittered
from bridge.core.clock import Clock
from bridge.core.errors import BridgeError, Refused, Unavailable
from bridge.core.logging import redactor
from bridge.core.privacy import mask_digits, mask_text
from bridge.core.tasks import first_exit
from bridge.events import Event
from bridge.minerva import messages, outputs, protocol
from bridge.minerva.conversation import Conversation
from bridge.minerva.door import Door
from bridge.minerva.endings import Disposition, Ending, Kind, classify
from bridge.minerva.messages import Channel, Identity
from bridge.minerva.protocol import Protocol, ProtocolConfig
from bridge.minerva.tokens import Tokens
from bridge.minerva.transport import ConnectFailed, Connector

log = structlog.get_logger()

LONGEST_TYPE_SHOWN = 60
LONGEST_QUOTE = 300


class StateForbidsError(BridgeError):
    """The session's state forbids what was asked; the text says why."""


class State(Enum):
    """The six states of the guide."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ERROR = "error"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What decides how a session comes back. Durations in seconds."""

    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    alert_after_attempts: int = 5
    stable_after_s: float = 30.0
    parked_retry_s: float = 900.0
    history_limit: int = 50
    log_frames: bool = False
    show_callers: bool = False
    """False: broken messages are logged as a shape, for what is in them may be a caller's."""


class Listener(Port):
    """Whom a session tells. Every call returns at once: a session's reader never waits for work."""

    def event_came(self, event: Event) -> None:
        """An event to act on."""

    def message_counted(self, kind: str, outcome: str) -> None:
        """A message became no event, or an event is not to be acted on."""

    def latency_measured(self, seconds: float) -> None:
        """A heartbeat's round trip."""

    def gap_found(self, session: Session, channel: Channel, since: float, until: float) -> None:
        """History could not fill a gap: events between these instants (Minerva's clock) may be missing."""

    def connection_ended(self, session: Session, ending: Ending) -> None:
        """A connection ended, or never came about."""

    def state_changed(self, session: Session) -> None:
        """The session's state, degradation or health changed."""

    def fleet_held(self, seconds: float) -> None:
        """Minerva asks everybody to hold back that long."""


@dataclass(slots=True)
class Session:
    """One session. Start `run` as a task and cancel it to end the session: the socket is then closed with 1000."""

    user_id: str
    agent: str | None
    wanted: tuple[Channel, ...]
    org_id: str
    timezone: str
    config: SessionConfig
    clock: Clock
    dice: random.Random
    connector: Connector
    tokens: Tokens
    door: Door
    listener: Listener
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    state: State = field(default=State.DISCONNECTED, init=False)
    since: float = field(default=0.0, init=False)
    """When the state was entered, seconds since the epoch."""
    attempts: int = field(default=0, init=False)
    """Failed attempts in a row; back to 0 only after `stable_after_s` of `connected`."""
    parked: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    """True while an operator wants the session closed."""
    failed: tuple[Channel, ...] = field(default=(), init=False)
    """Subscriptions that do not work at present: the session is degraded while there are any."""
    last_ending: Ending | None = field(default=None, init=False)
    last_event_at: float | None = field(default=None, init=False)
    latency_s: float | None = field(default=None, init=False)
    _first_contacts: dict[Channel, float] = field(default_factory=dict, init=False)
    _history_limit: int = field(default=0, init=False)
    _connected_at: float | None = field(default=None, init=False)
    _conversation: Conversation | None = field(default=None, init=False)
    _nudged: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _interrupted: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _accepted_at: dict[Channel, float] = field(default_factory=dict, init=False)
    """Per channel the latest event taken in, on Minerva's clock."""
    _gap_begins_at: dict[Channel, float] = field(default_factory=dict, init=False)
    """The same as it was when the connection was lost or the sequence jumped: from where a gap would begin."""
    _want_fresh_token: bool = field(default=False, init=False)
    _refused: bool = field(default=False, init=False)
    _renewed: bool = field(default=False, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    @property
    def degraded(self) -> bool:
        """True when connected with a subscription missing."""
        return self.state is State.CONNECTED and bool(self.failed)

    @property
    def failing(self) -> bool:
        """True when it failed often enough to be reported; it keeps trying."""
        return self.state is State.ERROR and not self.parked

    def reconnect(self) -> None:
        """Close the connection, if there is one, and connect anew at once, parked or not. Raises StateForbidsError."""
        if self.paused:
            raise StateForbidsError("the session is paused: resume it")
        self._interrupt()

    def pause(self) -> None:
        """Close the session and keep it closed until `resume`. Raises StateForbidsError."""
        if self.paused:
            raise StateForbidsError("the session is paused already")
        self.paused = True
        self._interrupt()

    def resume(self) -> None:
        """Connect again after a pause. Raises StateForbidsError."""
        if not self.paused:
            raise StateForbidsError("the session is not paused")
        self.paused = False
        self._nudged.set()

    def _interrupt(self) -> None:
        self._interrupted.set()
        self._nudged.set()

    def want(self, channels: tuple[Channel, ...]) -> None:
        """Subscribe exactly these channels from now on; a live connection stays."""
        self.wanted = channels
        self._meet(channels)
        if self._conversation is not None:
            self._conversation.machine.want(channels, self.clock.monotonic(), self.clock.now())
            self._conversation.settle()

    def _meet(self, channels: tuple[Channel, ...]) -> None:
        for channel in channels:
            self._first_contacts.setdefault(channel, self.clock.now())

    def hold(self, seconds: float) -> None:
        """Send no SUBSCRIBE for that long."""
        if self._conversation is not None:
            self._conversation.machine.hold(self.clock.monotonic() + seconds)

    async def run(self) -> None:
        """Hold the session for ever. Never raises but for cancellation."""
        # First contact comes before the first SUBSCRIBE: older history is never acted on (PROTOCOL §5).
        self._meet(self.wanted)
        self._history_limit = self.config.history_limit
        try:
            while True:
                while self.paused:
                    self._enter(State.SUSPENDED)
                    self._nudged.clear()
                    await self._nudged.wait()
                self._interrupted.clear()
                await self._follow(await self._survive())
        finally:
            self._enter(State.DISCONNECTED)

    async def _survive(self) -> Ending:
        """One connection; a defect of our own ends it like a lost one: no agent is given up for it."""
        try:
            return await self._connection()
        except Exception as error:
            log.exception("session.defect", user_id=self.user_id)
            return Ending(Kind.LOST, reason=f"defect: {type(error).__name__}")

    # --- after an ending -----------------------------------------------------------------------------------------

    async def _follow(self, ending: Ending) -> None:
        """Do what the ending asks for and return when the next attempt is due."""
        up_for = 0.0 if self._connected_at is None else self.clock.monotonic() - self._connected_at
        if self._connected_at is not None:
            self._refused = False
        self._connected_at = None
        self.last_ending = ending = replace(ending, reason=self._quoted(ending.reason))
        if up_for >= self.config.stable_after_s:
            self.attempts, self._renewed = 0, False
        self.listener.connection_ended(self, ending)
        if ending.kind is Kind.TOO_LARGE:
            self._history_limit //= 2  # if it came out of history, it would come again (PROTOCOL §1)
        match classify(ending):
            case Disposition.STAY_CLOSED:
                self.attempts = 0  # an operator asked for it: that is no failure
            case Disposition.REAUTHENTICATE if self.tokens.renewable and not self._refused:
                # One fresh token, then parked; a static token is parked at once (PROTOCOL §1).
                self._refused = self._want_fresh_token = True
            case Disposition.RENEW if not self._renewed:
                self._renewed = self._want_fresh_token = True
            case Disposition.REAUTHENTICATE | Disposition.PARK:
                await self._park(ending)
            case disposition:
                self._want_fresh_token = disposition is Disposition.RENEW
                await self._back_off(ending, hold_fleet=disposition is Disposition.RETRY_HOLD_FLEET)

    async def _park(self, ending: Ending) -> None:
        self._refused, self._want_fresh_token = False, True
        log.error("session.parked", user_id=self.user_id, ending=str(ending), retry_s=self.config.parked_retry_s)
        self._enter(State.ERROR, parked=True)
        await self._wait(self.config.parked_retry_s)

    async def _back_off(self, ending: Ending, *, hold_fleet: bool) -> None:
        wait = jittered(
            self.attempts,
            base_s=self.config.protocol.backoff_base_s,
            cap_s=self.config.protocol.backoff_max_s,
            roll=self.dice.random(),
        )
        self.attempts += 1
        if hold_fleet:
            hold = wait if ending.retry_after_s is None else min(ending.retry_after_s, protocol.RETRY_AFTER_CAP_S)
            self.listener.fleet_held(hold)
        log.warning("session.ended", user_id=self.user_id, ending=str(ending), attempt=self.attempts, wait_s=wait)
        self._enter(State.ERROR if self.attempts >= self.config.alert_after_attempts else State.RECONNECTING)
        await self._wait(wait)

    async def _wait(self, seconds: float) -> None:
        if self._interrupted.is_set():
            return
        self._nudged.clear()
        await first_exit(self.clock.sleep(seconds), self._nudged.wait())

    def _enter(self, state: State, *, parked: bool = False) -> None:
        changed = (state, parked) != (self.state, self.parked)
        self.parked = parked
        if changed:
            self.state, self.since = state, self.clock.now()
        self.listener.state_changed(self)

    # --- one connection ------------------------------------------------------------------------------------------

    async def _connection(self) -> Ending:
        """Connect once and stay until it ends; every way it can end is returned, never raised."""
        if self.door.closed:
            self._enter(State.SUSPENDED)
        elif self.state is not State.ERROR:
            self._enter(State.CONNECTING if self.last_ending is None else State.RECONNECTING)
        await first_exit(self.door.admitted(), self._interrupted.wait())
        if self._interrupted.is_set():
            return Ending(Kind.BY_US, reason="interrupted")
        if self.state is State.SUSPENDED:
            self._enter(State.RECONNECTING)
        try:
            token = await self.tokens.token(self.user_id, fresh=self._want_fresh_token)
        except Refused as error:
            return Ending(Kind.TOKEN_REFUSED, reason=str(error))
        except Unavailable as error:
            return Ending(Kind.TOKEN_UNAVAILABLE, reason=str(error))
        self._want_fresh_token = False
        identity = Identity(self.user_id, self.org_id, self.timezone)
        machine = Protocol(
            config=self.config.protocol,
            identity=identity,
            agent=self.agent,
            wanted=self.wanted,
            new_id=self.new_id,
            roll=self.dice.random,
            first_contacts=self._first_contacts,
            history_limit=self._history_limit,
        )
        query = (
            messages.query_parameters(identity, token.value, self.clock.now())
            if self.config.protocol.query_auth
            else {}
        )
        try:
            connection = await self.connector.connect(query)
        except ConnectFailed as error:
            return error.ending
        self._gap_begins_at = dict(self._accepted_at)
        self._conversation = Conversation(
            connection,
            machine,
            self.clock,
            take=self._take,
            show=self._log_frame if self.config.log_frames else None,
        )
        try:
            return await self._conversation.run(token.value, self._interrupted)
        finally:
            self._conversation = None

    def _take(self, output: outputs.Output) -> None:
        match output:
            case outputs.Delivered(event):
                self.last_event_at = self.clock.now()
                self.listener.event_came(event)
                if event.agent is not None:  # after it was taken in: progress never runs ahead of intake
                    channel = messages.user(event.agent)
                    self._accepted_at[channel] = max(self._accepted_at.get(channel, 0.0), event.occurred_at)
            case outputs.Ready(failed):
                self._ready(failed)
            case outputs.Replayed():
                self._replayed(output)
            case _:
                self._report(output)

    def _replayed(self, replay: outputs.Replayed) -> None:
        """A gap is reported only when history cannot have filled it (PROTOCOL §5)."""
        since = self._gap_begins_at.get(replay.channel)
        if since is None:
            return
        if replay.jump_at is not None:
            self.listener.gap_found(self, replay.channel, since, replay.jump_at)
        elif replay.full and replay.oldest_at is not None and replay.oldest_at > since:
            self.listener.gap_found(self, replay.channel, since, replay.oldest_at)

    def _ready(self, failed: tuple[Channel, ...]) -> None:
        self.failed = failed
        self.door.passed()
        if self._connected_at is None:
            self._connected_at = self.clock.monotonic()
            log.info("session.connected", user_id=self.user_id, failed=[str(channel) for channel in failed])
        self._enter(State.CONNECTED)

    def _report(self, output: outputs.Output) -> None:
        """Tell what is neither an event nor a turn of the connection."""
        match output:
            case outputs.Counted(kind, outcome, excerpt):
                self.listener.message_counted(kind, outcome)
                shown = excerpt if self.config.show_callers else mask_text(excerpt)
                self._tell_once(f"message.{outcome}", type=self._quoted(kind)[:LONGEST_TYPE_SHOWN], excerpt=shown)
            case outputs.Recorded(event, why):
                self.listener.message_counted(event.type, why)
            case outputs.SubscriptionFailed(channel, reason):
                told = self._quoted(reason)
                log.warning("subscription.failed", user_id=self.user_id, channel=str(channel), reason=told)
            case outputs.RateLimited(retry_after_s):
                log.warning("session.rate_limited", user_id=self.user_id, retry_after_s=retry_after_s)
                self.listener.fleet_held(retry_after_s)
            case outputs.Latency(seconds):
                self.latency_s = seconds
                self.listener.latency_measured(seconds)
            case outputs.ServerError(code, message):
                self.listener.message_counted("ERROR", "told")
                said = {"code": self._quoted(code), "message": self._quoted(message)}
                log.warning("session.server_error", user_id=self.user_id, **said)
            case outputs.SequenceJump(expected, got):
                self._gap_begins_at = dict(self._accepted_at)
                self.listener.message_counted("sequence", "jump")
                log.warning("session.sequence_jump", user_id=self.user_id, expected=expected, got=got)
            case _:
                pass

    def _tell_once(self, what: str, **facts: str) -> None:
        """Log the first message of each kind of trouble: a peer that sends rubbish must not fill the log."""
        if what not in self._told:
            self._told.add(what)
            log.warning(what, user_id=self.user_id, **{name: fact for name, fact in facts.items() if fact})

    def _quoted(self, text: str) -> str:
        """Minerva's own words as they may be shown: they have been seen to repeat a token or a caller's number."""
        shown = redactor(text[:LONGEST_QUOTE])
        return shown if self.config.show_callers else mask_digits(shown)

    def _log_frame(self, direction: str, text: str) -> None:
        log.debug("session.frame", user_id=self.user_id, direction=direction, frame=redact_frame(text))


def redact_frame(text: str) -> str:
    """Show a frame's type, id and the names of its payload's fields; never a value, for values are callers' data."""
    try:
        raw = messages.decode(text)
    except ValueError:
        return f"({len(text)} characters that are no JSON object)"
    payload = raw.get("payload")
    fields = ",".join(sorted(map(str, payload))) if isinstance(payload, dict) else ""
    return f"{raw.get('type')} id={raw.get('id')} payload{{{fields}}}"[:500]
