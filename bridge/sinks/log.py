"""`log`: every notification as one line of the worker's log, masked unless the org allows callers in logs."""

from __future__ import annotations

from typing import ClassVar

import structlog

from bridge.core.privacy import mask_digits, mask_number
from bridge.notifications import Incident, Notice, Notification, ScreenPop, Trouble, Voicemail
from bridge.sinks.base import Delivery, Receipt, Sink

log = structlog.get_logger()


class LogSink(Sink):
    """Writes one line; transcriptions are never logged."""

    by_default: ClassVar[bool] = True

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Write the line. Never fails."""
        notification = delivery.notification
        log.info(
            notification.type,
            sink=self.name,
            delivery_id=delivery.id,
            **_facts(notification, show=self.context.show_callers),
        )
        return Receipt("written to the log")


def _facts(notification: Notification, *, show: bool) -> dict[str, object]:
    """The key-values of the line: ids and outcomes always, callers masked unless `show`."""
    data = notification.data
    facts: dict[str, object]
    match data:
        case ScreenPop():
            facts = {
                "call_id": data.call_id,
                "agent": data.agent.user_id if data.agent else None,
                "number": data.caller.number if show else mask_number(data.caller.number),
                "caller": data.caller.name if show else None,
                "target": data.target.kind,
                "record_id": data.target.record_id,
                "source": data.lookup.source,
                "degraded": data.lookup.degraded or None,
                "reason": data.lookup.reason if show or not data.lookup.reason else mask_digits(data.lookup.reason),
            }
        case Voicemail():
            facts = {
                "voicemail_id": data.voicemail_id,
                "agent": data.agent.user_id if data.agent else None,
                "number": data.caller.number if show else mask_number(data.caller.number),
                "caller": data.caller.name if show else None,
                "record_id": data.caller.record.id if data.caller.record else None,
                "duration_s": data.duration_s,
                "priority": data.priority,
            }
        case Incident():
            facts = {
                "incident_id": data.incident_id,
                "queue": data.queue.id,
                "severity": data.severity,
                "status": data.status,
                "step": data.step,
                "loop": data.loop,
                "summary": data.summary,
            }
        case Trouble():
            facts = {"subject": data.subject, "key": data.key, "severity": data.severity, "title": data.title}
        case Notice():
            facts = {"title": data.title}
    return {name: value for name, value in facts.items() if value is not None}
