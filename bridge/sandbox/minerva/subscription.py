"""Subscriptions: which channels there are and what a SUBSCRIBE must say (PROTOCOL §4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge.sandbox.minerva.directory import Directory
from bridge.sandbox.minerva.wire import QUEUE_EVENTS, TEAM_EVENTS, USER_EVENTS, Violation

ChannelKind = Literal["user", "queue", "team"]

EVENTS: Mapping[ChannelKind, frozenset[str]] = {"user": USER_EVENTS, "queue": QUEUE_EVENTS, "team": TEAM_EVENTS}
DEFAULT_HISTORY_LIMIT = 10  # the guide's default
DEFAULT_STATS_INTERVAL_MS = 5_000  # the guide's default
LEAST_STATS_INTERVAL_MS = 100  # below this a client would ask for a flood by mistake


@dataclass(frozen=True, slots=True)
class Channel:
    """One thing to subscribe to: a user, a queue or a team."""

    kind: ChannelKind
    id: str

    def identity(self) -> dict[str, str]:
        """Give the identity fields as SUBSCRIBE, SUBSCRIPTION_CONFIRMED and UNSUBSCRIBE carry them."""
        if self.kind == "user":
            return {"channel": "user", "userId": self.id}
        return {"channel": "group", "groupType": self.kind, "groupId": self.id}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A SUBSCRIBE that was accepted. `history_limit` is 0 when no history was asked for."""

    channel: Channel
    events: frozenset[str]
    history_limit: int = 0
    stats_interval_s: float | None = None


class SubscriptionRefused(Exception):
    """A SUBSCRIBE that names its channel and still cannot be granted: answered by SUBSCRIPTION_ERROR."""

    def __init__(self, channel: Channel, code: str, reason: str) -> None:
        super().__init__(reason)
        self.channel = channel
        self.code = code


def read_channel(payload: Mapping[str, Any]) -> Channel:
    """Read the identity fields.

    Raises:
        Violation: BAD_CHANNEL, when there is no channel that an answer could name.
    """
    match payload:
        case {"channel": "user", "userId": str(user_id)} if user_id:
            return Channel("user", user_id)
        case {"channel": "group", "groupType": ("queue" | "team") as kind, "groupId": str(group_id)} if group_id:
            return Channel(kind, group_id)
        case _:
            raise Violation("BAD_CHANNEL", "name channel user with userId, or channel group with groupType and groupId")


def read_unsubscribe(payload: Mapping[str, Any]) -> Channel:
    """Read an UNSUBSCRIBE: the identity fields and nothing else (PROTOCOL §4).

    Raises:
        Violation: BAD_CHANNEL or UNEXPECTED_FIELD.
    """
    channel = read_channel(payload)
    if set(payload) - set(channel.identity()):
        raise Violation("UNEXPECTED_FIELD", "UNSUBSCRIBE carries the identity fields only")
    return channel


def read_subscription(payload: Mapping[str, Any], *, session_user: str, directory: Directory) -> Subscription:
    """Read a SUBSCRIBE and decide whether this session's user may have it.

    A user's channel is open to that user and to the service users; queues and teams are open to everybody.

    Raises:
        Violation: the channel cannot be read.
        SubscriptionRefused: NOT_FOUND, FORBIDDEN, INVALID_EVENTS or INVALID_OPTIONS.
    """
    channel = read_channel(payload)
    if not directory.knows(channel.kind, channel.id):
        raise SubscriptionRefused(channel, "NOT_FOUND", f"no such {channel.kind}")
    if channel.kind == "user" and session_user not in directory.service_users | {channel.id}:
        raise SubscriptionRefused(channel, "FORBIDDEN", "only the user itself and the service user may listen here")
    options = payload.get("options", {})
    if not isinstance(options, dict):
        raise SubscriptionRefused(channel, "INVALID_OPTIONS", "options must be an object")
    events = _events(channel, payload.get("events"))
    if channel.kind == "user":
        return Subscription(channel, events, history_limit=_history_limit(channel, options))
    return Subscription(channel, events, stats_interval_s=_stats_interval(channel, options))


def _events(channel: Channel, wanted: object) -> frozenset[str]:
    if not isinstance(wanted, list) or not wanted or not all(isinstance(name, str) for name in wanted):
        raise SubscriptionRefused(channel, "INVALID_EVENTS", "events must be a list of event types, not empty")
    unknown = sorted(set(wanted) - EVENTS[channel.kind])
    if unknown:
        raise SubscriptionRefused(channel, "INVALID_EVENTS", f"not an event of a {channel.kind}: {unknown[0][:60]}")
    return frozenset(wanted)


def _history_limit(channel: Channel, options: Mapping[str, object]) -> int:
    wanted, limit = options.get("includeHistory", False), options.get("historyLimit", DEFAULT_HISTORY_LIMIT)
    if not isinstance(wanted, bool):
        raise SubscriptionRefused(channel, "INVALID_OPTIONS", "includeHistory must be true or false")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise SubscriptionRefused(channel, "INVALID_OPTIONS", "historyLimit must be a whole number from 1")
    return limit if wanted else 0


def _stats_interval(channel: Channel, options: Mapping[str, object]) -> float | None:
    wanted, interval = options.get("includeStats", True), options.get("statsInterval", DEFAULT_STATS_INTERVAL_MS)
    if not isinstance(wanted, bool):
        raise SubscriptionRefused(channel, "INVALID_OPTIONS", "includeStats must be true or false")
    if not isinstance(interval, int) or isinstance(interval, bool) or interval < LEAST_STATS_INTERVAL_MS:
        raise SubscriptionRefused(
            channel, "INVALID_OPTIONS", f"statsInterval must be a number of ms from {LEAST_STATS_INTERVAL_MS}"
        )
    return interval / 1000 if wanted else None
