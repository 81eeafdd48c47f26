"""Patterns with wildcards, matched in linear time: `%` and `_` of LIKE, `*` and `?` of a search."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from enum import Enum


class Wild(Enum):
    """What a wildcard stands for."""

    ONE = "?"
    MANY = "*"


def glob(pieces: Iterable[str | Wild]) -> re.Pattern[str]:
    """Compile a pattern of literal characters and wildcards, in any case; use `fullmatch`.

    `fnmatch` writes atomic groups, so that no row of wildcards makes matching explode.
    """
    text = "".join(piece.value if isinstance(piece, Wild) else _literal(piece) for piece in pieces)
    return re.compile(fnmatch.translate(text), re.IGNORECASE)


def _literal(char: str) -> str:
    return f"[{char}]" if char in "*?[" else char
