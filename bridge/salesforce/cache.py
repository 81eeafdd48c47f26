"""Remembers callers for a while, found or not, so that a repeat costs nothing."""

from __future__ import annotations

from collections import OrderedDict

from bridge.core.clock import Clock
from bridge.salesforce.ranking import Hit

MOST = 20_000
"""Callers remembered at most; the one not seen for longest goes first."""


class CallerCache:
    """Number → hits, each for its time to live; a caller that was not found is forgotten sooner."""

    def __init__(self, clock: Clock, *, ttl_s: float, negative_ttl_s: float) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._negative_ttl_s = negative_ttl_s
        self._known: OrderedDict[str, tuple[float, tuple[Hit, ...]]] = OrderedDict()

    def get(self, key: str) -> tuple[Hit, ...] | None:
        """The hits of that caller, an empty tuple when it is known that there are none, None when nothing is known."""
        entry = self._known.get(key)
        if entry is None:
            return None
        until, hits = entry
        if self._clock.monotonic() >= until:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return hits

    def put(self, key: str, hits: tuple[Hit, ...]) -> None:
        """Remember what was found."""
        ttl = self._ttl_s if hits else self._negative_ttl_s
        if ttl <= 0:
            return
        self._known[key] = (self._clock.monotonic() + ttl, hits)
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
