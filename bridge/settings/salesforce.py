"""How the worker reaches Salesforce and looks callers up: `BRIDGE_SALESFORCE__…`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bridge.settings.kinds import ApiNames, CaFile, Count, Duration, DurationOrZero, Secret, Share, Text
from bridge.settings.model import Expects, Model, Refusal, Shown
from bridge.settings.urls import WebUrl

PRODUCTION_AUDIENCE = "https://login.salesforce.com"
SANDBOX_AUDIENCE = "https://test.salesforce.com"

NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jwt": ("login_url", "client_id", "username", "private_key"),
        "client_credentials": ("login_url", "client_id", "client_secret"),
        "token": ("instance_url", "access_token"),
    }
)
"""What each way to log in cannot do without."""

_API_VERSION = re.compile(r"[1-9]\d{1,2}\.0", re.ASCII)


def _number_as_text(value: object) -> object:
    return str(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _api_version(value: str) -> str:
    if _API_VERSION.fullmatch(value.strip()) is None:
        raise Refusal("is not an API version")
    return value.strip()


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - its metadata costs start-up time; most commands need none

    region = value.strip().upper()
    if region not in SUPPORTED_REGIONS:
        raise Refusal("is not a region that telephone numbers are known for")
    return region


def _rsa_key(value: SecretStr) -> SecretStr:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only needed where a key is given
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - the same

    # One-line stores of secrets keep a PEM with literal "\n" between its lines.
    pem = value.get_secret_value().replace("\\r", "").replace("\\n", "\n").strip() + "\n"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise Refusal("is encrypted", "the key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Refusal("is not a private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey):
        raise Refusal("is not an RSA key")
    return SecretStr(pem)


class Salesforce(Model):
    """Login, addresses, limits and the rules of the caller lookup; times in seconds."""

    auth: Literal["jwt", "client_credentials", "token"] = Field(
        default="jwt", description="JWT bearer flow, client credentials flow, or a ready access token."
    )
    login_url: WebUrl | None = Field(
        default=None, description="My Domain of the org, https://…my.salesforce.com. Required unless AUTH is token."
    )
    audience: Annotated[WebUrl, Shown(f"{PRODUCTION_AUDIENCE}, for sandboxes {SANDBOX_AUDIENCE}")] = Field(
        default=PRODUCTION_AUDIENCE, description="Audience of the JWT."
    )
    instance_url: WebUrl | None = Field(default=None, description="Address of the org's API. Required for token.")
    client_id: Text | None = Field(
        default=None, description="Consumer key of the External Client App. Required for jwt and client_credentials."
    )
    client_secret: Secret | None = Field(
        default=None, description="Consumer secret of the External Client App. Required for client_credentials."
    )
    username: Text | None = Field(default=None, description="User the bridge works as. Required for jwt.")
    private_key: (
        Annotated[SecretStr, AfterValidator(_rsa_key), Expects("secret", "an RSA private key in PEM form")] | None
    ) = Field(
        default=None, description='RSA private key in PEM form; literal "\\n" for line ends is accepted. For jwt.'
    )
    access_token: Secret | None = Field(default=None, description="A ready access token. Required for token.")
    api_version: Annotated[
        str, BeforeValidator(_number_as_text), AfterValidator(_api_version), Expects("text", "a version such as 67.0")
    ] = Field(default="67.0", description="Version of the Salesforce API.")
    ca_file: CaFile | None = Field(
        default=None, description="PEM file of the authority that signed the org's certificate, if a private one."
    )
    timeout: Duration = Field(default=5.0, description="How long one API call may take.")
    concurrency: Count = Field(default=8, description="API calls at the same time, which is the number of threads.")
    lookup_objects: Annotated[ApiNames, Shown('["Contact","Account","Lead"]')] = Field(
        default=("Contact", "Account", "Lead"),
        description="Objects that callers are looked up in, in order of preference.",
    )
    default_region: Annotated[
        str, AfterValidator(_region), Expects("region", "a two-letter region such as US or DE")
    ] = Field(default="US", description="Region of numbers that come without a country code.")
    lookup_deadline: Duration = Field(
        default=2.0, description="After this a call pops as a search, whatever the lookup does."
    )
    cache_ttl: DurationOrZero = Field(default=300.0, description="How long a caller that was found is remembered.")
    negative_cache_ttl: DurationOrZero = Field(
        default=15.0, description="How long it is remembered that a caller was not found."
    )
    api_reserve: Share = Field(default=0.1, description="Share of the day's API calls that is kept for the essential.")
