"""`bridge demo`: the sandbox and the real worker against it, over real sockets, told as it happens."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Annotated

import aiohttp
import structlog
import typer

from bridge import settings
from bridge.app import Worker
from bridge.cli import environment
from bridge.cli.stage import Stage, StageSink
from bridge.console.server import PortTakenError
from bridge.core import logging
from bridge.core.errors import BridgeError
from bridge.core.tasks import Tasks, first_exit
from bridge.sandbox.rehearsal import Rehearsal

log = structlog.get_logger()

PLENTY_S = 45.0
SUPERVISOR, MANAGER = "supervisor", "floor-manager"
STEP_S = 3.0
"""After so long without an answer the floor manager hears of it: minutes in earnest, seconds here."""

ANSWER_AFTER_S = 5.0
"""Every second incident is answered after that long, through the API as a person would."""


def demo(
    seconds: Annotated[
        float, typer.Option(help="End after that many seconds; 0 goes on until Ctrl-C.", min=0)
    ] = PLENTY_S,
    port: Annotated[int, typer.Option(help="Port of the worker's console; 0 is any free one.", min=0, max=65535)] = 0,
    agents: Annotated[int, typer.Option(help="How many agents work there.", min=1)] = 5,
) -> None:
    """See all three jobs at work: screen pops, voicemails, escalations. Needs no setting, leaves nothing behind."""
    logging.configure(level="error", style="console")
    asyncio.run(_play(seconds, port, agents))


async def _play(seconds: float, port: int, agents: int) -> None:
    stage = Stage()
    stage.say("Starting a sandbox Minerva and a sandbox Salesforce org, and the worker against them ...")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    tasks = Tasks(on_failure=lambda _error: ended.set())
    async with Rehearsal(agents=agents, calls_per_minute=None, tls=True) as rehearsal:
        chosen = settings.load(
            {**rehearsal.env(), **_choices(port)},
            sink_models={**environment.sink_models(), "stage": StageSink.Settings},
            dotenv=None,
            secrets_dirs=(),
        )
        try:
            async with Worker(chosen, extra_sinks={"stage": stage.sink_type()}) as worker:
                stage.opened(rehearsal.minerva.url, rehearsal.salesforce_url, worker.url, agents)
                tasks.start(_answer(worker.url), name="the supervisor who answers")
                if seconds:
                    await first_exit(asyncio.sleep(seconds), ended.wait())
                else:
                    await ended.wait()
                await tasks.cancel()
                summary = stage.summary(worker.telemetry)
        except PortTakenError as error:
            raise BridgeError(f"--port {port}: {error}") from None
    stage.close(summary)


def _choices(port: int) -> dict[str, str]:
    """What the demo's centre has configured: who gets what, and escalations in seconds instead of minutes."""
    steps = [{"after": 0, "sinks": [SUPERVISOR]}, {"after": STEP_S, "sinks": [MANAGER]}]
    policy = {"name": "floor", "queues": ["*"], "steps": steps, "repeat": 60, "ack_timeout": 600}
    routes = [
        {"kind": "screen_pop", "sinks": ["screen"]},
        {"kind": "voicemail", "sinks": ["mailbox"]},
        {"kind": "bridge", "sinks": ["operations"]},
    ]
    names = ("screen", "mailbox", "operations", SUPERVISOR, MANAGER)
    return {
        "BRIDGE_CONSOLE__PORT": str(port),
        "BRIDGE_SINKS": json.dumps({name: {"type": "stage"} for name in names}),
        "BRIDGE_ROUTES": json.dumps(routes),
        "BRIDGE_ESCALATION__POLICIES": json.dumps([policy]),
        "BRIDGE_ESCALATION__WARNING_DELAY": "1",
        "BRIDGE_ESCALATION__CRITICAL_DELAY": "1",
        "BRIDGE_ESCALATION__CLEAR_DELAY": "1",
    }


async def _answer(url: str) -> None:
    """Be the supervisor who acknowledges every second incident through the worker's API."""
    seen: list[str] = []
    async with aiohttp.ClientSession() as http:
        while True:
            await asyncio.sleep(0.5)
            async with http.get(f"{url}/api/v1/incidents") as answer:
                incidents = (await answer.json())["incidents"]
            for incident in incidents:
                incident_id = incident["incident_id"]
                if incident_id not in seen:
                    seen.append(incident_id)
                due = seen.index(incident_id) % 2 == 0 and (incident["duration_s"] or 0) >= ANSWER_AFTER_S
                if incident["status"] == "triggered" and due:
                    body = {"by": "the supervisor"}
                    async with http.post(f"{url}/api/v1/incidents/{incident_id}/ack", json=body) as answer:
                        await answer.read()
