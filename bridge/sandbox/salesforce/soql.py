"""SOQL: text in, a frozen `Query` out, or a `StatementError`; nothing else, whatever the text. Pure.

The subset: fields, relationship fields, child subqueries and COUNT(); FROM with an alias; what `conditions` reads after
WHERE; ORDER BY, LIMIT, OFFSET, ALL ROWS, FOR VIEW/REFERENCE/UPDATE. The rest is refused as MALFORMED_QUERY.
Source: Salesforce SOQL and SOSL Reference, "SOQL SELECT Syntax".
"""

from __future__ import annotations

from bridge.sandbox.salesforce.conditions import read_condition, read_orders, read_path
from bridge.sandbox.salesforce.lexer import RESERVED, Cursor, StatementError, pointed, tokens
from bridge.sandbox.salesforce.syntax import Path, Query

CODE = "MALFORMED_QUERY"
MAX_LENGTH = 100_000
"""Characters of one statement (SOQL and SOSL Reference, "SOQL and SOSL Limits")."""
_NO_ALIAS = RESERVED | {"for", "all", "update"}


def parse(statement: str) -> Query:
    """Parse one statement.

    Raises:
        StatementError: MALFORMED_QUERY; this is the only exception.
    """
    if len(statement) > MAX_LENGTH:
        raise StatementError(CODE, f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    cursor = Cursor(statement, tokens(statement, 0, CODE), CODE)
    if cursor.ended:
        raise StatementError(CODE, "A query string has to be specified")
    query = _query(cursor, depth=0)
    if not cursor.ended:
        raise cursor.refusal()
    return query


def _query(cursor: Cursor, *, depth: int) -> Query:
    cursor.expect("select")
    select = _select(cursor, depth)
    cursor.expect("from")
    source = cursor.name()
    alias = None
    if cursor.accept("as"):
        alias = cursor.name().text
    elif cursor.token.kind == "name" and cursor.token.text.lower() not in _NO_ALIAS:
        alias = cursor.take().text
    where = read_condition(cursor, subquery=_query) if cursor.accept("where") else None
    orders = read_orders(cursor)
    limit = cursor.whole_number() if cursor.accept("limit") else None
    offset = cursor.whole_number() if cursor.accept("offset") else 0
    if cursor.accept("for") and not any(cursor.accept(word) for word in ("view", "reference", "update")):
        raise cursor.refusal()
    all_rows = cursor.accept("all", "rows")
    return Query(select, source.text, source.at, alias, where, orders, limit, offset, all_rows)


def _select(cursor: Cursor, depth: int) -> tuple[Path | Query, ...]:
    if cursor.accept("count"):
        cursor.expect_symbol("(")
        cursor.expect_symbol(")")
        return ()
    items: list[Path | Query] = []
    seen: set[str] = set()
    while True:
        if cursor.token.kind == "symbol" and cursor.token.text == "(" and depth == 0:
            cursor.take()
            items.append(_query(cursor, depth=1))
            cursor.expect_symbol(")")
        else:
            item = read_path(cursor)
            if str(item).lower() in seen:
                raise StatementError(CODE, pointed(cursor.statement, item.at, f"duplicate field selected: {item}"))
            seen.add(str(item).lower())
            items.append(item)
        if not cursor.accept_symbol(","):
            return tuple(items)
