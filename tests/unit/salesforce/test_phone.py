"""Numbers as carriers send them against numbers as people type them into Salesforce."""

from __future__ import annotations

import phonenumbers
import pytest

from bridge.salesforce import phone

SHAPES = phonenumbers.PhoneNumberFormat

# The region of the org, how the line shows the caller, what stands in Salesforce.
THE_SAME = [
    # United States and Canada
    ("US", "+14155550132", "(415) 555-0132"),
    ("US", "+14155550132", "415-555-0132"),
    ("US", "+14155550132", "415.555.0132"),
    ("US", "+14155550132", "415 555 0132"),
    ("US", "+14155550132", "4155550132"),
    ("US", "+14155550132", "1-415-555-0132"),
    ("US", "+14155550132", "+1 (415) 555-0132"),
    ("US", "+14155550132", "1.415.555.0132"),
    ("US", "+14155550132", "(415) 555-0132 x4"),
    ("US", "+14155550132", "(415) 555-0132 ext. 204"),
    ("US", "+14155550132", "415-555-0132 Extension 204"),
    ("US", "+14155550132", "415-555-0132 #204"),
    ("US", "+14155550132", "415-555-0132 (mobile)"),
    ("US", "+14155550132", "Mobile: 415-555-0132"),
    ("US", "+14155550132", "415-555-0132 ask for Ada"),
    ("US", "+14155550132", "00 1 415 555 0132"),
    ("US", "+14155550132", "011 1 415 555 0132"),
    ("US", "4155550132", "+1 415 555 0132"),
    ("US", "14155550132", "(415) 555-0132"),
    ("US", "+15551234567", "(555) 123-4567"),
    ("US", "+15551234567", "555-123-4567"),
    ("US", "+1 555 123 4567", "5551234567"),
    ("US", "tel:+1-415-555-0132", "(415) 555-0132"),
    ("US", "tel:+1-415-555-0132;ext=4", "(415) 555-0132"),
    ("US", "sip:+14155550132@pbx.example", "(415) 555-0132"),
    ("US", "sips:14155550132@pbx.example:5061;transport=tls", "(415) 555-0132"),
    ("US", "sip:+14155550132;phone-context=x@pbx.example", "(415) 555-0132"),
    ("US", "sip:%2B14155550132@pbx.example", "(415) 555-0132"),
    ("US", '"Ada, desk 42" <sip:+14155550132@pbx.example>;tag=7', "(415) 555-0132"),
    ("US", "+14155550132@pbx.example", "(415) 555-0132"),
    ("US", "+18003569377", "1-800-FLOWERS"),
    ("CA", "+14165550132", "(416) 555-0132"),
    ("CA", "+14165550132", "416 555-0132 poste 12"),
    (
        "US",
        "+12125550199",
        "\N{FULLWIDTH PLUS SIGN}\uff11 \uff08\uff12\uff11\uff12\uff09 \uff15\uff15\uff15\uff0d\uff10\uff11\uff19\uff19",
    ),
    # foreign callers of an org in the United States
    ("US", "+442079460123", "0044 20 7946 0123"),
    ("US", "0044 20 7946 0123", "+44 20 7946 0123"),
    ("US", "442079460123", "+44 20 7946 0123"),
    ("US", "011 44 20 7946 0123", "+44 (0)20 7946 0123"),
    ("US", "+4930123456", "+49 (0)30 123456"),
    # United Kingdom
    ("GB", "+442079460123", "020 7946 0123"),
    ("GB", "+442079460123", "(020) 7946 0123"),
    ("GB", "+442079460123", "+44 (0)20 7946 0123"),
    ("GB", "+447700900123", "07700 900123"),
    ("GB", "07700900123", "+44 7700 900 123"),
    ("GB", "+442079460123", "020 7946 0123 ext 9"),
    # Germany
    ("DE", "+4930123456", "030/123456"),
    ("DE", "+4930123456", "030 / 12 34 56"),
    ("DE", "+4930123456", "(030) 12 34 56"),
    ("DE", "+4930123456", "+49 30 123456 privat"),
    ("DE", "+4930123456", "0049 30 123456"),
    ("DE", "030123456", "+49 (0) 30 / 123456"),
    ("DE", "+4915112345678", "0151-12345678"),
    ("DE", "+493012345678", "030 12345-678"),
    ("DE", "4915112345678", "0151 12345678"),
    ("BR", "+5555912345678", "(55) 91234-5678"),
    # France
    ("FR", "+33123456789", "01 23 45 67 89"),
    ("FR", "+33123456789", "01.23.45.67.89"),
    ("FR", "0033123456789", "+33 (0)1 23 45 67 89"),
    ("FR", "+33612345678", "06-12-34-56-78"),
    # Italy keeps the zero
    ("IT", "+390669812345", "06 69812345"),
    ("IT", "+390669812345", "+39 06 698 12345"),
    ("IT", "+393123456789", "312 345 6789"),
    # Brazil, Argentina, Mexico
    ("BR", "+5511961234567", "(11) 96123-4567"),
    ("BR", "+5511961234567", "011 96123-4567"),
    ("AR", "+5491123456789", "011 15-2345-6789"),
    ("MX", "+525512345678", "55 1234 5678"),
    # Russia, Japan, India, Australia, Singapore
    ("RU", "+74951234567", "8 (495) 123-45-67"),
    ("JP", "+81312345678", "03-1234-5678"),
    ("JP", "+81312345678", "\uff10\uff13\uff0d\uff11\uff12\uff13\uff14\uff0d\uff15\uff16\uff17\uff18"),
    ("JP", "+442079460123", "0044 20 7946 0123"),
    ("IN", "+919812345678", "098123 45678"),
    ("IN", "+919812345678", "९८१२३४५६७८"),
    ("AU", "+61290123456", "(02) 9012 3456"),
    ("AU", "+442079460123", "0011 44 20 7946 0123"),
    ("AU", "+442079460123", "0044 20 7946 0123"),
    ("SG", "+6561234567", "6123 4567"),
    # Israel, Egypt: other digits, marks of right-to-left text
    ("IL", "+972501234567", "050-123-4567"),
    ("IL", "+972501234567", "\u200f050-123-4567\u200f"),
    ("IL", "+972501234567", "\u202a+972 50-123-4567\u202c"),
    ("US", "\u200e+972\u200f50-1234567", "+972 50 123 4567"),
    ("EG", "+201012345678", "\u0660\u0661\u0660 \u0661\u0662\u0663\u0664 \u0665\u0666\u0667\u0668"),
    ("IR", "+989121234567", "۰۹۱۲ ۱۲۳ ۴۵۶۷"),
    # Austria, Switzerland, Netherlands, Spain, Sweden
    ("AT", "+431234567", "01 234567"),
    ("CH", "+41446681800", "044 668 18 00"),
    ("NL", "+31201234567", "020-123 45 67"),
    ("ES", "+34912345678", "912 34 56 78"),
    ("SE", "+46812345678", "08-123 456 78"),
    # what is no number of the public network
    ("US", "1234", "1234"),
    ("US", "1234", "x1234"),
    ("DE", "1234", "12 34"),
    ("US", "sip:204@pbx.example", "ext. 204"),
    ("US", "555-1234", "5551234"),
    ("US", "555-1234", "555-1234 ext. 9"),
    ("EG", "1234", "\u0661\u0662\u0663\u0664"),
]

NOT_THE_SAME = [
    ("US", "+14155550132", "(415) 555-0133"),
    ("US", "+14155550132", "(510) 555-0132"),
    ("US", "+14155550132", "555-0132"),
    ("US", "+14155550132", "0132"),
    ("US", "+14155550132", "+44 14155550132"),
    ("US", "+14155550132", "+441415550132"),
    ("US", "+14155550132", "+41 55 550 132"),
    ("US", "+14155550132", "14155550132 99"),
    ("US", "+14155550132", ""),
    ("US", "+14155550132", "n/a"),
    ("US", "+14155550132", "see account"),
    ("US", "+14155550132", "same as 0132"),
    ("US", "555-1234", "(415) 555-1234"),
    ("US", "+15551234", "555-1234"),
    ("US", "1234", "(415) 555-1234"),
    ("US", "1234", "12345"),
    ("US", "911", "9-1-1-0"),
    ("GB", "+442079460123", "0121 7946 0123"),
    ("GB", "+442079460123", "7946 0123"),
    ("GB", "+442079460123", "+1 207 946 0123"),
    ("GB", "+447700900123", "07700 900124"),
    ("DE", "+4930123456", "030 1234567"),
    ("DE", "+4930123456", "030 12345"),
    ("DE", "+4930123456", "040 123456"),
    ("DE", "1234", "+49 1234"),
    ("DE", "12", "+49 12"),
    ("DE", "112", "0112"),
    ("FR", "+33123456789", "02 23 45 67 89"),
    ("IT", "+390669812345", "+39 669812345"),
    ("BR", "+5511961234567", "(21) 96123-4567"),
    ("JP", "+81312345678", "06-1234-5678"),
    ("AU", "+61290123456", "(03) 9012 3456"),
    ("US", "sip:alice42@pbx.example", "42"),
    ("US", "sip:alice4155550132@pbx.example", "(415) 555-0132"),
    ("US", "anonymous", ""),
    ("US", "+", "+"),
    ("US", "0", ""),
]


@pytest.mark.parametrize(("region", "came", "stored"), THE_SAME)
def test_caller_matches_every_spelling_of_their_number(region: str, came: str, stored: str) -> None:
    assert phone.same(phone.read(came, region), stored, region)


@pytest.mark.parametrize(("region", "came", "stored"), NOT_THE_SAME)
def test_near_match_is_no_match(region: str, came: str, stored: str) -> None:
    assert not phone.same(phone.read(came, region), stored, region)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_number_of_any_country_is_found_as_it_is_written_there(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        sample = phonenumbers.example_number_for_type(region, kind)
        if sample is None:
            continue
        number = phone.read(phonenumbers.format_number(sample, SHAPES.E164), region)
        assert number.e164 is not None
        for shape in (SHAPES.NATIONAL, SHAPES.INTERNATIONAL, SHAPES.RFC3966):
            assert phone.same(number, phonenumbers.format_number(sample, shape), region)


def test_missing_field_is_no_match() -> None:
    assert not phone.same(phone.read("", "US"), None, "US")
    assert not phone.same(phone.read("", "US"), "", "US")
    assert not phone.same(phone.read("---", "US"), "...", "US")


@pytest.mark.parametrize(
    ("region", "came", "e164"),
    [
        ("US", "+15551234567", "+15551234567"),  # possible, though no such area code is in use
        ("US", "+19999999999", "+19999999999"),
        ("GB", "+442079460123", "+442079460123"),
        ("US", "911", None),
        ("US", "555-1234", None),  # E.164 is for numbers that can be dialled from anywhere
        ("GB", "7946 0123", None),
        ("DE", "1234", None),
        ("DE", "112", None),
        ("US", "12345678901234567890", None),
    ],
)
def test_only_what_can_be_dialled_from_anywhere_has_an_e164(region: str, came: str, e164: str | None) -> None:
    assert phone.read(came, region).e164 == e164


def test_number_is_kept_as_it_came() -> None:
    assert phone.read(" (415) 555-0132 ext. 4 ", "US").raw == " (415) 555-0132 ext. 4 "


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "   ",
        "\u200f",
        "anonymous",
        "Anonymous",
        "  ANONYMOUS ",
        "restricted",
        "Private",
        "private number",
        "Unknown Caller",
        "unavailable",
        "withheld",
        "No Caller ID",
        "null",
        "sip:anonymous@anonymous.invalid",
        "sip:Anonymous@anonymous.invalid;user=phone",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=42',
        "<sip:restricted@pbx.example>",
        "\u202aanonymous\u202c",
        '"anonymous"',
        "tel:",
        "sip:@pbx.example",
    ],
)
def test_withheld_number_is_nobody_to_look_up(raw: str | None) -> None:
    assert phone.is_withheld(raw)


@pytest.mark.parametrize(
    "raw", ["+14155550132", "1234", "0", "sip:alice@pbx.example", '"Anonymous" <sip:+14155550132@pbx.example>', "+"]
)
def test_what_names_somebody_is_not_withheld(raw: str) -> None:
    assert not phone.is_withheld(raw)


@pytest.mark.parametrize("raw", ["", "+", "x", "7", "alice", "sip:alice42@pbx.example", "1" * 41, "1" * 10_000])
def test_what_no_field_can_hold_is_not_searched_for(raw: str) -> None:
    assert not phone.searchable(phone.read(raw, "US"))


def test_terms_are_national_first_and_digits_only() -> None:
    assert phone.read("+1 (415) 555-0132", "US").terms() == ("4155550132", "14155550132")
    assert phone.read("1-2-3-4", "US").terms() == ("1234",)


def test_usual_spellings_are_all_compared_with() -> None:
    assert {
        "+14155550132",
        "14155550132",
        "4155550132",
        "(415) 555-0132",
        "415-555-0132",
        "415.555.0132",
        "+1 415-555-0132",
    } <= set(phone.read("+14155550132", "US").spellings())
    assert {"+442079460123", "020 7946 0123", "02079460123", "+44 20 7946 0123"} <= set(
        phone.read("+442079460123", "GB").spellings()
    )


def test_internal_number_is_compared_as_it_came_and_bare() -> None:
    assert phone.read("12-34", "US").spellings() == ("12-34", "1234")


def test_spelling_that_no_field_can_hold_is_not_sent() -> None:
    number = phone.read("1234" + " " * 100 + "!" * 10_000, "US")
    assert number.spellings() == ("1234",)


def test_control_characters_are_not_sent() -> None:
    assert phone.read("12\x0034\n", "US").spellings() == ("12 34", "1234")
