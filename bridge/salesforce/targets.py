"""What an agent's screen should show for a caller: a record, a search, a new record, or nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from bridge.events import CallerHint
from bridge.notifications import TargetShape
from bridge.salesforce.phone import PhoneNumber
from bridge.salesforce.ranking import Hit, preferred
from bridge.settings.screen_pop import ScreenPop

KEY_PREFIXES = {"001": "Account", "003": "Contact", "500": "Case"}
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?", re.ASCII)


def valid_id(value: str | None, object_name: str) -> bool:
    """True when that has the shape of such a record's id: 15 or 18 letters and digits, with its key prefix.

    Minerva's word is never trusted further: an id of another shape is as good as none.
    """
    return value is not None and _ID.fullmatch(value) is not None and KEY_PREFIXES.get(value[:3]) == object_name


def known_record(hint: CallerHint) -> Hit | None:
    """The record that Minerva names itself, when its id has the right shape: contact, then account, then case."""
    for object_name, value in (
        ("Contact", hint.contact_id),
        ("Account", hint.account_id),
        ("Case", hint.case_id),
    ):
        if value is not None and valid_id(value, object_name):
            return Hit(object_name, value, None, "")
    return None


def record_url(instance_url: str | None, object_name: str, record_id: str) -> str | None:
    """The Lightning address of a record; None while the org's address is not known."""
    if instance_url is None:
        return None
    return f"{instance_url.rstrip('/')}/lightning/r/{quote(object_name, safe='')}/{quote(record_id, safe='')}/view"


def choose(
    hits: Sequence[Hit],
    *,
    rules: ScreenPop,
    number: PhoneNumber | None,
    name: str | None,
    instance_url: str | None,
) -> TargetShape | None:
    """Choose by the org's rules for one, several or no match; None when the rule says to pop nothing.

    Args:
        hits: The caller's records, best first.
        rules: The org's `BRIDGE_SCREEN_POP__…`.
        number: The caller's number, None when it is withheld.
        name: What the caller is called, for a new record.
        instance_url: Where the org is, when known.
    """
    best = preferred(hits)
    if len(best) == 1 or (best and rules.on_multiple == "most_recent"):
        return record(best[0], instance_url)
    rule = rules.on_multiple if best else rules.on_none
    if rule == "none":
        return None
    if rule == "new_record":
        return _new_record(rules.new_record_object, number, name, instance_url)
    return search(number)


def record(hit: Hit, instance_url: str | None) -> TargetShape:
    """Show this record."""
    url = record_url(instance_url, hit.object, hit.id)
    return TargetShape(kind="record", object=hit.object, record_id=hit.id, url=url)


def search(number: PhoneNumber | None) -> TargetShape:
    """Let the agent search: for the number as it is dialled, or for nothing when it is withheld."""
    return TargetShape(kind="search", query=(number.key or number.raw) if number is not None else None)


def _new_record(
    object_name: str, number: PhoneNumber | None, name: str | None, instance_url: str | None
) -> TargetShape:
    defaults = {}
    if number is not None and number.key:
        defaults["Phone"] = number.key
    if name:
        defaults["LastName" if object_name in {"Contact", "Lead"} else "Name"] = name
    url = None
    if instance_url is not None:
        values = ",".join(f"{field}={quote(value, safe='')}" for field, value in defaults.items())
        url = f"{instance_url.rstrip('/')}/lightning/o/{quote(object_name, safe='')}/new"
        url += f"?defaultFieldValues={quote(values, safe='=,%')}" if values else ""
    return TargetShape(kind="new_record", object=object_name, defaults=defaults, url=url)
