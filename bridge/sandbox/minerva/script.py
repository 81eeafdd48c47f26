"""Reads fault scripts: a JSON list of objects, each naming its `fault` and that fault's fields."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bridge.core.errors import BridgeError
from bridge.sandbox.minerva.catalogue import (
    FAULTS,
)
from bridge.sandbox.minerva.faults import (
    Fault,
)


class ScriptError(BridgeError):
    """A script that cannot be used; the message is one line that names entry and field."""


def load_script(path: Path) -> list[Fault]:
    """Read a script from a file.

    Raises:
        ScriptError: it cannot be read, or what `read_script` finds; the file is named.
    """
    try:
        return read_script(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except (ValueError, RecursionError):
        raise ScriptError(f"{path}: is not JSON in UTF-8") from None
    except ScriptError as error:
        raise ScriptError(f"{path}: {error}") from None


def read_script(body: Any) -> list[Fault]:
    """Read a script from JSON values: a list of entries, or a single one.

    Raises:
        ScriptError: the first entry that is wrong, as `entry 2 (close): code: must be …`.
    """
    if isinstance(body, dict):
        body = [body]
    if not isinstance(body, list):
        raise ScriptError("a script is a list of objects")
    return [_read_entry(number, entry) for number, entry in enumerate(body, start=1)]


def write_fault(fault: Fault) -> dict[str, Any]:
    """Give a fault as a script entry, all its fields included."""
    return {"fault": fault.NAME} | {field.name: getattr(fault, field.name) for field in fields(fault)}


def _read_entry(number: int, entry: Any) -> Fault:
    where = f"entry {number}"
    if not isinstance(entry, dict):
        raise ScriptError(f"{where}: must be an object")
    name = entry.get("fault")
    if not isinstance(name, str) or name not in FAULTS:
        raise ScriptError(f"{where}: fault: {_shown(name)} is none of {', '.join(sorted(FAULTS))}")
    where = f"{where} ({name})"
    kind = FAULTS[name]
    known = {field.name for field in fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "fault":
            continue
        if key not in known:
            raise ScriptError(f"{where}: {_shown(key)}: no such field; there are {', '.join(sorted(known))}")
        try:
            values[key] = _read_value(value, hints[key])
        except ValueError as error:
            raise ScriptError(f"{where}: {key}: {error}") from None
    try:
        return kind(**values)
    except ValueError as error:
        raise ScriptError(f"{where}: {error}") from None


def _read_value(value: Any, hint: Any) -> Any:
    """Check a JSON value against a field's type; lists become tuples.

    Raises:
        ValueError: says what was expected.
    """
    origin, options = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return None if value is None else _read_value(value, next(each for each in options if each is not type(None)))
    if origin is Literal:
        if isinstance(value, str) and value in options:
            return value
        raise ValueError(f"must be one of {', '.join(options)}")
    if origin is tuple:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ValueError("must be a list of strings")
    expected, check = _PLAIN[hint]
    if not check(value):
        raise ValueError(f"must be {expected}")
    return value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and abs(value) < float("inf"))


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_PLAIN: dict[type, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", _is_bool),
    int: ("a whole number", _is_int),
    float: ("a number", _is_number),
    str: ("a string", _is_text),
}


def _shown(value: object) -> str:
    return json.dumps(value)[:60] if isinstance(value, str | int | float | None) else "that"
