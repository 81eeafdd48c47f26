"""The HTTP server of one worker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from bridge.backstage import Backstage, NoSuchSessionError
from bridge.console.access import guard
from bridge.core.errors import BridgeError
from bridge.escalation.engine import NoSuchIncidentError
from bridge.escalation.incident import Conflict
from bridge.minerva.session import StateForbidsError

log = structlog.get_logger()

MAX_BODY_BYTES = 65_536
LONGEST_NAME = 200
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Stage(Protocol):
    """The worker as a whole."""

    def alive(self) -> bool:
        """True while the loop and the sweep move."""

    def unready(self) -> Sequence[str]:
        """Why traffic should not count on this worker; empty when it is ready."""


class PortTakenError(BridgeError):
    """The console cannot listen where it should."""


class Console:
    """Serves the worker's HTTP interface until stopped."""

    def __init__(self, stage: Stage, backstage: Backstage, *, token: str | None) -> None:
        self._stage = stage
        self._backstage = backstage
        self._app = web.Application(middlewares=[_shape_errors, guard(token)], client_max_size=MAX_BODY_BYTES)
        self._app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/healthz", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/api/v1/status", self._status),
                web.get("/api/v1/sessions", self._sessions),
                web.post("/api/v1/sessions/{user_id}/{change:reconnect|pause|resume}", self._change_session),
                web.get("/api/v1/incidents", self._incidents),
                web.get("/api/v1/incidents/{id}", self._incident),
                web.post("/api/v1/incidents/{id}/ack", self._ack),
            ]
        )
        self._runner: web.AppRunner | None = None
        self.url = ""
        """Where it listens, once started."""

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises PortTakenError when the address cannot be had."""
        self._runner = web.AppRunner(self._app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise PortTakenError(f"{host}:{port} cannot be listened on: {error.strerror or error}") from None
        bound = self._runner.addresses[0]
        self.url = f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{bound[0]}:{bound[1]}"
        log.info("console.listening", url=self.url)

    async def stop(self) -> None:
        """Stop listening; requests under way get a second."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        alive = self._stage.alive()
        return web.json_response({"alive": alive}, status=200 if alive else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        reasons = list(self._stage.unready())
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._backstage.metrics(), headers={"Content-Type": METRICS_TYPE})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._backstage.status(ready=not self._stage.unready()))

    async def _sessions(self, _request: web.Request) -> web.Response:
        return web.json_response({"sessions": list(self._backstage.sessions())})

    async def _change_session(self, request: web.Request) -> web.Response:
        user_id, change = request.match_info["user_id"], request.match_info["change"]
        return web.json_response(self._backstage.change_session(user_id, change))

    async def _incidents(self, _request: web.Request) -> web.Response:
        return web.json_response({"incidents": list(self._backstage.incidents())})

    async def _incident(self, request: web.Request) -> web.Response:
        return web.json_response(self._backstage.incident(request.match_info["id"]))

    async def _ack(self, request: web.Request) -> web.Response:
        by = await _name_in(request)
        return web.json_response(self._backstage.acknowledge(request.match_info["id"], by))


async def _name_in(request: web.Request) -> str:
    """Read {"by": name}. Raises HTTPBadRequest that says what is expected."""
    try:
        body = json.loads(await request.text() or "null")
    except ValueError:
        body = None
    by = body.get("by") if isinstance(body, dict) else None
    if not isinstance(by, str) or not by.strip() or len(by) > LONGEST_NAME or not by.isprintable():
        raise web.HTTPBadRequest(
            text=f'by: who acknowledges is wanted ({{"by": NAME}}, {LONGEST_NAME} characters at most)'
        )
    return by.strip()


@web.middleware
async def _shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON: {"error": text}."""
    try:
        return await handler(request)
    except NoSuchSessionError:
        return web.json_response({"error": "there is no session of that user"}, status=404)
    except NoSuchIncidentError:
        return web.json_response({"error": "there is no incident of that id"}, status=404)
    except (Conflict, StateForbidsError) as error:
        return web.json_response({"error": str(error)}, status=409)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - HTTP
            raise
        return web.json_response({"error": error.text or error.reason}, status=error.status, headers=_kept(error))
    except Exception:
        log.exception("console.failed", path=request.path)
        return web.json_response({"error": "the worker has a defect; its log has the particulars"}, status=500)


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
