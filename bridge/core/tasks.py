"""Background work with an owner. The only module that starts asyncio tasks.

Why not asyncio.TaskGroup everywhere: before 3.13 a TaskGroup inside a retry loop can swallow the cancellation of its
own task (CPython #116720). `first_exit` and `Tasks` wait first, then cancel all, then await all; nothing is left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger()

Work = Coroutine[Any, Any, Any]


async def first_exit(*work: Work) -> None:
    """Run coroutines side by side until the first one ends, then cancel and await the others.

    Raises what the one that ended raised. Cancel-safe: a cancelled caller leaves no task behind.
    """
    tasks = [asyncio.create_task(each) for each in work]  # noqa: TID251 - the one place
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class Tasks:
    """The background tasks of one owner: started by name, ended together.

    A task that fails is logged at once and reported to `on_failure`; it does not take its siblings with it.
    """

    def __init__(self, on_failure: Callable[[BaseException], None] | None = None) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Work, *, name: str) -> None:
        """Start one task and keep it until it ends."""
        task = asyncio.create_task(work, name=name)  # noqa: TID251 - the one place
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task.failed", task=task.get_name(), error=repr(error), exc_info=error)
            if self._on_failure is not None:
                self._on_failure(error)

    async def join(self) -> None:
        """Wait until every task that was started has ended, those started meanwhile included."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel every task and wait until all have ended. Tasks started meanwhile are cancelled too."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
