"""What reaches people or subscribers: platform events and custom notifications.

Source: Salesforce Platform Events Developer Guide, "Publish Event Messages with APIs"; Actions Developer Guide, "Send
Custom Notification Actions".
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bridge.sandbox.salesforce.call import Call, answer
from bridge.sandbox.salesforce.endpoint import DATA, END, Endpoint
from bridge.sandbox.salesforce.errors import ApiError, not_found, unreadable_json
from bridge.sandbox.salesforce.ids import normal_id
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.schema import Schema
from bridge.sandbox.salesforce.writing import Writer

EVENT_ID = "e01xx0000000001AAA"
"""The id of every published event: "don't rely on it", says the guide."""
MAX_TITLE = 250
MAX_BODY = 750
MAX_RECIPIENTS = 500
RECIPIENT_PREFIXES = frozenset({"005", "001", "006", "00G"})
"""Users, accounts, opportunities, groups and queues."""
NOTIFICATION_TYPE_PREFIX = "0ML"
ACTION = "customNotificationAction"


class PublishingEndpoints:
    """The resources that tell somebody something. Event uuids come from seeded dice."""

    def __init__(self, schema: Schema, writer: Writer, ledger: Ledger, dice: random.Random) -> None:
        self._schema = schema
        self._writer = writer
        self._ledger = ledger
        self._dice = dice

    def endpoints(self) -> list[Endpoint]:
        """Give the routes; they must stand before those of records."""
        event = r"{entity:[A-Za-z0-9_]+__[eE]}"
        return [
            Endpoint("POST", f"{DATA}/sobjects/{event}{END}", "publish_event", self._publish),
            Endpoint("POST", f"{DATA}/actions/standard/{ACTION}{END}", "notify", self._notify),
        ]

    async def _publish(self, call: Call) -> web.Response:
        entity = self._schema.entity(call.request.match_info["entity"])
        if entity is None:
            raise not_found()
        body = await call.json_object()
        values = self._writer.clean(entity, body, creating=True)
        missing = [field.name for field in entity if field.required and values.get(field.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise ApiError(400, "REQUIRED_FIELD_MISSING", message, missing)
        self._ledger.events.append((entity.name, body))
        event_uuid = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        queued = {"statusCode": "OPERATION_ENQUEUED", "message": event_uuid, "fields": []}
        return answer({"id": EVENT_ID, "success": True, "errors": [queued]}, 201)

    async def _notify(self, call: Call) -> web.Response:
        body = await call.json_object()
        inputs = body.get("inputs")
        if not isinstance(inputs, list) or not inputs or not all(isinstance(item, dict) for item in inputs):
            raise unreadable_json("The inputs of an action must be a list of objects")
        problems = [_problem(item) for item in inputs]
        self._ledger.notifications.extend(
            item for item, problem in zip(inputs, problems, strict=True) if problem is None
        )
        results = [_result(problem) for problem in problems]
        return answer(results, 200 if all(problem is None for problem in problems) else 400)


def _result(problem: str | None) -> dict[str, Any]:
    if problem is None:
        done = {"SuccessMessage": "Your custom notification is processed successfully."}
        return {"actionName": ACTION, "errors": None, "isSuccess": True, "outputValues": done}
    error = {"statusCode": "INVALID_API_INPUT", "message": problem, "fields": []}
    return {"actionName": ACTION, "errors": [error], "isSuccess": False, "outputValues": None}


def _problem(item: Mapping[str, Any]) -> str | None:
    """Say what is wrong with one input, or None."""
    recipients = item.get("recipientIds")
    if not isinstance(recipients, list) or not 0 < len(recipients) <= MAX_RECIPIENTS:
        return f"recipientIds: between 1 and {MAX_RECIPIENTS} recipients are required"
    wrong = next((one for one in recipients if _prefix(one) not in RECIPIENT_PREFIXES), None)
    if wrong is not None:
        return f"recipientIds: invalid recipient id: {wrong!s:.80}"
    if _prefix(item.get("customNotifTypeId")) != NOTIFICATION_TYPE_PREFIX:
        return "customNotifTypeId: the custom notification type is missing or unknown"
    for name, most in (("title", MAX_TITLE), ("body", MAX_BODY)):
        text = item.get(name)
        if not isinstance(text, str) or not text or len(text) > most:
            return f"{name}: a text of 1 to {most} characters is required"
    if not item.get("targetPageRef") and _prefix(item.get("targetId")) is None:
        return "targetId: either targetId or targetPageRef is required"
    return None


def _prefix(text: object) -> str | None:
    record_id = normal_id(text) if isinstance(text, str) else None
    return record_id[:3] if record_id else None
