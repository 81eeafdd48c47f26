"""The composition: the only place that knows all parts. Builds a worker from settings, starts it, drains it.

Start: console, Salesforce login (a wrong org stops here), sinks, intake, sessions last. Drain: sessions first, so that
nothing new comes; then what was taken in is handled, then what is to be delivered is delivered, then the rest ends.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bridge import __version__
from bridge.backstage import Backstage
from bridge.console.server import Console
from bridge.core.clock import Clock, SystemClock, local_zone
from bridge.core.errors import ConfigurationError, Problem, Refused, Unavailable
from bridge.core.gate import AdmissionGate
from bridge.core.logging import redactor
from bridge.delivery.dispatcher import Dispatcher
from bridge.delivery.routing import default_routes
from bridge.escalation.engine import Engine
from bridge.events import (
    CallAnswered,
    CallEnded,
    CallMoved,
    CallRang,
    MaintenanceAnnounced,
    QueueMeasured,
    ServiceLevelBreached,
    ServiceLevelWarned,
    VoicemailChanged,
    VoicemailLeft,
)
from bridge.handlers.calls import CallHandler
from bridge.handlers.lifecycle import Lifecycle
from bridge.handlers.ports import Directory
from bridge.handlers.sla import SlaHandler
from bridge.handlers.voicemail import VoicemailHandler
from bridge.intake import Intake
from bridge.metrics import Metrics
from bridge.minerva.fleet import Fleet
from bridge.minerva.protocol import ProtocolConfig
from bridge.minerva.session import SessionConfig
from bridge.minerva.tokens import StaticToken, TokenEndpoint, Tokens
from bridge.minerva.transport import AiohttpConnector
from bridge.notifications import AgentShape, Kind
from bridge.roster import CsvRoster, FixedRoster, RosterSource
from bridge.salesforce.auth import Authenticator, WrongOrgError
from bridge.salesforce.client import SalesforceClient
from bridge.salesforce.lookup import Lookup
from bridge.settings import Agent, Settings
from bridge.settings.secrecy import secrets_of
from bridge.sinks import registry
from bridge.sinks.base import Sink, SinkContext
from bridge.troubles import Troubles

log = structlog.get_logger()

SWEEP_INTERVAL_S = 1.0
ROSTER_INTERVAL_S = 5.0
TOKENS_INTERVAL_S = 10.0
SWEEP_SILENT_S = 30.0
"""A sweep that has not moved for this long means that the worker is stuck."""

DRAIN_SHARE_FOR_INTAKE = 0.5
"""The part of the drain time that handlers may use up; deliveries get what is left."""


class Worker:
    """One worker. Use as `async with Worker(settings):`; leaving the block drains it.

    Args:
        settings: Everything that was configured.
        clock: The time; tests inject their own.
        dice: For jitter.
        extra_sinks: Sinks that are already made, by name; they join the configured ones.

    Raises, on entering:
        ConfigurationError: the org is the wrong one.
        PortTakenError: the console cannot listen.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        dice: random.Random | None = None,
        extra_sinks: Mapping[str, type[Sink]] | None = None,
    ) -> None:
        self.settings = settings
        self.telemetry = Metrics()
        self._clock = clock or SystemClock()
        self._dice = dice or random.Random()  # noqa: S311 - jitter, not secrets
        self._sink_types = {**registry.installed(), **(extra_sinks or {})}
        self._started_at = self._clock.now()
        self._ready = False
        self._draining = False
        self._swept_at = self._clock.monotonic()
        self._closing: list[Any] = []
        self.drained_clean = True
        """False after a drain that had to leave something behind."""

    @property
    def url(self) -> str:
        """Where the console listens."""
        return self._console.url

    # --- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        for secret in secrets_of(self.settings):
            redactor.learn(secret)
        try:
            await self._start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drain()

    async def _start(self) -> None:
        settings = self.settings
        self._build_delivery()
        self._build_salesforce()
        self._build_handlers()
        self._build_fleet()
        file = settings.agents_file
        self._roster: RosterSource = FixedRoster() if file is None else CsvRoster(file, settings.agents)
        console_token = settings.console.token.get_secret_value() if settings.console.token else None
        backstage = Backstage(
            settings,
            fleet=self._fleet,
            engine=self._engine,
            dispatcher=self._dispatcher,
            lifecycle=self._lifecycle,
            authenticator=self._authenticator,
            metrics=self.telemetry,
            started_at=self._started_at,
        )
        self._console = Console(self, backstage, token=console_token)
        await self._console.start(settings.console.host, settings.console.port)
        self._closing.append(self._console.stop)
        await self._log_in()
        self._dispatcher.start()
        self._start_sweep()
        self._fleet.start(
            [agent.user_id for agent in settings.agents],
            supervisor=settings.minerva.service_user,
            queues=settings.queues,
            teams=settings.teams,
        )
        self._ready = True
        log.info(
            "worker.started",
            version=__version__,
            environment=settings.environment,
            org_id=settings.org_id,
            agents=len(settings.agents),
            queues=len(settings.queues),
            teams=len(settings.teams),
            sinks=sorted(settings.sinks),
        )
        log.warning(
            "store.memory_only", text="this version keeps deliveries and incidents in memory: a restart forgets them"
        )
        for warning in settings.warnings:
            log.warning("settings.warning", text=warning)

    def _build_delivery(self) -> None:
        settings = self.settings
        http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
        self._closing.append(http.close)
        context = SinkContext(http=http, clock=self._clock, show_callers=settings.log_pii == "full")
        sinks = {
            name: self._sink_types[each.type](name, each.options, context) for name, each in settings.sinks.items()
        }
        routes = settings.routes
        if routes is None:
            routes = default_routes({name: sink.takes for name, sink in sinks.items() if sink.by_default})
        self._http = http
        self._dispatcher = Dispatcher(
            sinks,
            routes,
            org_id=settings.org_id,
            environment=settings.environment,
            clock=self._clock,
            dice=self._dice,
            metrics=self.telemetry,
            trouble=lambda name, why: self._troubles.sink(name, why),  # noqa: PLW0108 - made after the dispatcher, for it posts
            lost=lambda name, why: self._troubles.dead_letters(name, why),  # noqa: PLW0108 - the same
        )
        self._lifecycle = Lifecycle(post=self._dispatcher.post, clock=self._clock)
        self._troubles = Troubles(self._lifecycle)
        self._engine = Engine(
            settings.escalation,
            sla_sinks=self._dispatcher.takers(Kind.SLA),
            send=self._dispatcher.send,
            clock=self._clock,
            metrics=self.telemetry,
        )

    def _build_salesforce(self) -> None:
        settings = self.settings.salesforce
        self._authenticator = Authenticator(
            settings, self.settings.org_id, http=self._http, clock=self._clock, tls=_trust(settings.ca_file)
        )
        self._client = client = SalesforceClient(settings, self._authenticator, self.telemetry)
        self._lookup = Lookup(
            client, settings, self.settings.screen_pop, self._clock, trouble=self._troubles.salesforce
        )
        self._closing.append(self._lookup.close)
        self._closing.append(client.close)

    async def _log_in(self) -> None:
        """Log in once before anything can be popped: another org stops the start, all else is told and tried again."""
        try:
            await self._authenticator.login()
            if self.settings.salesforce.auth == "token":
                await self._client.check_org(self.settings.org_id)
        except WrongOrgError as error:
            raise ConfigurationError(
                [
                    Problem(
                        "BRIDGE_ORG_ID", str(error), f"a login into {self.settings.org_id}, or the org id it lands in"
                    )
                ]
            ) from None
        except (Refused, Unavailable) as error:
            self._troubles.salesforce(str(error), at_once=True)

    def _build_handlers(self) -> None:
        settings = self.settings
        self._directory = directory = Directory(map(_agent_shape, settings.agents))
        calls = CallHandler(
            settings.screen_pop,
            lookup=self._lookup,
            directory=directory,
            post=self._dispatcher.post,
            clock=self._clock,
            metrics=self.telemetry,
        )
        voicemail = VoicemailHandler(
            api_url=settings.minerva.api_url, lookup=self._lookup, directory=directory, post=self._dispatcher.post
        )
        sla = SlaHandler(read=self._engine.read, clock=self._clock)
        self._intake = Intake(
            {
                CallRang: calls.rang,
                CallAnswered: calls.answered,
                CallEnded: calls.ended,
                CallMoved: calls.moved,
                VoicemailLeft: voicemail.left,
                VoicemailChanged: voicemail.changed,
                QueueMeasured: sla.measured,
                ServiceLevelWarned: sla.warned,
                ServiceLevelBreached: sla.breached,
                MaintenanceAnnounced: self._lifecycle.maintenance,
            },
            clock=self._clock,
            metrics=self.telemetry,
        )

    def _build_fleet(self) -> None:
        minerva = self.settings.minerva
        tls = _trust(minerva.ca_file)
        connector = AiohttpConnector(minerva.url, compression=minerva.compression, tls=tls)
        self._closing.append(connector.close)
        gate = AdmissionGate(self._clock, rate=minerva.connect_rate)
        self._tokens = self._build_tokens(gate, tls)
        self._fleet = Fleet(
            shared_as=minerva.service_user if minerva.sessions == "shared" else None,
            org_id=self.settings.org_id,
            timezone=local_zone(),
            config=SessionConfig(
                protocol=ProtocolConfig(
                    query_auth=minerva.auth == "query",
                    auth_timeout_s=minerva.auth_timeout,
                    subscribe_timeout_s=minerva.subscribe_timeout,
                    heartbeat_interval_s=minerva.heartbeat_interval,
                    heartbeat_timeout_s=minerva.heartbeat_timeout,
                    max_missed_heartbeats=minerva.max_missed_heartbeats,
                    backoff_base_s=minerva.backoff_base,
                    backoff_max_s=minerva.backoff_max,
                    retry_after_scale=1.0 if minerva.retry_after_unit == "s" else 0.001,
                ),
                alert_after_attempts=minerva.alert_after_attempts,
                stable_after_s=minerva.stable_after,
                parked_retry_s=minerva.parked_retry,
                history_limit=minerva.history_limit,
                log_frames=self.settings.log_frames,
                show_callers=self.settings.log_pii == "full",
            ),
            clock=self._clock,
            dice=self._dice,
            connector=connector,
            tokens=self._tokens,
            gate=gate,
            metrics=self.telemetry,
            accept=self._intake.accept,
            report=self._troubles.sessions,
            gap=self._lifecycle.gap,
        )
        self._troubles.fleet = self._fleet

    def _build_tokens(self, gate: AdmissionGate, tls: ssl.SSLContext | None) -> Tokens:
        minerva = self.settings.minerva
        if minerva.service_token is None:
            return StaticToken(minerva.token.get_secret_value() if minerva.token else "")
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls if tls is not None else True), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._closing.append(http.close)
        return TokenEndpoint(
            http,
            minerva.api_url,
            minerva.service_token.get_secret_value(),
            self.settings.org_id,
            clock=self._clock,
            gate=gate,
        )

    def _start_sweep(self) -> None:
        # Memory store, fixed ids: nothing durable lives in APScheduler, which loses one-shot jobs at a crash.
        self._scheduler = scheduler = AsyncIOScheduler()
        jobs = (
            ("sweep", self._sweep, SWEEP_INTERVAL_S),
            ("roster", self._look_at_roster, ROSTER_INTERVAL_S),
            ("tokens", self._tokens.refresh_due, TOKENS_INTERVAL_S),
        )
        for name, job, seconds in jobs:
            scheduler.add_job(
                job, "interval", seconds=seconds, id=name, max_instances=1, coalesce=True, misfire_grace_time=None
            )
        scheduler.start()
        self._closing.append(self._stop_sweep)

    async def _sweep(self) -> None:
        self._engine.sweep()
        self._fleet.tick()
        self._swept_at = self._clock.monotonic()

    async def _look_at_roster(self) -> None:
        try:
            agents = await self._roster.changed()
        except Unavailable as error:
            self._troubles.roster(str(error))
            return
        if agents is not None:
            self._directory.replace(map(_agent_shape, agents))
            await self._fleet.set_agents(agent.user_id for agent in agents)
            self._troubles.roster(None)

    def _stop_sweep(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _drain(self) -> None:
        """Stop cleanly within the drain time; what must be left behind is said line by line."""
        started = self._clock.monotonic()
        limit = self.settings.drain_timeout
        self._draining = True
        log.info("worker.draining", drain_timeout_s=limit)
        await self._fleet.stop()
        unhandled = await self._intake.drain(limit * DRAIN_SHARE_FOR_INTAKE)
        self._stop_sweep()
        undelivered = await self._dispatcher.drain(max(0.0, limit - (self._clock.monotonic() - started)))
        self.drained_clean = not unhandled and not undelivered
        await self._close()
        log.info(
            "worker.stopped",
            clean=self.drained_clean,
            unhandled=unhandled,
            undelivered=undelivered,
            seconds=round(self._clock.monotonic() - started, 2),
        )

    async def _close(self) -> None:
        while self._closing:
            closed = self._closing.pop()()
            if asyncio.iscoroutine(closed):
                await closed

    # --- what the console asks of the whole (console.server.Stage) ------------------------------------------------

    def alive(self) -> bool:
        """True while the loop and the sweep move."""
        return not self._ready or self._clock.monotonic() - self._swept_at < SWEEP_SILENT_S

    def unready(self) -> Sequence[str]:
        """Why traffic should not count on this worker."""
        reasons = []
        if not self._ready:
            reasons.append("starting")
        if self._draining:
            reasons.append("draining")
        return reasons


def _agent_shape(agent: Agent) -> AgentShape:
    return AgentShape(user_id=agent.user_id, salesforce_user_id=agent.salesforce_user_id, name=agent.name)


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    """The context that trusts that authority alone; None for the system's."""
    return ssl.create_default_context(cafile=str(ca_file)) if ca_file is not None else None
