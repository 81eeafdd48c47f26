"""No text is too hostile to be a caller's number."""

from __future__ import annotations

import phonenumbers
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.salesforce import phone

REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
HOSTILE = st.text() | st.text(
    alphabet='0123456789+()-./ xX#*;,@<>"%sipteloa\u200f\u202e\u0663\uff15\uff19\x00', max_size=80
)
DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=16)
INTERNATIONAL = st.builds("+{}".format, DIGITS)


@given(HOSTILE, REGIONS)
@example("\ud800", "US")
@example("%ff@", "US")
@example("sip:%00%E2%80@h", "DE")
@example("+" * 5000, "US")
@example("9" * 10_000, "US")
@example("x" * 10_000 + "1", "US")
def test_no_text_raises(text: str, region: str) -> None:
    number = phone.read(text, region)
    assert number.raw == text
    assert number.digits.isascii()
    assert number.digits == "" or number.digits.isdigit()
    assert all(number.terms()) or not phone.searchable(number)
    assert all(len(spelling) <= 256 for spelling in number.spellings())
    phone.is_withheld(text)
    phone.searchable(number)


@given(HOSTILE, HOSTILE, REGIONS)
def test_comparing_never_raises(came: str, stored: str, region: str) -> None:
    phone.same(phone.read(came, region), stored, region)


@given(HOSTILE, REGIONS)
def test_number_is_the_same_as_itself_unless_it_is_nobodys(text: str, region: str) -> None:
    number = phone.read(text, region)
    assert phone.same(number, text, region) == bool(number.key and text)


@given(HOSTILE | INTERNATIONAL | DIGITS, REGIONS)
@example("+15551234567", "US")
def test_normal_form_is_normal(text: str, region: str) -> None:
    number = phone.read(text, region)
    if number.e164 is not None:
        again = phone.read(number.e164, "US")
        assert again.e164 == number.e164
        assert number.digits != ""


@given(st.text(alphabet="0123456789", min_size=10, max_size=10))
def test_layout_of_a_number_does_not_matter(digits: str) -> None:
    bare = phone.read(f"+1{digits}", "US")
    for written in (f"+1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}", f"\u202a+1 {digits}\u202c", f"tel:+1-{digits}"):
        assert phone.read(written, "GB").key == bare.key
