"""Who may log in: the JWT bearer flow and the client credentials flow.

In a rehearsal nothing is registered, and any consumer with a well-formed assertion or any secret comes in. Once a consumer
is registered, only registered ones do, and signature, audience, user and secret are verified.
Sources: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "OAuth 2.0 Client Credentials Flow
for Server-to-Server Integration", "OAuth 2.0 Authorization Errors".
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bridge.sandbox.salesforce.errors import OAuthError

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_CREDENTIALS = "client_credentials"
AUDIENCES = frozenset({"https://login.salesforce.com", "https://test.salesforce.com"})
RUN_AS = "integration@callcentre.example.sandbox"
"""User that the client credentials flow runs as."""
MAX_EPOCH_S = 10_000_000_000
"""An expiry beyond the year 2286 was given in milliseconds: refused as expired."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A registered client: connected app or external client app.

    Attributes:
        client_id: The consumer key.
        certificate: PEM of the X.509 certificate or public key that verifies its assertions; None: no JWT flow.
        secret: The consumer secret; None: no client credentials flow.
        users: Usernames that are pre-authorised for it; None: all.
    """

    client_id: str
    certificate: str | bytes | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    users: frozenset[str] | None = None

    def public_key(self) -> RSAPublicKey | None:
        """Give the key that verifies assertions.

        Raises:
            ValueError: the PEM holds no RSA key.
        """
        if self.certificate is None:
            return None
        pem = self.certificate.encode() if isinstance(self.certificate, str) else self.certificate
        if b"BEGIN CERTIFICATE" in pem:
            key: object = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = load_pem_public_key(pem)
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the certificate of a consumer must hold an RSA key")  # noqa: TRY004 - of text, not of types
        return key


class Gatekeeper:
    """Decides logins. `own_urls` gives the org's own login URLs, which are audiences too."""

    def __init__(self, clock: Callable[[], float], own_urls: Callable[[], frozenset[str]]) -> None:
        self._clock = clock
        self._own_urls = own_urls
        self._consumers: dict[str, tuple[Consumer, RSAPublicKey | None]] = {}

    def register(self, consumer: Consumer) -> None:
        """Register a client; from now on only registered ones come in.

        Raises:
            ValueError: its certificate holds no RSA key.
        """
        self._consumers[consumer.client_id] = (consumer, consumer.public_key())

    def username(self, form: Mapping[str, str], authorization: str | None) -> str:
        """Give the user that a token request may log in as.

        Raises:
            OAuthError: with the error and description of the platform.
        """
        match form.get("grant_type"):
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                return self._by_assertion(form.get("assertion", ""))
            case "client_credentials":
                return self._by_secret(form, authorization)
            case None | "":
                raise OAuthError("invalid_request", "missing required parameter: grant_type")
            case _:
                raise OAuthError("unsupported_grant_type", "grant type not supported")

    def _by_assertion(self, assertion: str) -> str:
        claims = self._claims(assertion, None)
        client_id, username, audience = (claims.get(name) for name in ("iss", "sub", "aud"))
        if not isinstance(username, str) or not username:
            raise OAuthError("invalid_grant", "invalid assertion")
        if not isinstance(client_id, str) or not client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if self._consumers:
            consumer, key = self._consumers.get(client_id, (None, None))
            if consumer is None:
                raise OAuthError("invalid_client_id", "client identifier invalid")
            if key is None:
                raise OAuthError("invalid_grant", "invalid assertion")
            self._claims(assertion, key)
            if consumer.users is not None and username not in consumer.users:
                raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if not self._known_audience(audience):
            raise OAuthError("invalid_grant", "audience is invalid")
        self._refuse_expired(claims.get("exp"))
        return username

    def _claims(self, assertion: str, key: RSAPublicKey | None) -> dict[str, Any]:
        """Decode an assertion, and verify its signature when there is a key; time and audience are judged apart."""
        options: Any = {"verify_signature": key is not None} | dict.fromkeys(
            ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
        )
        try:
            if jwt.get_unverified_header(assertion).get("alg") != "RS256":
                raise OAuthError("invalid_grant", "invalid assertion")
            claims: dict[str, Any] = jwt.decode(assertion, key or "", algorithms=["RS256"], options=options)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        return claims

    def _known_audience(self, audience: object) -> bool:
        audiences = audience if isinstance(audience, list) else [audience]
        if not self._consumers:
            return any(isinstance(item, str) and item for item in audiences)
        return any(isinstance(item, str) and item.rstrip("/") in AUDIENCES | self._own_urls() for item in audiences)

    def _refuse_expired(self, expiry: object) -> None:
        try:
            expires_at = int(expiry) if isinstance(expiry, str | int) and not isinstance(expiry, bool) else None
        except ValueError:
            expires_at = None
        if expires_at is None:
            raise OAuthError("invalid_grant", "invalid assertion")
        if not self._clock() < expires_at < MAX_EPOCH_S:
            raise OAuthError("invalid_grant", "expired authorization code")

    def _by_secret(self, form: Mapping[str, str], authorization: str | None) -> str:
        client_id, secret = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        if not client_id or not secret:
            raise OAuthError("invalid_client", "invalid client credentials")
        if self._consumers:
            consumer, _ = self._consumers.get(client_id, (None, None))
            if consumer is None:
                raise OAuthError("invalid_client_id", "client identifier invalid")
            if consumer.secret is None or not hmac.compare_digest(consumer.secret.encode(), secret.encode()):
                raise OAuthError("invalid_client", "invalid client credentials")
        return RUN_AS


def _basic(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, coded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return unquote(client_id), unquote(secret)
