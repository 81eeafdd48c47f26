"""A webhook receiver that remembers what came, checks every signature, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
PATIENCE_S = 15.0

Message = dict[str, Any]


class Receiver:
    """An independent receiver of Standard Webhooks on loopback.

    `behave` may be set to what answers instead: it gets the request's number, from 1, and gives a status, or None to
    hang until the receiver stops.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.headers: list[dict[str, str]] = []
        self.behave: Callable[[int], int | None] = lambda _number: 204
        self.requests = 0
        self._changed = asyncio.Condition()
        self._stopping = asyncio.Event()
        self._verifier = Webhook(SECRET)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.requests += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._verifier.verify(body, headers)
        status = self.behave(self.requests)
        if status is None:
            await self._stopping.wait()
            status = 503
        async with self._changed:
            if status < 300:
                self.messages.append(json.loads(body))
                self.headers.append(headers)
            self._changed.notify_all()
        return web.Response(status=status)

    def of(self, kind: str) -> list[Message]:
        """The messages of that type so far."""
        return [message for message in self.messages if message["type"] == kind]

    async def wait(self, kind: str, count: int = 1) -> Message:
        """Wait until `count` messages of that type have come; gives the last of them."""
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that a request can change."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"came only: {[message['type'] for message in self.messages]}") from None
