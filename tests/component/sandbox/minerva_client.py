"""A client that says exactly what a test tells it to, over a real socket, written from the guide."""

from __future__ import annotations

import asyncio
import json
import uuid
from types import TracebackType
from typing import Any, Self

import aiohttp

from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.wire import QUEUE_EVENTS, USER_EVENTS

PATIENCE_S = 10.0
NOW_MS = 1_800_000_000_000

Json = dict[str, Any]


class Client:
    """One WebSocket to a sandbox. `say` fills the envelope in; `raw` sends anything."""

    def __init__(
        self,
        minerva: SandboxMinerva,
        *,
        protocols: tuple[str, ...] = ("minerva-v2",),
        query: dict[str, str] | None = None,
    ) -> None:
        self.minerva = minerva
        self._protocols = protocols
        self._query = query or {}
        self.client_id: str | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        try:
            self.ws = await self._http.ws_connect(
                self.minerva.url, params=self._query, protocols=self._protocols, compress=15, autoclose=False
            )
        except BaseException:
            await self._http.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        response = self.ws._response
        response.close()
        await self._http.close()

    async def raw(self, data: str | bytes) -> None:
        if isinstance(data, str):
            await self.ws.send_str(data)
        else:
            await self.ws.send_bytes(data)

    async def say(self, type: str, payload: Json | None = None, **fields: Any) -> str:  # noqa: A002
        """Send a message; a field given as None is left out. Gives the id."""
        identity = str(uuid.uuid4())
        body: Json = {
            "protocol": "minerva",
            "version": "2.0",
            "type": type,
            "timestamp": NOW_MS,
            "id": identity,
            "payload": payload or {},
        } | fields
        await self.raw(json.dumps({name: value for name, value in body.items() if value is not None}))
        return identity

    async def receive(self) -> aiohttp.WSMessage:
        async with asyncio.timeout(PATIENCE_S):
            return await self.ws.receive()

    async def next(self, *types: str) -> Json:
        """Give the next message of one of those types; with none, the very next."""
        while True:
            message = await self.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, message
            body: Json = json.loads(message.data)
            if not types or body["type"] in types:
                return body

    async def ending(self) -> aiohttp.WSMessage:
        """Read on until the connection ends; gives the CLOSE, CLOSED or ERROR that ended it."""
        while True:
            message = await self.receive()
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                return message

    def credentials(self, user_id: str = "agent-0001") -> Json:
        info = {"platform": "test", "userAgent": "test/1", "timezone": "UTC"}
        return {"token": "any", "userId": user_id, "orgId": self.minerva.world.org_id, "clientInfo": info}

    async def auth(self, user_id: str = "agent-0001") -> Json:
        await self.say("AUTH", self.credentials(user_id), id=None)
        answer = await self.next()
        self.client_id = answer["payload"].get("clientId")
        return answer

    async def heartbeat(self) -> None:
        await self.say("HEARTBEAT", clientId=self.client_id, id=None)

    async def subscribe_user(self, user_id: str = "agent-0001", **options: Any) -> str:
        return await self.say(
            "SUBSCRIBE",
            {"channel": "user", "userId": user_id, "events": sorted(USER_EVENTS), "options": options},
        )

    async def subscribe_queue(self, queue_id: str = "queue-001", **options: Any) -> str:
        return await self.say(
            "SUBSCRIBE",
            {
                "channel": "group",
                "groupType": "queue",
                "groupId": queue_id,
                "events": sorted(QUEUE_EVENTS),
                "options": options,
            },
        )

    async def ready(self, user_id: str = "agent-0001", **options: Any) -> Self:
        """Authenticate and subscribe to the user's own channel."""
        assert (await self.auth(user_id))["type"] == "AUTH_SUCCESS"
        await self.subscribe_user(user_id, **options)
        assert (await self.next())["type"] == "SUBSCRIPTION_CONFIRMED"
        return self
