"""Answers SOSL over the search index: which records, capped and shaped as the platform does.

Caps: 250 rows of one object, 2,000 where it has WHERE or ORDER BY; with n objects min(2000 / n, 250) of each; 2,000 in
all (Salesforce SOQL and SOSL Reference, "SOSL Limits on Search Results"). Rows come in order of id unless ordered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bridge.sandbox.salesforce import sosl
from bridge.sandbox.salesforce.paths import Resolver
from bridge.sandbox.salesforce.predicates import Predicates
from bridge.sandbox.salesforce.querying import Projection, Shaped
from bridge.sandbox.salesforce.schema import Entity, Field, Schema
from bridge.sandbox.salesforce.search_index import TEXT_TYPES, SearchIndex, digits_of, tokens_of
from bridge.sandbox.salesforce.search_terms import Both, Either, Term, Without, Word
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.syntax import Path
from bridge.sandbox.salesforce.values import Values
from bridge.sandbox.salesforce.wildcards import Wild, glob

MAX_PER_OBJECT = 250
MAX_IN_ALL = 2_000
_NUMBER = re.compile(r"[\d\s()+./*?-]+", re.ASCII)
_NAMES = frozenset({"FirstName", "LastName"})


class SearchEngine:
    """Runs SOSL statements. `clock` gives UTC epoch seconds, for `TODAY`."""

    def __init__(self, schema: Schema, store: Store, index: SearchIndex, clock: Callable[[], float]) -> None:
        self._schema = schema
        self._store = store
        self._index = index
        self._clock = clock

    def run(self, statement: str, base: str) -> list[Shaped]:
        """Answer one statement with its `searchRecords`.

        Raises:
            StatementError: MALFORMED_SEARCH, INVALID_SEARCH, INVALID_TYPE, INVALID_FIELD and their kind.
        """
        return self.find(sosl.parse(statement), statement, base)

    def find(self, search: sosl.Search, statement: str, base: str) -> list[Shaped]:
        """Answer a parsed search; `statement` is what messages point into."""
        sources = search.returning or tuple(
            sosl.Returning(entity.name, 0) for entity in self._schema if entity.searchable
        )
        share = min(MAX_IN_ALL // len(sources), MAX_PER_OBJECT)
        found: list[Shaped] = []
        for source in sources:
            found += self._of(source, search, statement, base, share if len(sources) > 1 else None)
        return found[: min(MAX_IN_ALL, MAX_IN_ALL if search.limit is None else search.limit)]

    def _of(
        self, source: sosl.Returning, search: sosl.Search, statement: str, base: str, share: int | None
    ) -> list[Shaped]:
        resolver = Resolver(self._schema, self._store, statement, source.source, source.source_at)
        paths = source.fields or (Path(("Id",), source.source_at),)
        shape = Projection(resolver, [resolver.column(path) for path in paths], base)
        predicates = Predicates(resolver, datetime.fromtimestamp(self._clock(), UTC).date())
        test = predicates.build(source.where) if source.where is not None else None
        cap = share or (MAX_IN_ALL if source.where is not None or source.orders else MAX_PER_OBJECT)
        ids = self._ids(resolver.entity, search)
        rows: Iterable[Values] = [row for record_id in sorted(ids) if (row := self._store.peek(record_id)) is not None]
        rows = predicates.sort([row for row in rows if test is None or test(row)], source.orders)[:cap]
        end = None if source.limit is None else source.offset + source.limit
        return [shape(row) for row in rows[source.offset : end]]

    def _ids(self, entity: Entity, search: sosl.Search) -> set[str]:
        if search.term is None or not entity.searchable:
            return set()
        return _Matcher(self._index, entity, search.scope).ids(search.term)


class _Matcher:
    """Finds the records of one object that a term matches."""

    def __init__(self, index: SearchIndex, entity: Entity, scope: sosl.Scope) -> None:
        self._index = index
        self._kind = entity.name
        fields = [field for field in entity if _in_scope(field, scope)]
        self._has_phones = any(field.type == "phone" for field in fields)
        self._texts = frozenset(field.name for field in fields if field.type in TEXT_TYPES)

    def ids(self, term: Term) -> set[str]:
        match term:
            case Both(parts):
                return set.intersection(*(self.ids(part) for part in parts))
            case Either(parts):
                return set.union(*(self.ids(part) for part in parts))
            case Without(left, right):
                return self.ids(left) - self.ids(right)
            case Word():
                return self._by_number(term) | self._by_text(term)

    def _by_number(self, word: Word) -> set[str]:
        if not self._has_phones or _NUMBER.fullmatch(word.text) is None:
            return set()
        if not word.wild:
            return self._index.by_number(self._kind, digits_of(word.text))
        pieces = [_piece(word, at) for at, char in enumerate(word.text) if at in word.wild or char.isdigit()]
        return self._index.by_number_pattern(self._kind, glob(pieces))

    def _by_text(self, word: Word) -> set[str]:
        words = _words(word)
        return self._index.by_words(self._kind, self._texts, words) if self._texts and words else set()


def _in_scope(field: Field, scope: sosl.Scope) -> bool:
    if scope == "name":
        return field.name_field or field.name in _NAMES
    return scope in {"all", "sidebar", field.type}


def _piece(word: Word, at: int) -> str | Wild:
    return Wild(word.text[at]) if at in word.wild else word.text[at]


def _words(word: Word) -> list[str | re.Pattern[str]]:
    """Cut a word or phrase where the index cuts text; wildcards stay inside their token."""
    if not word.wild:
        return list(tokens_of(word.text))
    tokens: list[list[str | Wild]] = [[]]
    for at, char in enumerate(word.text):
        if at in word.wild or char.isalnum():
            tokens[-1].append(_piece(word, at))
        elif tokens[-1]:
            tokens.append([])
    return [glob(token) for token in tokens if token]
