"""A plain client of the sandbox org, and an org with a clock that stands until it is moved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from bridge.sandbox.salesforce import Field, SandboxOrg
from bridge.sandbox.world import World, build_world

START = 1_780_000_000.0
WORLD: World = build_world(agents=3, queues=2)
CALL_ID = Field("Call_Id__c", length=64, external_id=True, unique=True)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        [error] = self.json
        return str(error["errorCode"])


class StandingClock:
    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Client:
    """Speaks to one org; `token` goes along with every call."""

    def __init__(self, http: aiohttp.ClientSession, org: SandboxOrg, clock: StandingClock) -> None:
        self.http = http
        self.org = org
        self.clock = clock
        self.url = org.url
        self.token = org.issue_token()

    async def call(self, method: str, path: str, **kwargs: Any) -> Answer:
        """Call a path below `/services/data/v67.0/`, or an absolute one."""
        whole = path if path.startswith("/") else f"/services/data/v67.0/{path}"
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        async with self.http.request(method, self.url + whole, headers=headers, **kwargs) as response:
            return Answer(response.status, dict(response.headers), await response.text(errors="replace"))

    async def query(self, statement: str, resource: str = "query") -> Answer:
        return await self.call("GET", resource, params={"q": statement})

    async def search(self, statement: str) -> Answer:
        return await self.call("GET", "search", params={"q": statement})

    async def upsert(self, value: str, **body: Any) -> Answer:
        return await self.call("PATCH", f"sobjects/Task/Call_Id__c/{value}", json=body)

    async def login(self, **form: str) -> Answer:
        data = form or {"grant_type": "client_credentials", "client_id": "bridge", "client_secret": "hush"}
        return await self.call("POST", "/services/oauth2/token", data=data)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Client]:
    """Serve an org over plain http, with an external id on Task."""
    clock = StandingClock()
    org = SandboxOrg(WORLD, clock=clock, sleep=clock.sleep, **settings)
    org.declare_field("Task", CALL_ID)
    async with org.serving(), aiohttp.ClientSession() as http:
        yield Client(http, org, clock)
