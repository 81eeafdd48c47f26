"""One connection's side of the Minerva protocol, as a pure machine: text and instants in, outputs out.

No clock, loop, socket or dice: every rule of PROTOCOL §1-§5 can be tested with literals. The shell (`session`) feeds it
with `opened`, `received`, `tick` and `hold`, then drains `take()` in order. After an `Ended` the machine is deaf.

`now` is monotonic seconds, `wall` seconds since the epoch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from bridge.core.backoff import jittered
from bridge.events import Event
from bridge.minerva import messages
from bridge.minerva.codec import CONTROL_TYPES, GROUP_TYPES, Origin, to_event
from bridge.minerva.endings import Ending, Kind
from bridge.minerva.heartbeat import Heartbeat, Verdict
from bridge.minerva.messages import Channel, Identity
from bridge.minerva.outputs import (
    Counted,
    Delivered,
    Ended,
    Latency,
    Output,
    RateLimited,
    Ready,
    Recorded,
    Replayed,
    Send,
    SequenceJump,
    ServerError,
    SubscriptionFailed,
)
from bridge.minerva.skew import Skew
from bridge.minerva.subscriptions import Ledger
from bridge.minerva.wire import Malformed, Message, envelope, number_field, parse, sequence, text_field

RETRY_AFTER_CAP_S = 300.0
"""No RATE_LIMITED holds longer than this (PROTOCOL §3)."""

HELD_AT_MOST = 1000
HELD_FOR_S = 1.0
"""Live events that arrive while history is asked for are held back, so that it comes first: so many and so long at most,
for a ring must not wait on a server that is slow to confirm."""

KEYS_KNOWN = 200
"""As many events as a jump in the sequence is compared with: more than history holds."""

REPLAY_WINDOW_S = 2.0
"""History may come as ordinary messages, unmarked. Within this time of a confirmation, what is older than the first
contact counts as history; later it is a live event with an old stamp, and live events are always acted on."""

LAG_TOLERANCE_S = 2.0
"""A tick that comes later than this was our own stall: Minerva is not blamed for it."""


@dataclass(frozen=True, slots=True)
class ProtocolConfig:
    """The numbers of PROTOCOL §1, §4 and §5, in seconds."""

    query_auth: bool = False
    auth_timeout_s: float = 10.0
    subscribe_timeout_s: float = 10.0
    heartbeat_interval_s: float = 30.0
    heartbeat_timeout_s: float = 10.0
    max_missed_heartbeats: int = 3
    backoff_base_s: float = 1.0
    backoff_max_s: float = 30.0
    retry_after_scale: float = 1.0
    """Seconds in one unit of `retryAfter`."""


class Phase(Enum):
    """How far the connection has come."""

    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    SUBSCRIBING = "subscribing"
    READY = "ready"
    CLOSED = "closed"


@dataclass(slots=True)
class _Replay:
    """History of one channel on its way: what came so far, until when unmarked history is looked for."""

    asked_wall: float
    open_until: float
    """Until when unmarked history is looked for; old stamps that come later are live events."""
    until: float | None = None
    count: int = 0
    oldest_at: float | None = None

    def note(self, occurred_at: float) -> None:
        self.count += 1
        self.oldest_at = occurred_at if self.oldest_at is None else min(self.oldest_at, occurred_at)


@dataclass(slots=True)
class _Jump:
    """A jump in the sequence: how many are missing, and what history has brought that was not known."""

    missing: int
    at: float
    known: frozenset[str]
    cause: str | None
    found: set[str] = field(default_factory=set)

    def came(self, event: Event) -> None:
        """History brought this event; the one whose number jumped is no find."""
        if event.key not in self.known and event.id != self.cause:
            self.found.add(event.key)


@dataclass(slots=True)
class Protocol:
    """The machine of one connection.

    Args:
        config: The protocol's numbers.
        identity: As whom the session speaks.
        agent: The user id that user events concern; None on a shared and on the supervisor session.
        wanted: The channels to subscribe.
        new_id: Gives a fresh message id.
        roll: Gives dice in [0, 1) for the retry of a refused subscription and the phase of the first heartbeat.
        first_contacts: Per channel the instant before which history is not acted on (our clock, seconds since the epoch).
        history_limit: How much history to ask for; 0 for none.
    """

    config: ProtocolConfig
    identity: Identity
    agent: str | None
    wanted: Iterable[Channel]
    new_id: Callable[[], str]
    roll: Callable[[], float]
    first_contacts: Mapping[Channel, float]
    history_limit: int = 50
    phase: Phase = field(default=Phase.OPENING, init=False)
    client_id: str | None = field(default=None, init=False)
    _ledger: Ledger = field(init=False)
    _outputs: list[Output] = field(default_factory=list, init=False)
    _auth_due_at: float | None = field(default=None, init=False)
    _auth_sent_wall: float | None = field(default=None, init=False)
    _beat: Heartbeat | None = field(default=None, init=False)
    _last_inbound_at: float = field(default=0.0, init=False)
    _held_until: float = field(default=0.0, init=False)
    _replays: dict[Channel, _Replay] = field(default_factory=dict, init=False)
    _told_failing: set[Channel] = field(default_factory=set, init=False)
    _replays_end_at: float | None = field(default=None, init=False)
    _asking: set[Channel] = field(default_factory=set, init=False)
    """The channels whose history was asked for and not answered yet."""
    _held: list[Message] = field(default_factory=list, init=False)
    _release_at: float | None = field(default=None, init=False)
    _skew: Skew = field(default_factory=Skew, init=False)
    _sequence: int | None = field(default=None, init=False)
    _jump: _Jump | None = field(default=None, init=False)
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False)
    """Keys of the latest events, kept only where messages are numbered."""

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.wanted)

    # --- what the shell asks -------------------------------------------------------------------------------------

    def take(self) -> list[Output]:
        """Hand over what has piled up since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def deadline(self) -> float | None:
        """The next monotonic instant at which to `tick`; None only when closed or not yet opened.

        Never too late; now and then too early, when the tick finds nothing to do but a better deadline.
        """
        if self.phase in {Phase.OPENING, Phase.CLOSED}:
            return None
        if self.phase is Phase.AUTHENTICATING:
            return self._auth_due_at
        due = [
            self._beat.due_at() if self._beat is not None else None,
            self._ledger.due_at(),
        ]
        due += [self._replays_end_at, self._release_at]
        return min((each for each in due if each is not None), default=None)

    @property
    def skew_s(self) -> float:
        """How far Minerva's clock runs ahead of ours, in seconds."""
        return self._skew.seconds

    # --- what the shell tells ------------------------------------------------------------------------------------

    def opened(self, token: str, now: float, wall: float) -> None:
        """The WebSocket is open: authenticate, or subscribe at once when the URL did it (`query`)."""
        self._last_inbound_at = now
        if self.config.query_auth:
            self._authenticated(now, wall)
            return
        self.phase = Phase.AUTHENTICATING
        self._auth_due_at, self._auth_sent_wall = now + self.config.auth_timeout_s, wall
        self._outputs.append(Send(messages.auth(self.identity, token, wall)))

    def closed(self) -> None:
        """The connection is gone: what was held back for history is given out, and the machine is deaf from now on."""
        if self.phase is not Phase.CLOSED:
            self._asking.clear()
            self._release(self._last_inbound_at)
            self.phase = Phase.CLOSED

    def hold(self, until: float) -> None:
        """Send no SUBSCRIBE before that monotonic instant: the fleet was rate limited."""
        self._held_until = max(self._held_until, until)

    def want(self, channels: Iterable[Channel], now: float, wall: float) -> None:
        """Subscribe exactly these channels from now on: new ones are asked for, others are left."""
        for channel in self._ledger.want(channels):
            self._replays.pop(channel, None)
            self._asking.discard(channel)
            if self.phase in {Phase.SUBSCRIBING, Phase.READY}:
                self._outputs.append(Send(messages.unsubscribe(channel, wall, message_id=self.new_id())))
        if self.phase in {Phase.SUBSCRIBING, Phase.READY}:
            self._subscribe(now, wall)
            self._release(now)
            self._settle()

    def received(self, text: str, now: float, wall: float) -> None:
        """One text frame came in. Never raises, whatever the text."""
        if self.phase is Phase.CLOSED:
            return
        self._last_inbound_at = now
        try:
            message = parse(text)
            self._handle(message, now, wall)
        except Malformed as error:
            self._outputs.append(Counted("malformed", error.reason, error.excerpt))

    def received_binary(self, now: float) -> None:
        """One binary frame came in: a sign of life, nothing else (PROTOCOL §1)."""
        if self.phase is not Phase.CLOSED:
            self._last_inbound_at = now
            self._outputs.append(Counted("malformed", "binary"))

    def tick(self, now: float, wall: float) -> None:
        """Do what has fallen due. Call it at `deadline()` or later; calling it early does nothing."""
        self._ledger.look(not_before=self._held_until)
        due = self.deadline()
        if due is None or now < due:
            return
        lag = now - due
        if lag > LAG_TOLERANCE_S:
            self._forgive(lag)
            self._ledger.look(not_before=self._held_until)
            if (due := self.deadline()) is None or now < due:
                return
        if self.phase is Phase.AUTHENTICATING:
            self._end(Kind.AUTH_TIMEOUT, f"no answer to AUTH within {self.config.auth_timeout_s:g} s")
            return
        self._end_replays(now)
        if self._release_at is not None and now >= self._release_at:
            self._asking.clear()
            self._release(now)
        for channel in self._ledger.overdue(now):
            self._refused(channel, f"no answer within {self.config.subscribe_timeout_s:g} s", now)
        self._subscribe(now, wall)
        self._heartbeat(now, wall)
        self._ledger.look(not_before=self._held_until)

    # --- inside --------------------------------------------------------------------------------------------------

    def _end(self, kind: Kind, reason: str, *, close_code: int = 1000, retry_after_s: float | None = None) -> None:
        self.closed()
        self._outputs.append(Ended(Ending(kind, reason=reason, retry_after_s=retry_after_s), close_code))

    def _forgive(self, lag: float) -> None:
        """Our own loop stood still: move what waits for Minerva's answer by as much."""
        if self._auth_due_at is not None:
            self._auth_due_at += lag
        if self._beat is not None:
            self._beat.forgive(lag)
        for _, entry in self._ledger:
            if entry.due_at is not None:
                entry.due_at += lag

    def _handle(self, message: Message, now: float, wall: float) -> None:
        if self.phase is Phase.AUTHENTICATING and message.type not in CONTROL_TYPES:
            self._outputs.append(Counted(message.type, "before_auth"))
            return
        if self._check_sequence(message):
            self._subscribe(now, wall)  # before this event: what was missed comes first
        if message.type in CONTROL_TYPES:
            self._control(message, now, wall)
            return
        if self._asking and len(self._held) < HELD_AT_MOST and message.type not in GROUP_TYPES:
            if self._release_at is None:
                self._release_at = now + HELD_FOR_S
            self._held.append(message)
            return
        self._event(message, now, replayed=None)

    def _check_sequence(self, message: Message) -> bool:
        """True when the sequence jumped: history is then asked for again."""
        number = sequence(message)
        if number is None:
            return False
        jumped = False
        if self._sequence is not None and number > self._sequence + 1:
            self._outputs.append(SequenceJump(self._sequence + 1, number))
            self._jump = _Jump(
                missing=number - self._sequence - 1, at=message.sent_at, known=frozenset(self._known), cause=message.id
            )
            self._ledger.ask_again()
            jumped = True
        if self._sequence is None or number > self._sequence:
            self._sequence = number
        return jumped

    def _control(self, message: Message, now: float, wall: float) -> None:
        match message.type:
            case "AUTH_SUCCESS" | "AUTH_FAILURE" if self.phase is Phase.AUTHENTICATING:
                self._answered_auth(message, now, wall)
            case "HEARTBEAT_ACK":
                self._acknowledged(message, wall)
            case "SUBSCRIPTION_CONFIRMED":
                self._confirmed(message, now)
            case "SUBSCRIPTION_ERROR":
                self._subscription_refused(message, now)
            case "RATE_LIMITED":
                self._rate_limited(message, now)
            case "SESSION_EXPIRED":
                self._end(Kind.SESSION_EXPIRED, "SESSION_EXPIRED")
            case "ERROR":
                code, said = text_field(message, "code") or "", text_field(message, "message") or ""
                self._outputs.append(ServerError(code, said))
            case _:
                self._outputs.append(Counted(message.type, "out_of_place"))

    def _answered_auth(self, message: Message, now: float, wall: float) -> None:
        if message.type == "AUTH_FAILURE":
            self._end(Kind.AUTH_REFUSED, text_field(message, "message") or "AUTH_FAILURE")
            return
        self.client_id = text_field(message, "clientId")
        if self._auth_sent_wall is not None:
            self._skew.learn(asked_at=self._auth_sent_wall, answered_at=wall, server_at=message.sent_at)
        self._authenticated(now, wall)

    def _authenticated(self, now: float, wall: float) -> None:
        self.phase, self._auth_due_at = Phase.SUBSCRIBING, None
        config = self.config
        self._beat = Heartbeat(
            interval_s=config.heartbeat_interval_s,
            timeout_s=config.heartbeat_timeout_s,
            max_missed=config.max_missed_heartbeats,
            next_at=now + config.heartbeat_interval_s * (0.1 + 0.9 * self.roll()),
        )
        self._subscribe(now, wall)
        self._settle()

    def _subscribe(self, now: float, wall: float) -> None:
        if now < self._held_until:
            return
        for channel in self._ledger.sendable(now):
            self._ledger.sent(channel, answer_due_at=now + self.config.subscribe_timeout_s)
            if channel.group_type is None and self.history_limit:
                self._replays[channel] = _Replay(asked_wall=wall, open_until=now + REPLAY_WINDOW_S)
                self._asking.add(channel)
            text = messages.subscribe(channel, wall, message_id=self.new_id(), history_limit=self.history_limit)
            self._outputs.append(Send(text))

    def _confirmed(self, message: Message, now: float) -> None:
        channel = self._ledger.named_by(message)
        if channel is None or not self._ledger.confirmed(channel):
            self._outputs.append(Counted(message.type, "unmatched"))
            return
        history = message.payload.get("history")
        for raw in history if isinstance(history, list) else ():
            try:
                self._event(envelope(raw), now, replayed=channel)
            except Malformed as error:
                self._outputs.append(Counted("malformed", error.reason, error.excerpt))
        replay = self._replays.get(channel)
        if replay is not None:
            replay.until = replay.open_until = now + REPLAY_WINDOW_S
            if self._replays_end_at is None:
                self._replays_end_at = replay.until
        self._asking.discard(channel)
        self._release(now)
        self._settle()

    def _end_replays(self, now: float) -> None:
        if self._replays_end_at is None or now < self._replays_end_at:
            return
        for channel, replay in list(self._replays.items()):
            if replay.until is not None and replay.until <= now:
                del self._replays[channel]
                full = replay.count >= self.history_limit
                self._outputs.append(Replayed(channel, replay.oldest_at, full, self._open_jump()))
        self._replays_end_at = min(
            (each.until for each in self._replays.values() if each.until is not None), default=None
        )

    def _open_jump(self) -> float | None:
        """When the sequence jumped, if what history brought cannot be all that was missed (PROTOCOL §5)."""
        jump, self._jump = self._jump, None
        return jump.at if jump is not None and len(jump.found) < jump.missing else None

    def _release(self, now: float) -> None:
        """Let go of what was held back, in the order in which it happened."""
        if self._held and not self._asking:
            self._release_at = None
            held, self._held = sorted(self._held, key=lambda message: message.sent_at), []
            for message in held:
                try:
                    self._event(message, now, replayed=None)
                except Malformed as error:
                    self._outputs.append(Counted("malformed", error.reason, error.excerpt))

    def _subscription_refused(self, message: Message, now: float) -> None:
        channel = self._ledger.named_by(message)
        reason = text_field(message, "reason") or text_field(message, "code") or "refused"
        if channel is None:
            self._outputs.append(Counted(message.type, "unmatched", reason))
            return
        self._refused(channel, reason, now)

    def _refused(self, channel: Channel, reason: str, now: float) -> None:
        wait = jittered(
            self._ledger.failures(channel),
            base_s=self.config.backoff_base_s,
            cap_s=self.config.backoff_max_s,
            roll=self.roll(),
        )
        self._ledger.refused(channel, reason, retry_at=now + wait)
        self._replays.pop(channel, None)
        self._asking.discard(channel)
        self._release(now)
        self._outputs.append(SubscriptionFailed(channel, reason))
        self._settle()

    def _settle(self) -> None:
        """Tell readiness when it is reached, and again whenever a failed channel came back or another failed."""
        if self.phase is Phase.SUBSCRIBING and self._ledger.settled:
            self.phase = Phase.READY
        elif self.phase is not Phase.READY or self._told_failing == self._ledger.failing:
            return
        self._told_failing = set(self._ledger.failing)
        self._outputs.append(Ready(tuple(sorted(self._told_failing, key=str))))

    def _rate_limited(self, message: Message, now: float) -> None:
        asked = number_field(message, "retryAfter")
        wait = min(max(asked or 0.0, 0.0) * self.config.retry_after_scale, RETRY_AFTER_CAP_S)
        if self.phase is Phase.AUTHENTICATING:
            self._end(Kind.RATE_LIMITED, "RATE_LIMITED during AUTH", retry_after_s=wait)
            return
        self.hold(now + wait)
        self._outputs.append(RateLimited(wait))

    def _event(self, message: Message, now: float, *, replayed: Channel | None) -> None:
        """Deliver an event; `replayed` is the channel in whose history list it stood."""
        agent = self.agent or (replayed.id if replayed is not None else None)
        origin = Origin(agent, self._skew.effective_s, replayed is not None, shared=self.agent is None)
        event = to_event(message, origin)
        if event is None:
            self._outputs.append(Counted(message.type, "unknown"))
            return
        channel = messages.user(event.agent or "")
        replay = self._replays.get(channel)
        happened_at = event.happened_at
        unmarked = replay is not None and happened_at < replay.asked_wall and now < replay.open_until
        if replay is not None and (replayed is not None or unmarked):
            replay.note(event.occurred_at)
            if self._jump is not None:
                self._jump.came(event)
            if happened_at < self.first_contacts.get(channel, 0.0):
                self._outputs.append(Recorded(event, "before_first_contact"))
                return
            event = event if event.replayed else replace(event, replayed=True)
        if self._sequence is not None:
            self._known[event.key] = None
            if len(self._known) > KEYS_KNOWN:
                self._known.popitem(last=False)
        self._outputs.append(Delivered(event))

    # --- heartbeats ----------------------------------------------------------------------------------------------

    def _heartbeat(self, now: float, wall: float) -> None:
        if self._beat is None:
            return
        match self._beat.tick(now, wall, last_inbound_at=self._last_inbound_at):
            case Verdict.DEAD:
                self._end(Kind.HEARTBEAT, f"{self._beat.missed} heartbeats unanswered", close_code=4000)
            case Verdict.BEAT:
                self._outputs.append(Send(messages.heartbeat(self.client_id, wall)))
            case Verdict.NOTHING:
                pass

    def _acknowledged(self, message: Message, wall: float) -> None:
        original_ms = number_field(message, "originalTimestamp")
        sent = None
        if self._beat is not None:
            sent = self._beat.answered(original_ms / 1000 if original_ms is not None else None)
        if sent is not None and original_ms is not None:
            self._skew.learn(asked_at=sent, answered_at=wall, server_at=message.sent_at)
            self._outputs.append(Latency(max(0.0, wall - original_ms / 1000)))
