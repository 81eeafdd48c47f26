"""The WebSocket under a session: aiohttp's, with its edges taken off.

What aiohttp 3.14 does and this module hides: a lost connection carries no close code; `close()` waits for ever for a
peer that keeps talking; the handshake has no timeout of its own; the 101st socket waits silently for a free connector.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from bridge.core.errors import Unavailable
from bridge.minerva.endings import Ending, Kind, handshake_refused
from bridge.minerva.messages import MAX_MESSAGE_BYTES, SUBPROTOCOL

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})


TLS_BUFFER_BYTES = 16 * 1024
"""As much as one TLS record can hold. asyncio keeps a buffer of 256 KiB for each TLS connection, whatever comes."""


def shrink_tls_buffers() -> bool:
    """Let asyncio's TLS connections of this process keep 16 KiB instead of 256 KiB each; True when that worked.

    `SSLProtocol.max_size` sizes the buffer; it is no public name, so a Python that calls it otherwise is left alone.
    """
    if not isinstance(getattr(asyncio.sslproto.SSLProtocol, "max_size", None), int):
        return False
    asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES
    return True


class ConnectFailed(Unavailable):
    """The WebSocket could not be opened; `ending` says why and so what follows."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(str(ending))
        self.ending = ending


@dataclass(frozen=True, slots=True)
class Text:
    """A text frame."""

    text: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary frame; what is in it does not matter."""


Frame = Text | Binary | Ending


class Connection(Protocol):
    """One open WebSocket."""

    async def receive(self) -> Frame:
        """The next frame, or how the connection ended. Never raises but for cancellation."""

    async def send(self, text: str) -> None:
        """Send one text frame. A connection that is already gone is told by `receive`, not here."""

    async def close(self, code: int) -> None:
        """Close within two seconds, whatever the peer does."""


class Connector(Protocol):
    """Opens WebSockets to Minerva."""

    async def connect(self, query: Mapping[str, str]) -> Connection:
        """Open one, with these parameters on the URL. Raises ConnectFailed."""


async def _no_redirects(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse to be sent elsewhere: the token is for the configured host alone, and AUTH would carry it there."""
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        raise _RedirectedError(response.status)
    return response


class _RedirectedError(aiohttp.ClientError):
    """The upgrade was answered with a redirect."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirected with HTTP {status}")
        self.status = status


class AiohttpConnector:
    """Opens WebSockets with aiohttp. One for all sessions; close it at the end.

    Args:
        url: Minerva's ws:// or wss:// address.
        compression: Offer permessage-deflate (about 100 KiB a session).
        tls: The context to verify Minerva with; None for the system's.
        subprotocol: What is offered; Minerva wants `minerva-v2`.
    """

    def __init__(self, url: str, *, compression: bool, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._compress = 15 if compression else 0
        shrink_tls_buffers()
        # limit=0: with the default of 100 the next session would wait for ever, silently.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls if tls is not None else True),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_no_redirects,),
        )

    async def connect(self, query: Mapping[str, str]) -> Connection:
        """Open one WebSocket within ten seconds. Raises ConnectFailed."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await self._session.ws_connect(
                    self._url,
                    params=query,
                    protocols=(SUBPROTOCOL,),
                    compress=self._compress,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    autoping=True,
                )
        except TimeoutError:
            raise ConnectFailed(Ending(Kind.HANDSHAKE, reason="no answer to the upgrade")) from None
        except aiohttp.WSServerHandshakeError as error:
            retry_after = _seconds(error.headers.get("Retry-After") if error.headers is not None else None)
            raise ConnectFailed(handshake_refused(error.status, retry_after_s=retry_after)) from None
        except _RedirectedError as error:
            raise ConnectFailed(Ending(Kind.HANDSHAKE, reason=str(error))) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise ConnectFailed(Ending(Kind.CERTIFICATE, 1015, str(error.certificate_error))) from None
        except aiohttp.ClientSSLError as error:
            raise ConnectFailed(Ending(Kind.CERTIFICATE, 1015, type(error).__name__)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The text of some of these names the URL, which may hold a token: only the class and errno are told.
            raise ConnectFailed(Ending(Kind.HANDSHAKE, reason=_nature(error))) from None
        return _AiohttpConnection(socket)

    async def close(self) -> None:
        """Close what is left of the sockets."""
        await self._session.close()


class _AiohttpConnection:
    """One aiohttp WebSocket as a Connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> Frame:
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return Text(message.data)
            case aiohttp.WSMsgType.BINARY:
                return Binary()
            case aiohttp.WSMsgType.CLOSE:
                return Ending(Kind.CLOSE_FRAME, message.data or 1005, message.extra or "")
            case aiohttp.WSMsgType.ERROR:
                error = message.data
                if isinstance(error, aiohttp.WebSocketError):
                    kind = Kind.TOO_LARGE if error.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG else Kind.LOST
                    return Ending(kind, int(error.code), str(error)[:200])
                return Ending(Kind.LOST, 1006, _nature(error))
            case _:  # CLOSED or CLOSING without a close frame
                return Ending(Kind.LOST, 1006, _nature(self._socket.exception()))

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            return  # receive() tells how it ended

    async def close(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=code)
        except TimeoutError:  # a peer that keeps talking and never answers the close
            response = self._socket._response  # noqa: SLF001 - aiohttp offers no public abort
            response.close()


def _nature(error: BaseException | None) -> str:
    """Name an error without its text, which may hold a URL with a token."""
    if error is None:
        return "connection lost"
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    detail = inner.strerror if isinstance(inner, OSError) and inner.strerror else ""
    return f"{type(inner).__name__}: {detail}" if detail else type(inner).__name__


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
