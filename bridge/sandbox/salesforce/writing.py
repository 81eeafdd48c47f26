"""Decides what may be written to a record: known fields, their types and lengths, what is required, what is unique.

Codes and wording: Salesforce SOAP API Developer Guide, "Core Data Types Used in API Calls: StatusCode", and the answers of
the REST API to such mistakes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bridge.sandbox.salesforce.errors import ApiError, duplicate_value, unreadable_json
from bridge.sandbox.salesforce.ids import normal_id
from bridge.sandbox.salesforce.schema import Entity, Field, Schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.values import Value, Values, day, instant

CLOSED_STATUS = {"Case": "Closed", "Task": "Completed"}
FIRST_STATUS = {"Case": "New", "Task": "Not Started", "Lead": "Open - Not Contacted"}
CASE_NUMBERS_FROM = 1_000
UNCHECKED_REFERENCES = frozenset({"User", "Group"})
"""Owners may be people of whom the rehearsal has no record, such as the integration user."""


class Writer:
    """Checks what a caller wants to write, completes it, and stores it."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._schema = schema
        self._store = store

    def create(self, entity: Entity, body: Mapping[str, Any], user_id: str) -> str:
        """Create a record and give its id.

        Raises:
            ApiError: 400, with the code of the first thing that is wrong.
        """
        if not entity.createable:
            raise ApiError(
                400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {entity.name}"
            )
        values = self.clean(entity, body, creating=True)
        missing = [item.name for item in entity if item.required and values.get(item.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise ApiError(400, "REQUIRED_FIELD_MISSING", message, missing)
        self._refuse_duplicates(entity, values, None)
        self._complete(entity, values, {}, creating=True)
        return self._store.create(entity, values, user_id)

    def update(self, entity: Entity, record_id: str, body: Mapping[str, Any], user_id: str) -> None:
        """Change a record.

        Raises:
            ApiError: 404 when it is not there; 400, with the code of the first thing that is wrong.
        """
        old = self._store.get(entity, record_id)
        values = self.clean(entity, body, creating=False)
        emptied = [item.name for item in entity if item.required and values.get(item.name, "") is None]
        if emptied:
            message = f"Required fields are missing: [{', '.join(emptied)}]"
            raise ApiError(400, "REQUIRED_FIELD_MISSING", message, emptied)
        self._refuse_duplicates(entity, values, record_id)
        self._complete(entity, values, old, creating=False)
        self._store.update(entity, record_id, values, user_id)

    def clean(self, entity: Entity, body: Mapping[str, Any], *, creating: bool) -> Values:
        """Give the body with canonical field names and checked values.

        Raises:
            ApiError: 400.
        """
        values: Values = {}
        for name, value in body.items():
            if name == "attributes":
                continue
            field = entity.field(name)
            if field is None and entity.open and name.endswith("__c"):
                field = Field(name, "textarea", 131_072)
            if field is None:
                message = f"No such column '{name[:80]}' on sobject of type {entity.name}"
                raise ApiError(400, "INVALID_FIELD", message)
            if not (field.createable if creating else field.updateable):
                message = (
                    f"Unable to create/update fields: {field.name}. Please check the security settings of this field and "
                    "verify that it is read/write for your profile or permission set."
                )
                raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])
            values[field.name] = self._value(field, value, open_type=entity.open)
        return values

    def _value(self, field: Field, value: Any, *, open_type: bool) -> Value:  # noqa: PLR0911 - one for each field type
        if value is None:
            return False if field.type == "boolean" else None
        if open_type and isinstance(value, bool | int | float):
            return value
        match field.type:
            case "boolean":
                return _flag(value)
            case "int" | "double":
                return _number(field, value)
            case "date" | "datetime":
                return _moment(field, value)
            case "reference":
                return self._reference(field, _text(value))
            case _:
                return _bounded(field, _text(value))

    def _reference(self, field: Field, text: str) -> str | None:
        if not text:
            return None
        record_id = normal_id(text)
        targets = [entity for name in field.refers_to if (entity := self._schema.entity(name))]
        if record_id is None or not any(entity.prefix == record_id[:3] for entity in targets):
            message = f"{field.label or field.name}: id value of incorrect type: {text[:80]}"
            raise ApiError(400, "MALFORMED_ID", message, [field.name])
        target = self._schema.by_prefix(record_id)
        if target and target.name not in UNCHECKED_REFERENCES and self._store.peek(record_id) is None:
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        return record_id

    def _refuse_duplicates(self, entity: Entity, values: Values, record_id: str | None) -> None:
        for field in entity:
            value = values.get(field.name)
            if field.unique and value is not None:
                for other in self._store.find(entity, field.name, value):
                    if other["Id"] != record_id:
                        raise duplicate_value(field.name, str(other["Id"]))

    def _complete(self, entity: Entity, values: Values, old: Values, *, creating: bool) -> None:
        """Derive what the platform derives: names, numbers, closed flags."""
        if creating and entity.name in FIRST_STATUS:
            values["Status"] = values.get("Status") or FIRST_STATUS[entity.name]
        if entity.name in CLOSED_STATUS and "Status" in values:
            values["IsClosed"] = values["Status"] == CLOSED_STATUS[entity.name]
        if creating and entity.name == "Case":
            number = sum(1 for _ in self._store.rows("Case", deleted=True)) + CASE_NUMBERS_FROM + 1
            values["CaseNumber"] = f"{number:08d}"
        if entity.field("FirstName") and ("FirstName" in values or "LastName" in values):
            whole = {**old, **values}
            if whole.get("LastName"):
                values["Name"] = " ".join(str(part) for name in ("FirstName", "LastName") if (part := whole.get(name)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        token = "START_ARRAY" if isinstance(value, list) else "START_OBJECT"
        raise unreadable_json(f"Cannot deserialize instance of string from {token} value [line:1, column:1]")
    return value


def _bounded(field: Field, text: str) -> str | None:
    if len(text) > field.length:
        message = f"{field.label or field.name}: data value too large: {text[:255]} (max length={field.length})"
        raise ApiError(400, "STRING_TOO_LONG", message, [field.name])
    return text.strip() or None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _not_a("boolean", value)


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _not_a(field.type, value) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise _not_a(field.type, value)
    if field.type == "double":
        return value
    if value != int(value):
        raise _not_a("int", value)
    if len(str(abs(int(value)))) > field.length:
        message = f"{field.label or field.name}: value outside of valid range on numeric field: {value}"
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return int(value)


def _moment(field: Field, value: Any) -> str:
    text = _text(value)
    if (day(text) if field.type == "date" else instant(text)) is None:
        raise _not_a(field.type, value)
    return text


def _not_a(kind: str, value: Any) -> ApiError:
    shown = str(value)[:80]
    return unreadable_json(f"Cannot deserialize instance of {kind} from VALUE_STRING value {shown} [line:1, column:1]")
