"""`bridge run`: the worker, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

from bridge.app import Worker
from bridge.cli import environment
from bridge.core import logging
from bridge.settings import Settings

log = structlog.get_logger()

STOPPED_AT_ONCE = 1


def run() -> None:
    """Run the worker until SIGTERM or SIGINT; it then drains. A second signal stops at once."""
    settings = environment.load()
    logging.configure(level=settings.log_level, style=settings.log_format)
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Run one worker until a signal comes."""
    told = asyncio.Event()

    def stop() -> None:
        if told.is_set():
            log.error("worker.stopped_at_once")
            os._exit(STOPPED_AT_ONCE)
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with Worker(settings):
        await told.wait()
