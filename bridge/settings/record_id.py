"""Salesforce ids as settings hold them: 15 characters, or 18 with a check suffix; the first 15 name the record."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from bridge.settings.model import Expects, Refusal

SHORT, LONG = 15, 18


def _checked(value: str, prefix: str) -> str:
    text = value.strip()
    if len(text) not in {SHORT, LONG}:
        raise Refusal(f"has {len(text)} characters")
    if not (text.isascii() and text.isalnum()):
        raise Refusal("contains other characters than letters and digits")
    if not text.startswith(prefix):
        raise Refusal(f"does not start with {prefix}")
    return text


def _org(value: str) -> str:
    return _checked(value, "00D")


def _user(value: str) -> str:
    return _checked(value, "005")


OrgId = Annotated[
    str, AfterValidator(_org), Expects("id", "a Salesforce org id: 15 or 18 letters and digits, starting with 00D")
]
UserId = Annotated[
    str, AfterValidator(_user), Expects("id", "a Salesforce user id: 15 or 18 letters and digits, starting with 005")
]
