"""What `bridge config` prints: the effective settings, and the reference of all variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings import schema
from bridge.settings.model import Shown
from bridge.settings.problems import MASK
from bridge.settings.settings import Settings, Startup
from bridge.settings.sinks import SinkModels

_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")


class Effective(NamedTuple):
    """One row of the effective settings; a secret's value is masked."""

    variable: str
    value: str
    origin: str


class Reference(NamedTuple):
    """One row of the reference."""

    variable: str
    type: str
    default: str
    meaning: str


def describe(settings: Settings) -> list[Effective]:
    """List every setting as it is in force: its variable, its value with secrets masked, where it came from."""
    rows: list[Effective] = []
    for leaf in schema.leaves(Settings):
        if leaf.path == schema.SINKS:
            rows.extend(_sinks(settings))
        else:
            value: Any = settings
            for part in leaf.path:
                value = getattr(value, part)
            rows.append(Effective(leaf.name, _shown(value, leaf.field), _origin(settings, leaf.name)))
    return rows


def _sinks(settings: Settings) -> Iterator[Effective]:
    for name, sink in settings.sinks.items():
        prefix = (*schema.SINKS, name)
        kind = schema.variable((*prefix, "type"))
        yield Effective(kind, sink.type, _origin(settings, kind))
        for option, field in type(sink.options).model_fields.items():
            variable = schema.variable((*prefix, option))
            if option != "type":
                shown = _shown(getattr(sink.options, option), field)
                yield Effective(variable, shown, _origin(settings, variable))


def _origin(settings: Settings, variable: str) -> str:
    return settings.origins.get(variable, "default")


def _shown(value: Any, field: FieldInfo) -> str:
    if value is None or value in ((), {}, []):
        return ""
    if schema.is_secret(field):
        text = value if isinstance(value, str) else ""
        return _PASSWORD.sub(f"{MASK}@", text) if text else MASK
    return _text(value)


def _text(value: Any) -> str:
    """Write a value as its variable would hold it."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, float):
        return f"{plain:.15g}"
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseModel):
        fields = {info.alias or name: getattr(value, name) for name, info in type(value).model_fields.items()}
        return {name: _plain(inner) for name, inner in fields.items() if inner is not None and inner != ()}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(inner) for inner in value]
    return MASK if isinstance(value, SecretStr | SecretBytes) else _PASSWORD.sub(f"{MASK}@", str(value))


def reference(sink_models: SinkModels) -> list[Reference]:
    """List every variable, in the order of the models; what lies inside JSON follows its variable.

    Sinks appear as `BRIDGE_SINKS__NAME__FIELD`, list elements as `BRIDGE_ROUTES[].kind`.
    """
    rows: list[Reference] = []
    for leaf in (*schema.leaves(Settings), *schema.leaves(Startup)):
        rows.append(_row(leaf.name, leaf.field))
        if leaf.path == schema.SINKS:
            rows.extend(_sink_rows(sink_models))
        elif (inner := schema.model_of(leaf.field.annotation)) is not None:
            rows.extend(_members(f"{leaf.name}[]", inner))
    return rows


def _sink_rows(sink_models: SinkModels) -> Iterator[Reference]:
    types = " | ".join(sorted(sink_models))
    prefix = (*schema.SINKS, "name")
    yield Reference(schema.variable((*prefix, "type")), types, "required", "Type of the sink.")
    for kind, model in sorted(sink_models.items()):
        for name, field in model.model_fields.items():
            if name != "type":
                row = _row(schema.variable((*prefix, name)), field)
                yield row._replace(meaning=f"{kind}: {row.meaning}")


def _members(prefix: str, model: type[BaseModel]) -> Iterator[Reference]:
    for name, field in model.model_fields.items():
        row = _row(f"{prefix}.{field.alias or name}", field)
        yield row
        inner = schema.model_of(field.annotation)
        if inner is not None:
            listed = "[]" if schema.is_list(field.annotation) else ""
            yield from _members(f"{row.variable}{listed}", inner)


def _row(variable: str, field: FieldInfo) -> Reference:
    return Reference(variable, _type(variable, field), _default(field), field.description or "")


def _type(variable: str, field: FieldInfo) -> str:
    choices = schema.choices(field)
    mark = schema.expects(field)
    if choices:
        return " | ".join(choices)
    if schema.is_secret(field):
        kind = mark.type if mark else "JSON of secrets" if schema.is_json(field.annotation) else "secret"
        return f"{kind}, or its file as {variable}{schema.FILE.upper()}"
    if mark is not None:
        return mark.type
    inner, _ = schema.core(field)
    names = {bool: "true | false", int: "number", float: "number", str: "text", FilePath: "path"}
    plain = names.get(inner)
    if plain is not None:
        return plain
    return "JSON" if schema.is_json(inner) else "text"


def _default(field: FieldInfo) -> str:
    shown = next((mark for mark in schema.core(field)[1] if isinstance(mark, Shown)), None)
    if shown is not None:
        return shown.default
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ((), {}, []):
        return ""
    return _shown(value, field)
