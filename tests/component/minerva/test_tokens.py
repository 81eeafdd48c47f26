"""Tokens from the ws-token endpoint, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.core.errors import Refused, Unavailable
from bridge.core.gate import AdmissionGate
from bridge.minerva.tokens import REFRESH_AHEAD_S, TokenEndpoint
from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.faults import Fault, TokenMalformed, TokenRefused, TokenShortLived
from bridge.sandbox.world import build_world
from tests.support.clock import ManualClock

LIFE_S = 3600.0  # what the sandbox gives a token


@asynccontextmanager
async def endpoint(*faults: Fault) -> AsyncIterator[tuple[TokenEndpoint, SandboxMinerva, ManualClock]]:
    world, clock = build_world(agents=3), ManualClock()
    async with SandboxMinerva(world, clock=clock, faults=faults) as minerva, aiohttp.ClientSession() as http:
        gate = AdmissionGate(clock, rate=1000)
        yield TokenEndpoint(http, minerva.api_url, "service", world.org_id, clock=clock, gate=gate), minerva, clock


async def test_fifty_at_once_cost_one_request_a_user() -> None:
    async with endpoint() as (tokens, minerva, _):
        found = await asyncio.gather(*(tokens.token("agent-0001") for _ in range(50)))
        assert len({token.value for token in found}) == 1
        assert minerva.journal.tokens["agent-0001"] == 1


async def test_a_token_is_kept_until_300_s_before_its_end() -> None:
    async with endpoint() as (tokens, minerva, clock):
        first = await tokens.token("agent-0001")
        clock.move(LIFE_S - REFRESH_AHEAD_S - 1)
        assert await tokens.token("agent-0001") == first
        clock.move(2)
        await tokens.refresh_due()
        assert minerva.journal.tokens["agent-0001"] == 2
        assert await tokens.token("agent-0001") != first
        assert minerva.journal.tokens["agent-0001"] == 2


@pytest.mark.parametrize("form", ["expiresAt", "expiresIn"])
async def test_a_short_lived_token_is_replaced_at_half_its_life(form: str) -> None:
    fault = TokenShortLived(lifetime_s=100, form="expiresAt" if form == "expiresAt" else "expiresIn")
    async with endpoint(fault) as (tokens, minerva, clock):
        await tokens.token("agent-0001")
        clock.move(49)
        await tokens.refresh_due()
        assert minerva.journal.tokens["agent-0001"] == 1
        clock.move(2)
        await tokens.refresh_due()
        assert minerva.journal.tokens["agent-0001"] == 2


async def test_a_token_that_is_due_serves_on_while_the_endpoint_is_down() -> None:
    async with endpoint() as (tokens, minerva, clock):
        first = await tokens.token("agent-0001")
        minerva.arm(TokenRefused(status=503))
        clock.move(LIFE_S - 10)
        assert await tokens.token("agent-0001") == first
        clock.move(11)
        with pytest.raises(Unavailable, match="HTTP 503"):
            await tokens.token("agent-0001")


async def test_a_fresh_token_is_another_one_even_when_the_known_one_is_good() -> None:
    async with endpoint() as (tokens, _, _):
        first = await tokens.token("agent-0001")
        assert await tokens.token("agent-0001", fresh=True) != first


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (TokenRefused(status=401), Refused, "HTTP 401"),
        (TokenRefused(status=500), Unavailable, "HTTP 500"),
        (TokenMalformed(body="{"), Unavailable, "no JSON"),
        (TokenMalformed(body="[]"), Unavailable, "without a token"),
        (TokenMalformed(body='{"token": ""}'), Unavailable, "without a token"),
    ],
)
async def test_what_the_endpoint_does_wrong_is_named(fault: Fault, error: type[Exception], text: str) -> None:
    async with endpoint(fault) as (tokens, _, _):
        with pytest.raises(error, match=text):
            await tokens.token("agent-0001")


async def test_a_refresh_that_fails_raises_nothing() -> None:
    async with endpoint() as (tokens, minerva, clock):
        await tokens.token("agent-0001")
        minerva.arm(TokenRefused(status=401))
        clock.move(LIFE_S - 10)
        await tokens.refresh_due()


async def test_the_service_token_follows_no_redirect() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/other"):
            return web.json_response({"token": "from another host"})
        return web.Response(status=307, headers={"Location": f"http://{request.host}/other"})

    app, clock = web.Application(), ManualClock()
    app.router.add_route("*", "/{path:.*}", elsewhere)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        gate = AdmissionGate(clock, rate=1000)
        tokens = TokenEndpoint(http, f"http://127.0.0.1:{server.port}", "service", "00D", clock=clock, gate=gate)
        with pytest.raises(Unavailable, match="HTTP 307"):
            await tokens.token("agent-0001")
