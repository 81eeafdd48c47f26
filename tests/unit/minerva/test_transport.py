from __future__ import annotations

import asyncio
import asyncio.sslproto
import inspect

from bridge.minerva.transport import TLS_BUFFER_BYTES, shrink_tls_buffers


def test_tls_connections_keep_a_small_buffer_on_this_python() -> None:
    """Fails when CPython renames what we set: sessions would silently cost four times the memory again."""
    assert shrink_tls_buffers()
    assert asyncio.sslproto.SSLProtocol.max_size == TLS_BUFFER_BYTES
    assert "bytearray(self.max_size)" in inspect.getsource(asyncio.sslproto.SSLProtocol.__init__)
