"""Finds the kinds of sinks that are installed: the entry points of the group `bridge.sinks`, our own among them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract

from bridge.core.errors import ConfigurationError, Problem
from bridge.sinks.base import Sink

GROUP = "bridge.sinks"


@cache
def installed() -> Mapping[str, type[Sink]]:
    """Every sink class by its type name.

    Raises:
        ConfigurationError: when an installed package's sink cannot be loaded or is no Sink; names the package.
    """
    found: dict[str, type[Sink]] = {}
    problems = []
    for point in entry_points(group=GROUP):
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001 - a foreign package may fail in any way; it is told by name
            problems.append(_problem(point, f"cannot be loaded: {type(error).__name__}"))
            continue
        if not (isinstance(loaded, type) and issubclass(loaded, Sink)):
            problems.append(_problem(point, "is no subclass of bridge.sinks.base.Sink"))
            continue
        if isabstract(loaded):
            problems.append(_problem(point, "does not implement deliver"))
            continue
        if point.name in found:
            problems.append(_problem(point, "is given twice, by another package too"))
            continue
        found[point.name] = loaded
    if problems:
        raise ConfigurationError(problems)
    return found


def _problem(point: EntryPoint, wrong: str) -> Problem:
    package = point.dist.name if point.dist is not None else "an installed package"
    return Problem(
        "BRIDGE_SINKS", f"the sink type {point.name!r} of {package} {wrong}", "mend or uninstall the package"
    )
