"""From what pydantic found wrong to one line for the operator; no input value ever gets into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bridge.core.errors import Problem
from bridge.settings import schema
from bridge.settings.model import Refusal

WRONG: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is required",
        "literal_error": "is not one of the choices",
        "extra_forbidden": "is not known here",
        "bool_parsing": "is neither true nor false",
        "bool_type": "is neither true nor false",
        "int_parsing": "is not a whole number",
        "int_parsing_size": "is out of range",
        "int_type": "is not a whole number",
        "int_from_float": "is not a whole number",
        "float_parsing": "is not a number",
        "float_type": "is not a number",
        "finite_number": "is not a finite number",
        "greater_than": "is out of range",
        "greater_than_equal": "is out of range",
        "less_than": "is out of range",
        "less_than_equal": "is out of range",
        "string_type": "is not text",
        "string_too_short": "is too short",
        "string_too_long": "is too long",
        "too_short": "has too few elements",
        "tuple_type": "is not a list",
        "list_type": "is not a list",
        "dict_type": "is not an object",
        "model_type": "is not an object",
        "model_attributes_type": "is not an object",
        "path_type": "is not a path",
    }
)
_LONGEST = 300
MASK = "***"


def explain(
    error: ValidationError,
    model: type[BaseModel],
    loc: Sequence[str | int] = (),
    *,
    named: Sequence[str] = (),
    secrets: Sequence[str] = (),
) -> Iterator[Problem]:
    """Turn a validation error into problems.

    Args:
        error: What pydantic raised.
        model: The model in which the locations of the error, with `loc` before them, are found.
        loc: Where in `model` the validated value stands.
        named: Path to stand before the location in the variable's name.
        secrets: Texts that must not show, should a model's own message repeat one.
    """
    for item in error.errors(include_url=False, include_input=False):
        where = (*loc, *item["loc"])
        field = schema.field_at(model, where)
        wrong, wanted = _words(item, field)
        if item["type"] == "extra_forbidden":
            wanted = _siblings(model, where) or wanted
        yield Problem(schema.variable((*named, *where)), _safe(wrong, secrets), _safe(wanted, secrets))


def expected(field: FieldInfo) -> str:
    """Say what a field wants: its own mark, its choices, else its meaning."""
    mark = schema.expects(field)
    if mark is not None:
        return mark.text
    choices = schema.choices(field)
    return ", ".join(choices) if choices else (field.description or "see bridge config --reference").rstrip(".")


def _words(item: Mapping[str, Any], field: FieldInfo | None) -> tuple[str, str]:
    context: Mapping[str, Any] = item.get("ctx", {})
    wanted = expected(field) if field else "see bridge config --reference"
    cause = context.get("error")
    if isinstance(cause, Refusal):
        return cause.wrong, cause.expected or wanted
    if item["type"] == "literal_error":
        return WRONG["literal_error"], str(context["expected"]).replace("'", "")
    known = WRONG.get(item["type"])
    if known is not None:
        return known, wanted
    if item["type"] in {"value_error", "assertion_error"}:
        return str(cause), wanted
    return f"is not accepted: {item['msg']}", wanted


def _siblings(model: type[BaseModel], where: Sequence[str | int]) -> str:
    parent = schema.field_at(model, where[:-1])
    inside = schema.model_of(parent.annotation) if parent else model
    names = [field.alias or name for name, field in inside.model_fields.items()] if inside else []
    return f"one of {', '.join(names)}" if names else ""


def _safe(text: str, secrets: Sequence[str]) -> str:
    """Hide secrets in what a foreign validator says, also where it quotes them, and keep it to one line."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], " ".join(secret.split())):
            text = text.replace(form, MASK) if form else text
    return schema.one_line(" ".join(text.split()), longest=_LONGEST)
