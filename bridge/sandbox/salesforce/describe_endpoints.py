"""What the org is: versions, limits, the list of objects, the description of one, who is asking.

Source: Salesforce REST API Developer Guide, "Versions", "Limits", "Describe Global", "sObject Describe"; Salesforce Help,
"Identity URLs".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from bridge.sandbox.salesforce.call import Call, answer
from bridge.sandbox.salesforce.endpoint import DATA, END, ENTITY, Endpoint
from bridge.sandbox.salesforce.errors import not_found
from bridge.sandbox.salesforce.gate import Gate
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.schema import Entity, Field, Schema

VERSIONS = {66: "Spring '26", 67: "Summer '26", 68: "Winter '27"}
EVENTS_PER_HOUR = 250_000
RESOURCES = ("limits", "query", "queryAll", "search", "parameterizedSearch", "sobjects", "actions")
_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
}
_SOAP_TYPES |= {"date": "xsd:date", "datetime": "xsd:dateTime"}


class DescribeEndpoints:
    """The resources that describe. `org_id` is the 18-character id."""

    def __init__(
        self, schema: Schema, ledger: Ledger, gate: Gate, org_id: str, url_of: Callable[[web.Request], str]
    ) -> None:
        self._schema = schema
        self._ledger = ledger
        self._gate = gate
        self._org_id = org_id
        self._url_of = url_of

    def endpoints(self) -> list[Endpoint]:
        """Give the routes."""
        return [
            Endpoint("GET", f"/services/data{END}", "versions", self._versions),
            Endpoint("GET", f"{DATA}{END}", "resources", self._resources),
            Endpoint("GET", f"{DATA}/limits{END}", "limits", self._limits),
            Endpoint("GET", f"{DATA}/sobjects{END}", "describe_global", self._all),
            Endpoint("GET", f"{DATA}/sobjects/{ENTITY}{END}", "describe_basic", self._basic),
            Endpoint("GET", f"{DATA}/sobjects/{ENTITY}/describe{END}", "describe", self._one),
            Endpoint("GET", f"/services/oauth2/userinfo{END}", "identity", self._identity),
            Endpoint("GET", "/id/{org}/{user}" + END, "identity", self._identity),
        ]

    async def _versions(self, call: Call) -> web.Response:
        del call
        return answer(
            [
                {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
                for number, label in VERSIONS.items()
            ]
        )

    async def _resources(self, call: Call) -> web.Response:
        return answer({name: f"{call.base}/{name}" for name in RESOURCES})

    async def _limits(self, call: Call) -> web.Response:
        del call
        calls, events = self._gate.api_limit, self._ledger.operations["publish_event"]
        return answer(
            {
                "DailyApiRequests": _allowance(calls, self._ledger.api_calls),
                "HourlyPublishedPlatformEvents": _allowance(EVENTS_PER_HOUR, events),
                "DataStorageMB": _allowance(1024, 12),
                "FileStorageMB": _allowance(1024, 3),
            }
        )

    async def _all(self, call: Call) -> web.Response:
        listed = [_summary(entity, call.base) for entity in self._schema]
        return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    async def _basic(self, call: Call) -> web.Response:
        return answer({"objectDescribe": _summary(self._entity(call), call.base), "recentItems": []})

    async def _one(self, call: Call) -> web.Response:
        entity = self._entity(call)
        children = [
            {"childSObject": other.name, "field": field.name, "relationshipName": field.children}
            for other in self._schema
            for field in other
            if entity.name in field.refers_to
        ]
        extra = {"fields": [_described(field) for field in entity], "childRelationships": children}
        return answer({**_summary(entity, call.base), **extra, "recordTypeInfos": []})

    async def _identity(self, call: Call) -> web.Response:
        session = call.session
        username = session.username if session else ""
        return answer(
            {
                "sub": f"{self._url_of(call.request)}/id/{self._org_id}/{call.user_id}",
                "id": f"{self._url_of(call.request)}/id/{self._org_id}/{call.user_id}",
                "user_id": call.user_id,
                "organization_id": self._org_id,
                "preferred_username": username,
                "username": username,
                "active": True,
                "user_type": "STANDARD",
            }
        )

    def _entity(self, call: Call) -> Entity:
        entity = self._schema.entity(call.request.match_info["entity"])
        if entity is None:
            raise not_found()
        return entity


def _allowance(most: int, used: int) -> dict[str, int]:
    return {"Max": most, "Remaining": max(most - used, 0)}


def _summary(entity: Entity, base: str) -> dict[str, Any]:
    url = f"{base}/sobjects/{entity.name}"
    event = entity.name.endswith("__e")
    return {
        "name": entity.name,
        "label": entity.name,
        "labelPlural": f"{entity.name}s",
        "keyPrefix": entity.prefix,
        "custom": "__" in entity.name,
        "createable": entity.createable,
        "updateable": entity.createable and not event,
        "deletable": entity.createable and not event,
        "queryable": not event,
        "retrieveable": not event,
        "searchable": entity.searchable,
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
    }


def _described(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label or field.name,
        "type": field.type,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "length": field.length if field.type not in {"int", "double"} else 0,
        "digits": field.length if field.type == "int" else 0,
        "nillable": not field.required and field.type not in {"id", "boolean"},
        "createable": field.createable,
        "updateable": field.updateable,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.type == "id",
        "unique": field.unique,
        "custom": field.custom,
        "nameField": field.name_field,
        "filterable": field.filterable,
        "sortable": field.filterable,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
        "defaultedOnCreate": field.type == "boolean",
        "picklistValues": [],
    }
