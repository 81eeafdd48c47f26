"""One WebSocket of the server: an outbox with its writer, and every way to end it, fair and foul."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks, first_exit

MOST_WAITING = 20_000  # frames; a client that far behind is cut off
CLOSE_WAIT_S = 5.0  # how long the answer to our CLOSE may take
NO_STATUS = 1005  # RFC 6455 §7.4.1: a CLOSE without a code, never on the wire itself
ABNORMAL = 1006  # the same section: no CLOSE at all
LINGER_OFF = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST

Frame = tuple[bytes, WSMsgType]


class Connection:
    """A WebSocket whose sends never wait: frames go to an outbox, and `write_out` carries them to the socket.

    `ended_by` tells what ended it once `receive` gave None: `client`, `server` or `lost`; `code` is the close code.
    """

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport, clock: Clock, tasks: Tasks) -> None:
        self._ws = ws
        self._transport = transport
        self._clock = clock
        self._tasks = tasks
        self._outbox: asyncio.Queue[Frame] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._close_written = asyncio.Event()
        self._close_sent: int | None = None
        self.answers_close = True
        self.ended_by = "lost"
        self.code = ABNORMAL

    @property
    def closing(self) -> bool:
        """Tell whether our CLOSE is on its way, or the connection over."""
        return self._close_sent is not None or self._gone.is_set()

    def send(self, data: bytes, opcode: WSMsgType = WSMsgType.TEXT) -> None:
        """Queue a frame. After our CLOSE nothing more is sent; a hopelessly slow client is reset."""
        if self.closing:
            return
        self._outbox.put_nowait((data, opcode))
        if self._outbox.qsize() > MOST_WAITING:
            self.reset()

    def close(self, code: int, reason: str = "") -> None:
        """Queue CLOSE behind what is waiting. 1005 is sent as a CLOSE without a code."""
        if self.closing:
            return
        body = b"" if code == NO_STATUS else struct.pack("!H", code) + reason.encode("utf-8", "replace")
        self._outbox.put_nowait((body, WSMsgType.CLOSE))
        self._close_sent = code
        self._tasks.start(self._drop_later(), name="minerva-close-deadline")

    def drop(self) -> None:
        """End the TCP connection without a CLOSE frame."""
        self._gone.set()
        self._transport.close()

    def reset(self) -> None:
        """End the TCP connection by RST."""
        self._gone.set()
        raw = self._transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        self._transport.abort()

    async def write_out(self) -> None:
        """Carry frames to the socket until the connection is over."""
        while not self._gone.is_set():
            data, opcode = await self._outbox.get()
            try:
                await self._ws.send_frame(data, opcode)
            except (ConnectionError, RuntimeError):  # RuntimeError: aiohttp has let go of the transport
                self._gone.set()
            if opcode is WSMsgType.CLOSE:
                self._close_written.set()

    async def receive(self) -> WSMessage | None:
        """Give the next text or binary frame; None when the connection is over."""
        message = await self._ws.receive()
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return message
        if message.type is WSMsgType.CLOSE:
            await self._closed_by_peer(message.data or NO_STATUS)
        elif self._close_sent is not None:
            self.ended_by, self.code = "server", self._close_sent
        elif isinstance(message.data, WebSocketError):  # aiohttp has sent CLOSE: 1002, 1007 or 1009
            self.ended_by, self.code = "server", message.data.code
        self.drop()
        return None

    async def pause_reading(self) -> None:
        """Stop reading until cancelled or the connection is over."""
        self._transport.pause_reading()
        try:
            await self._gone.wait()
        finally:
            if not self._transport.is_closing():
                self._transport.resume_reading()

    async def _closed_by_peer(self, code: int) -> None:
        if self._close_sent is not None:
            self.ended_by, self.code = "server", self._close_sent
            return
        self.ended_by, self.code = "client", code
        if not self.answers_close:
            await self._gone.wait()  # the writer finds out when the client has had enough
            return
        body = b"" if code == NO_STATUS else struct.pack("!H", code)
        self._outbox.put_nowait((body, WSMsgType.CLOSE))
        self._close_sent = code
        await first_exit(self._close_written.wait(), self._gone.wait(), self._clock.sleep(CLOSE_WAIT_S))

    async def _drop_later(self) -> None:
        await self._clock.sleep(CLOSE_WAIT_S)
        self.drop()
