"""Looks a caller up: one API call or none, and always an answer by the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bridge.core.clock import Clock
from bridge.core.errors import BridgeError, Unavailable
from bridge.core.privacy import mask_digits
from bridge.core.tasks import Tasks
from bridge.events import CallerHint
from bridge.notifications import LookupShape, MatchShape, RecordShape, TargetShape
from bridge.salesforce import phone, queries, targets
from bridge.salesforce.cache import CallerCache
from bridge.salesforce.client import SalesforceClient
from bridge.salesforce.phone import PhoneNumber
from bridge.salesforce.ranking import Hit, preferred, ranked, verified
from bridge.salesforce.targets import known_record
from bridge.settings.salesforce import Salesforce
from bridge.settings.screen_pop import ScreenPop

log = structlog.get_logger()

SHORT_ID = 15
"""Characters of an id that name the record; three more only make it safe where case is lost."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a caller. `number` is None when it was withheld; `hits` are best first."""

    number: PhoneNumber | None
    hits: tuple[Hit, ...]
    lookup: LookupShape
    instance_url: str | None
    rules: ScreenPop

    @property
    def e164(self) -> str | None:
        """The number in E.164; None when it cannot be read so or is withheld."""
        return self.number.e164 if self.number is not None else None

    def matches(self) -> list[MatchShape]:
        """All records found, best first."""
        return [MatchShape(object=hit.object, id=hit.id, name=hit.name) for hit in self.hits]

    def record(self) -> RecordShape | None:
        """The caller's own record; None when none or several may be it."""
        best = preferred(self.hits)
        if len(best) != 1:
            return None
        url = targets.record_url(self.instance_url, best[0].object, best[0].id)
        return RecordShape(object=best[0].object, id=best[0].id, url=url)

    def name(self) -> str | None:
        """What the caller's own record is called."""
        best = preferred(self.hits)
        return best[0].name if len(best) == 1 else None

    def target(self, name: str | None) -> TargetShape | None:
        """What to show by the org's rules; a degraded lookup always lets the agent search."""
        if self.lookup.degraded:
            return targets.search(self.number)
        return targets.choose(
            self.hits, rules=self.rules, number=self.number, name=name, instance_url=self.instance_url
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of a search in the org."""

    hits: tuple[Hit, ...]
    api_calls: int


class Lookup:
    """Finds callers.

    Args:
        trouble: Told why Salesforce does not answer, or None when it does again.
    """

    def __init__(
        self,
        client: SalesforceClient,
        settings: Salesforce,
        rules: ScreenPop,
        clock: Clock,
        *,
        trouble: Callable[[str | None], None] = lambda _why: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._rules = rules
        self._clock = clock
        self._trouble = trouble
        self._cache = CallerCache(clock, ttl_s=settings.cache_ttl, negative_ttl_s=settings.negative_cache_ttl)
        self._in_flight: dict[str, asyncio.Future[_Found]] = {}
        self._tasks = Tasks()

    async def find(self, raw_number: str | None, hint: CallerHint, *, named: bool = False) -> Answer:
        """Find a caller: by Minerva's own ids, the cache, or the org. Never raises and never later than the deadline.

        A search that misses the deadline goes on and warms the cache for the caller's next ring.

        Args:
            raw_number: The number as it came.
            hint: What Minerva knows; ids of the right shape need no call to Salesforce.
            named: True when a name is wanted that the ids alone do not give, at the price of that call.
        """
        started = self._clock.monotonic()
        number = None if phone.is_withheld(raw_number) else phone.read(raw_number or "", self._settings.default_region)
        known = known_record(hint)
        nobody = number is None or not phone.searchable(number)
        if known is not None and (nobody or hint.name is not None or not named):
            return self._answer(number, (known,), started, source="ids")
        if number is None or nobody:
            return self._answer(number, (), started, source="none")
        cached = self._cache.get(number.key)
        if cached is not None:
            return self._answer(number, _as_known(known, cached), started, source="cache")
        search, joined = self._shared(number)
        try:
            async with asyncio.timeout(self._settings.lookup_deadline):
                found = await asyncio.shield(search)
        except TimeoutError:
            reason = f"Salesforce did not answer within {self._settings.lookup_deadline:g} s"
        except BridgeError as error:
            reason = f"no answer from Salesforce: {mask_digits(str(error))}"
        else:
            hits, calls = _as_known(known, found.hits), 0 if joined else found.api_calls
            return self._answer(number, hits, started, source="salesforce", api_calls=calls)
        if known is not None:
            return self._answer(number, (known,), started, source="ids")
        return self._answer(number, (), started, source="none", degraded=reason)

    async def close(self) -> None:
        """Give up searches that are still under way."""
        await self._tasks.cancel()

    def _answer(
        self,
        number: PhoneNumber | None,
        hits: tuple[Hit, ...],
        started: float,
        *,
        source: str,
        api_calls: int = 0,
        degraded: str | None = None,
    ) -> Answer:
        lookup = LookupShape.model_validate(
            {
                "source": source,
                "api_calls": api_calls,
                "duration_s": round(self._clock.monotonic() - started, 4),
                "degraded": degraded is not None,
                "reason": degraded,
            }
        )
        return Answer(number, hits, lookup, self._client.instance_url, self._rules)

    def _shared(self, number: PhoneNumber) -> tuple[asyncio.Future[_Found], bool]:
        """The search for that number that is under way, or a new one; and whether it was under way already."""
        search = self._in_flight.get(number.key)
        if search is not None:
            return search, True
        search = asyncio.get_running_loop().create_future()
        self._in_flight[number.key] = search
        self._tasks.start(self._search(number, search), name="lookup")
        return search, False

    async def _search(self, number: PhoneNumber, result: asyncio.Future[_Found]) -> None:
        failure: BridgeError = Unavailable("the lookup was given up")
        try:
            found = await self._ask(number)
            self._cache.put(number.key, found.hits)
            result.set_result(found)
            self._trouble(None)
        except BridgeError as error:
            failure, reason = error, mask_digits(str(error))  # Salesforce's words may quote the query
            log.warning("lookup.failed", reason=reason)
            self._trouble(reason)
        finally:
            self._in_flight.pop(number.key, None)
            if not result.done():
                result.set_exception(failure)
                result.exception()  # nobody may be waiting any more

    async def _ask(self, number: PhoneNumber) -> _Found:
        """One SOSL search; only when it finds nothing one exact SOQL query, since the search index lags by minutes."""
        objects = self._settings.lookup_objects
        hits = self._verified(await self._client.search(queries.search(number, objects)), number)
        if hits:
            return _Found(hits, 1)
        return _Found(self._verified(await self._client.query(queries.exact(number, objects[0])), number), 2)

    def _verified(self, records: Sequence[Mapping[str, Any]], number: PhoneNumber) -> tuple[Hit, ...]:
        settings = self._settings
        return tuple(ranked(verified(records, number, settings.default_region), settings.lookup_objects))


def _as_known(known: Hit | None, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """The record that Minerva names, as the org knows it, where it names one."""
    if known is None:
        return hits
    return tuple(hit for hit in hits if hit.id[:SHORT_ID] == known.id[:SHORT_ID]) or (known,)
