from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bridge.events import CallerHint
from bridge.notifications import LookupShape, TargetShape
from bridge.salesforce import phone, targets
from bridge.salesforce.lookup import Answer
from bridge.salesforce.ranking import Hit
from bridge.settings.screen_pop import ScreenPop

ORG = "https://acme.my.salesforce.example"
CALLER = phone.read("+14155550132", "US")
ADA = Hit("Contact", "003Sb0000000001AAA", "Ada Berg", "2026-02-02")
BAO = Hit("Contact", "003Sb0000000002AAA", "Bao Dahl", "2026-01-01")
FIRM = Hit("Account", "001Sb0000000001AAA", "Alder Foods", "2026-03-03")


def chosen(*hits: Hit, number: phone.PhoneNumber | None = CALLER, name: str | None = None, **rules: Any) -> TargetShape:
    target = targets.choose(hits, rules=ScreenPop(**rules), number=number, name=name, instance_url=ORG)
    assert target is not None
    return target


def test_single_match_opens_its_record() -> None:
    target = chosen(ADA)
    assert (target.kind, target.object, target.record_id) == ("record", "Contact", ADA.id)
    assert target.url == f"{ORG}/lightning/r/Contact/{ADA.id}/view"


def test_single_contact_beats_the_account_behind_the_same_number() -> None:
    assert chosen(ADA, FIRM, on_multiple="none").record_id == ADA.id


def test_several_matches_search_unless_told_otherwise() -> None:
    assert chosen(ADA, BAO) == TargetShape(kind="search", query="+14155550132")


def test_most_recent_opens_the_best_of_several() -> None:
    assert chosen(ADA, BAO, on_multiple="most_recent").record_id == ADA.id


@pytest.mark.parametrize("hits", [(), (ADA, BAO)])
def test_rule_none_pops_nothing(hits: tuple[Hit, ...]) -> None:
    rules = ScreenPop(on_none="none", on_multiple="none")
    assert targets.choose(hits, rules=rules, number=CALLER, name=None, instance_url=ORG) is None


def test_rule_for_no_match_says_nothing_about_several() -> None:
    assert chosen(ADA, BAO, on_none="none").kind == "search"
    assert chosen(on_multiple="none").kind == "search"


def test_number_that_is_not_e164_is_searched_for_by_its_digits() -> None:
    assert chosen(number=phone.read("x1234", "US")).query == "1234"


def test_withheld_caller_follows_the_rule_for_no_match() -> None:
    assert chosen(number=None) == TargetShape(kind="search", query=None)
    form = chosen(number=None, on_none="new_record")
    assert (form.kind, form.defaults, form.url) == ("new_record", {}, f"{ORG}/lightning/o/Contact/new")


@pytest.mark.parametrize(
    ("kind", "field"), [("Contact", "LastName"), ("Lead", "LastName"), ("Account", "Name"), ("Visit__c", "Name")]
)
def test_new_record_is_filled_with_number_and_name(kind: str, field: str) -> None:
    form = chosen(name="Ada Berg", on_none="new_record", new_record_object=kind)
    assert form.object == kind
    assert form.defaults == {"Phone": "+14155550132", field: "Ada Berg"}
    assert form.url is not None
    assert urlsplit(form.url).path == f"/lightning/o/{kind}/new"


@pytest.mark.parametrize("name", ["Berg, Ada", "O'Brien & Söhne", "100% Foods=yes", "a#b?c", "\u200fעדה", "<script>"])
def test_new_record_url_gives_back_any_name(name: str) -> None:
    form = chosen(name=name, on_none="new_record")
    assert form.url is not None
    parts = urlsplit(form.url)
    assert parts.fragment == ""
    assert form.url.isascii()
    assert list(parse_qs(parts.query)) == ["defaultFieldValues"]
    pairs = dict(pair.split("=") for pair in parts.query.removeprefix("defaultFieldValues=").split(","))
    assert {field: unquote(value) for field, value in pairs.items()} == form.defaults


def test_without_an_address_of_the_org_there_is_no_url() -> None:
    rules = ScreenPop(on_none="new_record")
    for hits in ((ADA,), ()):
        target = targets.choose(hits, rules=rules, number=CALLER, name=None, instance_url=None)
        assert target is not None
        assert target.url is None


@pytest.mark.parametrize("value", ["003Sb0000000001", "003Sb0000000001AAA"])
def test_id_of_either_length_is_taken(value: str) -> None:
    known = targets.known_record(CallerHint(contact_id=value, name="Ada"))
    assert known == Hit("Contact", value, None, ""), "the name is Minerva's, not the record's"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "003",
        "003Sb000000000",
        "003Sb0000000001A",
        "003Sb0000000001AAAA",
        "001Sb0000000001AAA",
        "003Sb000000000-AAA",
        "003Sb0000000001AAA\n",
        "003Sb000000000\uff11",
        "../../../etc/passwd",
        "https://evil.example/x",
        "003 b0000000001AAA",
    ],
)
def test_id_of_wrong_shape_is_ignored(value: str) -> None:
    assert targets.known_record(CallerHint(contact_id=value)) is None


def test_best_of_several_ids_is_the_contact_then_account_then_case() -> None:
    hint = CallerHint(name="Ada", contact_id="003Sb0000000001", account_id="001Sb0000000001", case_id="500Sb0000000001")
    assert targets.known_record(hint) == Hit("Contact", "003Sb0000000001", None, "")
    without = CallerHint(name="Ada", contact_id="bad", account_id="001Sb0000000001", case_id="500Sb0000000001")
    assert targets.known_record(without) == Hit("Account", "001Sb0000000001", None, "")
    assert targets.known_record(CallerHint(case_id="500Sb0000000001")) == Hit("Case", "500Sb0000000001", None, "")
    assert targets.known_record(CallerHint()) is None


def answer(*hits: Hit, degraded: bool = False, **rules: Any) -> Answer:
    source: Literal["none", "salesforce"] = "none" if degraded else "salesforce"
    lookup = LookupShape(source=source, api_calls=0, duration_s=0.0, degraded=degraded)
    return Answer(CALLER, hits, lookup, ORG, ScreenPop(**rules))


@pytest.mark.parametrize("on_none", ["new_record", "search", "none"])
@pytest.mark.parametrize("on_multiple", ["search", "most_recent", "none"])
def test_degraded_pop_is_a_search_whatever_the_rules(on_none: str, on_multiple: str) -> None:
    target = answer(degraded=True, on_none=on_none, on_multiple=on_multiple).target("Ada")
    assert target == TargetShape(kind="search", query="+14155550132")


def test_answer_names_the_record_only_when_it_is_one() -> None:
    one = answer(ADA, FIRM).record()
    assert one is not None
    assert (one.object, one.id, one.url) == ("Contact", ADA.id, f"{ORG}/lightning/r/Contact/{ADA.id}/view")
    assert answer(ADA, FIRM).name() == "Ada Berg"
    assert answer(ADA, BAO).record() is None
    assert answer(ADA, BAO).name() is None
    assert answer().record() is None


def test_answer_lists_all_matches_best_first() -> None:
    assert [match.id for match in answer(ADA, BAO, FIRM).matches()] == [ADA.id, BAO.id, FIRM.id]
