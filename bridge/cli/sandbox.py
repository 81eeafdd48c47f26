"""`bridge sandbox`: a Minerva and a Salesforce org to rehearse against."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from bridge.core import logging
from bridge.core.errors import BridgeError, ConfigurationError, Problem
from bridge.sandbox.day import CALLS_PER_MINUTE
from bridge.sandbox.minerva import ScriptError, load_script
from bridge.sandbox.rehearsal import Rehearsal


def sandbox(
    minerva_port: Annotated[int, typer.Option(help="Port of Minerva; 0 is any free one.", min=0, max=65535)] = 0,
    salesforce_port: Annotated[int, typer.Option(help="Port of Salesforce; 0 is any free one.", min=0, max=65535)] = 0,
    agents: Annotated[int, typer.Option(help="How many agents work there.", min=1)] = 5,
    queues: Annotated[int, typer.Option(help="How many queues there are.", min=1)] = 3,
    calls_per_minute: Annotated[float, typer.Option(help="Mean rate of calls.", min=0.01)] = CALLS_PER_MINUTE,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    script: Annotated[Path | None, typer.Option(help="JSON file of faults, see docs/sandbox.md.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve with TLS from a throw-away authority.")] = False,
) -> None:
    """Serve a sandbox until SIGTERM or Ctrl-C. The first line on stdout is JSON with all that `bridge run` needs."""
    logging.configure(level="warning", style="console")
    try:
        faults = load_script(script) if script is not None else []
    except ScriptError as error:
        raise ConfigurationError([Problem("--script", str(error), "see docs/sandbox.md")]) from None
    rehearsal = Rehearsal(
        agents=agents,
        queues=queues,
        seed=seed,
        calls_per_minute=calls_per_minute,
        minerva_port=minerva_port,
        salesforce_port=salesforce_port,
        tls=tls,
        faults=faults,
    )
    asyncio.run(_serve(rehearsal))


async def _serve(rehearsal: Rehearsal) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        async with rehearsal:
            typer.echo(json.dumps(rehearsal.describe()))
            await told.wait()
    except OSError as error:
        raise BridgeError(f"the sandbox cannot listen: {error.strerror or error}") from None
