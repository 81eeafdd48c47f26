"""Answers SOQL over the store: rows in the REST API's shape.

Source: Salesforce REST API Developer Guide, "Query"; SOQL and SOSL Reference, "OFFSET".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from bridge.sandbox.salesforce import soql
from bridge.sandbox.salesforce.lexer import StatementError, pointed
from bridge.sandbox.salesforce.paths import Column, Resolver
from bridge.sandbox.salesforce.predicates import Predicates
from bridge.sandbox.salesforce.schema import Entity, Schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.syntax import Path, Query
from bridge.sandbox.salesforce.values import Value, Values

MAX_OFFSET = 2_000
Shaped = dict[str, Any]
Shape = Callable[[Values], Shaped]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives: the rows, and how many there are; `COUNT()` gives a number and no rows."""

    total: int
    rows: list[Shaped]


def attributes(entity: Entity, record_id: Value, base: str) -> Shaped:
    """Give the `attributes` member of a record; `base` is `/services/data/v67.0`."""
    return {"type": entity.name, "url": f"{base}/sobjects/{entity.name}/{record_id}"}


class Projection:
    """Shapes records: the chosen fields, those of related records nested, in the order asked for."""

    def __init__(self, resolver: Resolver, columns: Iterable[Column], base: str) -> None:
        self._resolver = resolver
        self._columns = tuple(columns)
        self._base = base

    def __call__(self, values: Values) -> Shaped:
        """Shape one record."""
        shaped: Shaped = {"attributes": attributes(self._resolver.entity, values["Id"], self._base)}
        for column in self._columns:
            place: Shaped | None = shaped
            parent: Values | None = values
            entity: Entity | None = self._resolver.entity
            for name in column.parents:
                parent, entity = self._step(entity, parent, name)
                place = self._nested(place, name, parent, entity)
            if place is not None:
                place[column.field.name] = column.get(values)
        return shaped

    def _step(self, entity: Entity | None, values: Values | None, name: str) -> tuple[Values | None, Entity | None]:
        link = entity.reference(name) if entity else None
        parent_id = values.get(link.name) if link and values else None
        parent = self._resolver.store.peek(parent_id) if isinstance(parent_id, str) else None
        return parent, self._resolver.schema.by_prefix(str(parent["Id"])) if parent else None

    def _nested(self, place: Shaped | None, name: str, parent: Values | None, entity: Entity | None) -> Shaped | None:
        if place is None:
            return None
        if parent is None or entity is None:
            place[name] = None
            return None
        inner: Shaped = place.setdefault(name, {"attributes": attributes(entity, parent["Id"], self._base)})
        return inner


class QueryEngine:
    """Runs SOQL statements. `clock` gives UTC epoch seconds, for `TODAY`."""

    def __init__(self, schema: Schema, store: Store, clock: Callable[[], float]) -> None:
        self._schema = schema
        self._store = store
        self._clock = clock

    def run(self, statement: str, base: str, *, deleted: bool = False) -> Answer:
        """Answer one statement; `deleted` shows deleted records too.

        Raises:
            StatementError: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD and their kind.
        """
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        return _Run(self._schema, self._store, statement, base, today, deleted=deleted).answer()


class _Run:
    """One statement at work."""

    def __init__(self, schema: Schema, store: Store, statement: str, base: str, today: date, *, deleted: bool) -> None:
        self._schema = schema
        self._store = store
        self._statement = statement
        self._base = base
        self._today = today
        self._deleted = deleted

    def answer(self) -> Answer:
        query = soql.parse(self._statement)
        self._deleted = self._deleted or query.all_rows
        resolver = self._resolver(query)
        shape = self._shape(query, resolver)
        rows = self._rows(query, resolver)
        return Answer(len(rows), [] if query.counts else [shape(row) for row in rows])

    def _resolver(self, query: Query) -> Resolver:
        resolver = Resolver(self._schema, self._store, self._statement, query.source, query.source_at)
        return resolver.with_alias(query.alias)

    def _rows(self, query: Query, resolver: Resolver, among: Iterable[Values] | None = None) -> list[Values]:
        if query.offset > MAX_OFFSET:
            raise StatementError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        rows = self._store.rows(resolver.entity.name, deleted=self._deleted) if among is None else among
        predicates = Predicates(resolver, self._today, self._subselect)
        if query.where is not None:
            rows = filter(predicates.build(query.where), rows)
        ordered = predicates.sort(list(rows), query.orders)
        end = None if query.limit is None else query.offset + query.limit
        return ordered[query.offset : end]

    def _subselect(self, query: Query) -> list[Value]:
        resolver = self._resolver(query)
        if len(query.select) != 1 or isinstance(query.select[0], Query):
            message = "semi join sub-selects can only query one field"
            raise StatementError("MALFORMED_QUERY", pointed(self._statement, query.source_at, message))
        column = resolver.column(query.select[0])
        return [value for row in self._rows(query, resolver) if (value := column.get(row)) is not None]

    def _shape(self, query: Query, resolver: Resolver) -> Shape:
        paths = [item for item in query.select if isinstance(item, Path)]
        plain = Projection(resolver, [resolver.column(path) for path in paths], self._base)
        inner = [self._children(item, resolver) for item in query.select if isinstance(item, Query)]

        def shape(values: Values) -> Shaped:
            shaped = plain(values)
            for name, children in inner:
                shaped[name] = children(values)
            return shaped

        return shape

    def _children(self, query: Query, parent: Resolver) -> tuple[str, Callable[[Values], Shaped | None]]:
        found = self._schema.children(parent.entity, query.source)
        if found is None or query.counts:
            message = f"Didn't understand relationship '{query.source[:80]}' in FROM part of query call."
            raise StatementError("INVALID_TYPE", pointed(self._statement, query.source_at, message))
        entity, link = found
        resolver = Resolver(self._schema, self._store, self._statement, entity.name, query.source_at)
        resolver.with_alias(query.alias).with_alias(query.source)
        shape = self._shape(query, resolver)
        self._rows(query, resolver, among=())  # so that a mistake shows itself though no parent is found

        def rows_of(values: Values) -> Shaped | None:
            all_rows = self._store.rows(entity.name, deleted=self._deleted)
            mine = [row for row in all_rows if row.get(link.name) == values["Id"]]
            rows = self._rows(query, resolver, among=mine)
            if not rows:
                return None
            return {"totalSize": len(rows), "done": True, "records": [shape(row) for row in rows]}

        return link.children or query.source, rows_of
