"""A day played on a real sandbox reaches the clients who listen."""

from __future__ import annotations

import asyncio

from bridge.sandbox.day import Day
from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.world import build_world
from tests.component.sandbox.minerva_client import Client
from tests.unit.sandbox.minerva.hand_clock import HandClock

WORLD = build_world(agents=1, queues=1)


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


async def test_calls_voicemails_and_alerts_arrive_in_the_order_they_were_told() -> None:
    async with SandboxMinerva(WORLD, clock=HandClock()) as minerva:
        day = Day.demo(WORLD, minerva, sleep=at_once)
        async with Client(minerva) as agent, Client(minerva) as supervisor:
            await agent.ready()
            await supervisor.auth("bridge")
            await supervisor.subscribe_queue("queue-001", includeStats=False)
            await supervisor.next("SUBSCRIPTION_CONFIRMED")
            await day.run(600.0)
            ring = await agent.next("CALL_INCOMING")
            assert (await agent.next("CALL_CONNECTED", "CALL_ENDED"))["payload"]["callId"] == ring["payload"]["callId"]
            assert (await agent.next("VOICEMAIL_NEW"))["payload"]["recordingUrl"].startswith("/api/voicemail/")
            assert (await supervisor.next("SLA_WARNING"))["payload"]["slaStatus"] == "warning"
            assert (await supervisor.next("SLA_BREACH"))["payload"]["slaStatus"] == "critical"
            assert (await supervisor.next("QUEUE_UPDATE"))["payload"]["slaStatus"] == "warning"
            assert (await supervisor.next("QUEUE_UPDATE"))["payload"]["slaStatus"] == "healthy"
    assert day.counts["CALL_INCOMING"] > 1
