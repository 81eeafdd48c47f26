"""What objects and fields the org has: names are found in any case, as Salesforce finds them.

Source: Salesforce Object Reference, "Field Types" and "API Field Properties".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

FieldType = Literal[
    "id",
    "string",
    "textarea",
    "phone",
    "email",
    "url",
    "picklist",
    "boolean",
    "int",
    "double",
    "date",
    "datetime",
    "reference",
]
CUSTOM_PREFIXES = "a"  # custom objects count up from a00


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `length` is in characters, 0 where text has no part; `refers_to` names the objects of a reference."""

    name: str
    type: FieldType = "string"
    length: int = 255
    label: str = ""
    required: bool = False
    createable: bool = True
    updateable: bool = True
    external_id: bool = False
    unique: bool = False
    name_field: bool = False
    filterable: bool = True
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    """Name under which the record referred to lists these records, as in `(SELECT Id FROM Contacts)`."""

    @property
    def custom(self) -> bool:
        """Whether the org added it."""
        return self.name.endswith("__c")


@dataclass(slots=True)
class Entity:
    """One object: its name, the 3-character key prefix of its ids, and its fields.

    An `open` entity takes any custom field: platform events that nobody declared.
    """

    name: str
    prefix: str
    fields: dict[str, Field] = field(default_factory=dict)
    searchable: bool = True
    createable: bool = True
    open: bool = False

    def field(self, name: str) -> Field | None:
        """Give the field of that name, in any case."""
        return self.fields.get(name.lower())

    def add(self, *fields: Field) -> None:
        """Declare fields; one of the same name is replaced."""
        self.fields.update((item.name.lower(), item) for item in fields)

    def reference(self, relationship: str) -> Field | None:
        """Give the reference field behind a relationship name such as `Account` or `Owner`."""
        wanted = relationship.lower()
        return next((item for item in self if item.relationship and item.relationship.lower() == wanted), None)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields.values())

    def __len__(self) -> int:
        return len(self.fields)


class Schema:
    """The objects of one org."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._entities = {entity.name.lower(): entity for entity in entities}

    def entity(self, name: str) -> Entity | None:
        """Give the object of that name, in any case.

        A platform event (`…__e`) that was not declared is there too, open to any custom field: a rehearsal needs no
        preparation.
        """
        found = self._entities.get(name.lower())
        if found is None and name.lower().endswith("__e"):
            found = Entity(name, "e01", searchable=False, open=True)
            found.add(
                Field("ReplayId", length=1000, createable=False, updateable=False),
                Field("EventUuid", length=36, createable=False, updateable=False),
                Field("CreatedDate", "datetime", 0, createable=False, updateable=False),
                Field("CreatedById", "reference", 18, createable=False, updateable=False, refers_to=("User",)),
            )
        return found

    def by_prefix(self, record_id: str) -> Entity | None:
        """Give the object that an id belongs to."""
        return next((entity for entity in self if entity.prefix == record_id[:3]), None)

    def declare(self, entity: Entity) -> Entity:
        """Add or replace an object."""
        self._entities[entity.name.lower()] = entity
        return entity

    def next_custom_prefix(self) -> str:
        """Give a key prefix that no object has."""
        taken = sum(entity.prefix.startswith(CUSTOM_PREFIXES) for entity in self)
        return f"{CUSTOM_PREFIXES}{taken:02d}"

    def children(self, parent: Entity, name: str) -> tuple[Entity, Field] | None:
        """Give the child object and its reference field behind a child relationship of `parent`."""
        for entity in self:
            for item in entity:
                if item.children and item.children.lower() == name.lower() and parent.name in item.refers_to:
                    return entity, item
        return None

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._entities.values())
