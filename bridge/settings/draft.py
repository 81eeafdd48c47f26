"""The settings on their way: what each source gave, merged by precedence, and what went wrong so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bridge.core.errors import Problem
from bridge.settings.schema import SINKS, Path, variable


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as a source gave it; a lower `rank` wins."""

    value: Any
    origin: str
    rank: int
    computed: bool = False
    """Whether it is a default that was worked out, not something that anyone set here."""


@dataclass(slots=True)
class Draft:
    """Values by path, and the problems and warnings met so far.

    A path that was given but could not be read is in `failed`: it has its problem already, so whatever depends on it
    must neither use it nor complain that it is missing.
    """

    entries: dict[Path, Entry] = field(default_factory=dict)
    failed: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mentioned: list[str] = field(default_factory=list)
    """Names of sinks that were opened as objects, perhaps without a single field."""
    unknown_is_error: bool = True

    def offer(self, path: Path, entry: Entry) -> None:
        """Take a value unless a source that comes first gave one."""
        known = self.entries.get(path)
        if known is None or entry.rank < known.rank:
            self.entries[path] = entry

    def given(self, *path: str) -> bool:
        """Say whether any source gave this, readable or not."""
        return path in self.entries or path in self.failed

    def value(self, *path: str) -> Any:
        """Give the value at a path, or None."""
        entry = self.entries.get(path)
        return None if entry is None else entry.value

    def fail(self, path: Path, wrong: str, expected: str) -> None:
        """Report that what a source gave at `path` cannot be read."""
        self.failed.add(path)
        self.problems.append(Problem(variable(path), wrong, expected))

    def unknown(self, name: str, expected: str) -> None:
        """Report a variable that nothing reads: a problem, or a warning where that is wanted."""
        self.suspect(Problem(name, "is not a variable of the bridge", expected))

    def suspect(self, problem: Problem) -> None:
        """Take a problem that BRIDGE_UNKNOWN=warn makes a warning."""
        if self.unknown_is_error:
            self.problems.append(problem)
        else:
            self.warnings.append(str(problem))

    def sink_names(self) -> tuple[str, ...]:
        """The names of all sinks that any source mentions, in order."""
        paths = (*self.entries, *self.failed)
        named = (path[1] for path in paths if path[:1] == SINKS and len(path) > 1)
        return tuple(dict.fromkeys((*named, *self.mentioned)))

    def tree(self) -> dict[str, Any]:
        """The values nested as the models are; sinks left out, for they have models of their own."""
        root: dict[str, Any] = {}
        for path, entry in self.entries.items():
            if path[:1] == SINKS:
                continue
            node = root
            for part in path[:-1]:
                node = node.setdefault(part, {})
            node[path[-1]] = entry.value
        return root

    def origins(self) -> dict[str, str]:
        """Where each variable came from."""
        return {variable(path): entry.origin for path, entry in self.entries.items()}
