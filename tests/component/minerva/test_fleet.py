"""Real sessions meet a Minerva that misbehaves in every way the sandbox can."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.core.clock import SystemClock
from bridge.core.gate import AdmissionGate
from bridge.core.logging import redactor
from bridge.events import CallRang, Event, VoicemailLeft
from bridge.metrics import Metrics
from bridge.minerva.fleet import Fleet
from bridge.minerva.health import Report, SessionReport
from bridge.minerva.protocol import ProtocolConfig
from bridge.minerva.session import Session, SessionConfig, State
from bridge.minerva.tokens import StaticToken, TokenEndpoint, Tokens
from bridge.minerva.transport import AiohttpConnector, ConnectFailed
from bridge.sandbox.certificates import make_server_tls
from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.acts import Chatty, Close, Drop, Maintenance, RateLimited, Reset, SessionExpired
from bridge.sandbox.minerva.faults import (
    AuthRefused,
    AuthUnanswered,
    Duplicate,
    Fault,
    HistoryForm,
    Lose,
    Sequence,
    Silent,
    SubscriptionError,
    SubscriptionUnconfirmed,
    TokenRefused,
    UpgradeRefused,
)
from bridge.sandbox.world import build_world

PATIENCE_S = 15.0
AGENT = "agent-0001"
FAST = SessionConfig(
    protocol=ProtocolConfig(
        auth_timeout_s=0.3,
        subscribe_timeout_s=0.3,
        heartbeat_interval_s=0.1,
        heartbeat_timeout_s=0.1,
        backoff_base_s=0.02,
        backoff_max_s=0.1,
    ),
    alert_after_attempts=4,
    stable_after_s=0.05,
    parked_retry_s=600.0,
)


@dataclass
class Rig:
    """A fleet at work and what it told."""

    minerva: SandboxMinerva
    fleet: Fleet
    metrics: Metrics
    gate: AdmissionGate
    events: list[Event] = field(default_factory=list)
    troubles: list[tuple[str, bool]] = field(default_factory=list)
    gaps: list[tuple[str, float, float]] = field(default_factory=list)

    def told(self, report: Report) -> None:
        self.troubles.append((report.user_id if isinstance(report, SessionReport) else "fleet", report.ill))

    @property
    def session(self) -> Session:
        found = self.fleet.session(AGENT)
        assert found is not None
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; the loop's own turns are the clock."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - state of the session tells nobody when it changes
                await asyncio.sleep(0.002)  # a look at the world, not a wait for time to pass

    async def connected(self, times: int = 1) -> None:
        await self.until(
            lambda: self.minerva.journal.subscribes[f"user:{AGENT}"] >= times and self.session.state is State.CONNECTED
        )

    async def ring(self, call_id: str) -> None:
        await self.minerva.send_to_user(AGENT, "CALL_INCOMING", {"callId": call_id, "from": "+12125550100"})

    def rung(self) -> list[str]:
        return [event.call_id for event in self.events if isinstance(event, CallRang)]


@asynccontextmanager
async def rig(
    *faults: Fault,
    config: SessionConfig = FAST,
    service_token: bool = False,
    agents: int = 1,
    queues: int = 0,
    tls: ssl.SSLContext | None = None,
    trust: ssl.SSLContext | None = None,
    compression: bool = False,
    shared_as: str | None = None,
) -> AsyncIterator[Rig]:
    world = build_world(agents=max(agents, 1), queues=1)
    clock, metrics = SystemClock(), Metrics()
    async with SandboxMinerva(world, faults=faults, ssl_context=tls) as minerva, aiohttp.ClientSession() as http:
        gate = AdmissionGate(clock, rate=500)
        connector = AiohttpConnector(minerva.url, compression=compression, tls=trust)
        tokens: Tokens = StaticToken("static")
        if service_token:
            tokens = TokenEndpoint(http, minerva.api_url, "service", world.org_id, clock=clock, gate=gate)
        made: list[Rig] = []
        fleet = Fleet(
            shared_as=shared_as,
            org_id=world.org_id,
            timezone="UTC",
            config=config,
            clock=clock,
            dice=random.Random(1),  # noqa: S311 - the same jitter in every run
            connector=connector,
            tokens=tokens,
            gate=gate,
            metrics=metrics,
            accept=lambda event: made[0].events.append(event),  # noqa: PLW0108 - the rig is made after the fleet
            report=lambda report: made[0].told(report),  # noqa: PLW0108 - the rig is made after the fleet
            gap=lambda agent, since, until: made[0].gaps.append((agent, since, until)),
        )
        made.append(Rig(minerva, fleet, metrics, gate))
        fleet.start(
            [agent.user_id for agent in world.agents],
            supervisor="bridge",
            queues=[queue.id for queue in world.queues[:queues]],
        )
        try:
            yield made[0]
        finally:
            await fleet.stop()
            await connector.close()


async def test_a_session_authenticates_subscribes_beats_and_closes_with_1000() -> None:
    async with rig(queues=1) as stage:
        await stage.connected()
        await stage.until(lambda: stage.minerva.journal.heartbeats[AGENT] >= 2 and stage.session.latency_s is not None)
        await stage.minerva.wait_for(lambda: stage.minerva.is_subscribed("queue", "queue-001"))
        assert not stage.minerva.journal.violations
        await stage.fleet.stop()
        assert stage.session.state is State.DISCONNECTED
        await stage.minerva.wait_for(lambda: stage.minerva.journal.close_codes[1000] == 2)


@pytest.mark.parametrize("compression", [False, True])
async def test_a_session_works_over_tls_with_an_own_authority(tmp_path: Path, compression: bool) -> None:
    made = make_server_tls(tmp_path)
    trust = ssl.create_default_context(cafile=str(made.ca_file))
    async with rig(tls=made.context, trust=trust, compression=compression) as stage:
        await stage.connected()
        await stage.ring("c-1")
        await stage.until(lambda: stage.rung() == ["c-1"])


async def test_a_certificate_that_nobody_vouches_for_parks_the_session(tmp_path: Path) -> None:
    async with rig(tls=make_server_tls(tmp_path).context, trust=ssl.create_default_context()) as stage:
        await stage.until(lambda: stage.session.parked)
        assert stage.session.last_ending is not None
        assert stage.session.last_ending.code == 1015
        assert stage.troubles == [(AGENT, True)]


@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Drop(),
        Close(code=1000),
        Close(code=1001),
        Close(code=1005),
        Close(code=1007),
        Close(code=1011),
        Close(code=1012),
        Close(code=1013),
        Close(code=4711),
        SessionExpired(),
    ],
    ids=lambda fault: f"{fault.NAME}-{getattr(fault, 'code', '')}",
)
async def test_after_an_ending_that_can_heal_the_session_comes_back(fault: Any) -> None:
    async with rig() as stage:
        await stage.connected()
        stage.minerva.arm(fault)
        await stage.connected(2)
        await stage.ring("after")
        await stage.until(lambda: "after" in stage.rung())


async def test_a_peer_that_talks_on_and_never_closes_cannot_hold_us() -> None:
    async with rig() as stage:
        await stage.connected()
        stage.minerva.arm(Chatty(interval_s=0.02))
        await stage.until(lambda: len(stage.events) > 2)
        async with asyncio.timeout(5):
            await stage.fleet.stop()
        assert stage.session.state is State.DISCONNECTED


@pytest.mark.parametrize("code", [1002, 1003, 1008])
async def test_after_an_ending_that_cannot_heal_the_session_is_parked_until_told(code: int) -> None:
    async with rig() as stage:
        await stage.connected()
        stage.minerva.arm(Close(code=code))
        await stage.until(lambda: stage.session.parked)
        assert (stage.session.state, stage.troubles) == (State.ERROR, [(AGENT, True)])
        stage.session.reconnect()
        await stage.connected(2)
        await stage.until(lambda: stage.troubles == [(AGENT, True), (AGENT, False)])


async def test_a_silent_server_is_left_after_three_missed_beats() -> None:
    async with rig() as stage:
        await stage.connected()
        stage.minerva.arm(Silent(for_s=0.6))
        await stage.connected(2)
        assert stage.session.last_ending is not None
        assert stage.session.last_ending.kind.value == "heartbeat"


@pytest.mark.parametrize(
    "fault",
    [
        AuthUnanswered(times=1),
        UpgradeRefused(status=500, times=1),
        UpgradeRefused(status=503, times=1),
        UpgradeRefused(status=429, retry_after_s=0.1, times=1),
        Close(code=1001, when="open", times=2),
        RateLimited(retry_after=0.1, when="auth", instead=True),
    ],
    ids=lambda fault: f"{fault.NAME}-{getattr(fault, 'status', '')}",
)
async def test_a_connect_that_fails_is_tried_again(fault: Fault) -> None:
    async with rig(fault) as stage:
        await stage.connected()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_with_the_token(status: int) -> None:
    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        heard.append(request.path)
        if request.path == "/ws":
            return web.Response(status=status, headers={"Location": f"http://{request.host}/other"})
        return web.Response(status=500)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", elsewhere)
    async with TestServer(app) as server:
        connector = AiohttpConnector(f"ws://127.0.0.1:{server.port}/ws", compression=False)
        with pytest.raises(ConnectFailed, match=f"redirected with HTTP {status}"):
            await connector.connect({})
        await connector.close()
    assert heard == ["/ws"]


@pytest.mark.parametrize("words", ["no: static, says +1 (415) 555-0101", "static 4155550101"])
async def test_what_minerva_says_shows_neither_a_token_nor_a_caller(words: str) -> None:
    redactor.learn("static")
    try:
        async with rig(AuthRefused(times=1, message=words)) as stage:
            await stage.until(lambda: stage.session.parked)
            shown = str(stage.session.last_ending)
            assert "***" in shown
            assert "static" not in shown
            assert "5550101" not in shown
    finally:
        redactor.forget("static")


async def test_a_refused_static_token_parks_at_once() -> None:
    async with rig(AuthRefused(times=1)) as stage:
        await stage.until(lambda: stage.session.parked)
        assert stage.minerva.journal.auth_failures[AGENT] == 1


async def test_a_refused_fetched_token_gets_one_fresh_one() -> None:
    async with rig(AuthRefused(times=1), service_token=True) as stage:
        await stage.connected()
        assert stage.minerva.journal.tokens[AGENT] == 2
        assert stage.troubles == []


async def test_two_refused_fetched_tokens_park() -> None:
    async with rig(AuthRefused(times=2), service_token=True) as stage:
        await stage.until(lambda: stage.session.parked)
        assert stage.minerva.journal.auth_failures[AGENT] == 2


async def test_an_endpoint_that_refuses_parks_as_a_matter_of_credentials() -> None:
    async with rig(TokenRefused(status=401), service_token=True) as stage:
        await stage.until(lambda: stage.session.parked)
        assert stage.session.last_ending is not None
        assert stage.session.last_ending.kind.value == "token_refused"


async def test_an_expired_session_fetches_a_fresh_token() -> None:
    async with rig(service_token=True) as stage:
        await stage.connected()
        stage.minerva.arm(SessionExpired())
        await stage.connected(2)
        assert stage.minerva.journal.tokens[AGENT] == 2


async def test_a_refused_subscription_degrades_the_session_and_is_tried_again() -> None:
    async with rig(SubscriptionError(times=2, channels=("queue-001",)), queues=1) as stage:
        supervisor = next(session for session in stage.fleet.sessions if session.agent is None)
        await stage.until(lambda: supervisor.degraded)
        await stage.until(lambda: supervisor.state is State.CONNECTED and not supervisor.degraded)
        assert stage.minerva.session_count == 2, "the refusal cost no connection"


async def test_an_unconfirmed_subscription_is_sent_again() -> None:
    async with rig(SubscriptionUnconfirmed(times=1)) as stage:
        await stage.connected()
        await stage.until(lambda: not stage.session.failed)
        assert stage.minerva.journal.connects == 1


async def test_a_rate_limit_holds_the_whole_fleet_and_live_sessions_stay() -> None:
    async with rig(agents=3) as stage:
        await stage.until(lambda: all(session.state is State.CONNECTED for session in stage.fleet.sessions))
        connects = stage.minerva.journal.connects
        stage.minerva.arm(RateLimited(retry_after=200, users=(AGENT,)))
        await stage.until(lambda: stage.gate.held_for_s > 190)
        assert stage.minerva.journal.connects == connects
        assert stage.minerva.session_count == 3


async def test_a_session_that_keeps_failing_is_reported_once_and_goes_on_trying() -> None:
    async with rig(UpgradeRefused(status=500, times=6)) as stage:
        await stage.until(lambda: stage.session.failing)
        assert stage.troubles == [(AGENT, True)]
        await stage.connected()
        await stage.until(lambda: stage.troubles == [(AGENT, True), (AGENT, False)])
        await stage.until(lambda: stage.session.state is State.CONNECTED)


@pytest.mark.parametrize("form", ["messages", "inline"])
async def test_what_happened_in_a_gap_comes_out_of_history_once(form: Any) -> None:
    async with rig(HistoryForm(form=form)) as stage:
        await stage.connected()
        stage.minerva.arm(Reset())
        await stage.minerva.send_to_user(AGENT, "VOICEMAIL_NEW", {"voicemailId": "v-gap"}, id="gap")
        await stage.connected(2)
        await stage.until(lambda: any(isinstance(event, VoicemailLeft) for event in stage.events))
        assert {event.key for event in stage.events} == {f"{AGENT}/gap"}


async def test_duplicates_carry_the_same_key() -> None:
    async with rig(Duplicate(times=1)) as stage:
        await stage.connected()
        await stage.ring("c-1")
        await stage.until(lambda: len(stage.events) == 2)
        assert len({event.key for event in stage.events}) == 1


async def test_a_paused_session_stays_closed_until_it_is_resumed() -> None:
    async with rig() as stage:
        await stage.connected()
        stage.session.pause()
        await stage.until(lambda: stage.session.state is State.SUSPENDED)
        await stage.minerva.wait_for(lambda: stage.minerva.session_count == 0)
        assert stage.minerva.journal.close_codes[1000] == 1
        stage.session.resume()
        await stage.connected(2)
        assert stage.troubles == []


async def test_reconnect_opens_a_parked_session_and_renews_a_live_one() -> None:
    async with rig(AuthRefused(times=1)) as stage:
        await stage.until(lambda: stage.session.parked)
        stage.session.reconnect()
        await stage.connected()
        stage.session.reconnect()
        await stage.connected(2)
        assert stage.session.attempts == 0


async def test_agents_that_join_and_leave_touch_no_other_session() -> None:
    async with rig(agents=3) as stage:
        await stage.until(lambda: stage.minerva.session_count == 3)
        connects = stage.minerva.journal.connects
        await stage.fleet.set_agents(["agent-0001", "agent-0003"])
        await stage.minerva.wait_for(lambda: stage.minerva.session_count == 2)
        await stage.fleet.set_agents(["agent-0001", "agent-0002", "agent-0003"])
        await stage.minerva.wait_for(lambda: stage.minerva.is_subscribed("user", "agent-0002"))
        assert stage.minerva.journal.connects == connects + 1
        assert [session.user_id for session in stage.fleet.sessions] == ["agent-0001", "agent-0003", "agent-0002"]


async def test_history_that_comes_back_full_is_a_gap_with_its_bounds() -> None:
    config = replace(FAST, history_limit=5)
    async with rig(HistoryForm(form="inline"), config=config) as stage:
        await stage.connected()
        await stage.ring("before")
        await stage.until(lambda: stage.rung() == ["before"])
        since = stage.events[0].occurred_at
        stage.minerva.arm(Reset())
        for number in range(8):
            await stage.ring(f"c-{number}")
        await stage.until(lambda: len(stage.gaps) == 1)
        ((agent, begins, ends),) = stage.gaps
        assert (agent, begins) == (AGENT, since)
        assert ends >= since


async def test_a_ring_does_not_wait_for_a_confirmation_that_never_comes() -> None:
    config = replace(FAST, protocol=replace(FAST.protocol, subscribe_timeout_s=600.0))
    async with rig(SubscriptionUnconfirmed(), config=config) as stage:
        await stage.minerva.wait_for(lambda: stage.minerva.journal.auths[AGENT] == 1)
        ring = {"type": "CALL_INCOMING", "timestamp": stage.minerva.now_ms(), "payload": {"callId": "c-1"}}
        await stage.minerva.send_raw(AGENT, json.dumps(ring))
        await stage.until(lambda: stage.rung() == ["c-1"])


async def test_a_jump_in_the_sequence_fetches_what_was_missed() -> None:
    async with rig(Sequence(), HistoryForm(form="inline")) as stage:
        await stage.connected()
        await stage.ring("first")
        await stage.until(lambda: stage.rung() == ["first"])
        stage.minerva.arm(Lose(times=1))
        await stage.ring("lost")
        await stage.ring("second")
        await stage.until(lambda: set(stage.rung()) == {"first", "lost", "second"})
        assert stage.minerva.journal.connects == 1
        assert list(dict.fromkeys(stage.rung())) == ["first", "lost", "second"], (
            "history comes before what revealed the gap"
        )


async def test_history_that_reaches_back_far_enough_is_no_gap() -> None:
    async with rig(HistoryForm(form="inline")) as stage:
        await stage.connected()
        await stage.ring("before")
        stage.minerva.arm(Reset())
        await stage.ring("meanwhile")
        await stage.until(lambda: "meanwhile" in stage.rung())
        await stage.connected(2)
        stage.session.reconnect()
        await stage.connected(3)
        assert stage.gaps == []


async def test_in_a_maintenance_window_lost_sessions_wait_and_live_ones_stay() -> None:
    async with rig(agents=2) as stage:
        await stage.until(lambda: all(session.state is State.CONNECTED for session in stage.fleet.sessions))
        stage.minerva.arm(Maintenance(starts_in_s=0.0, lasts_s=600.0))
        await stage.until(lambda: stage.fleet._door.closed)
        stage.minerva.arm(Drop(users=(AGENT,)))
        await stage.until(lambda: stage.session.state is State.SUSPENDED)
        assert stage.minerva.session_count == 1
        stage.fleet._door.passed()
        await stage.until(lambda: stage.session.state is State.CONNECTED)


async def test_one_shared_session_serves_all_agents_and_follows_the_roster() -> None:
    async with rig(agents=3, queues=1, shared_as="bridge") as stage:
        await stage.until(lambda: stage.fleet.sessions[0].state is State.CONNECTED)
        assert stage.minerva.session_count == 1, "the queues are on it too"
        assert stage.minerva.is_subscribed("queue", "queue-001")
        await stage.minerva.send_to_user("agent-0002", "CALL_INCOMING", {"callId": "named", "agentId": "agent-0002"})
        await stage.minerva.send_to_user(
            "agent-0003", "CALL_INCOMING", {"callId": "by-meta"}, meta={"userId": "agent-0003"}
        )
        await stage.until(lambda: len(stage.rung()) == 2)
        rings = [event for event in stage.events if isinstance(event, CallRang)]
        assert [event.agent for event in rings] == ["agent-0002", "agent-0003"]
        await stage.fleet.set_agents(["agent-0001", "agent-0003"])
        await stage.minerva.wait_for(lambda: not stage.minerva.is_subscribed("user", "agent-0002"))
        await stage.fleet.set_agents(["agent-0001", "agent-0002", "agent-0003"])
        await stage.minerva.wait_for(lambda: stage.minerva.is_subscribed("user", "agent-0002"))
        assert stage.minerva.journal.connects == 1
        assert not stage.minerva.journal.violations


async def test_on_a_shared_session_a_ring_is_placed_by_what_else_is_said_of_its_call() -> None:
    async with rig(agents=2, shared_as="bridge") as stage:
        await stage.until(lambda: stage.fleet.sessions[0].state is State.CONNECTED)
        participants = [{"id": "caller", "role": "caller"}, {"id": "agent-0002", "role": "agent"}]
        await stage.minerva.send_to_user("agent-0002", "CALL_INCOMING", {"callId": "c-1"})
        await stage.minerva.send_to_user(
            "agent-0002", "CALL_CONNECTED", {"callId": "c-1", "participants": participants}
        )
        await stage.until(lambda: stage.rung() == ["c-1"])
        assert [event.agent for event in stage.events] == ["agent-0002", "agent-0002"]
        await stage.minerva.send_to_user("agent-0001", "CALL_INCOMING", {"callId": "c-2"})
        await stage.until(lambda: "c-2" in stage.rung())
        assert stage.events[-1].agent is None
        assert b'outcome="unplaced"' in stage.metrics.render()


async def test_a_fleet_leaves_no_task_and_no_token_behind_however_it_is_stopped() -> None:
    before = asyncio.all_tasks()
    for turns in range(0, 60, 3):
        async with rig(service_token=True):
            for _ in range(turns):
                await asyncio.sleep(0)
        assert asyncio.all_tasks() == before, turns
    assert "static" in redactor("static")


async def test_a_worker_of_many_agents_connects_them_all() -> None:
    async with rig(agents=120) as stage:
        await stage.until(lambda: all(session.state is State.CONNECTED for session in stage.fleet.sessions))
        assert stage.minerva.session_count == 120
