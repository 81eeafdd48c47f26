"""`bridge` as its user starts it: a process of its own, driven by arguments, environment and signals."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0


@dataclass
class Process:
    """A running command and what it printed."""

    inner: asyncio.subprocess.Process
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def _collect(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while line := await stream.readline():
            lines.append(line.decode().rstrip("\n"))
            self._changed.set()

    async def line(self, holds: Callable[[str], bool], *, err: bool = False) -> str:
        """Wait for the first line that fits."""
        lines = self.err if err else self.out
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    self._changed.clear()
                    for line in lines:
                        if holds(line):
                            return line
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no such line in {lines}\n{self.err}") from None

    async def record(self, event: str, **facts: Any) -> dict[str, Any]:
        """Wait for a JSON log line of that event with these facts."""

        def fits(line: str) -> bool:
            record = _json(line)
            return record.get("event") == event and all(record.get(name) == value for name, value in facts.items())

        return _json(await self.line(fits, err=True))

    async def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.inner.wait()

    def signal(self, number: int) -> None:
        self.inner.send_signal(number)


def _json(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


@asynccontextmanager
async def started(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path) -> AsyncIterator[Process]:
    """Start `bridge ARGUMENTS` with nothing of BRIDGE_ in the environment but `env`."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    inner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        *arguments,
        env={**surroundings, "BRIDGE_LOG_FORMAT": "json", **(env or {})},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    process = Process(inner)
    assert inner.stdout is not None
    assert inner.stderr is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(process._collect(inner.stdout, process.out))
        group.create_task(process._collect(inner.stderr, process.err))
        try:
            yield process
        finally:
            if inner.returncode is None:
                inner.kill()
            await inner.wait()


async def finished(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path) -> tuple[int, str, str]:
    """Run `bridge ARGUMENTS` to its end; gives exit code, stdout and stderr."""
    async with started(*arguments, env=env, cwd=cwd) as process:
        code = await process.ended()
    return code, "\n".join(process.out), "\n".join(process.err)
