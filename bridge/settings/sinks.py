"""The sinks: each one's options validated with the model of its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.settings import schema
from bridge.settings.availability import unusable_sink
from bridge.settings.draft import Draft
from bridge.settings.json_text import BadJsonError, parse
from bridge.settings.problems import explain
from bridge.settings.schema import SINKS, variable
from bridge.settings.settings import SinkSettings
from bridge.settings.sources import Reader, nearest

SinkModels = Mapping[str, type[BaseModel]]
"""The model of each type's options."""

_NAME = re.compile(r"[a-z0-9_-]+", re.ASCII)
_SHORTEST_SECRET = 4
"""Characters. Hiding what is shorter would only garble messages: it is a word by chance."""


def read(reader: Reader, models: SinkModels, context: dict[str, Any]) -> dict[str, SinkSettings]:
    """Validate every sink; report what is wrong, give what is right."""
    draft = reader.draft
    found: dict[str, SinkSettings] = {}
    for name in draft.sink_names():
        path = (*SINKS, name)
        if path in draft.failed:
            continue
        if _NAME.fullmatch(name) is None:
            draft.fail(path, "is not a name for a sink", "lower-case letters, digits, _ and -")
            continue
        kind = _kind(draft, name, models)
        if kind is None:
            continue
        model = models[kind]
        options = _options(reader, name, kind, model)
        secrets = tuple(_secrets(model, options))
        try:
            value = model.model_validate(options, context=context)
        except ValidationError as error:
            draft.problems.extend(
                problem
                for problem in explain(error, model, named=path, secrets=secrets)
                if problem.variable not in {variable(failed) for failed in draft.failed}
            )
        else:
            found[name] = SinkSettings(name=name, type=kind, options=value)
    return found


def _kind(draft: Draft, name: str, models: SinkModels) -> str | None:
    path = (*SINKS, name, "type")
    kind = draft.value(*path)
    if isinstance(kind, str) and kind.strip() in models:
        return kind.strip()
    if kind is None:
        wrong, expected = "is required", f"one of {', '.join(sorted(models))}"
    elif isinstance(kind, str):
        wrong, expected = unusable_sink(kind.strip(), models)
    else:
        wrong, expected = "is not text", f"one of {', '.join(sorted(models))}"
    draft.fail(path, wrong, expected)
    return None


def _options(reader: Reader, name: str, kind: str, model: type[BaseModel]) -> dict[str, Any]:
    draft = reader.draft
    fields = model.model_fields
    for field, info in fields.items():
        if schema.is_secret(info) and field + schema.FILE not in fields:
            reader.secret_file((*SINKS, name, field + schema.FILE), (*SINKS, name, field))
    options: dict[str, Any] = {}
    for path, entry in list(draft.entries.items()):
        if path[:2] != (*SINKS, name):
            continue
        field = path[2]
        if field in fields:
            options[field] = _decoded(draft, path, entry.value, fields[field].annotation)
        elif field != "type":
            if model.model_config.get("extra") == "allow":
                options[field] = entry.value
                continue
            close = nearest(field, ("type", *fields))
            all_fields = f"the fields of {kind} sinks: {', '.join(fields) or 'none'}"
            hint = f"did you mean {variable((*SINKS, name, close))}?" if close else all_fields
            draft.unknown(variable(path), hint)
    return options


def _decoded(draft: Draft, path: schema.Path, value: Any, annotation: Any) -> Any:
    if not isinstance(value, str) or not schema.is_json(annotation):
        return value
    if schema.is_mixed(annotation) and not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return parse(value)
    except BadJsonError as error:
        draft.fail(path, str(error), "a JSON list or object")
        return None


def _secrets(model: type[BaseModel], options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if name in model.model_fields and schema.is_secret(model.model_fields[name]):
            yield from (text for text in _strings(value) if len(text) >= _SHORTEST_SECRET)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
