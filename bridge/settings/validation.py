"""From merged values to models, area by area, so that one bad area hides no problem of another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from bridge.settings.draft import Draft
from bridge.settings.model import Model
from bridge.settings.problems import expected, explain
from bridge.settings.settings import Settings

Element = TypeVar("Element", bound=Model)


def areas(draft: Draft, context: dict[str, Any]) -> dict[str, Any]:
    """Validate each field of `Settings` but the sinks; report what is wrong, give what is right."""
    tree = draft.tree()
    right: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if name == "sinks" or field.exclude or (name,) in draft.failed:
            continue
        if name in tree:
            try:
                right[name] = TypeAdapter(field.rebuild_annotation()).validate_python(tree[name], context=context)
            except ValidationError as error:
                draft.problems.extend(explain(error, Settings, (name,)))
        elif field.is_required():
            draft.fail((name,), "is required", expected(field))
        else:
            right[name] = field.get_default()
    return right


def elements(model: type[Element], values: object, context: dict[str, Any]) -> dict[int, Element]:
    """Give the elements of a list that are valid by themselves, by position; the others are reported elsewhere."""
    found: dict[int, Element] = {}
    for index, value in enumerate(values if isinstance(values, Iterable) and not isinstance(values, str) else ()):
        try:
            found[index] = model.model_validate(value, context=context)
        except ValidationError:
            continue
    return found
