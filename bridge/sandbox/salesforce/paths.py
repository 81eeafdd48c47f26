"""Finds what a field path of a statement means: which field, and how to read it from a record.

Error wording: as seen in answers of the REST API to a wrong column or object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox.salesforce.lexer import StatementError, pointed
from bridge.sandbox.salesforce.schema import Entity, Field, Schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.syntax import Path
from bridge.sandbox.salesforce.values import Value, Values

MAX_PARENTS = 5
"""Levels from child to parent in one path (SOQL and SOSL Reference, "Relationship Query Limitations")."""
_ADVICE = "Please reference your WSDL or the describe call for the appropriate names."
Getter = Callable[[Values], Value]


@dataclass(frozen=True, slots=True)
class Column:
    """A resolved path: the relationship names before it in their proper spelling, the field, and its reader."""

    parents: tuple[str, ...]
    field: Field
    get: Getter


class Resolver:
    """Resolves the paths of one statement against one object."""

    def __init__(self, schema: Schema, store: Store, statement: str, source: str, source_at: int) -> None:
        self.schema = schema
        self.store = store
        self.statement = statement
        self.entity = self._entity(source, source_at)
        self._own_names = {self.entity.name.lower()}

    def with_alias(self, alias: str | None) -> Resolver:
        """Let paths begin with that name too."""
        if alias:
            self._own_names.add(alias.lower())
        return self

    def _entity(self, source: str, source_at: int) -> Entity:
        entity = self.schema.entity(source)
        if entity is None or entity.name.endswith("__e"):
            message = (
                f"sObject type '{source[:80]}' is not supported. If you are attempting to use a custom object, be sure to "
                f"append the '__c' after the entity name. {_ADVICE}"
            )
            raise StatementError("INVALID_TYPE", pointed(self.statement, source_at, message))
        return entity

    def column(self, path: Path) -> Column:
        """Resolve a path.

        Raises:
            StatementError: INVALID_FIELD.
        """
        parts = path.parts
        if len(parts) > 1 and parts[0].lower() in self._own_names and self.entity.reference(parts[0]) is None:
            parts = parts[1:]
        if len(parts) > MAX_PARENTS + 1:
            raise self.wrong_column(path, str(path), self.entity)
        return self._walk(path, parts, (self.entity,), ())

    def _walk(self, path: Path, parts: tuple[str, ...], entities: tuple[Entity, ...], above: tuple[str, ...]) -> Column:
        if len(parts) == 1:
            field = next((found for entity in entities if (found := entity.field(parts[0]))), None)
            if field is None:
                raise self.wrong_column(path, parts[0], entities[0])
            return Column(above, field, reader(field))
        link = next((found for entity in entities if (found := entity.reference(parts[0]))), None)
        if link is None:
            message = f"Didn't understand relationship '{parts[0][:80]}' in field path. {_ADVICE}"
            raise StatementError("INVALID_FIELD", pointed(self.statement, path.at, message))
        targets = tuple(entity for name in link.refers_to if (entity := self.schema.entity(name)))
        inner = self._walk(path, parts[1:], targets, (*above, link.relationship or link.name))
        return Column(inner.parents, inner.field, self._through(link.name, inner.get))

    def _through(self, link: str, inner: Getter) -> Getter:
        def get(values: Values) -> Value:
            parent_id = values.get(link)
            parent = self.store.peek(parent_id) if isinstance(parent_id, str) else None
            return None if parent is None else inner(parent)

        return get

    def wrong_column(self, path: Path, name: str, entity: Entity) -> StatementError:
        """Give the error for a field that the object does not have."""
        message = (
            f"No such column '{name[:80]}' on entity '{entity.name}'. If you are attempting to use a custom field, be sure "
            f"to append the '__c' after the custom field name. {_ADVICE}"
        )
        return StatementError("INVALID_FIELD", pointed(self.statement, path.at, message))


def reader(field: Field) -> Getter:
    """Give what reads a field from a record: a flag that was never set is false, anything else null."""
    name = field.name
    if field.type == "boolean":
        return lambda values: values.get(name) or False
    return lambda values: values.get(name)
