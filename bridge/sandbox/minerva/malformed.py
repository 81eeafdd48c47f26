"""Frames that no client should trip over: broken, odd, or too big. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.minerva.acts import (
    FrameKind,
)

BIG_BYTES = 2 * 1024 * 1024  # twice the largest message that PROTOCOL §1 allows
NESTING = 50_000  # far beyond what a recursive parser survives
CALLER = "+12125550100"


def malformed_frame(kind: FrameKind, now_ms: int) -> bytes:
    """Give the bytes of such a frame. All are text frames but for `binary`."""
    return _FRAMES[kind](now_ms)


def _ringing(now_ms: int) -> dict[str, Any]:
    return {
        "type": "CALL_INCOMING",
        "id": f"malformed-{now_ms}",
        "timestamp": now_ms,
        "payload": {"callId": f"malformed-{now_ms}", "direction": "inbound", "from": CALLER, "to": CALLER},
    }


def _json(body: object) -> bytes:
    return json.dumps(body).encode("ascii")


def _with(**fields: Any) -> Callable[[int], bytes]:
    return lambda now_ms: _json(_ringing(now_ms) | fields)


def _without(name: str) -> Callable[[int], bytes]:
    return lambda now_ms: _json({key: value for key, value in _ringing(now_ms).items() if key != name})


def _payload(**fields: Any) -> Callable[[int], bytes]:
    def frame(now_ms: int) -> bytes:
        body = _ringing(now_ms)
        return _json(body | {"payload": body["payload"] | fields})

    return frame


def _missing_field(now_ms: int) -> bytes:
    body = _ringing(now_ms)
    del body["payload"]["callId"]
    return _json(body)


_FRAMES: Mapping[FrameKind, Callable[[int], bytes]] = {
    "not_json": lambda _: b'{"type": "CALL_INCOMING", "timestamp": ',
    "empty": lambda _: b"",
    "array": lambda now_ms: _json([_ringing(now_ms)]),
    "no_type": _without("type"),
    "no_timestamp": _without("timestamp"),
    "null_timestamp": _with(timestamp=None),
    "digit_timestamp": lambda now_ms: _json(_ringing(now_ms) | {"timestamp": str(now_ms)}),
    "text_timestamp": _with(timestamp="2026-11-23T08:15:30Z"),
    "missing_field": _missing_field,
    "null_payload": _with(payload=None),
    "array_payload": _with(payload=[]),
    "unknown_type": _with(type="CALL_TELEPORTED"),
    "unknown_field": _payload(mood="cheerful", callerInfo={"name": None, "shoeSize": 44}),
    "binary": lambda now_ms: _json(_ringing(now_ms)),
    "big": lambda now_ms: _json(_ringing(now_ms) | {"padding": "x" * BIG_BYTES}),
    "nested": lambda now_ms: (
        b'{"type":"CALL_INCOMING","id":"nested","timestamp":%d,"payload":' % now_ms
        + b"[" * NESTING
        + b"]" * NESTING
        + b"}"
    ),
    "surrogate": _payload(callerInfo={"name": "\ud83d lone \udc00"}),
    "control_characters": _payload(callerInfo={"name": "\x1b[31mred\x00\r\n\x07\u202e"}),
    "invalid_utf8": lambda _: b'{"type":"CALL_INCOMING\xff\xfe"}',
}
