"""A voicemail arrives → the right people know."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import structlog

from bridge.core.clock import rfc3339
from bridge.events import Priority, VoicemailChanged, VoicemailLeft
from bridge.handlers.ports import Caller, CallerLookup, Directory, Post
from bridge.notifications import Notification, Voicemail, VoicemailCaller

log = structlog.get_logger()

TITLE_NEW = "New Voicemail"
TITLE_CHANGED = "Voicemail updated"
REMEMBERED = 10_000
"""Voicemails whose particulars are kept for their updates, which name only what changed."""

_FIELDS = {
    "from": "caller_number",
    "to": "to",
    "callerInfo": "caller",
    "duration": "duration_s",
    "transcription": "transcription",
    "transcriptionConfidence": "transcription_confidence",
    "recordingUrl": "recording_url",
    "priority": "urgency",
    "createdAt": "created_at",
}
LOW_CONFIDENCE = 0.6
"""Below this a transcription is marked as uncertain."""


class VoicemailHandler:
    """Makes notifications of voicemails.

    Args:
        api_url: Minerva's API base, which recordings are relative to.
    """

    def __init__(self, *, api_url: str, lookup: CallerLookup, directory: Directory, post: Post) -> None:
        self._api_url = api_url
        self._lookup = lookup
        self._directory = directory
        self._post = post
        self._known: OrderedDict[tuple[str | None, str], VoicemailLeft] = OrderedDict()

    async def left(self, event: VoicemailLeft) -> str:
        """Tell of a new voicemail, whatever its age: none is ever lost."""
        self._remember(event)
        caller = await self._lookup.find(event.caller_number, event.caller, named=True)
        self._tell("voicemail.new", event, caller, changed=())
        return "handled"

    async def changed(self, event: VoicemailChanged) -> str:
        """Tell what changed in a voicemail; what the change leaves out is as it was, as far as that is remembered."""
        before = self._known.get((event.agent, event.voicemail_id))
        if before is not None:
            event = _completed(event, before)
        self._remember(event)
        caller = await self._lookup.find(event.caller_number, event.caller, named=True)
        self._tell("voicemail.updated", event, caller, changed=event.changed)
        return "handled"

    def _remember(self, event: VoicemailLeft) -> None:
        key = (event.agent, event.voicemail_id)
        self._known[key] = event
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _tell(self, kind: str, event: VoicemailLeft, caller: Caller, *, changed: tuple[str, ...]) -> None:
        agent = self._directory.agent(event.agent)
        record = caller.record()
        name = event.caller.name or caller.name()
        data = Voicemail(
            event_id=event.id,
            voicemail_id=event.voicemail_id,
            title=TITLE_NEW if kind == "voicemail.new" else TITLE_CHANGED,
            body=_body(event, name, agent.name if agent else None),
            to=event.to,
            agent=agent,
            caller=VoicemailCaller(number=event.caller_number, e164=caller.e164, name=name, record=record),
            duration_s=event.duration_s,
            transcription=event.transcription,
            transcription_confidence=event.transcription_confidence,
            recording_url=absolute(self._api_url, event.recording_url),
            priority=event.urgency,
            created_at=rfc3339(event.created_at) if event.created_at is not None else None,
            updated_fields=list(changed),
        )
        facts = {"to": event.to, "priority": event.urgency, "agent": event.agent}
        sent = self._post(
            Notification(
                id=f"{kind}/{event.agent}/{event.voicemail_id if kind == 'voicemail.new' else event.id}",
                type=kind,
                at=event.happened_at,
                data=data,
                subject=f"voicemail {event.agent}/{event.voicemail_id}",
                priority=Priority.HIGH if event.urgency == "high" else event.priority,
                facts={key: value for key, value in facts.items() if value is not None},
            )
        )
        log.info(
            kind, voicemail_id=event.voicemail_id, agent=event.agent, sinks=sent, correlation_id=event.correlation_id
        )


def _completed(change: VoicemailChanged, before: VoicemailLeft) -> VoicemailChanged:
    """The voicemail after the change: fields that did not come with it keep their value."""
    kept = {name: getattr(before, name) for wire, name in _FIELDS.items() if wire not in change.changed}
    return replace(change, **kept)


def absolute(api_url: str, recording_url: str | None) -> str | None:
    """The address of a recording: relative ones stand under Minerva's API; only http and https are passed on.

    An address with spaces, line breaks or control characters is none: it could forge text around the link.
    """
    if not recording_url or " " in recording_url or not recording_url.isprintable():
        return None
    try:
        url = urljoin(api_url.rstrip("/") + "/", recording_url)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _body(event: VoicemailLeft, name: str | None, agent: str | None) -> str:
    """Text for people; the first line is `From:` and Minerva's name, else the record's, else the number."""
    shown_name, number = _one_line(name or ""), _one_line(event.caller_number or "")
    nobody = "unknown caller" if isinstance(event, VoicemailChanged) else "withheld number"
    lines = [f"From: {shown_name or number or nobody}"]
    if shown_name and number:
        lines.append(f"Number: {number}")
    if agent:
        lines.append(f"For: {_one_line(agent)}")
    if event.duration_s is not None:
        lines.append(f"Length: {event.duration_s:g} s")
    if event.transcription:
        confidence = event.transcription_confidence
        mark = " (uncertain)" if confidence is not None and confidence < LOW_CONFIDENCE else ""
        lines.append(f"Transcription{mark}: {_one_line(event.transcription)}")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """Hostile text must not forge another line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
