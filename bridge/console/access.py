"""Who may use the API: the bearer of the token; on loopback without a token, requests that name a loopback host."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

PROTECTED = "/api/"


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses, brackets and port or not."""
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def guard(token: str | None) -> Middleware:
    """Make the middleware that protects the API.

    Without a token the Host header must name a loopback host: a web page elsewhere cannot reach the API by giving its
    own name the address 127.0.0.1 (DNS rebinding). What a page of another host sends is refused by its Origin.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PROTECTED):
            if token is not None and not _bears(request, token):
                return web.json_response(
                    {"error": "the API wants Authorization: Bearer <BRIDGE_CONSOLE__TOKEN>"},
                    status=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if token is None and not (is_loopback(request.host) and _from_here(request)):
                return web.json_response({"error": "without a token the API answers loopback hosts only"}, status=403)
        return await handler(request)

    return check


def _from_here(request: web.Request) -> bool:
    """False for what a web page of another host sends: browsers name it in Origin."""
    origin = request.headers.get("Origin")
    return origin is None or is_loopback(origin.partition("://")[2])


def _bears(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
