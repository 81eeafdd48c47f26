"""What is sent to Salesforce to find a caller: SOSL and SOQL, built from digits, every text escaped. Pure.

Sources: Salesforce SOSL reference (FIND, reserved characters, PHONE FIELDS), SOQL reference (quoted strings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from simple_salesforce.format import format_soql

from bridge.salesforce.phone import PhoneNumber

PHONE_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone"),
        "Account": ("Phone",),
        "Lead": ("Phone", "MobilePhone"),
    }
)
"""The standard phone fields of the objects that a caller is looked up in."""

_ONLY_LIVE = MappingProxyType({"Lead": "IsConverted = false"})
_RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
PER_OBJECT = 20
"""More hits than this are a switchboard, not a caller."""


def escape_sosl(text: str) -> str:
    """Make any text a literal SOSL term: every reserved character gets its backslash, control characters a space."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"\\{char}" if char in _RESERVED else char for char in plain)


def search(number: PhoneNumber, objects: Sequence[str]) -> str:
    """One SOSL search for a caller over all objects, in the phone fields only."""
    terms = " OR ".join(f'"{escape_sosl(term)}"' for term in number.terms())
    returning = ", ".join(_returning(name) for name in objects)
    return f"FIND {{{terms}}} IN PHONE FIELDS RETURNING {returning}"


def exact(number: PhoneNumber, object_name: str) -> str:
    """One SOQL query for the usual spellings: what the search index has not seen yet is found by this at once."""
    fields = PHONE_FIELDS[object_name]
    spellings = list(number.spellings())
    anywhere = " OR ".join(str(format_soql(f"{field} IN {{}}", spellings)) for field in fields)
    only = f" AND {_ONLY_LIVE[object_name]}" if object_name in _ONLY_LIVE else ""
    names = ", ".join(_selected(object_name))
    # Names come from the table above, spellings are quoted by format_soql.
    chosen = f"SELECT {names} FROM {object_name} WHERE ({anywhere}){only}"  # noqa: S608
    return f"{chosen} ORDER BY LastModifiedDate DESC LIMIT {PER_OBJECT}"


def _returning(object_name: str) -> str:
    where = f" WHERE {_ONLY_LIVE[object_name]}" if object_name in _ONLY_LIVE else ""
    names = ", ".join(_selected(object_name))
    return f"{object_name}({names}{where} ORDER BY LastModifiedDate DESC LIMIT {PER_OBJECT})"


def _selected(object_name: str) -> tuple[str, ...]:
    return ("Id", "Name", "LastModifiedDate", *PHONE_FIELDS[object_name])
