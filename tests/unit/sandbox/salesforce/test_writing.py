from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.salesforce.errors import ApiError
from bridge.sandbox.salesforce.schema import Field
from tests.unit.sandbox.salesforce.small_org import USER, SmallOrg


@pytest.fixture
def org() -> SmallOrg:
    return SmallOrg()


def test_what_the_platform_derives_is_derived(org: SmallOrg) -> None:
    org.create("Contact", FirstName="Ada", LastName="Berg")
    org.create("Case", Subject="x")
    org.create("Task", Subject="x", Status="Completed")
    assert org.names("OwnerId = '" + USER + "'") == ["Ada Berg"]
    case = org.query("SELECT CaseNumber, Status, IsClosed FROM Case")[0]
    assert (case["CaseNumber"], case["Status"], case["IsClosed"]) == ("00001001", "New", False)
    assert org.query("SELECT IsClosed FROM Task")[0]["IsClosed"] is True


def test_a_changed_part_changes_the_name(org: SmallOrg) -> None:
    record_id = org.create("Contact", FirstName="Ada", LastName="Berg")
    org.update("Contact", record_id, FirstName="Eva")
    assert org.names("Id != null") == ["Eva Berg"]


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        ("Contact", {"FirstName": "Ada"}, "REQUIRED_FIELD_MISSING"),
        ("Contact", {"LastName": "  "}, "REQUIRED_FIELD_MISSING"),
        ("Contact", {"LastName": "x", "Nope": 1}, "INVALID_FIELD"),
        ("Contact", {"LastName": "x" * 81}, "STRING_TOO_LONG"),
        ("Contact", {"LastName": ["x"]}, "JSON_PARSER_ERROR"),
        ("Contact", {"LastName": "x", "AccountId": "nope"}, "MALFORMED_ID"),
        ("Contact", {"LastName": "x", "AccountId": USER}, "MALFORMED_ID"),
        ("Contact", {"LastName": "x", "AccountId": "001000000000001"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Contact", {"LastName": "x", "Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Case", {"IsEscalated": "maybe"}, "JSON_PARSER_ERROR"),
        ("Task", {"CallDurationInSeconds": "long"}, "JSON_PARSER_ERROR"),
        ("Task", {"CallDurationInSeconds": 1.5}, "JSON_PARSER_ERROR"),
        ("Task", {"CallDurationInSeconds": 123_456_789}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Task", {"CallDurationInSeconds": 10**400}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Task", {"CallDurationInSeconds": float("nan")}, "JSON_PARSER_ERROR"),
        ("Task", {"ActivityDate": "tomorrow"}, "JSON_PARSER_ERROR"),
    ],
)
def test_what_cannot_be_written_is_refused(org: SmallOrg, kind: str, values: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        org.create(kind, **values)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert org.query(f"SELECT Id FROM {kind}") == []  # noqa: S608 - the statement is what is tested


def test_a_required_field_cannot_be_emptied(org: SmallOrg) -> None:
    record_id = org.create("Contact", LastName="Berg")
    with pytest.raises(ApiError, match="LastName"):
        org.update("Contact", record_id, LastName=None)


def test_a_unique_field_holds_a_value_once(org: SmallOrg) -> None:
    task = org.schema.entity("Task")
    assert task is not None
    task.add(Field("Call_Id__c", length=64, external_id=True, unique=True))
    first = org.create("Task", Call_Id__c="c-1")
    with pytest.raises(ApiError) as caught:
        org.create("Task", Call_Id__c="C-1")
    assert caught.value.message == f"duplicate value found: Call_Id__c duplicates value on record with id: {first}"


def test_values_are_kept_in_their_type(org: SmallOrg) -> None:
    org.create("Task", subject="x", callDurationInSeconds="90", activityDate="2026-01-31")
    row = org.query("SELECT Subject, CallDurationInSeconds, ActivityDate FROM Task")[0]
    assert (row["Subject"], row["CallDurationInSeconds"], row["ActivityDate"]) == ("x", 90, "2026-01-31")
