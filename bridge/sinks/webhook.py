"""`webhook`: the envelope as JSON to an address of yours, signed as Standard Webhooks 1.0.0 says.

`webhook-id` is the delivery's id, the same at every retry: a receiver that remembers it handles each message once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import aiohttp
from pydantic import AfterValidator, Field, SecretStr, field_validator

from bridge.sinks.base import Ambiguous, Delivery, Receipt, Retryable, Sink, SinkSettings, verdict

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of all such secrets
SHORTEST_KEY_BYTES, LONGEST_KEY_BYTES = 24, 64
OWN_HEADERS = frozenset(
    {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length", "transfer-encoding"}
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*")  # no control characters, no lone surrogates


def _is_url(value: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 - start-up only

    wrong = "an http:// or https:// URL is expected"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # brackets or a port that make no sense
        raise ValueError(wrong) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(wrong)
    if " " in value or not value.isprintable():
        raise ValueError(wrong)
    if parts.username or parts.password:
        raise ValueError("credentials belong into headers, not into the URL")
    return value


def key_bytes(secret: str) -> bytes:
    """Decode a `whsec_` secret. Raises ValueError when it is no base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("whsec_ and base64 of 24 to 64 bytes is expected") from None
    if not SHORTEST_KEY_BYTES <= len(key) <= LONGEST_KEY_BYTES:
        raise ValueError("whsec_ and base64 of 24 to 64 bytes is expected")
    return key


class WebhookSettings(SinkSettings):
    """`{"type": "webhook", "url": …, "secret": "whsec_…", "headers": {…}}`."""

    url: Annotated[str, AfterValidator(_is_url)] = Field(description="where to POST")
    secret: SecretStr | None = Field(None, description="whsec_…: signs every message")
    secrets: list[SecretStr] = Field(default_factory=list, description="several, while one is being replaced; all sign")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="sent along, such as an authorization")

    @field_validator("secret")
    @classmethod
    def _secret_is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_bytes(value.get_secret_value())
        return value

    @field_validator("secrets")
    @classmethod
    def _secrets_are_keys(cls, value: list[SecretStr]) -> list[SecretStr]:
        for each in value:
            key_bytes(each.get_secret_value())
        return value

    @field_validator("headers")
    @classmethod
    def _headers_can_be_sent(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, content in value.items():
            if name.lower() in OWN_HEADERS:
                raise ValueError(f"{name} is set by the bridge itself")
            if _HEADER_NAME.fullmatch(name) is None or _HEADER_VALUE.fullmatch(content.get_secret_value()) is None:
                raise ValueError("header names are ASCII words; no line breaks in names or values")
        return value


def signature(keys: list[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Sign as Standard Webhooks says: `v1,` and base64 HMAC-SHA256 of `id.timestamp.body`, one per key, by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)


def _as_json(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:  # a figure that is none: receivers' parsers would refuse the whole message for it
        return json.dumps(_finite(body), separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


class WebhookSink(Sink):
    """POSTs the envelope; only 2xx counts as taken, redirects are not followed."""

    Settings: ClassVar[type[SinkSettings]] = WebhookSettings
    concurrency: ClassVar[int] = 8
    settings: WebhookSettings

    def __init__(self, name: str, settings: Any, context: Any) -> None:
        super().__init__(name, settings, context)
        secrets = [*([settings.secret] if settings.secret else []), *settings.secrets]
        self._keys = [key_bytes(secret.get_secret_value()) for secret in secrets]
        self._headers = {header: value.get_secret_value() for header, value in settings.headers.items()}

    async def deliver(self, delivery: Delivery) -> Receipt:
        """POST once. A lost answer is Ambiguous; the id lets the receiver recognise the repeat."""
        body = _as_json(delivery.body)
        try:
            async with self.context.http.post(
                self.settings.url, data=body, headers=self._sign(delivery.id, body), allow_redirects=False
            ) as response:
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            raise Retryable(f"cannot connect: {type(error.os_error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Ambiguous(f"no answer: {type(error).__name__}") from None
        refusal = verdict(status, retry_after=headers.get("Retry-After"), now=self.context.clock.now())
        if refusal is not None:
            raise refusal
        return Receipt(f"HTTP {status}")

    def _sign(self, message_id: str, body: bytes) -> Mapping[str, str]:
        timestamp = int(self.context.clock.now())
        headers = {
            **self._headers,
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, message_id, timestamp, body)
        return headers
