"""One frame from Minerva → an envelope that has been checked, and the values in it (PROTOCOL §2). Pure.

Whatever comes in, nothing but `Malformed` goes out as an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXCERPT_LENGTH = 200
MAX_TIMESTAMP_MS = 253_402_300_799_000  # the last second of the year 9999: what a datetime can hold
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Malformed(Exception):
    """A message that cannot be used; `reason` is one of a fixed set, `excerpt` at most 200 characters of it."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.excerpt = text[:EXCERPT_LENGTH]


@dataclass(frozen=True, slots=True)
class Message:
    """One incoming envelope. `sent_at` is the server's instant in seconds; `payload` is always a mapping."""

    type: str
    id: str | None
    sent_at: float
    payload: Mapping[str, Any]
    meta: Mapping[str, Any]


def parse(text: str) -> Message:
    """Read one frame.

    Raises:
        Malformed: with reason not_json, not_object, no_type, bad_type, no_timestamp, bad_timestamp or bad_payload.
    """
    try:
        raw = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Malformed("not_json", text) from None
    return envelope(raw, text)


def envelope(raw: object, text: str = "") -> Message:
    """Check one decoded envelope, also those that stand in a `history` list. Raises Malformed like `parse`."""
    if not isinstance(raw, dict):
        raise Malformed("not_object", text)
    kind = raw.get("type")
    if kind is None or kind == "":
        raise Malformed("no_type", text)
    if not isinstance(kind, str):
        raise Malformed("bad_type", text)
    stamp = raw.get("timestamp")
    if stamp is None:
        raise Malformed("no_timestamp", text)
    sent_ms = as_number(stamp)
    if sent_ms is None or not 0 < sent_ms <= MAX_TIMESTAMP_MS:
        raise Malformed("bad_timestamp", text)
    payload = raw.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise Malformed("bad_payload", text)
    meta = raw.get("meta")
    return Message(kind, as_text(raw.get("id")), sent_ms / 1000, payload, meta if isinstance(meta, dict) else {})


def ttl_s(message: Message) -> float | None:
    """The message's own time to live in seconds, None when it has none that makes sense."""
    value = as_number(message.meta.get("ttl"))
    return None if value is None or value < 0 else value / 1000


def sequence(message: Message) -> int | None:
    """`meta.sequence`, None when absent or no whole number."""
    value = as_number(message.meta.get("sequence"))
    return int(value) if value is not None and value == int(value) else None


def text_field(message: Message, name: str) -> str | None:
    """One textual field of the payload, None when absent, null, empty or no text."""
    return as_text(message.payload.get(name))


def number_field(message: Message, name: str) -> float | None:
    """One numeric field of the payload; digits in a string count as a number."""
    return as_number(message.payload.get(name))


def _refuse_constant(name: str) -> float:
    raise ValueError(name)  # NaN and Infinity are not JSON


def clean(text: str) -> str:
    """The text without lone surrogates, which JSON may smuggle in and no encoder takes."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def as_text(value: object) -> str | None:
    """Text as it may leave the process, None when empty or no text. Whole numbers are ids of another kind."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_number(value: object) -> float | None:
    """A finite number, or digits in a string; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_instant(value: object) -> float | None:
    """An instant given in ms since the epoch, as seconds; None outside what a calendar can hold."""
    ms = as_number(value)
    return ms / 1000 if ms is not None and 0 < ms <= MAX_TIMESTAMP_MS else None


def as_mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
