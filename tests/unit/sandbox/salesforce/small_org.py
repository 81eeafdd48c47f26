"""An org without sockets: the store and its engines over a clock that stands until it is moved."""

from __future__ import annotations

from typing import Any

from bridge.sandbox.salesforce.ids import numbered_id
from bridge.sandbox.salesforce.querying import QueryEngine
from bridge.sandbox.salesforce.search_index import SearchIndex
from bridge.sandbox.salesforce.searching import SearchEngine
from bridge.sandbox.salesforce.standard import standard_schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.values import Value
from bridge.sandbox.salesforce.writing import Writer

START = 1_780_000_000.0
USER = numbered_id("005", 1)
BASE = "/services/data/v67.0"


class SmallOrg:
    def __init__(self) -> None:
        self.now = START
        self.schema = standard_schema()
        self.index = SearchIndex(self.schema, lambda: self.now, 0.0)
        self.store = Store(self.schema, self.index, lambda: self.now)
        self.writer = Writer(self.schema, self.store)
        self.queries = QueryEngine(self.schema, self.store, lambda: self.now)
        self.searches = SearchEngine(self.schema, self.store, self.index, lambda: self.now)

    def create(self, kind: str, **values: Value) -> str:
        entity = self.schema.entity(kind)
        assert entity is not None
        return self.writer.create(entity, values, USER)

    def update(self, kind: str, record_id: str, **values: Value) -> None:
        entity = self.schema.entity(kind)
        assert entity is not None
        self.writer.update(entity, record_id, values, USER)

    def delete(self, kind: str, record_id: str) -> None:
        entity = self.schema.entity(kind)
        assert entity is not None
        self.store.delete(entity, record_id)

    def query(self, statement: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        return self.queries.run(statement, BASE, deleted=deleted).rows

    def names(self, condition: str, kind: str = "Contact") -> list[str]:
        return [row["Name"] for row in self.query(f"SELECT Name FROM {kind} WHERE {condition}")]  # noqa: S608 - the statement is what is tested

    def search(self, statement: str) -> list[dict[str, Any]]:
        return self.searches.run(statement, BASE)

    def found(self, text: str, scope: str = "ALL", kind: str = "Contact") -> list[str]:
        return [row["Name"] for row in self.search(f"FIND {{{text}}} IN {scope} FIELDS RETURNING {kind}(Name)")]
