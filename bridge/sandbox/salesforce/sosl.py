"""SOSL: text in, a frozen `Search` out, or a `StatementError`; nothing else, whatever the text. Pure.

`FIND {…} [IN … FIELDS] [RETURNING Object(fields WHERE … ORDER BY … LIMIT … OFFSET …), …] [LIMIT n]`.
Source: Salesforce SOQL and SOSL Reference, "SOSL Syntax".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bridge.sandbox.salesforce.conditions import read_condition, read_orders, read_path
from bridge.sandbox.salesforce.lexer import Cursor, StatementError, lined, tokens
from bridge.sandbox.salesforce.search_terms import Term, read_terms
from bridge.sandbox.salesforce.syntax import Condition, Order, Path

Scope = Literal["all", "phone", "name", "email", "sidebar"]
SCOPES: dict[str, Scope] = {"all": "all", "phone": "phone", "name": "name", "email": "email", "sidebar": "sidebar"}
CODE = "MALFORMED_SEARCH"
MAX_LENGTH = 100_000
"""Characters of one statement ("SOSL Limits on Search Results": 100,000)."""
_FIND = re.compile(r"\s*FIND\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Returning:
    """What one object gives: `fields` empty means the id alone."""

    source: str
    source_at: int
    fields: tuple[Path, ...] = ()
    where: Condition | None = None
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Search:
    """A SOSL search. `term` is None when the text is too long to be searched for; `returning` empty means every object."""

    term: Term | None
    scope: Scope = "all"
    returning: tuple[Returning, ...] = ()
    limit: int | None = None


def parse(statement: str) -> Search:
    """Parse one statement.

    Raises:
        StatementError: MALFORMED_SEARCH, or INVALID_SEARCH for a text too short; this is the only exception.
    """
    if len(statement) > MAX_LENGTH:
        raise StatementError(CODE, f"SOSL statements cannot be longer than {MAX_LENGTH} characters.")
    find = _FIND.match(statement)
    if find is None or not statement.startswith("{", find.end()):
        raise StatementError(CODE, "No search term found. The search term must be enclosed in braces.")
    start = find.end() + 1
    end = _closing_brace(statement, start)
    term = read_terms(statement, start, end)
    cursor = Cursor(statement, tokens(statement, end + 1, CODE), CODE)
    scope = _scope(cursor)
    returning = _returning(cursor)
    limit = cursor.whole_number() if cursor.accept("limit") else None
    if not cursor.ended:
        raise cursor.refusal()
    return Search(term, scope, returning, limit)


def _closing_brace(statement: str, start: int) -> int:
    at = start
    while at < len(statement):
        if statement[at] == "\\":
            at += 2
            continue
        if statement[at] == "}":
            return at
        at += 1
    raise StatementError(CODE, lined(statement, len(statement), "mismatched character '<EOF>' expecting '}'"))


def _scope(cursor: Cursor) -> Scope:
    if not cursor.accept("in"):
        return "all"
    if cursor.token.kind != "name" or cursor.token.text.lower() not in SCOPES:
        raise cursor.refusal()
    scope = SCOPES[cursor.take().text.lower()]
    cursor.expect("fields")
    return scope


def _returning(cursor: Cursor) -> tuple[Returning, ...]:
    if not cursor.accept("returning"):
        return ()
    items = [_source(cursor)]
    while cursor.accept_symbol(","):
        items.append(_source(cursor))
    return tuple(items)


def _source(cursor: Cursor) -> Returning:
    source = cursor.name()
    if not cursor.accept_symbol("("):
        return Returning(source.text, source.at)
    fields = [read_path(cursor)]
    while cursor.accept_symbol(","):
        fields.append(read_path(cursor))
    where = read_condition(cursor) if cursor.accept("where") else None
    orders = read_orders(cursor)
    limit = cursor.whole_number() if cursor.accept("limit") else None
    offset = cursor.whole_number() if cursor.accept("offset") else 0
    cursor.expect_symbol(")")
    return Returning(source.text, source.at, tuple(fields), where, orders, limit, offset)
