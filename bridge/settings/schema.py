"""What the models say about each variable: its path, whether it is a secret, whether it is JSON."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.model import Expects, Sensitive
from bridge.settings.settings import Settings, Startup

PREFIX = "BRIDGE_"
FILE = "_file"
LONGEST_NAME = 200
"""Characters of a name that a problem shows."""

Path = tuple[str, ...]
"""Where a setting stands: `("minerva", "url")`."""


def variable(path: Sequence[str | int]) -> str:
    """Name the variable of a path; what lies inside a list is written `[2].user_id`."""
    name, inside = "", False
    for part in path:
        if isinstance(part, int):
            name, inside = f"{name}[{part}]", True
        elif inside:
            name = f"{name}.{part}"
        else:
            name = f"{name}__{part.upper()}" if name else part.upper()
    return PREFIX + one_line(name)


def one_line(text: str, *, longest: int = LONGEST_NAME) -> str:
    """Make text that came from outside fit a problem's single line of at most `longest` characters."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def quoted(value: str) -> str:
    """Repeat a name that a setting refers to, on one line and in bounds."""
    return repr(one_line(value))


def unfold(annotation: Any, metadata: Sequence[Any] = ()) -> tuple[Any, tuple[Any, ...]]:
    """Strip `Annotated` and `| None` off an annotation; give what is left and all metadata met, outermost first."""
    # Nested `Annotated` is flattened with the innermost mark first, hence the reversing.
    found = tuple(reversed(metadata))
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *inner = get_args(annotation)
            found += tuple(reversed(inner))
        elif origin in {Union, types.UnionType}:
            some = [argument for argument in get_args(annotation) if argument is not type(None)]
            if len(some) != 1:
                return annotation, found
            annotation = some[0]
        else:
            return annotation, found


def core(field: FieldInfo) -> tuple[Any, tuple[Any, ...]]:
    """Give a field's annotation without wrapping, and its metadata."""
    return unfold(field.annotation, field.metadata)


def expects(field: FieldInfo) -> Expects | None:
    """Give what the field says it expects, the outermost mark first."""
    return next((mark for mark in core(field)[1] if isinstance(mark, Expects)), None)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Give the model that an annotation is, or is a list of."""
    inner, _ = unfold(annotation)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return inner
    if get_origin(inner) in {tuple, list, dict}:
        return next((model for argument in get_args(inner) if (model := model_of(argument))), None)
    return None


def _mentions(annotation: Any, wanted: tuple[type, ...]) -> bool:
    inner, metadata = unfold(annotation)
    if any(isinstance(mark, Sensitive) for mark in metadata) or (isinstance(inner, type) and issubclass(inner, wanted)):
        return True
    return any(_mentions(argument, wanted) for argument in get_args(inner))


def is_secret(field: FieldInfo) -> bool:
    """Say whether a field's value must not be shown."""
    sensitive = any(isinstance(mark, Sensitive) for mark in field.metadata)
    return sensitive or _mentions(field.annotation, (SecretStr, SecretBytes))


def is_json(annotation: Any) -> bool:
    """Say whether text for this annotation is JSON: lists, objects and models are."""
    inner, _ = unfold(annotation)
    origin = get_origin(inner) or inner
    if origin in {Union, types.UnionType}:
        return any(is_json(argument) for argument in get_args(inner))
    return isinstance(origin, type) and issubclass(origin, list | tuple | dict | set | frozenset | Mapping | BaseModel)


def is_mixed(annotation: Any) -> bool:
    """Say whether an annotation takes JSON or plain text, as `str | list[str]` does."""
    inner, _ = unfold(annotation)
    return get_origin(inner) in {Union, types.UnionType} and not all(map(is_json, get_args(inner)))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One variable: its path and the model field that declares it."""

    path: Path
    field: FieldInfo

    @property
    def name(self) -> str:
        """The variable's name."""
        return variable(self.path)


def leaves(model: type[BaseModel], prefix: Path = ()) -> Iterator[Leaf]:
    """Walk a model's variables in order; groups are entered, lists and the sinks are one variable each."""
    for name, field in model.model_fields.items():
        inner, _ = core(field)
        if field.exclude:
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, (*prefix, name))
        else:
            yield Leaf((*prefix, name), field)


STARTUP: Mapping[Path, Leaf] = {leaf.path: leaf for leaf in leaves(Startup)}
LEAVES: Mapping[Path, Leaf] = {leaf.path: leaf for leaf in leaves(Settings)}
GROUPS = frozenset(path[:-1] for path in LEAVES if len(path) > 1)
SECRET_FILES: Mapping[Path, Path] = {
    (*path[:-1], path[-1] + FILE): path for path, leaf in LEAVES.items() if is_secret(leaf.field)
}
"""The path of each `<VARIABLE>_FILE`, and the secret that it stands for."""
SINKS: Path = ("sinks",)
SINK_DEPTH = 3
"""Parts of a sink field's path: `sinks`, the name, the field."""


def field_at(model: type[BaseModel], loc: Sequence[str | int]) -> FieldInfo | None:
    """Find the field that a location in a validation error speaks of, through lists and models."""
    current: type[BaseModel] | None = model
    field: FieldInfo | None = None
    for part in loc:
        if isinstance(part, int):
            continue
        if current is None:
            return field
        by_alias = {info.alias or name: info for name, info in current.model_fields.items()}
        found = by_alias.get(part) or current.model_fields.get(part)
        if found is None:
            return field
        field = found
        current = model_of(field.annotation)
    return field


def choices(field: FieldInfo) -> tuple[str, ...]:
    """Give the values of a field that is a choice; none for others."""
    inner, _ = core(field)
    return tuple(map(str, get_args(inner))) if get_origin(inner) is Literal else ()


def is_list(annotation: Any) -> bool:
    """Say whether an annotation is a list of something."""
    inner, _ = unfold(annotation)
    return get_origin(inner) in {tuple, list}
