"""The fleet: many sessions in this process against a sandbox Minerva in another one.

BENCH_AGENTS says how many (1,000 unless told). KiB per session, CPU at rest, time to connect all, time to recover all
after the server drops every connection; plain, with TLS, with compression, with both, and all agents on one session.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bridge.core import logging
from bridge.core.clock import SystemClock
from bridge.core.gate import AdmissionGate
from bridge.metrics import Metrics
from bridge.minerva.fleet import Fleet
from bridge.minerva.protocol import ProtocolConfig
from bridge.minerva.session import SessionConfig, State
from bridge.minerva.tokens import StaticToken
from bridge.minerva.transport import AiohttpConnector
from tests.bench.report import figure

AGENTS = int(os.environ.get("BENCH_AGENTS", "1000"))
RATE = 500.0  # connects a second that the gate lets through: at 50, the default, it would measure the gate alone
SETTLE_S = 12.0  # until no answer is due any more and the replays are over
REST_S = 30.0  # one heartbeat of every session
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


async def run() -> None:
    """Print the figures; each case in a process of its own, for memory that was freed is used again."""
    for tls in (False, True):
        async with sandbox(tls=tls) as world:
            for compression in (False, True):
                name = f"{'TLS' if tls else 'plain'}{', compression' if compression else ''}"
                await in_its_own_process(name, world, compression=compression, shared_as=None)
    async with sandbox(tls=False) as world:
        await in_its_own_process("plain, all on one session", world, compression=False, shared_as="bridge")


async def in_its_own_process(name: str, world: dict[str, Any], *, compression: bool, shared_as: str | None) -> None:
    """Measure one case in a child, which gets it on stdin."""
    case = json.dumps({"name": name, "world": world, "compression": compression, "shared_as": shared_as})
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.fleet", stdin=asyncio.subprocess.PIPE
    )
    await child.communicate(case.encode())


@asynccontextmanager
async def sandbox(*, tls: bool) -> AsyncIterator[dict[str, Any]]:
    """A sandbox in a process of its own, as quiet as can be."""
    arguments = ["sandbox", "--agents", str(AGENTS), "--queues", "1", "--calls-per-minute", "0.01"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        *arguments,
        *(["--tls"] if tls else []),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert process.stdout is not None
    try:
        world: dict[str, Any] = json.loads(await process.stdout.readline())
        yield world
    finally:
        process.terminate()
        await process.wait()


async def measure(name: str, world: dict[str, Any], *, compression: bool, shared_as: str | None) -> None:
    """Connect, rest, drop, recover."""
    clock, metrics = SystemClock(), Metrics()
    trust = ssl.create_default_context(cafile=world["ca_file"]) if world["ca_file"] else None
    connector = AiohttpConnector(world["minerva_url"], compression=compression, tls=trust)
    fleet = Fleet(
        shared_as=shared_as,
        org_id=world["org_id"],
        timezone="UTC",
        config=SessionConfig(protocol=ProtocolConfig()),
        clock=clock,
        dice=random.Random(1),  # noqa: S311 - the same jitter in every run
        connector=connector,
        tokens=StaticToken("bench"),
        gate=AdmissionGate(clock, rate=RATE),
        metrics=metrics,
        accept=lambda _event: None,
        report=lambda _report: None,
        gap=lambda _agent, _since, _until: None,
    )
    agents = [agent["user_id"] for agent in world["agents"]]
    before = resident_kib()
    connected_s = await timed(lambda: fleet.start(agents, supervisor="bridge"), fleet)
    per_agent = (resident_kib() - before) / len(agents)
    await asyncio.sleep(SETTLE_S)
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(REST_S)
    at_rest = (time.process_time() - cpu) / (time.perf_counter() - began)
    await drop_all(world, trust)
    while all(session.state is State.CONNECTED for session in fleet.sessions):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    recovered_s = await timed(lambda: None, fleet)
    await fleet.stop()
    await connector.close()
    bound = len(fleet.sessions) / RATE
    figure(f"{name}: {len(agents)} agents, memory", f"{per_agent:.1f} KiB an agent")
    figure(f"{name}: CPU at rest", f"{at_rest * 100:.2f} % of a core")
    figure(f"{name}: connect all", f"{connected_s:.2f} s  ({connected_s / bound:.2f} x the gate's bound)")
    figure(f"{name}: recover all after a drop", f"{recovered_s:.2f} s  ({recovered_s / bound:.2f} x)")


async def timed(act: Any, fleet: Fleet) -> float:
    """Seconds until every session is connected."""
    began = time.perf_counter()
    act()
    while not all(session.state is State.CONNECTED for session in fleet.sessions):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def drop_all(world: dict[str, Any], trust: ssl.SSLContext | None) -> None:
    """Let the server cut every connection."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{world['api_url']}/control/faults", json=[{"fault": "drop"}], ssl=trust or True) as answer,
    ):
        assert answer.status == 200, await answer.text()


def resident_kib() -> float:
    """What this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 1024


def main() -> None:
    """Measure the case on stdin."""
    logging.configure(level="critical", style="json")
    asyncio.run(measure(**json.loads(sys.stdin.read())))


if __name__ == "__main__":
    main()
