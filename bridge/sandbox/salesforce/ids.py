"""Record ids: 15 case-sensitive characters, or the same with a 3-character checksum of their capitals.

Source: Salesforce Object Reference, "ID Field Type".
"""

from __future__ import annotations

import re
import string

_CHECKSUM = string.ascii_uppercase + "012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)


def with_checksum(short: str) -> str:
    """Give the 18-character form of a 15-character id."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if char.isupper())
        suffix += _CHECKSUM[bits]
    return short + suffix


def numbered_id(prefix: str, number: int) -> str:
    """Give the 18-character id of the n-th record of the object with that 3-character key prefix."""
    return with_checksum(f"{prefix}Sb{number:010d}")


def normal_id(text: str) -> str | None:
    """Give the 18-character form of an id in either spelling, or None when it is no id.

    The checksum of an 18-character id is recomputed, not believed: records are found by their first 15 characters.
    """
    return with_checksum(text[:15]) if _SHAPE.fullmatch(text) else None
