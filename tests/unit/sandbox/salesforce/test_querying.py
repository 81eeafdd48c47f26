from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.salesforce.lexer import StatementError
from tests.unit.sandbox.salesforce.small_org import BASE, START, SmallOrg


@pytest.fixture
def org() -> SmallOrg:
    org = SmallOrg()
    acme = org.create("Account", Name="Acme", Phone="(212) 555-0100")
    ada = org.create(
        "Contact", FirstName="Ada", LastName="Berg", AccountId=acme, Phone="+12125550101", Email="A@x.example"
    )
    org.create("Contact", LastName="O'Hara_50%", MobilePhone="212-555-0102")
    org.create("Contact", FirstName="Zoe", LastName="abel", Phone="555")
    org.create("Case", Subject="Broken", ContactId=ada, AccountId=acme)
    org.create("Case", Subject="Done", ContactId=ada, Status="Closed")
    org.create("Task", Subject="Call", WhoId=ada, CallDurationInSeconds=90, ActivityDate="2026-06-01")
    return org


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name = 'ada berg'", ["Ada Berg"]),
        ("Name != 'Ada Berg'", ["O'Hara_50%", "Zoe abel"]),
        ("LastName LIKE 'o\\'hara%'", ["O'Hara_50%"]),
        ("LastName LIKE '%\\_50\\%'", ["O'Hara_50%"]),
        ("LastName LIKE '%\\_5\\%'", []),
        ("LastName LIKE '_bel'", ["Zoe abel"]),
        ("FirstName = null", ["O'Hara_50%"]),
        ("FirstName = ''", ["O'Hara_50%"]),
        ("FirstName != null AND (Phone = '555' OR Name LIKE 'Ada%')", ["Ada Berg", "Zoe abel"]),
        ("Phone IN ('+12125550101', '555')", ["Ada Berg", "Zoe abel"]),
        ("Phone NOT IN ('+12125550101', '555')", ["O'Hara_50%"]),
        ("Account.Name = 'ACME'", ["Ada Berg"]),
        ("Contact.Account.Phone LIKE '%0100'", ["Ada Berg"]),
        ("NOT Account.Name = 'Acme'", ["O'Hara_50%", "Zoe abel"]),
        ("Id IN (SELECT ContactId FROM Case WHERE IsClosed = false)", ["Ada Berg"]),
        ("Id NOT IN (SELECT ContactId FROM Case)", ["O'Hara_50%", "Zoe abel"]),
        ("IsDeleted = true", []),
        ("IsDeleted != true AND Phone = '555'", ["Zoe abel"]),
        ("LastName > 'b' ", ["Ada Berg", "O'Hara_50%"]),
        ("CreatedDate = TODAY", ["Ada Berg", "O'Hara_50%", "Zoe abel"]),
        ("CreatedDate < 2026-01-01T00:00:00Z", []),
        ("CreatedDate >= LAST_N_DAYS:3", ["Ada Berg", "O'Hara_50%", "Zoe abel"]),
        ("CreatedDate < YESTERDAY", []),
    ],
)
def test_conditions_choose_the_records(org: SmallOrg, condition: str, names: list[str]) -> None:
    assert org.names(condition) == names


def test_numbers_and_days_compare_as_such(org: SmallOrg) -> None:
    assert len(org.query("SELECT Id FROM Task WHERE CallDurationInSeconds > 9.5 AND ActivityDate <= 2026-06-01")) == 1


def test_an_id_is_found_in_both_spellings(org: SmallOrg) -> None:
    record_id = org.query("SELECT Id FROM Contact LIMIT 1")[0]["Id"]
    assert org.names(f"Id = '{record_id[:15]}'") == org.names(f"Id = '{record_id}'") == ["Ada Berg"]


def test_names_are_found_in_any_case_and_shown_in_theirs(org: SmallOrg) -> None:
    row = org.query("select name, account.NAME, owner.id from CONTACT limit 1")[0]
    assert row["Name"] == "Ada Berg"
    assert row["Account"]["Name"] == "Acme"
    assert row["attributes"] == {"type": "Contact", "url": f"{BASE}/sobjects/Contact/{_first_id(org)}"}


def _first_id(org: SmallOrg) -> str:
    return str(org.query("SELECT Id FROM Contact LIMIT 1")[0]["Id"])


def test_a_missing_parent_is_null(org: SmallOrg) -> None:
    assert org.query("SELECT Account.Name FROM Contact WHERE Phone = '555'")[0]["Account"] is None


def test_a_flag_that_was_never_set_is_false(org: SmallOrg) -> None:
    assert len(org.query("SELECT IsEscalated FROM Case WHERE IsEscalated = false")) == 2
    assert org.query("SELECT IsEscalated FROM Case LIMIT 1")[0]["IsEscalated"] is False


def test_a_polymorphic_parent_is_followed(org: SmallOrg) -> None:
    who = org.query("SELECT Who.Name FROM Task")[0]["Who"]
    assert (who["attributes"]["type"], who["Name"]) == ("Contact", "Ada Berg")


def test_children_are_nested(org: SmallOrg) -> None:
    rows = org.query("SELECT Name, (SELECT Subject FROM Cases WHERE IsClosed = false) FROM Contact ORDER BY Name")
    assert [case["Subject"] for case in rows[0]["Cases"]["records"]] == ["Broken"]
    assert rows[1]["Cases"] is None


@pytest.mark.parametrize(
    ("order", "phones"),
    [
        ("Phone", [None, "+12125550101", "555"]),
        ("Phone DESC NULLS LAST", ["555", "+12125550101", None]),
        ("Phone ASC NULLS LAST", ["+12125550101", "555", None]),
        ("FirstName NULLS LAST, Phone DESC", ["+12125550101", "555", None]),
    ],
)
def test_rows_come_in_the_order_asked_for(org: SmallOrg, order: str, phones: list[str | None]) -> None:
    assert [row["Phone"] for row in org.query(f"SELECT Phone FROM Contact ORDER BY {order}")] == phones  # noqa: S608 - the statement is what is tested


def test_limit_and_offset_cut_the_rows(org: SmallOrg) -> None:
    assert [row["Name"] for row in org.query("SELECT Name FROM Contact ORDER BY Name LIMIT 1 OFFSET 1")] == [
        "O'Hara_50%"
    ]


def test_count_gives_a_number_only(org: SmallOrg) -> None:
    answer = org.queries.run("SELECT COUNT() FROM Contact WHERE Phone != null", BASE)
    assert (answer.total, answer.rows) == (2, [])


def test_a_deleted_record_is_seen_by_query_all_only(org: SmallOrg) -> None:
    org.delete("Contact", _first_id(org))
    assert len(org.query("SELECT Id FROM Contact")) == 2
    assert len(org.query("SELECT Id FROM Contact", deleted=True)) == 3
    assert len(org.query("SELECT Id FROM Contact ALL ROWS")) == 3


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Nope", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Nopes) FROM Contact", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Nope FROM Cases) FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE IsDeleted = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Id = 'xyz'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Id IN (SELECT Id, Name FROM Case)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_what_the_org_does_not_have_is_named(org: SmallOrg, statement: str, code: str) -> None:
    with pytest.raises(StatementError) as caught:
        org.query(statement)
    assert caught.value.code == code


def test_a_wrong_column_is_pointed_at(org: SmallOrg) -> None:
    with pytest.raises(StatementError) as caught:
        org.query("SELECT Nope FROM Contact")
    assert caught.value.message.startswith(
        "\nSELECT Nope FROM Contact\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope' on entity 'Contact'."
    )


def test_many_wildcards_are_matched_in_no_time(org: SmallOrg) -> None:
    org.create("Contact", LastName="a" * 80)
    assert org.names("LastName LIKE '" + "%a" * 60 + "b'") == []


SHARED = SmallOrg()
SHARED.create("Contact", LastName="Berg", Phone="555", Description="x")


@given(
    st.sampled_from(("Id", "Name", "Phone", "IsDeleted", "CreatedDate", "Description", "Account.Name", "Who.Name")),
    st.sampled_from(("=", "!=", "<", ">=", "LIKE", "IN", "NOT IN")),
    st.sampled_from(("null", "'x'", "'003000000000001'", "5", "true", "2026-01-01", "2026-01-01T00:00:00Z", "TODAY"))
    | st.text(max_size=20).map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"),
)
def test_no_condition_raises_anything_but_a_statement_error(field: str, operator: str, literal: str) -> None:
    value = f"({literal})" if operator.endswith("IN") else literal
    with contextlib.suppress(StatementError):
        SHARED.names(f"{field} {operator} {value}")


def test_today_is_the_day_of_the_clock(org: SmallOrg) -> None:
    org.now = START + 86_400
    assert org.names("CreatedDate = TODAY") == []
    assert len(org.names("CreatedDate = YESTERDAY")) == 3
