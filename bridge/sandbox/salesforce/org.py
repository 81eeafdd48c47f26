"""The Salesforce org of a rehearsal: its parts put together, and served over real sockets.

`async with SandboxOrg(build_world()).serving() as url:` — any consumer may log in at once; `org.faults`, `org.ledger` and
`org.sessions` are there to be scripted and looked at while it runs.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from bridge.sandbox.salesforce.describe_endpoints import DescribeEndpoints
from bridge.sandbox.salesforce.endpoint import Endpoint
from bridge.sandbox.salesforce.faults import Faults
from bridge.sandbox.salesforce.gate import MAX_BODY, Gate
from bridge.sandbox.salesforce.ids import numbered_id
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.listener import Listener, shape_unknown_paths
from bridge.sandbox.salesforce.login import Consumer, Gatekeeper
from bridge.sandbox.salesforce.publishing_endpoints import PublishingEndpoints
from bridge.sandbox.salesforce.query_endpoints import QueryEndpoints
from bridge.sandbox.salesforce.querying import QueryEngine
from bridge.sandbox.salesforce.record_endpoints import RecordEndpoints
from bridge.sandbox.salesforce.schema import Entity, Field
from bridge.sandbox.salesforce.search_index import SearchIndex
from bridge.sandbox.salesforce.searching import SearchEngine
from bridge.sandbox.salesforce.sessions import Sessions
from bridge.sandbox.salesforce.standard import custom_entity, person_account_fields, standard_schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.token_endpoints import TokenEndpoints
from bridge.sandbox.salesforce.values import Values
from bridge.sandbox.salesforce.writing import Writer
from bridge.sandbox.world import World

INTEGRATION_USER_ID = numbered_id("005", 9_999_999)
"""Whom a token speaks for when its username is no user of the world."""
NOTIFICATION_TYPE = "Minerva_Bridge"
"""Developer name of the custom notification type that the org has from the start."""


def _wall_clock() -> float:
    return datetime.now(UTC).timestamp()


class SandboxOrg:
    """One org, filled from a world.

    Args:
        world: The seeded records, and the org id.
        clock: Gives UTC epoch seconds; moves token expiry, login rate and the search index.
        index_lag_s: How long a new or changed record is not found by SOSL.
        sleep: Waits that many seconds; what latency faults use.
        seed: Of the dice behind probabilities and latencies.

    Attributes:
        ledger: What the org has seen.
        faults: What is to go wrong.
        sessions: Tokens; `ttl_s` and `logins_per_hour` may be set.
        schema: Objects and fields.
        store: Records; `add` puts one there.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: Callable[[], float] = _wall_clock,
        index_lag_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 7,
    ) -> None:
        self.org_id = world.org_id
        self.ledger = Ledger()
        self.faults = Faults(random.Random(seed))
        self.sessions = Sessions(world.org_id, clock)
        self.schema = standard_schema()
        self._index = SearchIndex(self.schema, clock, index_lag_s)
        self.store = Store(self.schema, self._index, clock)
        self._clock = clock
        self._seed = seed
        self._listener = Listener()
        self._gatekeeper = Gatekeeper(clock, lambda: frozenset(self._listener.urls))
        self._gate = Gate(
            ledger=self.ledger,
            faults=self.faults,
            sessions=self.sessions,
            sleep=sleep,
            move=self.move,
            retired_ports=self._listener.retired_ports,
        )
        self._fill(world)

    def _fill(self, world: World) -> None:
        for kind, records in world.records.items():
            extra: Values = {"UserType": "Standard"} if kind == "User" else {}
            self.store.seed(kind, [{**extra, **record} for record in records])
        organization: Values = {
            "Id": world.org_id,
            "Name": "Sandbox",
            "IsSandbox": True,
            "OrganizationType": "Enterprise Edition",
        }
        self.store.seed("Organization", [organization])
        self.add_notification_type(NOTIFICATION_TYPE)

    @property
    def url(self) -> str:
        """The instance URL, without a slash at the end; empty before the start."""
        return self._listener.urls[-1] if self._listener.urls else ""

    @property
    def api_limit(self) -> int:
        """Calls a day; beyond them every data call is answered 403 REQUEST_LIMIT_EXCEEDED."""
        return self._gate.api_limit

    @api_limit.setter
    def api_limit(self, calls: int) -> None:
        self._gate.api_limit = calls

    @property
    def index_lag_s(self) -> float:
        """How long in seconds a new or changed record is not found by SOSL."""
        return self._index.lag_s

    @index_lag_s.setter
    def index_lag_s(self, lag_s: float) -> None:
        self._index.lag_s = lag_s

    def register(self, consumer: Consumer) -> None:
        """Register a client: from now on only registered ones may log in, and they are verified."""
        self._gatekeeper.register(consumer)

    def declare_field(self, entity: str, *fields: Field) -> None:
        """Add fields to an object, or replace those of the same name.

        Raises:
            ValueError: the org has no such object.
        """
        found = self.schema.entity(entity)
        if found is None:
            raise ValueError(f"the org has no object {entity!r}")
        if found.open:
            found.open = False
            self.schema.declare(found)
        found.add(*fields)
        self._index.rebuild()

    def declare_object(self, name: str, *fields: Field) -> Entity:
        """Add a custom object (`…__c`) with Id, Name, owner and time stamps besides these fields."""
        return self.schema.declare(custom_entity(name, self.schema.next_custom_prefix(), *fields))

    def enable_person_accounts(self) -> None:
        """Give Account the fields of person accounts."""
        self.declare_field("Account", *person_account_fields())

    def add_notification_type(self, developer_name: str) -> str:
        """Add a custom notification type and give its id."""
        label = developer_name.replace("_", " ")
        return self.store.add(
            "CustomNotificationType",
            DeveloperName=developer_name,
            CustomNotifTypeName=label,
            MasterLabel=label,
            Desktop=True,
            Mobile=True,
        )

    def issue_token(self, username: str = "integration@callcentre.example.sandbox") -> str:
        """Give out a token without a login; it is not counted."""
        return self.sessions.issue(username, self._user_of(username)).token

    def expire_tokens(self) -> None:
        """Make every token unknown."""
        self.sessions.expire_all()

    def application(self) -> web.Application:
        """Give a fresh web application over this org."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[shape_unknown_paths])
        for endpoint in self._endpoints():
            app.router.add_route(endpoint.method, endpoint.path, self._gate.guard(endpoint.operation, endpoint.work))
        return app

    def _endpoints(self) -> Sequence[Endpoint]:
        writer = Writer(self.schema, self.store)
        queries = QueryEngine(self.schema, self.store, self._clock)
        searches = SearchEngine(self.schema, self.store, self._index, self._clock)
        tokens = TokenEndpoints(
            self._gatekeeper,
            self.sessions,
            self.ledger,
            org_id=self.org_id,
            clock=self._clock,
            url_of=self._url_of,
            user_of=self._user_of,
        )
        return [
            *tokens.endpoints(),
            *DescribeEndpoints(self.schema, self.ledger, self._gate, self.org_id, self._url_of).endpoints(),
            *QueryEndpoints(queries, searches, self.ledger).endpoints(),
            *PublishingEndpoints(self.schema, writer, self.ledger, random.Random(self._seed)).endpoints(),
            *RecordEndpoints(self.schema, self.store, writer, self.ledger).endpoints(),
        ]

    async def start(self, *, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> str:
        """Serve, and give the base URL. Port 0 takes any free one.

        Raises:
            OSError: the port is taken.
            RuntimeError: it is served already.
        """
        return await self._listener.start(self.application(), host=host, port=port, ssl_context=ssl_context)

    async def move(self) -> str:
        """Move to another port, as an org that is moved to another instance, and give the new URL.

        Every token is void. The old address still answers logins, which give the new URL; its data resources refuse
        every token.

        Raises:
            RuntimeError: it is not served.
        """
        self.expire_tokens()
        return await self._listener.move()

    async def stop(self) -> None:
        """Stop serving: hanging requests are reset, others get a moment to end. Stopping twice is no harm."""
        self.faults.release()
        await self._listener.stop()

    @asynccontextmanager
    async def serving(
        self, *, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> AsyncIterator[str]:
        """Serve for the time of an `async with`, which gives the base URL."""
        url = await self.start(host=host, port=port, ssl_context=ssl_context)
        try:
            yield url
        finally:
            await self.stop()

    def _url_of(self, request: web.Request) -> str:
        return self.url or f"{request.scheme}://{request.host}"

    def _user_of(self, username: str) -> str:
        wanted = username.lower()
        users = (row for row in self.store.rows("User") if str(row.get("Username", "")).lower() == wanted)
        return str(next(users, {"Id": INTEGRATION_USER_ID})["Id"])
