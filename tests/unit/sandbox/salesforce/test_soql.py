from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.salesforce.lexer import StatementError
from bridge.sandbox.salesforce.soql import parse
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
    Path,
    Period,
    Query,
    Text,
)

WORDS = (
    st.sampled_from(
        [
            "SELECT",
            "FROM",
            "WHERE",
            "AND",
            "OR",
            "NOT",
            "IN",
            "LIKE",
            "ORDER",
            "BY",
            "LIMIT",
            "OFFSET",
            "NULLS",
            "FIRST",
        ]
    )
    | st.sampled_from(
        [
            "COUNT",
            "(",
            ")",
            ",",
            "=",
            "!=",
            "<",
            ">",
            "'",
            "\\",
            ":",
            "Id",
            "Contact",
            "Account.Name",
            "'x'",
            "'it\\'s'",
        ]
    )
    | st.sampled_from(
        ["5", "-1.5", "2026-01-31", "2026-99-99", "2026-01-31T10:00:00Z", "TODAY", "LAST_N_DAYS", "NULL", "TRUE", "٣"]
    )
)


def outcome(statement: str) -> str:
    try:
        parse(statement)
    except StatementError as error:
        return error.code
    return "parsed"


def where(text: str) -> Condition:
    condition = parse(f"SELECT Id FROM Contact WHERE {text}").where  # noqa: S608 - the statement is what is tested
    assert condition is not None
    return condition


def test_fields_source_and_bounds_are_read() -> None:
    query = parse("select Id, Account.Owner.Name from Contact c where Name = 'x' order by Name desc limit 5 offset 2")
    assert [str(item) for item in query.select] == ["Id", "Account.Owner.Name"]
    assert (query.source, query.alias, query.limit, query.offset) == ("Contact", "c", 5, 2)
    assert query.orders[0].descending
    assert not query.orders[0].nulls_last


def test_count_selects_nothing() -> None:
    assert parse("SELECT COUNT() FROM Contact").counts


def test_a_child_query_is_read() -> None:
    query = parse("SELECT Id, (SELECT Id FROM Cases WHERE IsClosed = false) FROM Contact")
    assert isinstance(query.select[1], Query)
    assert query.select[1].source == "Cases"


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it\\'s'", Text("it's", "it's")),
        ("'50\\%'", Text("50%", "50\\%")),
        ("'\\u00e4'", Text("ä", "ä")),
        ("5", Number(5)),
        ("-1.5", Number(-1.5)),
        ("true", Flag(value=True)),
        ("NULL", Null()),
        ("2026-01-31", Day(date(2026, 1, 31))),
        ("2026-01-31T10:00:00Z", Instant(datetime(2026, 1, 31, 10, tzinfo=UTC))),
        ("2026-01-31T10:00:00.123456789+02:00", Instant(datetime(2026, 1, 31, 8, 0, 0, 123456, tzinfo=UTC))),
        ("TODAY", Period(0, 0)),
        ("LAST_N_DAYS:30", Period(-30, 0)),
    ],
)
def test_literals_keep_their_meaning(literal: str, value: object) -> None:
    condition = where(f"Name = {literal}")
    assert isinstance(condition, Comparison)
    assert condition.value == value


def test_conditions_nest_as_written() -> None:
    condition = where("(A = 1 OR B = 2) AND C NOT IN ('x')")
    assert isinstance(condition, AllOf)
    either, member = condition.parts
    assert isinstance(either, AnyOf)
    assert isinstance(member, Membership)
    assert member.negated


def test_not_turns_what_follows() -> None:
    assert where("NOT (A = 1)") == Not(Comparison(Path(("A",), 34), "=", Number(1)))


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT",
        "SELECT FROM Contact",
        "SELECT Id",
        "SELECT Id FRM Contact",
        "SELECT Id, FROM Contact",
        "SELECT Id FROM Contact WHERE",
        "SELECT Id FROM Contact WHERE Name = 'x",
        'SELECT Id FROM Contact WHERE Name = "x"',
        "SELECT Id FROM Contact WHERE Name = 'x' OR '1'='1'",
        "SELECT Id FROM Contact WHERE Name = 'a\\q'",
        "SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3",
        "SELECT Id FROM Contact WHERE A = 1 AND NOT B = 2",
        "SELECT Id FROM Contact WHERE Name IN ()",
        "SELECT Id FROM Contact WHERE CreatedDate > 2026-02-30T00:00:00Z",
        "SELECT Id FROM Contact LIMIT -1",
        "SELECT Id FROM Contact LIMIT 5 WHERE Id = null",
        "SELECT Id FROM Contact; DELETE",
        "SELECT Id FROM Contact GROUP BY Id",
        "SELECT Id, id FROM Contact",
        "SELECT COUNT(), Id FROM Contact",
        "SELECT Id FROM Contact WHERE " + "(" * 500 + "A = 1" + ")" * 500,
    ],
)
def test_what_is_no_query_is_malformed(statement: str) -> None:
    with pytest.raises(StatementError) as caught:
        parse(statement)
    assert caught.value.code == "MALFORMED_QUERY"


def test_the_mistake_is_pointed_at() -> None:
    with pytest.raises(StatementError) as caught:
        parse("SELECT Id FRM Contact")
    assert caught.value.message == (
        "\nSELECT Id FRM Contact\n          ^\nERROR at Row:1:Column:11\nunexpected token: 'FRM'"
    )


@given(st.text(max_size=200) | st.lists(WORDS, max_size=40).map(" ".join))
def test_no_text_raises_anything_but_a_statement_error(text: str) -> None:
    for statement in (text, f"SELECT Id FROM Contact WHERE {text}", f"SELECT Id FROM Contact WHERE Name = '{text}'"):  # noqa: S608 - the statement is what is tested
        assert outcome(statement) in {"parsed", "MALFORMED_QUERY"}


@given(st.text(max_size=100))
def test_an_escaped_text_is_one_literal(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    assert where(f"Name = '{escaped}'") == Comparison(Path(("Name",), 29), "=", Text(text, text.replace("\\", "\\\\")))
