"""Defaults that depend on other settings or on the surroundings, worked out before validation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from bridge.settings import minerva, salesforce
from bridge.settings.draft import Draft, Entry
from bridge.settings.schema import Path
from bridge.settings.urls import ProxyUrl, SocketUrl

RANK = 9
DEFAULT = "default"

_SANDBOX_LABELS = frozenset({"sandbox", "scratch"})


def fill(draft: Draft, environ: Mapping[str, str], *, terminal: bool, sink_types: Collection[str]) -> None:
    """Add every computed default that no source overrides."""
    environment = draft.value("environment")
    # An environment that is missing or wrong is reported by itself; any URL then keeps the rest checkable.
    url = minerva.ENDPOINTS.get(str(environment), minerva.ENDPOINTS["development"])
    _default(draft, ("minerva", "url"), url)
    _default(draft, ("minerva", "api_url"), _api(draft.value("minerva", "url"), fallback=url))
    attempts = (
        minerva.ALERT_AFTER_ATTEMPTS_IN_PRODUCTION if environment == "production" else minerva.ALERT_AFTER_ATTEMPTS
    )
    _default(draft, ("minerva", "alert_after_attempts"), attempts)
    _default(draft, ("salesforce", "audience"), _audience(draft.value("salesforce", "login_url")))
    _default(draft, ("log_format",), "console" if terminal else "json")
    _proxy(draft, environ)
    if "log" in sink_types and not draft.sink_names() and not draft.given("sinks"):
        _default(draft, ("sinks", "log", "type"), "log")


def _default(draft: Draft, path: Path, value: Any, origin: str = DEFAULT) -> None:
    draft.offer(path, Entry(value, origin, RANK, computed=True))


def _api(url: object, *, fallback: str) -> str:
    """Give https on the host of a WebSocket URL; http for a plain one, which is loopback."""
    try:
        parts = urlsplit(TypeAdapter(SocketUrl).validate_python(url))
    except ValidationError:  # reported by itself
        parts = urlsplit(fallback)
    return f"{'http' if parts.scheme == 'ws' else 'https'}://{parts.netloc}"


def _audience(login_url: object) -> str:
    """Tell sandboxes by their login URL: test.…, the sandbox and scratch domains, or the older `NAME--SANDBOX`."""
    try:
        host = urlsplit(str(login_url or "")).hostname or ""
    except ValueError:
        host = ""
    labels = host.split(".")
    salesforce_host = host.endswith(".salesforce.com")
    sandbox = host == "test.salesforce.com" or bool(_SANDBOX_LABELS & set(labels[1:])) or "--" in labels[0]
    return salesforce.SANDBOX_AUDIENCE if salesforce_host and sandbox else salesforce.PRODUCTION_AUDIENCE


def _proxy(draft: Draft, environ: Mapping[str, str]) -> None:
    for name, path in (("HTTPS_PROXY", ("proxy", "url")), ("NO_PROXY", ("proxy", "no_proxy"))):
        known = next((known for known in (name, name.lower()) if environ.get(known, "").strip()), None)
        if known is None or path in draft.entries:
            continue
        text = environ[known].strip()
        if path[1] == "url":
            try:
                TypeAdapter(ProxyUrl).validate_python(text)
            except ValidationError:
                draft.warnings.append(f"{known}: is not the URL of a proxy and is passed over (http://HOST:PORT)")
                continue
            draft.warnings.append(f"{known}: a proxy is not available yet, connections are direct (leave it out)")
        _default(draft, path, text, f"environment ({known})")
