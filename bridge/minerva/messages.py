"""What the bridge says to Minerva, and the words both sides use. Source: Minerva's WebSocket guide, version 2.0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge import __version__

SUBPROTOCOL = "minerva-v2"
VERSION = "2.0"
MAX_MESSAGE_BYTES = 1 << 20
"""A larger message closes the connection with 1009 (PROTOCOL §1)."""

STATS_INTERVAL_MS = 5000
"""How often a queue's figures are asked for; the guide's default."""

USER_EVENTS = (
    "CALL_INCOMING",
    "CALL_CONNECTED",
    "CALL_ENDED",
    "CALL_HELD",
    "CALL_TRANSFERRED",
    "VOICEMAIL_NEW",
    "VOICEMAIL_UPDATED",
    "PRESENCE_UPDATE",
)
QUEUE_EVENTS = ("QUEUE_UPDATE", "CALL_QUEUED", "CALL_DEQUEUED", "QUEUE_STATS_UPDATE", "SLA_WARNING", "SLA_BREACH")
TEAM_EVENTS = ("AGENT_STATUS_CHANGE", "TEAM_STATS_UPDATE", "MEMBER_ADDED", "MEMBER_REMOVED")

GroupType = Literal["queue", "team"]
_EVENTS: Mapping[GroupType | None, tuple[str, ...]] = {None: USER_EVENTS, "queue": QUEUE_EVENTS, "team": TEAM_EVENTS}


@dataclass(frozen=True, slots=True)
class Channel:
    """What can be subscribed to: a user (`group_type` None) or a queue or team."""

    id: str
    group_type: GroupType | None = None

    def __str__(self) -> str:
        return f"{self.group_type or 'user'}:{self.id}"

    def identity(self) -> dict[str, Any]:
        """The fields that name the channel in SUBSCRIBE, UNSUBSCRIBE and the answers to them."""
        if self.group_type is None:
            return {"channel": "user", "userId": self.id}
        return {"channel": "group", "groupType": self.group_type, "groupId": self.id}


def user(user_id: str) -> Channel:
    """The channel of one agent."""
    return Channel(user_id)


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a session speaks. `timezone` is an IANA name."""

    user_id: str
    org_id: str
    timezone: str = "UTC"


def _envelope(kind: str, at: float, **rest: Any) -> str:
    return json.dumps({"protocol": "minerva", "version": VERSION, "type": kind, "timestamp": int(at * 1000), **rest})


def auth(identity: Identity, token: str, at: float) -> str:
    """The first message of a session (PROTOCOL §1)."""
    client = {"platform": "bridge", "userAgent": f"minerva-bridge/{__version__}", "timezone": identity.timezone}
    return _envelope(
        "AUTH",
        at,
        payload={"token": token, "userId": identity.user_id, "orgId": identity.org_id, "clientInfo": client},
    )


def query_parameters(identity: Identity, token: str, at: float) -> Mapping[str, str]:
    """The older form of authentication: all of it on the URL (PROTOCOL §1, `query`)."""
    return {
        "token": token,
        "userId": identity.user_id,
        "orgId": identity.org_id,
        "timestamp": str(int(at * 1000)),
    }


def heartbeat(client_id: str | None, at: float) -> str:
    """One heartbeat; Minerva echoes the timestamp as `originalTimestamp`."""
    return _envelope("HEARTBEAT", at, clientId=client_id)


def subscribe(channel: Channel, at: float, *, message_id: str, history_limit: int) -> str:
    """Ask for a channel; a user's with its history unless `history_limit` is 0 (PROTOCOL §4)."""
    options: dict[str, bool | int] = {"includeStats": True, "statsInterval": STATS_INTERVAL_MS}
    if channel.group_type is None:
        options = {"includeHistory": history_limit > 0, "historyLimit": history_limit}
    payload = {**channel.identity(), "events": list(_EVENTS[channel.group_type]), "options": options}
    return _envelope("SUBSCRIBE", at, id=message_id, payload=payload)


def unsubscribe(channel: Channel, at: float, *, message_id: str) -> str:
    """Leave a channel: the identity fields only."""
    return _envelope("UNSUBSCRIBE", at, id=message_id, payload=channel.identity())


def decode(text: str) -> dict[str, Any]:
    """Decode a frame for showing it. Raises ValueError for anything but a JSON object."""
    try:
        raw = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(raw, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for all that cannot be shown
    return raw
