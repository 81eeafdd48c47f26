"""What logs may show of callers."""

from __future__ import annotations

import re

_SHOWN = 2
_SHORTEST_MASKED = 4
# Not inside a word: the digits of a record id are no telephone number.
_NUMBER = re.compile(r"(?<![^\W_])\+?\d(?:[ ()./-]{0,2}\d){4,}(?![^\W_])")


def mask_number(number: str | None) -> str | None:
    """Keep the last two digits of a telephone number: `+15551234567` becomes `**67`.

    Anything with fewer than four digits (a SIP user, a name in the number's place) becomes `**`.
    """
    if number is None:
        return None
    digits = [char for char in number if char.isdigit()]
    return "**" + ("".join(digits[-_SHOWN:]) if len(digits) >= _SHORTEST_MASKED else "")


def mask_digits(text: str) -> str:
    """Mask everything in a text that may be a telephone number: another system's error may quote the caller."""
    return _NUMBER.sub(lambda match: mask_number(match.group()) or "", text)


def mask_text(text: str) -> str:
    """Keep only the shape of a broken message: field names and punctuation stay, every other letter or digit is an x.

    `{"from": "+15550100", "n": 7` becomes `{"from": "+xxxxxxxx", "n": x`.
    """
    return "".join(
        match.group() if match.lastgroup == "name" else _WORD.sub("x", match.group()) for match in _PIECE.finditer(text)
    )


_WORD = re.compile(r"\w")
_PIECE = re.compile(r'(?P<name>"[A-Za-z_]{1,40}"(?=\s*:))|.', re.DOTALL)
