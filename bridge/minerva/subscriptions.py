"""The ledger of one connection's subscriptions: wanted, sent, confirmed, failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from bridge.minerva.messages import Channel, GroupType
from bridge.minerva.wire import Message, text_field

_GROUPS: Mapping[str, GroupType] = {"queue": "queue", "team": "team"}


class State(Enum):
    """Where one subscription stands."""

    WANTED = "wanted"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"  # refused or timed out; tried again when due


@dataclass(slots=True)
class Entry:
    """One subscription; `due_at` (monotonic) is when an answer is overdue or the next attempt falls due."""

    state: State = State.WANTED
    due_at: float | None = None
    answered: bool = False
    """True once it was confirmed or refused: from then on it keeps nobody waiting."""
    failures: int = 0
    reason: str | None = None


class Ledger:
    """Knows for every wanted channel how far it has come."""

    def __init__(self, wanted: Iterable[Channel]) -> None:
        self._entries = {channel: Entry() for channel in wanted}
        self._unanswered = len(self._entries)
        self.failing: set[Channel] = set()
        """The channels that were refused or not answered and are tried again."""
        self._look_at: float | None = 0.0

    def __contains__(self, channel: Channel) -> bool:
        return channel in self._entries

    def __iter__(self) -> Iterator[tuple[Channel, Entry]]:
        return iter(self._entries.items())

    @property
    def settled(self) -> bool:
        """True when no channel is waiting for its first answer."""
        return not self._unanswered

    def sendable(self, now: float) -> list[Channel]:
        """The channels to ask for now: new ones, and failed ones whose wait is over."""
        return [
            channel
            for channel, entry in self
            if entry.state is State.WANTED
            or (entry.state is State.FAILED and entry.due_at is not None and entry.due_at <= now)
        ]

    def sent(self, channel: Channel, *, answer_due_at: float) -> None:
        """Note that a SUBSCRIBE went out."""
        entry = self._entries[channel]
        entry.state, entry.due_at = State.SENT, answer_due_at
        self._look_by(answer_due_at)

    def confirmed(self, channel: Channel) -> bool:
        """Note a confirmation; False when that channel was not waiting for one."""
        entry = self._entries.get(channel)
        if entry is None or entry.state is State.CONFIRMED:
            return False
        entry.state, entry.due_at, entry.failures, entry.reason = State.CONFIRMED, None, 0, None
        self._answered(entry)
        self.failing.discard(channel)
        return True

    def refused(self, channel: Channel, reason: str, *, retry_at: float) -> None:
        """Note a refusal or a timeout, to be tried again at `retry_at`."""
        entry = self._entries[channel]
        entry.state, entry.due_at, entry.reason = State.FAILED, retry_at, reason
        entry.failures += 1
        self._answered(entry)
        self.failing.add(channel)
        self._look_by(retry_at)

    def _answered(self, entry: Entry) -> None:
        if not entry.answered:
            entry.answered = True
            self._unanswered -= 1

    def want(self, channels: Iterable[Channel]) -> list[Channel]:
        """Want exactly these from now on; gives those to take leave of: subscribed and no longer wanted."""
        wanted = dict.fromkeys(channels)
        leaving = []
        for channel in [channel for channel in self._entries if channel not in wanted]:
            entry = self._entries.pop(channel)
            self.failing.discard(channel)
            self._unanswered -= not entry.answered
            if entry.state in {State.SENT, State.CONFIRMED}:
                leaving.append(channel)
        for channel in wanted:
            if channel not in self._entries:
                self._entries[channel] = Entry()
                self._unanswered += 1
                self._look_by(0.0)
        return leaving

    def ask_again(self) -> None:
        """Want the users' channels once more, for their history: the confirmed ones go back to the start."""
        for channel, entry in self:
            if channel.group_type is None and entry.state is State.CONFIRMED:
                entry.state, entry.due_at = State.WANTED, None
                self._look_by(0.0)

    def overdue(self, now: float) -> list[Channel]:
        """The channels whose answer did not come in time."""
        return [
            channel
            for channel, entry in self
            if entry.state is State.SENT and entry.due_at is not None and entry.due_at <= now
        ]

    def failures(self, channel: Channel) -> int:
        """How often in a row that channel was refused or timed out."""
        return self._entries[channel].failures

    def due_at(self) -> float | None:
        """When to look again: never later than something falls due, and now and then too early.

        A bound, because thousands of channels on one session are not gone through for every message.
        """
        return self._look_at

    def look(self, *, not_before: float) -> None:
        """Go through all channels to find when the next falls due; asking again waits for `not_before`."""
        self._look_at = None
        for _, entry in self:
            if entry.state is State.SENT and entry.due_at is not None:
                self._look_by(entry.due_at)
            elif entry.state is not State.CONFIRMED:
                self._look_by(max(entry.due_at or 0.0, not_before))

    def _look_by(self, at: float) -> None:
        self._look_at = at if self._look_at is None else min(self._look_at, at)

    def named_by(self, message: Message) -> Channel | None:
        """The wanted channel that an answer speaks of.

        A SUBSCRIPTION_ERROR may leave the identity out (PROTOCOL §3): it then concerns the only channel of that kind
        that waits for an answer, if there is just one.
        """
        channel, user_id = text_field(message, "channel"), text_field(message, "userId")
        group_type, group_id = text_field(message, "groupType"), text_field(message, "groupId")
        named = None
        if group_id is not None and (kind := _GROUPS.get(group_type or "")) is not None:
            named = Channel(group_id, kind)
        elif user_id is not None and channel in {None, "user"}:
            named = Channel(user_id)
        if named is not None and named in self._entries:
            return named
        if user_id or group_id:
            return None
        waiting = [
            candidate
            for candidate, entry in self
            if entry.state is State.SENT and channel in {None, "user" if candidate.group_type is None else "group"}
        ]
        return waiting[0] if len(waiting) == 1 else None
