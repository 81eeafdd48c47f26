"""Logging in: the token endpoint.

Source: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", the response of the token endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from bridge.sandbox.salesforce.call import Call, answer, read_body
from bridge.sandbox.salesforce.endpoint import END, Endpoint
from bridge.sandbox.salesforce.errors import OAuthError
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.login import Gatekeeper
from bridge.sandbox.salesforce.sessions import Sessions

SCOPE = "api id"


class TokenEndpoints:
    """The token endpoint. `user_of` gives the user id behind a username."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        sessions: Sessions,
        ledger: Ledger,
        *,
        org_id: str,
        clock: Callable[[], float],
        url_of: Callable[[web.Request], str],
        user_of: Callable[[str], str],
    ) -> None:
        self._gatekeeper = gatekeeper
        self._sessions = sessions
        self._ledger = ledger
        self._org_id = org_id
        self._clock = clock
        self._url_of = url_of
        self._user_of = user_of

    def endpoints(self) -> list[Endpoint]:
        """Give the routes."""
        return [Endpoint("POST", f"/services/oauth2/token{END}", "login", self._token)]

    async def _token(self, call: Call) -> web.Response:
        body = await read_body(call.request)
        form = {**call.request.query, **dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))}
        username = self._gatekeeper.username(form, call.request.headers.get("Authorization"))
        if not self._sessions.admit_login(username):
            raise OAuthError("invalid_grant", "login rate exceeded")
        url, user_id = self._url_of(call.request), self._user_of(username)
        session = self._sessions.issue(username, user_id)
        self._ledger.logins += 1
        identity = f"{url}/id/{self._org_id}/{user_id}"
        issued_at = str(int(self._clock() * 1000))
        signature = hmac.new(b"sandbox", (identity + issued_at).encode(), hashlib.sha256).digest()
        return answer(
            {
                "access_token": session.token,
                "signature": base64.b64encode(signature).decode(),
                "scope": SCOPE,
                "instance_url": url,
                "id": identity,
                "token_type": "Bearer",
                "issued_at": issued_at,
            }
        )
