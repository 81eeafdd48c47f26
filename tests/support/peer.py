"""An HTTP receiver on loopback that does what the test tells it to, and remembers what it got."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATIENCE_S = 10.0


@dataclass
class Request:
    """What came: headers by lower-case name, the body as it stood on the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


STOPPING = web.AppKey("stopping", asyncio.Event)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, **options: Any) -> Answer:
    """An answer with that status."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, **options)

    return answer


async def hang(request: web.Request) -> web.StreamResponse:
    """No answer until the peer stops."""
    await request.app[STOPPING].wait()
    return web.Response(status=503)


async def endless(request: web.Request) -> web.StreamResponse:
    """Status 200 and a body that does not end until the peer stops."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"<html>")
    await request.app[STOPPING].wait()
    return response


@dataclass
class Peer:
    """Answers with `answers` one after another, then with `then`."""

    answers: list[Answer] = field(default_factory=list)
    then: Answer = field(default_factory=lambda: status(204))
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._came:
            self.requests.append(Request(request.path_qs, headers, body))
            self._came.notify_all()
        answer = self.answers.pop(0) if self.answers else self.then
        return await answer(request)

    async def got(self, count: int = 1) -> Request:
        """Wait until that many requests have come; gives the last of them."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]


@asynccontextmanager
async def serving(*answers: Answer, tls: Any = None) -> AsyncIterator[Peer]:
    """Run a peer on a free port."""
    peer = Peer(list(answers))
    app = web.Application()
    app[STOPPING] = asyncio.Event()
    app.router.add_route("*", "/{anything:.*}", peer.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls is not None else "http"
        peer.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/hook?a=b"
        yield peer
    finally:
        app[STOPPING].set()
        await runner.cleanup()


@asynccontextmanager
async def answering_raw(answer: bytes, *, reset: bool = False) -> AsyncIterator[str]:
    """A server that reads a request, writes these bytes and hangs up, with a TCP reset if asked; gives its URL."""
    open_writers: set[asyncio.StreamWriter] = set()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        writer.write(answer)
        if reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    for writer in open_writers:
        writer.close()


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """An address where nobody listens: the port is taken, so that nobody else can come to listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
