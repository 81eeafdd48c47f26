"""From raw hits to the records that are really the caller's, the likeliest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.salesforce.phone import PhoneNumber, same
from bridge.salesforce.queries import PHONE_FIELDS


@dataclass(frozen=True, slots=True)
class Hit:
    """One record found for a caller; `modified` is Salesforce's text, which sorts by time."""

    object: str
    id: str
    name: str | None
    modified: str


def verified(records: Iterable[Mapping[str, Any]], number: PhoneNumber, region: str) -> list[Hit]:
    """Keep the records in which one phone field is this very number: a near match is never popped."""
    hits: dict[str, Hit] = {}
    for record in records:
        attributes = record.get("attributes")
        kind = attributes.get("type") if isinstance(attributes, Mapping) else None
        record_id = record.get("Id")
        if not isinstance(kind, str) or not isinstance(record_id, str) or kind not in PHONE_FIELDS:
            continue
        if any(same(number, _text(record.get(field)), region) for field in PHONE_FIELDS[kind]):
            modified = _text(record.get("LastModifiedDate")) or ""
            hits.setdefault(record_id, Hit(kind, record_id, _text(record.get("Name")), modified))
    return list(hits.values())


def ranked(hits: Iterable[Hit], preference: Sequence[str]) -> list[Hit]:
    """Order by preferred object, then the latest change first."""
    places = {name: place for place, name in enumerate(preference)}
    latest_first = sorted(hits, key=lambda hit: hit.modified, reverse=True)
    return sorted(latest_first, key=lambda hit: places.get(hit.object, len(places)))


def preferred(hits: Sequence[Hit]) -> list[Hit]:
    """The hits of the best object: a contact's own record counts before the account behind the same number."""
    return [hit for hit in hits if hit.object == hits[0].object] if hits else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
