"""Reading many records: query, queryAll, the next page, search, parameterizedSearch.

Source: Salesforce REST API Developer Guide, "Query", "QueryAll", "Search", "Parameterized Search", "Query Options Header".
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from itertools import count
from typing import Any

from aiohttp import web

from bridge.sandbox.salesforce import sosl
from bridge.sandbox.salesforce.call import Call, answer
from bridge.sandbox.salesforce.endpoint import DATA, END, Endpoint
from bridge.sandbox.salesforce.errors import ApiError, unreadable_json
from bridge.sandbox.salesforce.ids import numbered_id
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.lexer import StatementError
from bridge.sandbox.salesforce.querying import QueryEngine, Shaped
from bridge.sandbox.salesforce.search_terms import Both, Term, Word
from bridge.sandbox.salesforce.searching import SearchEngine
from bridge.sandbox.salesforce.syntax import Path

PAGE = 2_000
"""Rows of one answer; `Sforce-Query-Options: batchSize=` asks for fewer, at least `SMALLEST_PAGE`."""
SMALLEST_PAGE = 200
MAX_CURSORS = 10
"""Open query locators of a user; the oldest is dropped for an eleventh."""
LIST_UP_TO_VERSION = 36.0
"""Up to this version a search answers with a bare list."""
_BATCH = re.compile(r"batchSize=(\d{1,6})", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


class QueryEndpoints:
    """The resources that read by statement."""

    def __init__(self, queries: QueryEngine, searches: SearchEngine, ledger: Ledger) -> None:
        self._queries = queries
        self._searches = searches
        self._ledger = ledger
        self._cursors: OrderedDict[str, tuple[list[Shaped], int]] = OrderedDict()
        self._numbers = count(1)

    def endpoints(self) -> list[Endpoint]:
        """Give the routes."""
        return [
            Endpoint("GET", f"{DATA}/query{END}", "query", self._query),
            Endpoint("GET", f"{DATA}/queryAll{END}", "query_all", self._query_all),
            Endpoint(
                "GET", DATA + "/{kind:query|queryAll}/{locator:[A-Za-z0-9]+-[0-9]+}" + END, "query_more", self._more
            ),
            Endpoint("GET", f"{DATA}/search{END}", "search", self._search),
            Endpoint("GET", f"{DATA}/parameterizedSearch{END}", "parameterized_search", self._parameterized),
            Endpoint("POST", f"{DATA}/parameterizedSearch{END}", "parameterized_search", self._parameterized),
        ]

    async def _query(self, call: Call) -> web.Response:
        return self._run(call, deleted=False)

    async def _query_all(self, call: Call) -> web.Response:
        return self._run(call, deleted=True)

    def _run(self, call: Call, *, deleted: bool) -> web.Response:
        statement = call.request.query.get("q", "")
        self._ledger.queries.append(statement)
        found = self._queries.run(statement, call.base, deleted=deleted)
        size = _page_size(call.request.headers.get("Sforce-Query-Options", ""))
        if len(found.rows) <= size:
            return answer({"totalSize": found.total, "done": True, "records": found.rows})
        locator = numbered_id("01g", next(self._numbers))
        self._cursors[locator] = (found.rows, size)
        while len(self._cursors) > MAX_CURSORS:
            self._cursors.popitem(last=False)
        return answer(_page(call, locator, found.rows, 0, size))

    async def _more(self, call: Call) -> web.Response:
        locator, _, start = call.request.match_info["locator"].partition("-")
        rows, size = self._cursors.get(locator, ([], 0))
        if not size or len(start) > 9 or int(start) >= len(rows):
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return answer(_page(call, locator, rows, int(start), size))

    async def _search(self, call: Call) -> web.Response:
        statement = call.request.query.get("q", "")
        self._ledger.searches.append(statement)
        return _found(call, self._searches.run(statement, call.base))

    async def _parameterized(self, call: Call) -> web.Response:
        body = await call.json_object() if call.request.method == "POST" else _from_url(call.request.query)
        text = body.get("q")
        self._ledger.searches.append(str(text))
        if not isinstance(text, str) or len(text.strip()) < 2:
            raise StatementError("INVALID_SEARCH", f"search term must be longer than one character: {text!s:.80}")
        scope = sosl.SCOPES.get(str(body.get("in", "ALL")).lower())
        if scope is None:
            raise ApiError(400, "INVALID_SEARCH_SCOPE", f"invalid search scope: {body['in']!s:.80}")
        search = sosl.Search(_term(text), scope, _sources(body), _whole(body, "overallLimit"))
        return _found(call, self._searches.find(search, text, call.base))


def _found(call: Call, rows: list[Shaped]) -> web.Response:
    return answer(rows if call.version <= LIST_UP_TO_VERSION else {"searchRecords": rows})


def _page_size(header: str) -> int:
    match = _BATCH.search(header)
    return min(max(int(match.group(1)), SMALLEST_PAGE), PAGE) if match else PAGE


def _page(call: Call, locator: str, rows: list[Shaped], start: int, size: int) -> Shaped:
    end = start + size
    page: Shaped = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
    if end < len(rows):
        page["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
    return page


def _from_url(query: Mapping[str, str]) -> dict[str, Any]:
    """Give the URL's parameters in the shape of the POST body."""
    names = [name for name in query.get("sobject", "").split(",") if name]
    objects = [
        {"name": name, "fields": _listed(query.get(f"{name}.fields")), "limit": query.get(f"{name}.limit")}
        for name in names
    ]
    shared = {"fields": _listed(query.get("fields")), "sobjects": objects}
    limits = {key: query[key] for key in ("overallLimit", "defaultLimit", "in") if key in query}
    return {"q": query.get("q"), **shared, **limits}


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _sources(body: Mapping[str, Any]) -> tuple[sosl.Returning, ...]:
    shared = body.get("fields") or []
    objects = body.get("sobjects") or []
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        raise unreadable_json("sobjects must be a list of objects")
    return tuple(
        sosl.Returning(str(item.get("name", "")), 0, _paths(item.get("fields") or shared), limit=_limit(item, body))
        for item in objects
    )


def _limit(item: Mapping[str, Any], body: Mapping[str, Any]) -> int | None:
    own = _whole(item, "limit")
    return _whole(body, "defaultLimit") if own is None else own


def _paths(names: Any) -> tuple[Path, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise unreadable_json("fields must be a list of field names")
    return tuple(Path(tuple(name.split(".")), 0) for name in names)


def _whole(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is None:
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise unreadable_json(f"{key} must be a whole number")
    return int(text)


def _term(text: str) -> Term:
    """Every word must match; here no character is syntax."""
    words = tuple(Word(word) for word in text.split())
    return words[0] if len(words) == 1 else Both(words)
