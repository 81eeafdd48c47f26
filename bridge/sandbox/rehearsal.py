"""The whole sandbox as one: both servers, the day between them, and all that `bridge run` needs to join in."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.core.tasks import Tasks
from bridge.sandbox.certificates import make_server_tls
from bridge.sandbox.day import CALLS_PER_MINUTE, Day
from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.faults import Fault
from bridge.sandbox.salesforce import SandboxOrg
from bridge.sandbox.world import build_world

TOKEN = "sandbox-token"  # noqa: S105 - the sandbox takes any
USERNAME = "integration@callcentre.example.sandbox"
CONSUMER = "sandbox-consumer-key"


class Rehearsal:
    """A sandbox that runs for the time of an `async with`.

    Args:
        agents: How many agents work there.
        queues: How many queues there are.
        seed: Of the world and the day.
        calls_per_minute: Mean rate of calls; None for a day that is made for watching.
        minerva_port: 0 for any free one.
        salesforce_port: 0 for any free one.
        tls: Serve both with TLS from a throw-away authority.
        faults: What is to go wrong at Minerva.
    """

    def __init__(
        self,
        *,
        agents: int = 5,
        queues: int = 3,
        seed: int = 7,
        calls_per_minute: float | None = CALLS_PER_MINUTE,
        minerva_port: int = 0,
        salesforce_port: int = 0,
        tls: bool = False,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.world = build_world(seed=seed, agents=agents, queues=queues)
        self.org = SandboxOrg(self.world)
        self._calls_per_minute = calls_per_minute
        self._minerva_port = minerva_port
        self._salesforce_port = salesforce_port
        self._tls = tls
        self._faults = tuple(faults)
        self._stack = AsyncExitStack()
        self._tasks = Tasks()
        self._ca_file: Path | None = None

    async def __aenter__(self) -> Self:
        """Start serving and let the day begin. Raises OSError when a port is taken."""
        async with AsyncExitStack() as stack:
            context: ssl.SSLContext | None = None
            if self._tls:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-sandbox-")))
                made = make_server_tls(folder)
                context, self._ca_file = made.context, made.ca_file
            self.minerva = await stack.enter_async_context(
                SandboxMinerva(self.world, port=self._minerva_port, ssl_context=context, faults=self._faults)
            )
            self.salesforce_url = await stack.enter_async_context(
                self.org.serving(port=self._salesforce_port, ssl_context=context)
            )
            self._stack = stack.pop_all()
        if self._calls_per_minute is None:
            self.day = Day.demo(self.world, self.minerva)
        else:
            self.day = Day(self.world, self.minerva, calls_per_minute=self._calls_per_minute)
        self._tasks.start(self.day.run(), name="day")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the day, stop serving, leave no file behind."""
        await self._tasks.cancel()
        await self._stack.aclose()

    def env(self) -> dict[str, str]:
        """All variables that `bridge run` needs to work against this sandbox."""
        env = {
            "BRIDGE_ENVIRONMENT": "development",
            "BRIDGE_ORG_ID": self.world.org_id,
            "BRIDGE_MINERVA__URL": self.minerva.url,
            "BRIDGE_MINERVA__API_URL": self.minerva.api_url,
            "BRIDGE_MINERVA__TOKEN": TOKEN,
            "BRIDGE_AGENTS": json.dumps(
                [
                    {
                        "user_id": agent.user_id,
                        "salesforce_user_id": agent.salesforce_user_id,
                        "name": agent.name,
                        "email": agent.email,
                    }
                    for agent in self.world.agents
                ]
            ),
            "BRIDGE_QUEUES": json.dumps([queue.id for queue in self.world.queues]),
            "BRIDGE_SALESFORCE__AUTH": "jwt",
            "BRIDGE_SALESFORCE__LOGIN_URL": self.salesforce_url,
            "BRIDGE_SALESFORCE__CLIENT_ID": CONSUMER,
            "BRIDGE_SALESFORCE__USERNAME": USERNAME,
            "BRIDGE_SALESFORCE__PRIVATE_KEY": _private_key(),
        }
        if self._ca_file is not None:
            env["BRIDGE_MINERVA__CA_FILE"] = env["BRIDGE_SALESFORCE__CA_FILE"] = str(self._ca_file)
        return env

    def describe(self) -> dict[str, Any]:
        """The first line that `bridge sandbox` prints."""
        return {
            "minerva_url": self.minerva.url,
            "api_url": self.minerva.api_url,
            "salesforce_url": self.salesforce_url,
            "org_id": self.world.org_id,
            "ca_file": str(self._ca_file) if self._ca_file is not None else None,
            "agents": [
                {
                    "user_id": agent.user_id,
                    "salesforce_user_id": agent.salesforce_user_id,
                    "name": agent.name,
                }
                for agent in self.world.agents
            ],
            "queues": [{"id": queue.id, "name": queue.name} for queue in self.world.queues],
            "env": self.env(),
        }


def _private_key() -> str:
    """A fresh RSA key in PEM form: the sandbox org takes any well-formed assertion."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
