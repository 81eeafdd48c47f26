"""The real worker between a sandbox Minerva, a sandbox org over TLS and a webhook receiver, for one test."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bridge import settings
from bridge.app import Worker
from bridge.cli.environment import sink_models
from bridge.sandbox.certificates import make_server_tls
from bridge.sandbox.minerva import SandboxMinerva, builders
from bridge.sandbox.salesforce import SandboxOrg
from bridge.sandbox.world import Caller, Match, World, build_world
from tests.support.receiver import SECRET, Receiver

API_TOKEN = "console-token-of-this-test"
STATIC_TOKEN = "minerva-token-of-this-test"
ACCESS_TOKEN_USER = "integration@callcentre.example.sandbox"


@dataclass(slots=True)
class Scene:
    """Everything a test can look at."""

    world: World
    minerva: SandboxMinerva
    org: SandboxOrg
    receiver: Receiver
    worker: Worker
    http: aiohttp.ClientSession

    @property
    def agent(self) -> str:
        return self.world.agents[0].user_id

    def caller(self, matches: Match) -> Caller:
        """A caller of whom Minerva itself knows nothing."""
        return next(
            each
            for each in self.world.callers
            if each.matches == matches and each.name is None and not (each.contact_id or each.account_id)
        )

    async def ring(self, caller: Caller, *, agent: str | None = None, **fields: Any) -> str:
        """Let a call ring at an agent; gives its id."""
        call_id = fields.pop("callId", f"call-{uuid.uuid4()}")
        payload = {**builders.call_incoming(caller, self.world.queues[0], call_id=call_id), **fields}
        await self.minerva.send_to_user(agent or self.agent, "CALL_INCOMING", payload)
        return str(call_id)

    async def voicemail(self, caller: Caller, *, id: str | None = None, **fields: Any) -> str:  # noqa: A002 - the wire's name
        """Leave a message with the first agent; gives its id."""
        payload = {
            "voicemailId": f"vm-{uuid.uuid4()}",
            "from": caller.number,
            "to": builders.MAIN_LINE,
            "duration": 12,
            "transcription": "please call me back",
            "transcriptionConfidence": 0.9,
            "recordingUrl": "/api/voicemail/1/audio",
            "priority": "normal",
            "createdAt": self.minerva.now_ms(),
            **fields,
        }
        await self.minerva.send_to_user(self.agent, "VOICEMAIL_NEW", payload, id=id)
        return str(payload["voicemailId"])

    async def queue(self, level: str, *, kind: str = "QUEUE_UPDATE", **fields: Any) -> None:
        """Let the first queue report a level."""
        queue = self.world.queues[0]
        stats = {"callsInQueue": 5, "serviceLevelTarget": 80, "currentServiceLevel": 62}
        payload = {"queueId": queue.id, "queueName": queue.name, "stats": stats, "slaStatus": level, **fields}
        self.minerva.set_snapshot("queue", queue.id, "QUEUE_UPDATE", {**payload, "slaStatus": level})
        await self.minerva.send_to_group("queue", queue.id, kind, payload)

    async def api(self, method: str, path: str, *, token: str | None = API_TOKEN, **options: Any) -> tuple[int, Any]:
        """Call the worker's HTTP interface; gives status and decoded body."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, f"{self.worker.url}{path}", headers=headers, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def subscribed(self) -> None:
        """Wait until every channel is subscribed."""
        users = [agent.user_id for agent in self.world.agents]
        queues = [queue.id for queue in self.world.queues]
        await self.minerva.wait_for(
            lambda: (
                all(self.minerva.is_subscribed("user", each) for each in users)
                and all(self.minerva.is_subscribed("queue", each) for each in queues)
            )
        )


def environment(
    world: World, minerva: SandboxMinerva, salesforce_url: str, ca_file: Path, receiver: Receiver
) -> dict[str, str]:
    """The variables of the worker under test: fast back-off, short delays, one webhook that gets everything."""
    return {
        "BRIDGE_ENVIRONMENT": "development",
        "BRIDGE_ORG_ID": world.org_id,
        "BRIDGE_MINERVA__URL": minerva.url,
        "BRIDGE_MINERVA__API_URL": minerva.api_url,
        "BRIDGE_MINERVA__TOKEN": STATIC_TOKEN,
        "BRIDGE_MINERVA__BACKOFF_BASE": "0.05",
        "BRIDGE_AGENTS": json.dumps(
            [
                {"user_id": each.user_id, "salesforce_user_id": each.salesforce_user_id, "name": each.name}
                for each in world.agents
            ]
        ),
        "BRIDGE_QUEUES": json.dumps([queue.id for queue in world.queues]),
        "BRIDGE_SALESFORCE__AUTH": "client_credentials",
        "BRIDGE_SALESFORCE__LOGIN_URL": salesforce_url,
        "BRIDGE_SALESFORCE__CLIENT_ID": "consumer",
        "BRIDGE_SALESFORCE__CLIENT_SECRET": "consumer-secret-of-this-test",
        "BRIDGE_SALESFORCE__CA_FILE": str(ca_file),
        "BRIDGE_SINKS": json.dumps({"crm": {"type": "webhook", "url": receiver.url, "secret": SECRET}}),
        "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["crm"]}]),
        "BRIDGE_ESCALATION__WARNING_DELAY": "0",
        "BRIDGE_ESCALATION__CRITICAL_DELAY": "0",
        "BRIDGE_ESCALATION__CLEAR_DELAY": "0",
        "BRIDGE_CONSOLE__PORT": "0",
        "BRIDGE_CONSOLE__TOKEN": API_TOKEN,
        "BRIDGE_DRAIN_TIMEOUT": "5",
    }


@asynccontextmanager
async def scene(
    folder: Path, changes: Mapping[str, str | None] | None = None, *, agents: int = 2
) -> AsyncIterator[Scene]:
    """Run a scene. `changes` are variables to set, or to leave out where None."""
    world = build_world(agents=agents, queues=1)
    tls = make_server_tls(folder)
    org = SandboxOrg(world)
    async with (
        Receiver() as receiver,
        SandboxMinerva(world) as minerva,
        org.serving(ssl_context=tls.context) as salesforce_url,
        aiohttp.ClientSession() as http,
    ):
        variables: dict[str, str | None] = {
            **environment(world, minerva, salesforce_url, tls.ca_file, receiver),
            **(changes or {}),
        }
        chosen = settings.load(
            {name: value for name, value in variables.items() if value is not None},
            sink_models=sink_models(),
            dotenv=None,
            secrets_dirs=(),
        )
        async with Worker(chosen) as worker:
            made = Scene(world, minerva, org, receiver, worker, http)
            await made.subscribed()
            yield made
