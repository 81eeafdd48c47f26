"""The bridge's side of Salesforce against a sandbox org over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bridge.core.clock import Clock, SystemClock
from bridge.events import CallerHint
from bridge.metrics import Metrics
from bridge.salesforce.auth import Authenticator
from bridge.salesforce.client import SalesforceClient
from bridge.salesforce.lookup import Answer, Lookup
from bridge.sandbox.certificates import ServerTls
from bridge.sandbox.salesforce import SandboxOrg
from bridge.sandbox.world import World, build_world
from bridge.settings.salesforce import Salesforce
from bridge.settings.screen_pop import ScreenPop

WORLD: World = build_world(agents=2, queues=1)
CLIENT_ID = "3MVG9bridge.of.this.test"
CLIENT_SECRET = "hush-client-secret-of-this-test"
USERNAME = "integration@callcentre.example.sandbox"
NOBODY = CallerHint()
ANY_RECORD = 'FIND {"4155550132"} IN PHONE FIELDS RETURNING Contact(Id)'
"""A search that is answered, with or without hits."""


class Gate:
    """Keeps requests that a latency fault strikes waiting until it is opened: time as a matter of order, not seconds."""

    def __init__(self) -> None:
        self._open = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        await self._open.wait()

    def open(self) -> None:
        self._open.set()


@dataclass(slots=True)
class Line:
    org: SandboxOrg
    url: str
    settings: Salesforce
    http: aiohttp.ClientSession
    authenticator: Authenticator
    client: SalesforceClient
    lookup: Lookup
    metrics: Metrics
    gate: Gate
    troubles: list[str | None] = field(default_factory=list)

    @property
    def api_calls(self) -> int:
        """Data requests that reached the org, answered or not."""
        operations = self.org.ledger.operations
        return operations.total() - operations["login"]

    async def find(self, number: str | None, hint: CallerHint = NOBODY, *, named: bool = False) -> Answer:
        return await self.lookup.find(number, hint, named=named)

    async def until(self, seen: Callable[[Any], bool]) -> None:
        """Wait until the org has seen that."""
        async with asyncio.timeout(10):
            await self.org.ledger.until(seen)

    def calls(self, operation: str, outcome: str) -> float:
        labels = {"operation": operation, "outcome": outcome}
        return self.metrics.registry.get_sample_value("minerva_bridge_salesforce_calls_total", labels) or 0.0


@asynccontextmanager
async def line(
    tls: ServerTls | None,
    *,
    clock: Clock | None = None,
    org_clock: Callable[[], float] | None = None,
    org_id: str = WORLD.org_id,
    rules: ScreenPop | None = None,
    index_lag_s: float = 0.0,
    host: str = "127.0.0.1",
    **settings: Any,
) -> AsyncIterator[Line]:
    """A served org, a client that may log in, and a lookup; over TLS unless `tls` is None."""
    gate = Gate()
    more: dict[str, Any] = {} if org_clock is None else {"clock": org_clock}
    org = SandboxOrg(WORLD, sleep=gate.sleep, index_lag_s=index_lag_s, **more)
    context = ssl.create_default_context(cafile=tls.ca_file) if tls is not None else None
    async with (
        org.serving(host=host, ssl_context=tls.context if tls is not None else None) as url,
        aiohttp.ClientSession() as http,
    ):
        given = {
            "auth": "client_credentials",
            "login_url": url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "ca_file": tls.ca_file if tls is not None else None,
            **settings,
        }
        chosen = Salesforce.model_validate({name: _text(value, org) for name, value in given.items()})
        metrics, timer = Metrics(), clock or SystemClock()
        authenticator = Authenticator(chosen, org_id, http=http, clock=timer, tls=context)
        client = SalesforceClient(chosen, authenticator, metrics)
        troubles: list[str | None] = []
        lookup = Lookup(client, chosen, rules or ScreenPop(), timer, trouble=troubles.append)
        try:
            yield Line(org, url, chosen, http, authenticator, client, lookup, metrics, gate, troubles)
        finally:
            await lookup.close()
            client.close()
            gate.open()
            org.faults.clear()
            org.faults.release()
            await asyncio.to_thread(client._threads.shutdown)


def _text(value: Any, org: SandboxOrg) -> Any:
    return value(org) if callable(value) else value


async def together(times: int, work: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Do the same so many times at once; errors are among the results."""
    return await asyncio.gather(*(work() for _ in range(times)), return_exceptions=True)
