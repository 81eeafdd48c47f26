"""The sockets an org is served on: one at first, one more each time the org moves to another instance."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from weakref import WeakSet

from aiohttp import web

from bridge.sandbox.salesforce.call import answer
from bridge.sandbox.salesforce.errors import ApiError, not_found

SHUTDOWN_S = 0.5
"""How long open requests may go on when serving stops."""
MAX_LINE = 1024 * 1024
"""Bytes of a request line or header that are read at all: long ones get a Salesforce answer, not a bare 400."""

TURNS_TO_CLOSE = 3
"""Turns of the loop after which an aborted TLS transport has let go of its socket."""


class Listener:
    """Serves one application. `urls` are its base URLs, the newest last; `retired_ports` those moved away from."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.retired_ports: set[int] = set()
        self._runner: web.AppRunner | None = None
        self._host = ""
        self._ssl_context: ssl.SSLContext | None = None
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    async def start(
        self, application: web.Application, *, host: str, port: int, ssl_context: ssl.SSLContext | None
    ) -> str:
        """Serve, and give the base URL.

        Raises:
            OSError: the port is taken.
            RuntimeError: it is serving already.
        """
        if self._runner is not None:
            raise RuntimeError("the org is served already")
        self._host, self._ssl_context = host, ssl_context
        application.on_response_prepare.append(self._note_transport)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        await self._runner.setup()
        try:
            return await self._open(self._runner, port)
        except OSError:
            await self.stop()
            raise

    async def move(self) -> str:
        """Serve on one more port, and give its URL; those before are retired.

        Raises:
            RuntimeError: it is not serving.
        """
        if self._runner is None:
            raise RuntimeError("the org is not served")
        self.retired_ports.update(address[1] for address in self._runner.addresses)
        return await self._open(self._runner, 0)

    async def stop(self) -> None:
        """Close every socket. Stopping twice is no harm."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            for transport in list(self._transports):
                transport.abort()  # a TLS one would wait 30 s for its peer's goodbye
            for _ in range(TURNS_TO_CLOSE):
                await asyncio.sleep(0)
        self.urls.clear()
        self.retired_ports.clear()

    async def _note_transport(self, request: web.Request, _response: web.StreamResponse) -> None:
        if request.transport is not None:
            self._transports.add(request.transport)

    async def _open(self, runner: web.AppRunner, port: int) -> str:
        site = web.TCPSite(runner, self._host, port, ssl_context=self._ssl_context)
        await site.start()
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.urls.append(f"{'https' if self._ssl_context else 'http'}://{name}:{runner.addresses[-1][1]}")
        return self.urls[-1]


@web.middleware
async def shape_unknown_paths(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer what the router refuses in the org's own shape."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ",".join(sorted(error.allowed_methods))
        message = f"HTTP Method '{request.method[:20]}' not allowed. Allowed are {allowed}"
        return answer(ApiError(405, "METHOD_NOT_ALLOWED", message).body(), 405)
    except web.HTTPNotFound:
        return answer(not_found().body(), 404)
