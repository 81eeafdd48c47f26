from __future__ import annotations

import pytest

from bridge.core.privacy import mask_digits, mask_number, mask_text


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+15551234567", "**67"), ("sip:1234@host", "**34"), ("Jo 12", "**"), ("", "**"), (None, None)],
)
def test_numbers_keep_their_last_two_digits(number: str | None, shown: str | None) -> None:
    assert mask_number(number) == shown


def test_numbers_inside_other_texts_are_masked() -> None:
    text = 'FIND {"4155550132" OR "+1 (415) 555-0132"} failed: HTTP 400 after 12 ms'
    assert mask_digits(text) == 'FIND {"**32" OR "**32"} failed: HTTP 400 after 12 ms'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"from": "+15550100", "n": 7', '{"from": "+xxxxxxxx", "n": x'),
        ("Jane Roe 5550100", "xxxx xxx xxxxxxx"),
        ('{"name" : "Zoë", "Jane Roe": 1}', '{"name" : "xxx", "xxxx xxx": x}'),
        ("", ""),
    ],
)
def test_a_broken_message_shows_its_shape_and_nothing_of_a_caller(text: str, shown: str) -> None:
    assert mask_text(text) == shown
