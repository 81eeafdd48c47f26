"""Structured logging: events with key-values to stderr, secrets taken out of every line.

The redaction works on the finished line, tracebacks and other libraries' messages included, so that no call site has
to remember it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

# These print URLs, which hold telephone numbers, or every request.
_CHATTY = {
    "aiohttp.access": logging.CRITICAL,
    "apscheduler": logging.WARNING,
    "asyncio": logging.WARNING,
    "requests": logging.ERROR,
    "simple_salesforce": logging.WARNING,
    "urllib3": logging.ERROR,
}
_SHORTEST_SECRET = 4  # shorter ones would take ordinary words out of the log


class Redactor:
    """Knows the secrets of this process and blanks them in any text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Blank this text from now on; very short ones are left alone."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets.update(_written(secret))

    def forget(self, secret: str) -> None:
        """Stop blanking a token that is no longer valid."""
        self._secrets.difference_update(_written(secret))

    def __call__(self, text: str) -> str:
        """Give the text with every known secret blanked."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return text


def _printable(_logger: object, _name: str, record: EventDict) -> EventDict:
    """Keep hostile text from steering a terminal: control characters are shown as escapes."""
    for name, value in record.items():
        if isinstance(value, str) and not value.isprintable() and name != "exception":
            record[name] = "".join(char if char.isprintable() else repr(char)[1:-1] for char in value)
    return record


def _written(secret: str) -> set[str]:
    """The secret as it may stand in a line: plain, in a repr, in JSON."""
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}


redactor = Redactor()
"""The process's redactor: settings and token providers teach it, the log formatter asks it."""


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """Render the line, then take the secrets out of it."""
        return redactor(super().format(record))


def configure(
    *,
    level: str = "info",
    style: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Send structlog's and the standard library's records to `stream` (stderr), one line each."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Processor]
    if style == "json":
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        colors = (stream or sys.stderr).isatty()
        renderer = [
            _printable,
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        _RedactingFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, floor in _CHATTY.items():
        logging.getLogger(name).setLevel(max(floor, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
