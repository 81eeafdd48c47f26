from __future__ import annotations

import pytest

from bridge.sandbox.salesforce.lexer import StatementError
from bridge.sandbox.salesforce.schema import Field
from tests.unit.sandbox.salesforce.small_org import SmallOrg


@pytest.fixture
def org() -> SmallOrg:
    org = SmallOrg()
    org.create("Contact", FirstName="Ada", LastName="Berg", Phone="(212) 555-0101", Email="ada.berg@x.example")
    org.create(
        "Contact", FirstName="Bela", LastName="Berg", MobilePhone="+44 20 7946 0123", Description="rang Ada once"
    )
    org.create("Contact", FirstName="Carla", LastName="Dahl", Phone="0101")
    org.create("Contact", FirstName="Dana", LastName="Dahl-Ito", HomePhone="+1 212 555 0101")
    return org


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2125550101", ["Ada Berg", "Dana Dahl-Ito"]),
        ("12125550101", ["Dana Dahl-Ito"]),
        (r"\+12125550101", ["Dana Dahl-Ito"]),
        (r'"\(212\) 555\-0101"', ["Ada Berg", "Dana Dahl-Ito"]),
        ("5550101", ["Ada Berg", "Dana Dahl-Ito"]),
        ("550101", []),
        ("0101", ["Carla Dahl"]),
        ("7946 0123", []),
        ("2079460123 OR 0101", ["Bela Berg", "Carla Dahl"]),
        ("212555*", ["Ada Berg", "Dana Dahl-Ito"]),
        ("21*", ["Ada Berg", "Dana Dahl-Ito"]),
        ("55*", ["Ada Berg", "Dana Dahl-Ito"]),
        ("21255501?1", ["Ada Berg", "Dana Dahl-Ito"]),
        ("berg", []),
    ],
)
def test_digits_alone_are_compared_in_phone_fields(org: SmallOrg, text: str, names: list[str]) -> None:
    assert org.found(text, "PHONE") == names


@pytest.mark.parametrize(
    ("text", "scope", "names"),
    [
        ("berg", "NAME", ["Ada Berg", "Bela Berg"]),
        ("BERG AND NOT bela", "NAME", ["Ada Berg"]),
        ("ada", "NAME", ["Ada Berg"]),
        ("ada", "ALL", ["Ada Berg", "Bela Berg"]),
        ('"ada once"', "ALL", ["Bela Berg"]),
        ('"once ada"', "ALL", []),
        ("dah*", "NAME", ["Carla Dahl", "Dana Dahl-Ito"]),
        ("d?hl ito", "NAME", ["Dana Dahl-Ito"]),
        (r"dahl\-ito", "NAME", ["Dana Dahl-Ito"]),
        ("ada.berg@x.example", "EMAIL", ["Ada Berg"]),
        ("2125550101", "NAME", []),
        ("2125550101", "ALL", ["Ada Berg", "Dana Dahl-Ito"]),
        (r"\*\*", "ALL", []),
    ],
)
def test_words_are_found_in_their_scope(org: SmallOrg, text: str, scope: str, names: list[str]) -> None:
    assert org.found(text, scope) == names


def test_where_order_and_limit_hold_for_one_object(org: SmallOrg) -> None:
    rows = org.search(
        "FIND {berg OR dahl} RETURNING Contact(Name WHERE Name != 'Ada Berg' ORDER BY Name DESC LIMIT 2 OFFSET 1)"
    )
    assert [row["Name"] for row in rows] == ["Carla Dahl", "Bela Berg"]


def test_an_object_without_fields_gives_ids(org: SmallOrg) -> None:
    rows = org.search("FIND {ada} IN NAME FIELDS RETURNING Contact, Account")
    assert [set(row) for row in rows] == [{"attributes", "Id"}]


def test_without_returning_every_object_is_searched(org: SmallOrg) -> None:
    org.create("Account", Name="Ada Foods")
    assert {row["attributes"]["type"] for row in org.search("FIND {ada} IN NAME FIELDS")} == {"Contact", "Account"}


def test_the_overall_limit_cuts_the_rows(org: SmallOrg) -> None:
    assert len(org.search("FIND {berg OR dahl} RETURNING Contact(Id), Account(Id) LIMIT 3")) == 3


def test_rows_of_one_object_are_capped_unless_filtered() -> None:
    org = SmallOrg()
    for _ in range(300):
        org.create("Contact", LastName="Same", Phone="2125550101")
    assert len(org.search("FIND {2125550101} IN PHONE FIELDS RETURNING Contact(Id)")) == 250
    assert len(org.search("FIND {2125550101} IN PHONE FIELDS RETURNING Contact(Id WHERE Name != 'x')")) == 300
    assert len(org.search("FIND {2125550101} IN PHONE FIELDS RETURNING Contact(Id WHERE Name != 'x'), Lead(Id)")) == 250


def test_a_new_record_is_found_when_the_lag_has_passed(org: SmallOrg) -> None:
    org.index.lag_s = 60.0
    org.create("Contact", LastName="Fresh", Phone="2125550177")
    assert org.names("Phone = '2125550177'") == ["Fresh"]
    assert org.found("2125550177", "PHONE") == []
    org.now += 60
    assert org.found("2125550177", "PHONE") == ["Fresh"]


def test_the_old_number_is_what_is_found_until_the_lag_has_passed(org: SmallOrg) -> None:
    org.index.lag_s = 60.0
    record_id = org.query("SELECT Id FROM Contact WHERE Phone = '0101'")[0]["Id"]
    org.update("Contact", record_id, Phone="2125550188")
    assert org.found("0101", "PHONE") == ["Carla Dahl"]
    org.now += 61
    assert org.found("0101", "PHONE") == []
    assert org.found("2125550188", "PHONE") == ["Carla Dahl"]


def test_a_deleted_record_is_not_found(org: SmallOrg) -> None:
    org.delete("Contact", org.query("SELECT Id FROM Contact WHERE Phone = '0101'")[0]["Id"])
    assert org.found("0101", "PHONE") == []
    assert org.found("dahl", "NAME") == ["Dana Dahl-Ito"]


def test_a_custom_phone_field_is_searched(org: SmallOrg) -> None:
    contact = org.schema.entity("Contact")
    assert contact is not None
    contact.add(Field("Night_Phone__c", "phone", 40))
    org.index.rebuild()
    org.create("Contact", LastName="Owl", Night_Phone__c="212 555 0199")
    assert org.found("2125550199", "PHONE") == ["Owl"]


def test_too_long_a_search_finds_nothing(org: SmallOrg) -> None:
    assert org.found("berg " * 2_001) == []


def test_a_wrong_column_is_named(org: SmallOrg) -> None:
    with pytest.raises(StatementError, match="No such column 'Nope' on entity 'Contact'"):
        org.search("FIND {ab} RETURNING Contact(Nope)")
