"""The sandbox's remote control, for loopback only: arm faults, look at the state, push events."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from typing import Any, Literal, Protocol, TypeVar

from aiohttp import web

from bridge.sandbox.minerva.faults import (
    Fault,
)
from bridge.sandbox.minerva.journal import Entry
from bridge.sandbox.minerva.script import ScriptError, read_script, write_fault
from bridge.sandbox.minerva.subscription import Channel
from bridge.sandbox.minerva.wire import Message, Violation, read_json

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]
ENTRIES_SHOWN = 200
SPOKEN = {dict: "an object", str: "a string, not empty", int: "a whole number"}
V = TypeVar("V")


class Controllable(Protocol):
    """What the remote control steers."""

    def arm(self, *faults: Fault) -> None:
        """Arm faults."""

    def disarm(self) -> None:
        """Take all faults off."""

    def armed(self) -> list[Fault]:
        """Give the armed faults."""

    def state(self) -> dict[str, Any]:
        """Give sessions and counters as JSON."""

    def recent(self, limit: int) -> list[Entry]:
        """Give the newest log entries."""

    def knows(self, channel: Channel) -> bool:
        """Tell whether there is such a channel."""

    async def send(
        self,
        channel: Channel | None,
        kind: str,
        payload: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the wire's own name
        meta: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> Message:
        """Push a message to a channel, or to every session when there is none."""


class Control:
    """The handlers of `/control/…`."""

    def __init__(self, minerva: Controllable) -> None:
        self._minerva = minerva

    def routes(self) -> list[web.RouteDef]:
        """Give the routes to serve."""
        return [
            web.post("/control/faults", _on_loopback(self.arm)),
            web.delete("/control/faults", _on_loopback(self.disarm)),
            web.get("/control/state", _on_loopback(self.state)),
            web.post("/control/send", _on_loopback(self.send)),
        ]

    async def arm(self, request: web.Request) -> web.StreamResponse:
        """Arm the faults in the body: a script, or a single entry."""
        try:
            faults = read_script(read_json(await request.read()))
        except (Violation, ScriptError) as error:
            return _bad(str(error))
        self._minerva.arm(*faults)
        return web.json_response({"accepted": len(faults)})

    async def disarm(self, _: web.Request) -> web.StreamResponse:
        """Take all faults off."""
        self._minerva.disarm()
        return web.json_response({"accepted": 0})

    async def state(self, _: web.Request) -> web.StreamResponse:
        """Show sessions, counters, armed faults and the newest log entries."""
        return web.json_response(
            self._minerva.state()
            | {
                "faults": [write_fault(fault) for fault in self._minerva.armed()],
                "log": [asdict(entry) for entry in self._minerva.recent(ENTRIES_SHOWN)],
            }
        )

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Push one event: `{"user"|"queue"|"team": id, "type", "payload", "id"?, "timestamp"?, "meta"?}`.

        With none of user, queue and team it goes to every session.
        """
        try:
            channel, kind, payload, envelope = _read_event(read_json(await request.read()))
        except Violation as error:
            return _bad(str(error))
        if channel and not self._minerva.knows(channel):
            return _bad(f"{channel.kind}: there is no such {channel.kind}")
        message = await self._minerva.send(channel, kind, payload, **envelope)
        return web.json_response({"id": message.id, "timestamp": message.timestamp})


def _read_event(body: Any) -> tuple[Channel | None, str, dict[str, Any], dict[str, Any]]:
    """Read the body of `/control/send`.

    Raises:
        Violation: BAD_EVENT; the text begins with the field.
    """
    event = _expect("an event", body, dict)
    unknown = set(event) - {"user", "queue", "team", "type", "payload", "id", "timestamp", "meta"}
    if unknown:
        raise Violation("BAD_EVENT", f"{min(unknown)[:60]}: no such field")
    kind = _expect("type", event.get("type"), str)
    payload = _expect("payload", event.get("payload", {}), dict)
    expected = {"id": str, "timestamp": int, "meta": dict}
    envelope: dict[str, Any] = {name: _expect(name, event[name], of) for name, of in expected.items() if name in event}
    channels = [_channel(name, event[name]) for name in ("user", "queue", "team") if name in event]
    if len(channels) > 1:
        raise Violation("BAD_EVENT", "name one of user, queue and team, or none for every session")
    return channels[0] if channels else None, kind, payload, envelope


def _expect(name: str, value: Any, kind: type[V]) -> V:
    if not isinstance(value, kind) or isinstance(value, bool) or value == "":
        raise Violation("BAD_EVENT", f"{name}: must be {SPOKEN[kind]}")
    return value


def _channel(kind: Literal["user", "queue", "team"], identity: Any) -> Channel:
    return Channel(kind, _expect(kind, identity, str))


def _on_loopback(handler: Handler) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            local = ipaddress.ip_address(request.remote or "").is_loopback
        except ValueError:
            local = False
        return await handler(request) if local else web.json_response({"error": "loopback only"}, status=403)

    return guarded


def _bad(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=400)
