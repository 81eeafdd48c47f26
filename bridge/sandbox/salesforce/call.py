"""One request on its way to the work, and how the work answers."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bridge.sandbox.salesforce.errors import unreadable_json
from bridge.sandbox.salesforce.sessions import Session

CONTENT_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to the work.

    `arrival` grows with every request and every upsert that creates; `session` is None where no token is asked for.
    """

    request: web.Request
    arrival: int
    session: Session | None

    @property
    def user_id(self) -> str:
        """The user who asks."""
        return self.session.user_id if self.session else ""

    @property
    def version(self) -> float:
        """The API version in the path, such as 67.0; 0 outside `/services/data/vNN.N/`."""
        match = re.search(r"/services/data/v(\d+\.\d)", self.request.path)
        return float(match.group(1)) if match else 0.0

    @property
    def base(self) -> str:
        """`/services/data/v67.0`, in the version asked for."""
        return f"/services/data/v{self.version:.1f}"

    async def json(self) -> Any:
        """Give the body.

        Raises:
            ApiError: 400 JSON_PARSER_ERROR.
        """
        body = await read_body(self.request)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise unreadable_json("Unexpected character in the request body at [line:1, column:1]") from None

    async def json_object(self) -> dict[str, Any]:
        """Give the body, which must be a JSON object.

        Raises:
            ApiError: 400 JSON_PARSER_ERROR.
        """
        body = await self.json()
        if not isinstance(body, dict):
            raise unreadable_json("The HTTP entity body must be a JSON object")
        return body


Work = Callable[[Call], Awaitable[web.Response]]


async def read_body(request: web.Request) -> bytes:
    """Give the body's bytes.

    Raises:
        ApiError: 400 when it is compressed wrongly or too large.
    """
    try:
        return await request.read()
    except (web.HTTPException, web.RequestPayloadError, ValueError) as error:
        raise unreadable_json(f"The HTTP entity body could not be read: {type(error).__name__}") from None


def answer(data: Any, status: int = 200) -> web.Response:
    """Give a JSON answer as the REST API writes it."""
    return web.Response(body=json.dumps(data).encode(), status=status, headers={"Content-Type": CONTENT_TYPE})
