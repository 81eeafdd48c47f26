from __future__ import annotations

from typing import Any

import pytest

from bridge.salesforce import phone
from bridge.salesforce.ranking import Hit, preferred, ranked, verified

CALLER = phone.read("+14155550132", "US")
PREFERENCE = ("Contact", "Account", "Lead")


def record(kind: str = "Contact", record_id: str = "003Sb0000000001AAA", **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind}, "Id": record_id, "Name": "Ada Berg", **fields}


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [hit.id for hit in verified(records, CALLER, "US")]


@pytest.mark.parametrize("field", ["Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone"])
def test_any_phone_field_verifies(field: str) -> None:
    assert ids([record(**{field: "(415) 555-0132 ext. 4"})])


@pytest.mark.parametrize(
    "fields",
    [
        {"Phone": "(415) 555-0133"},
        {"Phone": "14155550132 99"},
        {"Phone": "+44 14155550132"},
        {"Phone": "555-0132"},
        {"Fax": "(415) 555-0132"},
        {"Name": "415 555 0132"},
        {"Phone": None},
        {"Phone": 4155550132},
        {"Phone": ["(415) 555-0132"]},
        {},
    ],
)
def test_near_match_is_never_popped(fields: dict[str, Any]) -> None:
    assert ids([record(**fields)]) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"attributes": None},
        {"attributes": {}},
        {"attributes": {"type": None}},
        {"attributes": {"type": "User"}},
        {"attributes": "Contact"},
        {"Id": None},
        {"Id": 7},
    ],
)
def test_record_that_cannot_be_opened_is_left_out(damage: dict[str, Any]) -> None:
    assert ids([{**record(Phone="+14155550132"), **damage}]) == []


def test_record_found_twice_is_one_hit() -> None:
    assert len(ids([record(Phone="+14155550132"), record(Phone="+14155550132")])) == 1


def test_hit_carries_name_and_change() -> None:
    found = record(Phone="+14155550132", LastModifiedDate="2026-01-05T08:00:00.000+0000")
    assert verified([found], CALLER, "US") == [
        Hit("Contact", "003Sb0000000001AAA", "Ada Berg", "2026-01-05T08:00:00.000+0000")
    ]


def test_short_number_verifies_by_its_digits_alone() -> None:
    short = phone.read("1234", "US")
    assert verified([record(Phone="12-34")], short, "US")
    assert not verified([record(Phone="(415) 555-1234")], short, "US")


def hit(kind: str, number: int, modified: str = "") -> Hit:
    return Hit(kind, f"{kind}-{number}", None, modified)


def test_preferred_object_comes_first_then_the_latest_change() -> None:
    hits = [
        hit("Lead", 1, "2026-09-09"),
        hit("Account", 1, "2026-08-08"),
        hit("Contact", 1, "2026-01-01"),
        hit("Contact", 2, "2026-02-02"),
    ]
    best = [each.id for each in ranked(hits, PREFERENCE)]
    assert best == ["Contact-2", "Contact-1", "Account-1", "Lead-1"]


def test_order_of_preference_is_the_operators() -> None:
    hits = [hit("Contact", 1), hit("Lead", 1)]
    assert [each.object for each in ranked(hits, ("Lead", "Contact"))] == ["Lead", "Contact"]


def test_object_without_a_place_comes_last() -> None:
    hits = [hit("Case", 1, "2026-09-09"), hit("Lead", 1)]
    assert [each.object for each in ranked(hits, PREFERENCE)] == ["Lead", "Case"]


def test_hit_without_a_change_date_is_the_oldest() -> None:
    assert [each.id for each in ranked([hit("Lead", 1), hit("Lead", 2, "2026")], PREFERENCE)] == ["Lead-2", "Lead-1"]


def test_only_the_best_object_counts() -> None:
    hits = [hit("Contact", 1), hit("Account", 1), hit("Account", 2)]
    assert preferred(hits) == hits[:1]
    assert preferred([]) == []
