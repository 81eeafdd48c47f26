"""Turns a parsed condition into a test of records, and orders into a sorting.

Text is compared without regard to case, ids in both spellings, and `!=` and `NOT IN` hold for null, as on the platform
(SOQL and SOSL Reference, "Comparison Operators").
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from bridge.sandbox.salesforce.ids import normal_id
from bridge.sandbox.salesforce.lexer import StatementError, pointed
from bridge.sandbox.salesforce.paths import Column, Resolver
from bridge.sandbox.salesforce.schema import Field
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
    Order,
    Path,
    Period,
    Query,
    Scalar,
    Text,
)
from bridge.sandbox.salesforce.values import Value, Values, day, instant
from bridge.sandbox.salesforce.wildcards import Wild, glob

Predicate = Callable[[Values], bool]
Subselect = Callable[[Query], Iterable[Value]]
Key = str | float | date | datetime | None
IDS = frozenset({"id", "reference"})
NUMBERS = frozenset({"int", "double"})
MOMENTS = frozenset({"date", "datetime"})
_WILD: dict[str, Wild | str] = {"%": Wild.MANY, "_": Wild.ONE}
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def comparable(field: Field, value: Value) -> Key:
    """Give what a stored value is compared and sorted by."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if field.type == "datetime":
        return instant(value)
    if field.type == "date":
        return day(value)
    if field.type in IDS:
        return normal_id(value) or value
    return value.casefold() or None  # an empty text is null to a filter


class Predicates:
    """Builds the tests of one statement. `today` is the day that `TODAY` means."""

    def __init__(self, resolver: Resolver, today: date, subselect: Subselect | None = None) -> None:
        self._resolver = resolver
        self._today = today
        self._subselect = subselect

    def build(self, condition: Condition) -> Predicate:
        """Give the test.

        Raises:
            StatementError: INVALID_FIELD for a wrong field or a literal of another type; INVALID_QUERY_FILTER_OPERATOR.
        """
        match condition:
            case AllOf(parts):
                tests = [self.build(part) for part in parts]
                return lambda values: all(test(values) for test in tests)
            case AnyOf(parts):
                tests = [self.build(part) for part in parts]
                return lambda values: any(test(values) for test in tests)
            case Not(part):
                inner = self.build(part)
                return lambda values: not inner(values)
            case Membership():
                return self._membership(condition)
            case Comparison():
                return self._comparison(condition)

    def sort(self, rows: Sequence[Values], orders: Sequence[Order]) -> list[Values]:
        """Give the rows in the order asked for; equal ones keep theirs."""
        result = list(rows)
        for order in reversed(orders):
            column = self._column(order.path)
            keyed = [(comparable(column.field, column.get(row)), row) for row in result]
            nulls = [row for key, row in keyed if key is None]
            rest = [pair for pair in keyed if pair[0] is not None]
            rest.sort(key=_first, reverse=order.descending)
            ordered = [row for _, row in rest]
            result = ordered + nulls if order.nulls_last else nulls + ordered
        return result

    def _column(self, path: Path) -> Column:
        column = self._resolver.column(path)
        if not column.field.filterable:
            raise self._wrong(path, f"field '{path}' can not be filtered in a query call")
        return column

    def _membership(self, condition: Membership) -> Predicate:
        column = self._column(condition.path)
        if isinstance(condition.values, Query):
            if self._subselect is None or column.field.type not in IDS:
                raise self._wrong(condition.path, "semi join sub-selects are only allowed on id fields")
            wanted = {comparable(column.field, value) for value in self._subselect(condition.values)}
        else:
            wanted = {self._literal(condition.path, column.field, value) for value in condition.values}
        if condition.negated:
            return lambda values: comparable(column.field, column.get(values)) not in wanted
        return lambda values: comparable(column.field, column.get(values)) in wanted

    def _comparison(self, condition: Comparison) -> Predicate:
        column = self._column(condition.path)
        field, get = column.field, column.get
        if isinstance(condition.value, Period):
            return self._period(condition, column, condition.value)
        if condition.operator == "like":
            return self._like(condition, column)
        wanted = self._literal(condition.path, field, condition.value)
        if condition.operator == "=":
            return lambda values: comparable(field, get(values)) == wanted
        if condition.operator == "!=":
            return lambda values: comparable(field, get(values)) != wanted
        if field.type in IDS or field.type == "boolean" or wanted is None:
            raise StatementError(
                "INVALID_QUERY_FILTER_OPERATOR",
                pointed(self._resolver.statement, condition.path.at, f"invalid operator on {field.type} field"),
            )
        compare = _ORDERED[condition.operator]

        def test(values: Values) -> bool:
            key = comparable(field, get(values))
            return key is not None and compare(key, wanted)

        return test

    def _like(self, condition: Comparison, column: Column) -> Predicate:
        if column.field.type in IDS | NUMBERS | MOMENTS | {"boolean"} or not isinstance(condition.value, Text):
            raise StatementError(
                "INVALID_QUERY_FILTER_OPERATOR",
                pointed(self._resolver.statement, condition.path.at, f"invalid operator on {column.field.type} field"),
            )
        pattern = _like_pattern(condition.value.pattern)
        get = column.get

        def test(values: Values) -> bool:
            text = get(values)
            return isinstance(text, str) and pattern.fullmatch(text) is not None

        return test

    def _period(self, condition: Comparison, column: Column, period: Period) -> Predicate:
        field, get = column.field, column.get
        if field.type not in MOMENTS:
            raise self._mismatch(condition.path, field)
        try:
            first, last = (self._today + timedelta(days=days) for days in (period.first, period.last))
        except OverflowError:
            raise self._mismatch(condition.path, field) from None
        tests: dict[str, Callable[[date], bool]] = {
            "=": lambda moment: first <= moment <= last,
            "!=": lambda moment: not first <= moment <= last,
            "<": lambda moment: moment < first,
            "<=": lambda moment: moment <= last,
            ">": lambda moment: moment > last,
            ">=": lambda moment: moment >= first,
        }
        test = tests[condition.operator]

        def holds(values: Values) -> bool:
            key = comparable(field, get(values))
            moment = key.date() if isinstance(key, datetime) else key
            return isinstance(moment, date) and test(moment)

        return holds

    def _literal(self, path: Path, field: Field, value: Scalar) -> Key:  # noqa: PLR0911 - one for each kind of literal
        match value:
            case Null():
                return None if field.type != "boolean" else False
            case Text(text) if field.type in IDS:
                record_id = normal_id(text)
                if record_id is None and text:
                    message = pointed(self._resolver.statement, path.at, f"invalid ID field: {text[:80]}")
                    raise StatementError("INVALID_QUERY_FILTER_OPERATOR", message)
                return record_id
            case Text(text) if field.type not in NUMBERS | MOMENTS | {"boolean"}:
                return text.casefold() or None
            case Number(number) if field.type in NUMBERS:
                return number
            case Flag(flag) if field.type == "boolean":
                return flag
            case Day(moment) if field.type == "date":
                return moment
            case Instant(moment) if field.type == "datetime":
                return moment
            case _:
                raise self._mismatch(path, field)

    def _mismatch(self, path: Path, field: Field) -> StatementError:
        quoted = field.type not in NUMBERS | MOMENTS | {"boolean"}
        advice = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
        kind = field.type.replace("datetime", "dateTime")
        return self._wrong(path, f"value of filter criterion for field '{path}' must be of type {kind} and {advice}")

    def _wrong(self, path: Path, message: str) -> StatementError:
        return StatementError("INVALID_FIELD", pointed(self._resolver.statement, path.at, message))


def _first(pair: tuple[Any, Values]) -> Any:
    return pair[0]


def _like_pattern(pattern: str) -> re.Pattern[str]:
    pieces = re.findall(r"\\(.)|(.)", pattern, re.DOTALL)
    return glob([escaped or _WILD.get(char, char) for escaped, char in pieces])
