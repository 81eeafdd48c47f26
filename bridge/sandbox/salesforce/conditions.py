"""What stands after WHERE and ORDER BY, in SOQL and in the RETURNING clause of SOSL alike. Pure.

AND and OR may not stand side by side without parentheses, nor NOT beside either, as on the platform.
Source: Salesforce SOQL and SOSL Reference, "Condition Expression Syntax (WHERE Clause)", "ORDER BY".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Protocol

from bridge.sandbox.salesforce.lexer import Cursor, StatementError, Token, pointed
from bridge.sandbox.salesforce.syntax import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Day,
    Flag,
    Instant,
    Membership,
    Not,
    Null,
    Number,
    Operator,
    Order,
    Path,
    Period,
    Query,
    Scalar,
    Text,
)

MAX_DEPTH = 40
"""Parentheses within parentheses; deeper ones are refused, so that no statement exhausts the stack."""
MAX_DAYS = 100_000
"""Reach of `LAST_N_DAYS:n`, in days."""
OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
PERIODS = {"today": Period(0, 0), "yesterday": Period(-1, -1), "tomorrow": Period(1, 1)}
COUNTED_PERIODS: dict[str, Callable[[int], Period]] = {
    "last_n_days": lambda days: Period(-days, 0),
    "next_n_days": lambda days: Period(1, days),
}
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "_": "_", "%": "%"}
"""Characters that may follow a backslash in a quoted string ("Quoted String Escape Sequences")."""
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


class _Subquery(Protocol):
    def __call__(self, cursor: Cursor, *, depth: int) -> Query: ...


def read_path(cursor: Cursor) -> Path:
    """Read a field, perhaps through relationships."""
    token = cursor.name()
    return Path(tuple(token.text.split(".")), token.at)


def read_orders(cursor: Cursor) -> tuple[Order, ...]:
    """Read `ORDER BY …` when it comes next."""
    if not cursor.accept("order", "by"):
        return ()
    orders = [_order(cursor)]
    while cursor.accept_symbol(","):
        orders.append(_order(cursor))
    return tuple(orders)


def _order(cursor: Cursor) -> Order:
    path = read_path(cursor)
    descending = cursor.accept("desc")
    if not descending:
        cursor.accept("asc")
    nulls_last = False
    if cursor.accept("nulls"):
        nulls_last = cursor.accept("last")
        if not nulls_last:
            cursor.expect("first")
    return Order(path, descending, nulls_last)


def read_condition(cursor: Cursor, *, subquery: _Subquery | None = None, depth: int = 0) -> Condition:
    """Read a condition up to its end. `subquery` reads a query after `IN (`, where one may stand."""
    if depth > MAX_DEPTH:
        raise StatementError(cursor.code, pointed(cursor.statement, cursor.token.at, "maximum nesting depth exceeded"))
    if cursor.accept("not"):
        return Not(_operand(cursor, subquery, depth))
    parts = [_operand(cursor, subquery, depth)]
    joint = next((word for word in ("and", "or") if cursor.is_word(word)), None)
    while joint is not None and cursor.accept(joint):
        parts.append(_operand(cursor, subquery, depth))
    if len(parts) == 1:
        return parts[0]
    return AllOf(tuple(parts)) if joint == "and" else AnyOf(tuple(parts))


def _operand(cursor: Cursor, subquery: _Subquery | None, depth: int) -> Condition:
    if cursor.accept_symbol("("):
        inner = read_condition(cursor, subquery=subquery, depth=depth + 1)
        cursor.expect_symbol(")")
        return inner
    path = read_path(cursor)
    if cursor.accept("in"):
        return Membership(path, _members(cursor, subquery), negated=False)
    if cursor.accept("not", "in"):
        return Membership(path, _members(cursor, subquery), negated=True)
    if cursor.accept("like"):
        if cursor.token.kind != "text":
            raise cursor.refusal()
        return Comparison(path, "like", _scalar(cursor))
    if cursor.token.kind != "symbol" or cursor.token.text not in OPERATORS:
        raise cursor.refusal()
    return Comparison(path, OPERATORS[cursor.take().text], _scalar(cursor))


def _members(cursor: Cursor, subquery: _Subquery | None) -> tuple[Scalar, ...] | Query:
    cursor.expect_symbol("(")
    if subquery is not None and cursor.is_word("select"):
        inner = subquery(cursor, depth=1)
        cursor.expect_symbol(")")
        return inner
    values = [_scalar(cursor)]
    while cursor.accept_symbol(","):
        values.append(_scalar(cursor))
    cursor.expect_symbol(")")
    return tuple(values)


def _scalar(cursor: Cursor) -> Scalar:
    token = cursor.token
    match token.kind:
        case "text":
            return _text(cursor, cursor.take())
        case "number":
            return Number(float(cursor.take().text[:300]))
        case "date" | "datetime":
            return _moment(cursor)
        case "name":
            return _named_value(cursor)
        case _:
            raise cursor.refusal()


def _named_value(cursor: Cursor) -> Scalar:
    word = cursor.token.text.lower()
    if word == "null":
        cursor.take()
        return Null()
    if word in {"true", "false"}:
        cursor.take()
        return Flag(word == "true")
    if word in PERIODS:
        cursor.take()
        return PERIODS[word]
    if word in COUNTED_PERIODS:
        cursor.take()
        cursor.expect_symbol(":")
        return COUNTED_PERIODS[word](min(cursor.whole_number(), MAX_DAYS))
    raise cursor.refusal()


def _moment(cursor: Cursor) -> Scalar:
    try:
        if cursor.token.kind == "date":
            value: Scalar = Day(date.fromisoformat(cursor.token.text))
        else:
            value = Instant(datetime.fromisoformat(_whole_seconds(cursor.token.text)).astimezone(UTC))
    except (ValueError, OverflowError):
        raise cursor.refusal() from None
    cursor.take()
    return value


def _whole_seconds(text: str) -> str:
    # fromisoformat takes at most six decimals in 3.11, the platform any number of them
    return re.sub(r"\.(\d{1,6})\d*", r".\1", text)


def _text(cursor: Cursor, token: Token) -> Text:
    value: list[str] = []
    pattern: list[str] = []
    at = 1
    inside = token.text[:-1]
    while at < len(inside):
        if inside[at] != "\\":
            value.append(inside[at])
            pattern.append(inside[at])
            at += 1
            continue
        match = _ESCAPE.match(inside, at)
        char = _escaped(match.group(1)) if match else None
        if match is None or char is None:
            where = token.at + at
            raise StatementError(cursor.code, pointed(cursor.statement, where, "Illegal character sequence in string"))
        value.append(char)
        pattern.append(f"\\{char}" if match.group(1) in {"%", "_", "\\"} else char)
        at = match.end()
    return Text("".join(value), "".join(pattern))


def _escaped(code: str) -> str | None:
    if len(code) == 5:
        return chr(int(code[1:], 16))
    return ESCAPES.get(code)
