"""`POST /api/auth/ws-token`: a service token goes in, a user's WebSocket token comes out (PROTOCOL §1)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bridge.core.clock import Clock
from bridge.sandbox.minerva.board import FaultBoard
from bridge.sandbox.minerva.directory import Directory
from bridge.sandbox.minerva.faults import (
    TokenMalformed,
    TokenRefused,
    TokenShortLived,
    TokenSlow,
)
from bridge.sandbox.minerva.journal import Journal
from bridge.sandbox.minerva.wire import Violation, read_json

LIFETIME_S = 3_600.0
LONGEST_USER_ID = 200
MOST_ISSUED = 50_000  # tokens kept; older ones are forgotten and then count as foreign


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that this sandbox gave out."""

    user_id: str
    expires_at: float


class TokenDesk:
    """Issues tokens and checks them.

    Any non-empty token of foreign origin is good, but one issued here is good for its user and its lifetime only:
    a client that mixes tokens up, or goes on with an expired one, is found out.
    """

    def __init__(self, clock: Clock, directory: Directory, board: FaultBoard, journal: Journal) -> None:
        self._clock = clock
        self._directory = directory
        self._board = board
        self._journal = journal
        self._issued: dict[str, Issued] = {}

    def refusal(self, token: object, user_id: object, org_id: object) -> str | None:
        """Say why these credentials are no good; None when they are."""
        if not isinstance(token, str) or not token.strip():
            return "token is empty"
        if not isinstance(user_id, str) or not user_id.strip():
            return "userId is empty"
        if len(user_id) > LONGEST_USER_ID:
            return f"userId has more than {LONGEST_USER_ID} characters"
        if not self._directory.is_org(org_id):
            return "orgId is not this organisation"
        return self._refusal_of_ours(self._issued[token], user_id) if token in self._issued else None

    def _refusal_of_ours(self, issued: Issued, user_id: str) -> str | None:
        if issued.user_id != user_id:
            return "token belongs to another user"
        return "token has expired" if issued.expires_at <= self._clock.now() else None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one token request."""
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            return _refused(401, "a bearer service token is required")
        try:
            body = read_json(await request.read())
        except Violation:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("userId"), str) or not body["userId"].strip():
            return _refused(400, "the body must be JSON with userId and orgId")
        if len(body["userId"]) > LONGEST_USER_ID:
            return _refused(400, f"userId has more than {LONGEST_USER_ID} characters")
        if not self._directory.is_org(body.get("orgId")):
            return _refused(403, "orgId is not this organisation")
        return await self._answer(body["userId"])

    async def _answer(self, user_id: str) -> web.StreamResponse:
        slow = self._board.spend(TokenSlow, user_id)
        if slow:
            await self._clock.sleep(slow.delay_s)
        refused = self._board.spend(TokenRefused, user_id)
        if refused:
            self._journal.record("token_refused", user_id, detail=str(refused.status))
            headers = {} if refused.retry_after_s is None else {"Retry-After": f"{refused.retry_after_s:g}"}
            return _refused(refused.status, refused.message, headers)
        malformed = self._board.spend(TokenMalformed, user_id)
        if malformed:
            return web.Response(text=malformed.body, content_type="application/json")
        return web.json_response(self._issue(user_id))

    def _issue(self, user_id: str) -> dict[str, Any]:
        short = self._board.spend(TokenShortLived, user_id)
        lifetime_s = short.lifetime_s if short else LIFETIME_S
        token = f"sandbox-{secrets.token_urlsafe(24)}"
        expires_at = self._clock.now() + lifetime_s
        self._issued[token] = Issued(user_id, expires_at)
        while len(self._issued) > MOST_ISSUED:
            del self._issued[next(iter(self._issued))]
        self._journal.tokens[user_id] += 1
        self._journal.record("token", user_id)
        if short and short.form == "expiresIn":
            return {"token": token, "expiresIn": lifetime_s}
        return {"token": token, "expiresAt": int(expires_at * 1000)}


def _refused(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=headers)
