"""Who the agents are, while the worker runs: sources that may change, asked now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bridge.core.errors import ConfigurationError, Unavailable
from bridge.settings import Agent, load_agents


class RosterSource(Protocol):
    """Where agents come from."""

    async def changed(self) -> Sequence[Agent] | None:
        """All agents when there is news since the last call, None when there is none.

        Raises:
            Unavailable: the source cannot be read; the agents stay as they were.
        """


class FixedRoster:
    """Agents that are configured and never change."""

    async def changed(self) -> Sequence[Agent] | None:
        """Never any news."""
        return None


class CsvRoster:
    """Agents of a CSV file, besides those that are configured.

    Args:
        file: `BRIDGE_AGENTS_FILE`.
        agents: All agents as the settings knew them at the start, those of the file included.
    """

    def __init__(self, file: Path, agents: Sequence[Agent]) -> None:
        self._file = file
        in_file = {agent.user_id for agent in load_agents(file)}
        self._fixed = tuple(agent for agent in agents if agent.user_id not in in_file)
        self._seen = _stamp(file)
        self._failed = False

    async def changed(self) -> Sequence[Agent] | None:
        """Read the file again when it has changed."""
        stamp = await asyncio.to_thread(_stamp, self._file)
        if stamp == self._seen and not self._failed:
            return None
        try:
            agents = await asyncio.to_thread(load_agents, self._file)
        except ConfigurationError as error:
            self._failed = True
            raise Unavailable("; ".join(map(str, error.problems))) from None
        self._seen, self._failed = stamp, False  # only now: a file that was being written is read again
        fixed = {agent.user_id for agent in self._fixed}
        return (*self._fixed, *(agent for agent in agents if agent.user_id not in fixed))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells one state of a file from another; None while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
