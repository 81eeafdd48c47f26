"""What may go wrong in the org, told beforehand: `org.faults.add(Fault(SESSION_EXPIRED, route="search"))`.

A fault has an action, the operations it strikes, how often, and with what probability. Faults that only delay add up and
let the request go on; of the others the first that matches decides.
"""

from __future__ import annotations

import asyncio
import fnmatch
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.salesforce.fault_actions import NAMED, Action, Latency, Reply, refusal

LOGIN = "login"
_PLACE = frozenset({"route", "times", "after", "probability"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        action: What happens.
        route: Operations struck, as shell patterns joined by `|`: `search`, `query*`, `create|upsert`. The default is
            every operation but `login`, which is struck only by its own name.
        times: How often; None for ever.
        after: Requests that match and are let through first.
        probability: Of striking a request that matches; drawn from the seeded dice of `Faults`.
    """

    action: Action
    route: str = "*"
    times: int | None = 1
    after: int = 0
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1 or self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError("a fault needs 0 <= probability <= 1, after >= 0, times >= 1 or None")

    def concerns(self, operation: str) -> bool:
        """Whether an operation is one that this fault strikes."""
        patterns = self.route.split("|")
        if operation == LOGIN:
            return LOGIN in patterns
        return any(fnmatch.fnmatchcase(operation, pattern) for pattern in patterns)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    left: int | None


@dataclass(slots=True)
class Faults:
    """The faults of one org, in the order they were added."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    _armed: list[_Armed] = field(default_factory=list)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, *faults: Fault) -> None:
        """Arm faults."""
        self._armed += [_Armed(fault, fault.after, fault.times) for fault in faults]

    def clear(self) -> None:
        """Disarm all; requests that hang go on hanging."""
        self._armed.clear()

    def release(self) -> None:
        """Let every request that hangs go: its connection is reset."""
        self._released.set()
        self._released = asyncio.Event()

    async def hang(self) -> None:
        """Wait for `release`."""
        await self._released.wait()

    def strike(self, operation: str) -> list[Action]:
        """Give what befalls the next request of an operation: waits, then at most one other action."""
        struck: list[Action] = []
        for armed in self._armed:
            waits = isinstance(armed.fault.action, Latency)
            decided = any(not isinstance(action, Latency) for action in struck)
            if (decided and not waits) or armed.left == 0 or not armed.fault.concerns(operation):
                continue
            if armed.skip:
                armed.skip -= 1
            elif armed.fault.probability >= 1 or self.dice.random() < armed.fault.probability:
                struck.append(armed.fault.action)
                armed.left = None if armed.left is None else armed.left - 1
        return sorted(struck, key=lambda action: not isinstance(action, Latency))


def fault_from(entry: Mapping[str, Any]) -> Fault:
    """Read a fault from a script: `{"action": "latency", "median_s": 0.4, "p99_s": 1.2, "route": "search", "times": null}`.

    `action` is a name from `NAMED`, `latency` (median_s, p99_s), `error` (status, code, message) or `reply` (status, body,
    content_type).

    Raises:
        ValueError: naming what is wrong.
    """
    place = {key: value for key, value in entry.items() if key in _PLACE}
    given = {key: value for key, value in entry.items() if key not in _PLACE and key != "action"}
    name = entry.get("action")
    try:
        if name == "latency":
            action: Action = Latency(**given)
        elif name == "error":
            action = refusal(**given)
        elif name == "reply":
            action = Reply(**given)
        elif name in NAMED and not given:
            action = NAMED[name]
        else:
            known = ", ".join(sorted([*NAMED, "error", "latency", "reply"]))
            raise ValueError(f"fault {dict(entry)!r}: the action is one of {known}; a named one takes no settings")
        return Fault(action, **place)
    except TypeError as error:
        raise ValueError(f"fault {dict(entry)!r}: {error}") from None
