"""One resource of the REST API: method, path, the operation's name in counts and faults, and its work."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.salesforce.call import Work

DATA = r"/services/data/v{version:\d{1,3}\.\d}"
"""Any version: the org does not mind which release a client was written for."""
END = "{slash:/?}"
"""Resources answer with and without a slash at the end."""
ENTITY = r"{entity:[A-Za-z0-9_]+}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route; `path` in aiohttp's notation."""

    method: str
    path: str
    operation: str
    work: Work
