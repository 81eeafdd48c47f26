"""One record at a time: create, read, change, delete, by id or by an external id.

Source: Salesforce REST API Developer Guide, "sObject Basic Information", "sObject Rows", "sObject Rows by External ID".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from aiohttp import web

from bridge.sandbox.salesforce.call import Call, Work, answer
from bridge.sandbox.salesforce.endpoint import DATA, END, ENTITY, Endpoint
from bridge.sandbox.salesforce.errors import ApiError, duplicate_value, not_found
from bridge.sandbox.salesforce.ids import normal_id
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.paths import reader
from bridge.sandbox.salesforce.querying import attributes
from bridge.sandbox.salesforce.schema import Entity, Field, Schema
from bridge.sandbox.salesforce.store import Store
from bridge.sandbox.salesforce.values import Values
from bridge.sandbox.salesforce.writing import Writer

EMPTY_UPSERT_UP_TO = 45.0
"""Up to this version an upsert that updates answers 204 with no body."""
RECORD = f"{DATA}/sobjects/{ENTITY}/" + r"{record_id:[^/]+}" + END
BY_VALUE = f"{DATA}/sobjects/{ENTITY}/" + r"{field:[A-Za-z0-9_]+}/{value:[^/]+}" + END


class RecordEndpoints:
    """The resources of single records."""

    def __init__(self, schema: Schema, store: Store, writer: Writer, ledger: Ledger) -> None:
        self._schema = schema
        self._store = store
        self._writer = writer
        self._ledger = ledger
        self._created: dict[str, int] = {}

    def endpoints(self) -> list[Endpoint]:
        """Give the routes."""
        return [
            Endpoint("POST", f"{DATA}/sobjects/{ENTITY}{END}", "create", self._create),
            Endpoint("GET", RECORD, "get", self._get),
            Endpoint("PATCH", RECORD, "update", self._update),
            Endpoint("DELETE", RECORD, "delete", self._delete),
            Endpoint("GET", BY_VALUE, "get_by_external_id", self._get_by_value),
            Endpoint("PATCH", BY_VALUE, "upsert", self._upsert),
            Endpoint("POST", RECORD, "update", _overridden(self._update)),
            Endpoint("POST", BY_VALUE, "upsert", _overridden(self._upsert)),
        ]

    async def _create(self, call: Call) -> web.Response:
        entity = self._entity(call)
        record_id = self._writer.create(entity, await call.json_object(), call.user_id)
        response = answer({"id": record_id, "success": True, "errors": []}, 201)
        response.headers["Location"] = f"{call.base}/sobjects/{entity.name}/{record_id}"
        return response

    async def _get(self, call: Call) -> web.Response:
        entity = self._entity(call)
        return self._shown(call, entity, self._store.get(entity, self._record_id(call, entity)))

    async def _update(self, call: Call) -> web.Response:
        entity = self._entity(call)
        body = await call.json_object()
        self._writer.update(entity, self._record_id(call, entity), body, call.user_id)
        return web.Response(status=204)

    async def _delete(self, call: Call) -> web.Response:
        entity = self._entity(call)
        self._store.delete(entity, self._record_id(call, entity))
        return web.Response(status=204)

    async def _get_by_value(self, call: Call) -> web.Response:
        entity, field, value = self._external(call)
        rows = self._store.find(entity, field.name, value)
        if not rows:
            raise not_found()
        return self._several(call, entity, rows) if len(rows) > 1 else self._shown(call, entity, rows[0])

    async def _upsert(self, call: Call) -> web.Response:
        entity, field, value = self._external(call)
        body = await call.json_object()
        if any(name.lower() == field.name.lower() for name in body):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise ApiError(400, "INVALID_FIELD", message, [field.name])
        rows = self._store.find(entity, field.name, value)
        if len(rows) > 1:
            return self._several(call, entity, rows)
        if rows:
            record_id = str(rows[0]["Id"])
            if self._created.get(record_id, 0) > call.arrival:
                raise duplicate_value(field.name, record_id)  # both had looked before either wrote
            self._writer.update(entity, record_id, body, call.user_id)
            if call.version <= EMPTY_UPSERT_UP_TO:
                return web.Response(status=204)
            return answer({"id": record_id, "success": True, "errors": [], "created": False})
        if field.name == "Id" or call.request.query.get("updateOnly", "").lower() == "true":
            raise not_found()
        record_id = self._writer.create(entity, {**body, field.name: value}, call.user_id)
        self._created[record_id] = self._ledger.tick()
        self._ledger.created_by_external_id[entity.name, field.name, value] += 1
        return answer({"id": record_id, "success": True, "errors": [], "created": True}, 201)

    def _entity(self, call: Call) -> Entity:
        entity = self._schema.entity(call.request.match_info["entity"])
        if entity is None:
            raise not_found()
        return entity

    def _record_id(self, call: Call, entity: Entity) -> str:
        text = _segment(call)
        record_id = normal_id(text)
        if record_id is None:
            message = f"Provided external ID field does not exist or is not accessible: {text[:80]}"
            raise ApiError(404, "NOT_FOUND", message)
        if record_id[:3] != entity.prefix:
            message = f"{entity.name} ID: id value of incorrect type: {text}"
            raise ApiError(400, "MALFORMED_ID", message, ["Id"])
        return record_id

    def _external(self, call: Call) -> tuple[Entity, Field, str]:
        entity = self._entity(call)
        field = entity.field(call.request.match_info["field"])
        if field is None or not (field.external_id or field.name == "Id"):
            name = call.request.match_info["field"][:80]
            message = f"Provided external ID field does not exist or is not accessible: {name}"
            raise ApiError(404, "NOT_FOUND", message)
        return entity, field, _segment(call)

    def _several(self, call: Call, entity: Entity, rows: list[Values]) -> web.Response:
        return answer([f"{call.base}/sobjects/{entity.name}/{row['Id']}" for row in rows], 300)

    def _shown(self, call: Call, entity: Entity, values: Values) -> web.Response:
        fields = list(entity)
        if chosen := call.request.query.get("fields"):
            fields = [self._known(entity, name.strip()) for name in chosen.split(",")]
        shown: dict[str, Any] = {"attributes": attributes(entity, values["Id"], call.base)}
        shown |= {field.name: reader(field)(values) for field in fields}
        return answer(shown)

    def _known(self, entity: Entity, name: str) -> Field:
        field = entity.field(name)
        if field is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name[:80]}' on sobject of type {entity.name}")
        return field


def _overridden(work: Work) -> Work:
    """Let `POST …?_HttpMethod=PATCH` do the work, for clients that cannot send PATCH."""

    async def overridden(call: Call) -> web.Response:
        if call.request.query.get("_HttpMethod", "").upper() != "PATCH":
            raise ApiError(
                405, "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET,PATCH,DELETE"
            )
        return await work(call)

    return overridden


def _segment(call: Call) -> str:
    """Give the last path segment with its escapes resolved, `%2F` too: taken from the path as it was sent."""
    raw = call.request.raw_path.partition("?")[0].rstrip("/")
    return unquote(raw.rpartition("/")[2], errors="replace")
