from __future__ import annotations

import pytest

from bridge.salesforce import phone, queries
from bridge.sandbox.salesforce import soql, sosl
from bridge.sandbox.salesforce.search_terms import Either, Word

OBJECTS = ("Contact", "Account", "Lead")
CALLER = phone.read("+14155550132", "US")


def test_search_asks_all_objects_at_once_in_phone_fields_only() -> None:
    search = sosl.parse(queries.search(CALLER, OBJECTS))
    assert search.scope == "phone"
    assert [each.source for each in search.returning] == list(OBJECTS)
    assert search.term == Either((Word("4155550132", phrase=True), Word("14155550132", phrase=True)))


def test_every_phone_field_is_returned_to_be_verified() -> None:
    for each in sosl.parse(queries.search(CALLER, OBJECTS)).returning:
        names = {str(path) for path in each.fields}
        assert names >= {"Id", "Name", "LastModifiedDate", *queries.PHONE_FIELDS[each.source]}


def test_search_is_bounded_for_each_object() -> None:
    assert {each.limit for each in sosl.parse(queries.search(CALLER, OBJECTS)).returning} == {queries.PER_OBJECT}


def test_converted_leads_are_left_out() -> None:
    [lead] = sosl.parse(queries.search(CALLER, ("Lead",))).returning
    assert lead.where is not None
    assert "IsConverted = false" in queries.exact(CALLER, "Lead")
    [contact] = sosl.parse(queries.search(CALLER, ("Contact",))).returning
    assert contact.where is None


@pytest.mark.parametrize("name", OBJECTS)
def test_exact_query_compares_every_phone_field(name: str) -> None:
    statement = queries.exact(CALLER, name)
    query = soql.parse(statement)
    assert query.source == name
    assert query.limit == queries.PER_OBJECT
    assert all(f"{field} IN (" in statement for field in queries.PHONE_FIELDS[name])


def test_every_reserved_character_is_escaped() -> None:
    reserved = "?&|!{}[]()^~*:\\\"'+-"
    assert queries.escape_sosl(reserved) == "".join(f"\\{char}" for char in reserved)


def test_control_characters_become_blanks() -> None:
    assert queries.escape_sosl("a\x00b\nc\u202ed") == "a b c d"


def test_quotes_in_a_spelling_stay_inside_their_quotes() -> None:
    number = phone.PhoneNumber("12' OR Name != '", None, "12", "12")
    query = soql.parse(queries.exact(number, "Account"))
    assert (query.source, query.limit) == ("Account", queries.PER_OBJECT)
    assert r"'12\' OR Name != \''" in queries.exact(number, "Account")


@pytest.mark.parametrize("name", OBJECTS)
def test_longest_exact_query_fits_a_url(name: str) -> None:
    number = phone.read("12" + "é" * (phone.LONGEST_FIELD - 2), "US")
    assert len(queries.exact(number, name).encode()) * 3 < 16_000  # every byte as %XX
