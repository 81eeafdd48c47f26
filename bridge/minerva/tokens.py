"""Where a session's token comes from: a static one, or Minerva's ws-token endpoint (PROTOCOL §1)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import structlog

from bridge.core.clock import Clock
from bridge.core.errors import Refused, Unavailable
from bridge.core.gate import AdmissionGate
from bridge.core.logging import redactor

log = structlog.get_logger()

ENDPOINT = "/api/auth/ws-token"
REQUEST_TIMEOUT_S = 5.0
"""The guide's `messageTimeout` bounds the bridge's own requests (PROTOCOL §2)."""

REFRESH_AHEAD_S = 300.0
"""A token is fetched anew this long before it expires; at half its life when it lives ≤ 600 s."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, when it should be replaced and when it ends (seconds since the epoch; None: never)."""

    value: str
    refresh_at: float | None = None
    expires_at: float | None = None


class Tokens(Protocol):
    """Gives tokens to sessions."""

    renewable: bool
    """True when a refused token can be replaced by a fresh one."""

    async def token(self, user_id: str, *, fresh: bool = False) -> Token:
        """The token of that user; a new one when `fresh`. Raises Refused or Unavailable."""

    async def refresh_due(self) -> None:
        """Replace the tokens that are due, so that the next connect finds a fresh one. Never raises."""


class StaticToken:
    """One configured token for everybody."""

    renewable = False

    def __init__(self, value: str) -> None:
        self._token = Token(value)

    async def token(self, user_id: str, *, fresh: bool = False) -> Token:  # noqa: ARG002 - the same for all
        """The configured token."""
        return self._token

    async def refresh_due(self) -> None:
        """Nothing to replace."""


class TokenEndpoint:
    """Fetches tokens from Minerva with the service token and keeps them until they are due for renewal.

    Requests for one user are shared; all pass the gate.
    """

    renewable = True

    def __init__(
        self,
        http: aiohttp.ClientSession,
        api_url: str,
        service_token: str,
        org_id: str,
        *,
        clock: Clock,
        gate: AdmissionGate,
    ) -> None:
        self._http = http
        self._url = api_url.rstrip("/") + ENDPOINT
        self._headers = {"Authorization": f"Bearer {service_token}"}
        self._org_id = org_id
        self._clock = clock
        self._gate = gate
        self._known: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, user_id: str, *, fresh: bool = False) -> Token:
        """The user's token, fetched when there is none, it is due, or `fresh` asks for another than the known one."""
        before = self._known.get(user_id)
        async with self._locks.setdefault(user_id, asyncio.Lock()):
            known = self._known.get(user_id)
            # Whoever waited here while another fetched takes what came: that is the single flight.
            usable = known is not None and (known is not before or not fresh)
            if known is not None and usable and not self._due(known):
                return known
            try:
                await self._gate.admitted()
                token = await self._fetch(user_id)
            except Unavailable:
                if known is not None and usable and not self._expired(known):
                    return known  # due, but still good
                raise
            if known is not None:
                redactor.forget(known.value)
            redactor.learn(token.value)
            self._known[user_id] = token
            return token

    async def refresh_due(self) -> None:
        """Replace the tokens that are due, one after another through the gate; live connections notice nothing."""
        for user_id in [user_id for user_id, token in self._known.items() if self._due(token)]:
            try:
                await self.token(user_id)
            except (Refused, Unavailable) as error:
                log.warning("token.not_refreshed", user_id=user_id, reason=str(error))

    def _due(self, token: Token) -> bool:
        return token.refresh_at is not None and self._clock.now() >= token.refresh_at

    def _expired(self, token: Token) -> bool:
        return token.expires_at is not None and self._clock.now() >= token.expires_at

    async def _fetch(self, user_id: str) -> Token:
        try:
            async with (
                asyncio.timeout(REQUEST_TIMEOUT_S),
                self._http.post(
                    self._url,
                    json={"userId": user_id, "orgId": self._org_id},
                    headers=self._headers,
                    allow_redirects=False,  # another host is not asked, and not believed
                ) as response,
            ):
                if response.status in {400, 401, 403, 404}:
                    raise Refused(f"the token endpoint answered HTTP {response.status}")
                if response.status != 200:  # noqa: PLR2004 - HTTP
                    raise Unavailable(f"the token endpoint answered HTTP {response.status}")
                body = json.loads(await response.text())
        except TimeoutError:
            raise Unavailable(f"the token endpoint did not answer within {REQUEST_TIMEOUT_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"the token endpoint cannot be reached: {type(error).__name__}") from None
        except ValueError:
            raise Unavailable("the token endpoint answered no JSON") from None
        return self._read(body)

    def _read(self, body: object) -> Token:
        value = body.get("token") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(value, str) or not value:
            raise Unavailable("the token endpoint answered without a token")
        now = self._clock.now()
        expires_at, expires_in = body.get("expiresAt"), body.get("expiresIn")
        if isinstance(expires_at, int | float):
            life = expires_at / 1000 - now
        elif isinstance(expires_in, int | float):
            life = float(expires_in)
        else:
            return Token(value)
        ahead = REFRESH_AHEAD_S if life > 2 * REFRESH_AHEAD_S else life / 2
        return Token(value, refresh_at=now + life - ahead, expires_at=now + life)
