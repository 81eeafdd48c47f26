"""What every request passes: counting, faults, the token, the daily limit; and what every answer gets on its way out."""

from __future__ import annotations

import json
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

from aiohttp import web

from bridge.sandbox.salesforce.call import CONTENT_TYPE, Call, Work, answer
from bridge.sandbox.salesforce.errors import (
    ApiError,
    OAuthError,
    duplicate_value,
    invalid_session,
    total_requests_exceeded,
    unreadable_json,
)
from bridge.sandbox.salesforce.fault_actions import (
    Action,
    Hang,
    Latency,
    MoveInstance,
    Reply,
    Reset,
    Truncate,
    UpsertRace,
)
from bridge.sandbox.salesforce.faults import LOGIN, Faults
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.lexer import StatementError
from bridge.sandbox.salesforce.sessions import Session, Sessions

MAX_URI = 16_384
"""Characters of one URI; more is 414 ("Status Codes and Error Responses")."""
MAX_HEADERS = 16_384
"""Bytes of URI and headers together; more is 431."""
MAX_BODY = 6 * 1024 * 1024
DAILY_CALLS = 100_000
"""Allocation of an Enterprise org without licences."""
FREE = frozenset({LOGIN, "versions", "identity"})
"""Operations that are no data calls: not counted against the limit, and reported without it."""
OPEN = frozenset({LOGIN, "versions"})
"""Operations without a token."""

_LOG = logging.getLogger(__name__)
_NO_LINGER = struct.pack("ii", 1, 0)


class Gate:
    """Lets requests through to their work. `api_limit` is the day's allocation of calls."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        faults: Faults,
        sessions: Sessions,
        sleep: Callable[[float], Awaitable[None]],
        move: Callable[[], Awaitable[object]],
        retired_ports: AbstractSet[int],
    ) -> None:
        self.api_limit = DAILY_CALLS
        self._retired_ports = retired_ports
        self._ledger = ledger
        self._faults = faults
        self._sessions = sessions
        self._sleep = sleep
        self._move = move

    def guard(self, operation: str, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap the work of one operation."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            data = operation not in FREE
            arrival = self._ledger.entered(operation, data=data)
            status = None
            try:
                response = await self._pass(request, operation, work, arrival)
                status = response.status
            except _ConnectionReset:
                _reset(request)
                response = web.Response(status=500)  # goes nowhere: the connection is gone
            finally:
                self._ledger.left(operation, status, data=data)
            return response

        return guarded

    async def _pass(self, request: web.Request, operation: str, work: Work, arrival: int) -> web.Response:
        after: Action | None = None
        for action in self._faults.strike(operation):
            self._ledger.faults[type(action).__name__] += 1
            match action:
                case Latency():
                    await self._sleep(action.draw(self._faults.dice))
                case Hang():
                    self._ledger.note()
                    await self._faults.hang()
                    raise _ConnectionReset
                case Reset(committed=False):
                    raise _ConnectionReset
                case Reply():
                    return _reply(action)
                case MoveInstance():
                    await self._move()
                case Reset() | Truncate() | UpsertRace():
                    after = action
        response = await self._work(request, operation, work, arrival)
        return _spoil(request, response, after)

    async def _work(self, request: web.Request, operation: str, work: Work, arrival: int) -> web.Response:
        try:
            session = self._admit(request, operation)
            response = await work(Call(request, arrival, session))
        except ApiError as error:
            response = answer(error.body(), error.status)
        except StatementError as error:
            response = answer(ApiError(400, error.code, error.message).body(), 400)
        except OAuthError as error:
            response = answer(error.body(), error.status)
        except RecursionError:
            refused = unreadable_json("The HTTP entity body is nested too deeply")
            response = answer(refused.body(), refused.status)
        except Exception:  # noqa: BLE001 - even a bug here answers as Salesforce would, and is logged
            _LOG.exception("the sandbox org failed at %s", operation)
            response = answer(ApiError(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.").body(), 500)
        if response.status < 300 and operation not in FREE:
            response.headers["Sforce-Limit-Info"] = f"api-usage={self._ledger.api_calls}/{self.api_limit}"
        return response

    def _admit(self, request: web.Request, operation: str) -> Session | None:
        uri = len(request.raw_path)
        if uri > MAX_URI:
            raise ApiError(414, "URI_TOO_LONG", f"The length of the URI exceeds the {MAX_URI:,} byte limit.")
        if uri + sum(len(name) + len(value) for name, value in request.raw_headers) > MAX_HEADERS:
            message = f"The combined length of the URI and headers exceeds the {MAX_HEADERS:,} byte limit."
            raise ApiError(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message)
        if operation in OPEN:
            return None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self._sessions.use(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None
        if session is None or _port(request) in self._retired_ports:
            raise invalid_session()
        if operation not in FREE:
            if self._ledger.api_calls >= self.api_limit:
                raise total_requests_exceeded()
            self._ledger.api_calls += 1
        return session


class _ConnectionReset(Exception):
    """The connection is to be cut."""


def _reply(action: Reply) -> web.Response:
    content_type = CONTENT_TYPE if action.content_type == "application/json" else f"{action.content_type};charset=UTF-8"
    headers = {**dict(action.headers), "Content-Type": content_type}
    return web.Response(body=action.body.encode(), status=action.status, headers=headers)


def _spoil(request: web.Request, response: web.Response, action: Action | None) -> web.Response:
    match action:
        case Reset():
            raise _ConnectionReset
        case Truncate() if isinstance(response.body, bytes):
            response.body = response.body[: len(response.body) // 2]
        case UpsertRace() if response.status == 201 and isinstance(response.body, bytes):
            record_id = json.loads(response.body)["id"]
            refused = duplicate_value(request.match_info.get("field", "<unknown>"), record_id)
            return answer(refused.body(), refused.status)
        case _:
            pass
    return response


def _port(request: web.Request) -> int | None:
    """Give the local port that a request came in at."""
    address = request.transport.get_extra_info("sockname") if request.transport else None
    return address[1] if isinstance(address, tuple) else None


def _reset(request: web.Request) -> None:
    """Cut the connection so that the peer sees a reset, not an orderly end."""
    transport = request.transport
    if transport is None:
        return
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
