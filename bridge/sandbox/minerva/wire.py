"""The wire of Minerva as its server sees it: what clients may send, and how the server writes.

Pure. Written from PROTOCOL §1 to §4 alone and strict on purpose: a rehearsal server that forgives teaches nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Never

PROTOCOL = "minerva"
VERSION = "2.0"
SUBPROTOCOL = "minerva-v2"

# PROTOCOL §4: what each channel carries.
USER_EVENTS = frozenset(
    {
        "CALL_INCOMING",
        "CALL_CONNECTED",
        "CALL_ENDED",
        "CALL_HELD",
        "CALL_TRANSFERRED",
        "VOICEMAIL_NEW",
        "VOICEMAIL_UPDATED",
        "PRESENCE_UPDATE",
    }
)
QUEUE_EVENTS = frozenset(
    {"QUEUE_UPDATE", "CALL_QUEUED", "CALL_DEQUEUED", "QUEUE_STATS_UPDATE", "SLA_WARNING", "SLA_BREACH"}
)
TEAM_EVENTS = frozenset({"AGENT_STATUS_CHANGE", "TEAM_STATS_UPDATE", "MEMBER_ADDED", "MEMBER_REMOVED"})
REPLAYED_EVENTS = USER_EVENTS - {"PRESENCE_UPDATE"}  # presence is a state: an old one tells nothing

CLIENT_TYPES = frozenset({"AUTH", "SUBSCRIBE", "UNSUBSCRIBE", "HEARTBEAT"})
TYPES_WITHOUT_ID = frozenset({"AUTH", "HEARTBEAT"})  # PROTOCOL §1, outgoing envelope

ECHO_LIMIT = 200  # characters of a client's text that may come back in an ERROR


class Violation(Exception):
    """A client's message breaks the protocol; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A well-formed message from a client: envelope checked, payload not yet. `id` is None where none is due."""

    type: str
    id: str | None
    timestamp: int
    payload: Mapping[str, Any]
    client_id: object


@dataclass(frozen=True, slots=True)
class Message:
    """What the server says. `timestamp` is in ms since the epoch; `meta` is left out when empty."""

    type: str
    timestamp: int
    payload: Mapping[str, Any]
    id: str
    meta: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Give the JSON object, envelope of PROTOCOL §2."""
        body: dict[str, Any] = {
            "type": self.type,
            "id": self.id,
            "timestamp": self.timestamp,
            "payload": dict(self.payload),
        }
        return body | {"meta": dict(self.meta)} if self.meta else body

    def frame(self) -> bytes:
        """Give the text frame. ASCII only, so that a lone surrogate in a payload cannot break the encoder."""
        return json.dumps(self.body(), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def read_json(text: str | bytes) -> Any:
    """Read strict JSON: no NaN, no bottomless nesting.

    Raises:
        Violation: NOT_JSON, whatever is wrong with the text.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Violation("NOT_JSON", "the message is not JSON") from None


def read_client_message(text: str) -> ClientMessage:
    """Read one text frame of a client and check its envelope (PROTOCOL §1, outgoing envelope).

    Raises:
        Violation: NOT_JSON, BAD_ENVELOPE or UNKNOWN_TYPE.
    """
    body = read_json(text)
    if not isinstance(body, dict):
        raise Violation("BAD_ENVELOPE", "a message is a JSON object")
    kind = body.get("type")
    if not isinstance(kind, str) or not kind:
        raise Violation("BAD_ENVELOPE", "type is missing")
    if body.get("protocol") != PROTOCOL or body.get("version") != VERSION:
        raise Violation("BAD_ENVELOPE", f"protocol must be {PROTOCOL!r} and version {VERSION!r}")
    timestamp = body.get("timestamp")
    if not isinstance(timestamp, int) or isinstance(timestamp, bool) or timestamp <= 0:
        raise Violation("BAD_ENVELOPE", "timestamp must be a whole number of milliseconds since the epoch")
    if kind not in CLIENT_TYPES:
        raise Violation("UNKNOWN_TYPE", f"no such message type: {kind[:ECHO_LIMIT]}")
    identity = body.get("id")
    if kind not in TYPES_WITHOUT_ID and not is_uuid(identity):
        raise Violation("BAD_ENVELOPE", f"{kind} needs an id, a UUID")
    payload = body.get("payload", {})
    if not isinstance(payload, dict):
        raise Violation("BAD_ENVELOPE", "payload must be an object")
    return ClientMessage(kind, identity, timestamp, payload, body.get("clientId"))


def is_uuid(value: object) -> bool:
    """Tell whether a value is the text of a UUID."""
    try:
        uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _refuse_constant(name: str) -> Never:
    raise ValueError(name)
