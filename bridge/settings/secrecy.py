"""Which texts of the settings are secret."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, SecretStr


def secrets_of(model: BaseModel) -> list[str]:
    """Every secret's text in a settings model, at any depth: what the log must never show."""
    found: list[str] = []
    for name in type(model).model_fields:
        found += _secrets_in(getattr(model, name))
    return found


def _secrets_in(value: object) -> list[str]:
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case BaseModel():
            return secrets_of(value)
        case Mapping():
            return [secret for each in value.values() for secret in _secrets_in(each)]
        case list() | tuple():
            return [secret for each in value for secret in _secrets_in(each)]
        case _:
            return []
