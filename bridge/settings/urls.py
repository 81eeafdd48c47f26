"""Addresses: what a setting accepts as a URL, and which hosts count as this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from bridge.settings.model import Expects, Refusal, Sensitive

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)
PLAIN = frozenset({"http", "ws"})


def is_loopback(host: str) -> bool:
    """Say whether `host` (a name or an IP address, without port) is this machine."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def split(value: str) -> SplitResult:
    """Take a URL apart.

    Raises:
        Refusal: It is no URL with a host; the message never repeats it.
    """
    text = value.strip()
    if not text.isprintable() or " " in text:
        raise Refusal("contains spaces or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Refusal("is not a URL") from None
    if not parts.scheme or not parts.hostname or port == 0:
        raise Refusal("is not a URL")
    return parts


def _checked(value: str, schemes: tuple[str, ...]) -> str:
    parts = split(value)
    if parts.scheme not in schemes:
        raise Refusal("has another scheme")
    if parts.username is not None or parts.password is not None:
        raise Refusal("contains credentials", "a URL without user and password; secrets have their own variables")
    if parts.fragment or value.strip().endswith("#"):
        raise Refusal("has a fragment", "a URL without #…")
    if parts.scheme in PLAIN and not is_loopback(parts.hostname or ""):
        raise Refusal(f"is plain {parts.scheme}://", f"{parts.scheme}s://, or a loopback host")
    return value.strip().rstrip("/")


def _host(value: str) -> str:
    text = value.strip()
    try:
        ip_address(text)
    except ValueError:
        if _HOST.fullmatch(text) is None:
            raise Refusal("is not the name or address of a host") from None
    return text


def _web(value: str) -> str:
    return _checked(value, ("https", "http"))


def _socket(value: str) -> str:
    checked = _checked(value, ("wss", "ws"))
    if split(value).query:
        raise Refusal("has a query", "a URL without ?…; a token has its own variable")
    return checked


def _proxy(value: str) -> str:
    if split(value).scheme not in {"http", "https"}:
        raise Refusal("has another scheme")
    return value.strip().rstrip("/")


def _database(value: str) -> str:
    text = value.strip()
    if text.startswith(("postgresql://", "postgresql+asyncpg://")):
        split(text)
        return text
    if not text.startswith("sqlite:///") or text == "sqlite:///":
        raise Refusal("is not a database URL")
    return text


Host = Annotated[str, AfterValidator(_host), Expects("host", "an IP address or a host name, without port")]
WebUrl = Annotated[str, AfterValidator(_web), Expects("URL", "an https:// URL; http:// for loopback hosts only")]
SocketUrl = Annotated[str, AfterValidator(_socket), Expects("URL", "a wss:// URL; ws:// for loopback hosts only")]
ProxyUrl = Annotated[str, AfterValidator(_proxy), Sensitive(), Expects("URL", "http://HOST:PORT or https://HOST:PORT")]
DatabaseUrl = Annotated[
    str, AfterValidator(_database), Sensitive(), Expects("URL", "sqlite:///PATH or postgresql://USER@HOST/NAME")
]
