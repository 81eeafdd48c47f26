"""JSON in a variable: read strictly, and refused with a position instead of a traceback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


class BadJsonError(ValueError):
    """The text is not JSON; the message says where and never repeats the text."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise BadJsonError("is JSON with a key twice in one object")
    return result


def parse(text: str) -> Any:
    """Read JSON.

    Raises:
        BadJsonError: It is not JSON, is nested too deep, or has a key twice in one object.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise BadJsonError(f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except BadJsonError:
        raise
    except RecursionError:
        raise BadJsonError("is JSON nested too deep") from None
    except ValueError:  # a number of thousands of digits
        raise BadJsonError("is JSON with a number that is too long") from None
