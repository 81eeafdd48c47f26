"""A configuration that works, for tests to break, and the two ways to look at what `load` makes of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bridge.core.errors import ConfigurationError
from bridge.settings import Settings, load


class LogOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WebhookOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where to POST.")
    secret: SecretStr | None = Field(default=None, description="Signs.")
    secrets: list[SecretStr] = Field(default_factory=list, description="Several.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent along.")
    retries: int = Field(default=3, ge=1, description="A number.")
    secret_words: str | list[str] = Field(default="none", description="Text or a list.")

    @field_validator("secret")
    @classmethod
    def _careless(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("whsec_"):
            raise ValueError(f"{value.get_secret_value()!r} does not start with whsec_")
        return value


SINK_MODELS: Mapping[str, type[BaseModel]] = {"log": LogOptions, "webhook": WebhookOptions}

ORG_ID = "00D000000000001EAA"
WORKING: Mapping[str, str] = {
    "BRIDGE_ENVIRONMENT": "qa",
    "BRIDGE_ORG_ID": ORG_ID,
    "BRIDGE_MINERVA__TOKEN": "minerva-token",
    "BRIDGE_SALESFORCE__AUTH": "token",
    "BRIDGE_SALESFORCE__INSTANCE_URL": "https://example.my.salesforce.com",
    "BRIDGE_SALESFORCE__ACCESS_TOKEN": "salesforce-token",
    "BRIDGE_AGENTS": '[{"user_id": "ada"}, {"user_id": "ben"}]',
    "BRIDGE_QUEUES": '["q1", "q2"]',
    "BRIDGE_SINKS": '{"log": {"type": "log"}, "crm": {"type": "webhook", "url": "https://crm.example/hook"}}',
}


def loaded(
    changes: Mapping[str, Any] | None = None, *, without: tuple[str, ...] = (), cwd: Path | None = None, **named: Any
) -> Settings:
    """Load the working configuration with changes; what is not text is written as JSON."""
    changed = {name: value if isinstance(value, str) else json.dumps(value) for name, value in (changes or {}).items()}
    environ = {name: value for name, value in {**WORKING, **changed}.items() if name not in without}
    defaults: dict[str, Any] = {"sink_models": SINK_MODELS, "dotenv": None, "secrets_dirs": (), "terminal": False}
    return load(environ, cwd=cwd, **{**defaults, **named})


def problems(
    changes: Mapping[str, Any] | None = None, *, without: tuple[str, ...] = (), cwd: Path | None = None, **named: Any
) -> list[str]:
    """The problems of the working configuration with changes, each as its line."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(changes, without=without, cwd=cwd, **named)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems), "a problem has more than one line"
    assert all("\t" not in line and line.isprintable() for line in lines)
    return lines


def problem(changes: Mapping[str, Any] | None = None, **named: Any) -> str:
    """The only problem of the working configuration with changes."""
    found = problems(changes, **named)
    assert len(found) == 1, found
    return found[0]


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption | None = None
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()
