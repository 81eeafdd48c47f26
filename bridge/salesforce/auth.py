"""Logging in to Salesforce: JWT bearer, client credentials, or a token that is given. One login at a time.

Username and password are not offered: they need SOAP login, which Salesforce retires in Summer '27 and has switched off
in new orgs since Winter '26.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt

from bridge.core.clock import Clock
from bridge.core.errors import BridgeError, Refused, Unavailable
from bridge.core.logging import redactor
from bridge.settings.salesforce import Salesforce
from bridge.settings.urls import is_loopback

ASSERTION_LIFE_S = 180
"""How long the signed assertion may be used; Salesforce's own samples use three minutes."""

LOGIN_BURST = 10
"""Logins that may follow one another at once."""
LOGIN_EVERY_S = 10.0
"""Beyond the burst one login per this time: Salesforce locks a user out at 3,600 an hour."""
LONGEST_REASON = 200

ORG_ID_LENGTH = 15
_ORG_IN_IDENTITY = re.compile(r"/id/(00D[a-zA-Z0-9]{12}(?:[a-zA-Z0-9]{3})?)(?:/|$)", re.ASCII)
_ORG_IN_TOKEN = re.compile(r"(00D[a-zA-Z0-9]{12})!", re.ASCII)
_ASSERTION = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_PASSING = "login rate exceeded"
_MENDS = {
    "user hasn't approved this consumer": "pre-authorise the user's profile or permission set for the app in Setup",
    "invalid assertion": "check that the app in Setup holds the certificate of this private key",
    "audience is invalid": "set BRIDGE_SALESFORCE__AUDIENCE to the login host of the org",
    "expired authorization code": "check this machine's clock",
    "inactive user": "activate the integration user in Setup",
    "no client credentials user enabled": "name a run-as user in the app's client credentials settings",
    "client identifier invalid": "check BRIDGE_SALESFORCE__CLIENT_ID",
    "invalid client credentials": "check BRIDGE_SALESFORCE__CLIENT_SECRET",
    "invalid_app_access": "pre-authorise the user's profile or permission set for the app in Setup",
    "ip restricted": "allow this machine's address in the app's IP relaxation or the profile's login ranges in Setup",
    "not supported on this domain": "set BRIDGE_SALESFORCE__LOGIN_URL to the My Domain address of the org",
    "grant type not supported": "enable this flow for the app in Setup, or choose another BRIDGE_SALESFORCE__AUTH",
}
_MEND = "look at the integration user's Login History in Setup"


class WrongOrgError(BridgeError):
    """The login landed in another org than the configured one."""

    def __init__(self, landed: str) -> None:
        super().__init__(f"the Salesforce login landed in org {landed}")
        self.landed = landed


class _TooEarlyError(Unavailable):
    """The ration of logins is used up."""


@dataclass(frozen=True, slots=True)
class Login:
    """A valid login: the token and where the org's API is."""

    token: str = field(repr=False)
    instance_url: str


class Authenticator:
    """Keeps one login and renews it once for all who find it expired.

    Args:
        http: The shared HTTP client.
        tls: The context to verify the login host with; None for the system's.
    """

    def __init__(
        self,
        settings: Salesforce,
        org_id: str,
        *,
        http: aiohttp.ClientSession,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._org_id = org_id
        self._http = http
        self._clock = clock
        self._tls = tls
        self._lock = asyncio.Lock()
        self._login: Login | None = None
        self._attempts = 0
        self._failure: BridgeError | None = None
        self._next_free_at = clock.monotonic() - LOGIN_BURST * LOGIN_EVERY_S

    @property
    def instance_url(self) -> str | None:
        """Where the org is, as far as is known without asking."""
        return self._login.instance_url if self._login is not None else self._settings.instance_url

    async def login(self, *, expired: Login | None = None) -> Login:
        """The present login; a new one when there is none, or when it is the one that the caller found expired.

        Those who ask while a login is under way share its outcome, a failure too. Logins are rationed: neither a user
        whom Salesforce refuses nor one whose every token is void is locked out by us.

        Raises:
            Refused: Salesforce said no; the text says what to mend in Setup.
            Unavailable: Salesforce did not answer, or the next login has to wait.
            WrongOrgError: the login landed in another org.
        """
        attempts = self._attempts
        async with self._lock:
            if self._login is not None and self._login is not expired:
                return self._login
            if self._attempts != attempts and self._failure is not None:
                raise self._failure.with_traceback(None)
            try:
                login = await self._obtain(renewing=expired is not None)
            except _TooEarlyError:
                raise
            except BridgeError as error:
                self._failure = error
                raise
            else:
                self._login, self._failure = login, None
                return login
            finally:
                self._attempts += 1

    async def _obtain(self, *, renewing: bool) -> Login:
        if self._settings.auth == "token":
            if renewing:
                raise Refused("the access token has expired: set a new BRIDGE_SALESFORCE__ACCESS_TOKEN")
            token = _secret(self._settings.access_token)
            self._check_org(None, token)
            return Login(token, str(self._settings.instance_url))
        self._ration()
        status, answer = await self._ask(self._form())
        if status != 200:  # noqa: PLR2004 - HTTP
            raise self._refusal(status, answer)
        given, instance_url = answer.get("access_token"), answer.get("instance_url")
        if not isinstance(given, str) or not given or not isinstance(instance_url, str):
            raise Unavailable("the login answered without a token")
        redactor.learn(given)
        self._check_org(answer.get("id"), given)
        if not _is_safe(instance_url):
            raise Refused("the login gave an instance URL that is not https: check BRIDGE_SALESFORCE__LOGIN_URL")
        return Login(given, instance_url)

    def _ration(self) -> None:
        """Let a burst of logins through, then one per `LOGIN_EVERY_S`.

        Raises:
            _TooEarlyError: with the last failure, if there was one.
        """
        now = self._clock.monotonic()
        slot = max(self._next_free_at, now - LOGIN_BURST * LOGIN_EVERY_S) + LOGIN_EVERY_S
        if slot > now:
            last = f"; the last one failed: {self._failure}" if self._failure is not None else ""
            raise _TooEarlyError(f"too many logins in a short time, the next one waits{last}")
        self._next_free_at = slot

    def _form(self) -> dict[str, str]:
        settings = self._settings
        if settings.auth == "client_credentials":
            return {
                "grant_type": "client_credentials",
                "client_id": str(settings.client_id),
                "client_secret": _secret(settings.client_secret),
            }
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.audience,
            "exp": int(self._clock.now()) + ASSERTION_LIFE_S,
        }
        assertion = jwt.encode(claims, _secret(settings.private_key), algorithm="RS256")
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}

    async def _ask(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        url = f"{str(self._settings.login_url).rstrip('/')}/services/oauth2/token"
        try:
            async with (
                asyncio.timeout(self._settings.timeout),
                self._http.post(
                    url,
                    data=form,
                    ssl=self._tls if self._tls is not None else True,
                    allow_redirects=False,  # a redirect would carry the secret to another host
                ) as response,
            ):
                body = await response.read()
                status = response.status
        except TimeoutError:
            raise Unavailable(f"the login did not answer within {self._settings.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"the login host cannot be reached: {type(error).__name__}") from None
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = {}
        return status, answer if isinstance(answer, dict) else {}

    def _check_org(self, identity: object, token: str) -> None:
        """The identity URL ends in …/id/<org>/<user>, a token starts <org>!; the first 15 characters name an org."""
        found = _ORG_IN_IDENTITY.search(identity) if isinstance(identity, str) else None
        found = found or _ORG_IN_TOKEN.match(token)
        if found is not None and found[1][:ORG_ID_LENGTH] != self._org_id[:ORG_ID_LENGTH]:
            raise WrongOrgError(found[1])

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refused | Unavailable:
        error, said = answer.get("error"), answer.get("error_description")
        if 300 <= status < 400:  # noqa: PLR2004 - HTTP
            mend = "set BRIDGE_SALESFORCE__LOGIN_URL to the My Domain address of the org"
            return Refused(f"the login host sends elsewhere with HTTP {status} ({mend})")
        if status >= 500 or status == 429 or not isinstance(error, str):  # noqa: PLR2004 - HTTP
            return Unavailable(f"the login answered HTTP {status}")
        text = self._harmless(f"{error}: {said}" if isinstance(said, str) and said else error)
        if _PASSING in text.lower():
            return Unavailable(f"the login was refused: {text}")
        mend = next((mend for sign, mend in _MENDS.items() if sign in text.lower()), _MEND)
        return Refused(f"the login was refused: {text} ({mend})")

    def _harmless(self, text: str) -> str:
        """Another system's words, short and without what we sent it."""
        for secret in (self._settings.client_secret, self._settings.private_key):
            if secret is not None:
                text = text.replace(secret.get_secret_value(), "***")
        return " ".join(_ASSERTION.sub("***", text).split())[:LONGEST_REASON]


def _is_safe(url: str) -> bool:
    """Whether a token may be sent there: over TLS, or within this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


def _secret(value: Any) -> str:
    return str(value.get_secret_value())
