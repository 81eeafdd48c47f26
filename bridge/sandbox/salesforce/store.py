"""The org's records: created, changed, deleted and found by id or field. Knows the schema, no wire format.

What may be written is decided before (`writing`); a record here is always whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from bridge.sandbox.salesforce.errors import ApiError, not_found
from bridge.sandbox.salesforce.ids import normal_id, numbered_id
from bridge.sandbox.salesforce.schema import Entity, Schema
from bridge.sandbox.salesforce.search_index import SearchIndex
from bridge.sandbox.salesforce.values import Value, Values, timestamp


class Store:
    """Every record of the org, deleted ones included, by object and id, oldest first."""

    def __init__(self, schema: Schema, index: SearchIndex, clock: Callable[[], float]) -> None:
        self._schema = schema
        self._index = index
        self._clock = clock
        self._rows: dict[str, dict[str, Values]] = {}
        self._counts: dict[str, int] = {}

    def seed(self, kind: str, records: Iterable[Mapping[str, Value]]) -> None:
        """Put records there as they are, searchable at once. Each needs an `Id`."""
        entity = self._entity(kind)
        rows = self._rows.setdefault(entity.name, {})
        for record in records:
            stamp = record.get("LastModifiedDate") or timestamp(self._clock())
            values: Values = {
                "IsDeleted": False,
                "CreatedDate": stamp,
                "LastModifiedDate": stamp,
                "SystemModstamp": stamp,
            }
            values |= record
            record_id = normal_id(str(record["Id"]))
            if record_id is None:
                raise ValueError(f"{record['Id']!r} is no record id")
            values["Id"] = record_id
            rows[record_id] = values
            if entity.searchable:
                self._index.put(entity.name, values, at_once=True)

    def add(self, kind: str, **values: Value) -> str:
        """Put one record there, searchable at once, and give its id: the short way for a test."""
        entity = self._entity(kind)
        record_id = self._next_id(entity)
        self.seed(kind, [{**values, "Id": record_id}])
        return record_id

    def rows(self, kind: str, *, deleted: bool = False) -> Iterator[Values]:
        """Give an object's records; the deleted ones too when asked."""
        for values in self._rows.get(self._entity(kind).name, {}).values():
            if deleted or not values.get("IsDeleted"):
                yield values

    def peek(self, record_id: str) -> Values | None:
        """Give the record of that 18-character id, or None when there is none that is not deleted."""
        entity = self._schema.by_prefix(record_id)
        values = self._rows.get(entity.name, {}).get(record_id) if entity else None
        return None if values is None or values.get("IsDeleted") else values

    def get(self, entity: Entity, record_id: str) -> Values:
        """Give the record of that 18-character id.

        Raises:
            ApiError: 404 NOT_FOUND, or 404 ENTITY_IS_DELETED.
        """
        values = self._rows.get(entity.name, {}).get(record_id)
        if values is None:
            raise not_found()
        if values.get("IsDeleted"):
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return values

    def find(self, entity: Entity, field: str, value: Value) -> list[Values]:
        """Give the records whose field has that value; text is compared without regard to case."""
        wanted = _folded(value)
        return [values for values in self.rows(entity.name) if _folded(values.get(field)) == wanted]

    def create(self, entity: Entity, values: Values, user_id: str) -> str:
        """Store a new record and give its id."""
        now = timestamp(self._clock())
        record_id = self._next_id(entity)
        row: Values = {"Id": record_id, "IsDeleted": False, **values}
        row |= {"CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
        row |= {"CreatedById": user_id, "LastModifiedById": user_id}
        if entity.field("OwnerId"):
            row["OwnerId"] = row.get("OwnerId") or user_id
        self._rows.setdefault(entity.name, {})[record_id] = row
        self._changed(entity, row)
        return record_id

    def update(self, entity: Entity, record_id: str, values: Values, user_id: str) -> None:
        """Change a record.

        Raises:
            ApiError: 404, as `get`.
        """
        row = self.get(entity, record_id)
        now = timestamp(self._clock())
        row |= values
        row |= {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": user_id}
        self._changed(entity, row)

    def delete(self, entity: Entity, record_id: str) -> None:
        """Mark a record deleted: only queryAll still shows it.

        Raises:
            ApiError: 404, as `get`.
        """
        row = self.get(entity, record_id)
        row["IsDeleted"] = True
        self._index.drop(entity.name, record_id)

    def _changed(self, entity: Entity, row: Values) -> None:
        if entity.searchable:
            self._index.put(entity.name, row)

    def _next_id(self, entity: Entity) -> str:
        rows = self._rows.setdefault(entity.name, {})
        number = self._counts.get(entity.name, len(rows)) + 1
        while numbered_id(entity.prefix, number) in rows:
            number += 1
        self._counts[entity.name] = number
        return numbered_id(entity.prefix, number)

    def _entity(self, kind: str) -> Entity:
        entity = self._schema.entity(kind)
        if entity is None:
            raise ValueError(f"the org has no object {kind!r}")
        return entity


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value
