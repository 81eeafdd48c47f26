"""What a parsed statement is made of: field paths, literals, conditions, orders, queries. Frozen, pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Operator = Literal["=", "!=", "<", ">", "<=", ">=", "like"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps through relationships: `Account.Owner.Name`. `at` is its offset in the statement."""

    parts: tuple[str, ...]
    at: int

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Text:
    r"""A quoted literal. `value` has its escapes resolved; `pattern` keeps a backslash before literal `%`, `_`, `\\`."""

    value: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Number:
    """A literal such as `5` or `-0.25`."""

    value: float


@dataclass(frozen=True, slots=True)
class Flag:
    """`TRUE` or `FALSE`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Null:
    """`NULL`."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date such as `2026-01-31`."""

    value: date


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time such as `2026-01-31T10:00:00Z`; always with a zone."""

    value: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A date literal that counts from today: `TODAY`, `LAST_N_DAYS:30`. The days `first`..`last`, today being 0."""

    first: int
    last: int


Scalar = Text | Number | Flag | Null | Day | Instant | Period


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator literal`."""

    path: Path
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class Membership:
    """`field [NOT] IN (…)`: literals, or a query with one field."""

    path: Path
    values: tuple[Scalar, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions joined by AND."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by OR."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A condition turned round."""

    part: Condition


Condition = Comparison | Membership | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Order:
    """One `ORDER BY` term."""

    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A SOQL query. `select` is empty when it asks for `COUNT()`; `source_at` is where its object stands."""

    select: tuple[Path | Query, ...]
    source: str
    source_at: int
    alias: str | None = None
    where: Condition | None = None
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False

    @property
    def counts(self) -> bool:
        """Whether only the number of rows is asked for."""
        return not self.select
