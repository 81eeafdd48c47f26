"""Commands talk to the running worker through its console API."""

from __future__ import annotations

from typing import Any

import requests

from bridge.cli import environment
from bridge.core.errors import BridgeError
from bridge.settings import Settings

TIMEOUT_S = 10.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the addresses that mean all; we call the nearest


class ApiError(BridgeError):
    """The worker cannot be reached, or says no."""


class WorkerApi:
    """The API of the worker that is configured by the same environment."""

    def __init__(self, settings: Settings | None = None) -> None:
        console = (settings or environment.load()).console
        host = _ANY.get(console.host, console.host)
        self._base = f"http://[{host}]:{console.port}" if ":" in host else f"http://{host}:{console.port}"
        self._http = requests.Session()
        self._http.trust_env = False
        if console.token is not None:
            self._http.headers["Authorization"] = f"Bearer {console.token.get_secret_value()}"

    def get(self, path: str) -> Any:
        """GET a path below /api/v1. Raises ApiError."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST to a path below /api/v1. Raises ApiError."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            answer = self._http.request(
                method, f"{self._base}/api/v1{path}", json=body, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            raise ApiError(
                f"no worker answers at {self._base}: is `bridge run` running with this environment?"
            ) from None
        try:
            said = answer.json()
        except ValueError:
            raise ApiError(f"{self._base} is no bridge worker: it answered HTTP {answer.status_code}") from None
        if answer.status_code >= 400:  # noqa: PLR2004 - HTTP
            raise ApiError(str(said.get("error") if isinstance(said, dict) else f"HTTP {answer.status_code}"))
        return said
