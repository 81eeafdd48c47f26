"""What the log may know of callers."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal, cast

import aiohttp
import pytest
import structlog

from bridge.core import logging as core_logging
from bridge.core.logging import redactor
from bridge.sinks.base import SinkContext, SinkSettings
from bridge.sinks.log import LogSink
from tests.support.clock import ManualClock
from tests.support.notifications import (
    CALLER,
    HOSTILE,
    NUMBER,
    TRANSCRIPTION,
    delivery,
    everything,
    incident,
    notice,
    pop,
    voicemail,
)

SECRET = "planted-secret-of-a-sink"
DIGITS = NUMBER[1:]


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The worker's own log, in either format; put back as it was afterwards."""
    root = logging.getLogger()
    handlers, level, configuration = list(root.handlers), root.level, structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in core_logging._CHATTY}
    stream = io.StringIO()
    core_logging.configure(style=cast(Literal["json", "console"], request.param), stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.configure(**configuration)


def sink(*, full: bool = False) -> LogSink:
    context = SinkContext(http=cast(aiohttp.ClientSession, None), clock=ManualClock(), show_callers=full)
    return LogSink("log", SinkSettings(), context)


async def test_masked_shows_nothing_of_the_caller(lines: io.StringIO) -> None:
    for each in everything():
        await sink().deliver(delivery(each))
    text = lines.getvalue()
    assert len(text.splitlines()) == 5
    for planted in (NUMBER, DIGITS, CALLER, TRANSCRIPTION):
        assert planted not in text
    assert "**67" in text
    assert "call-1" in text
    assert "vm-1" in text


async def test_full_shows_callers_and_still_no_transcription(lines: io.StringIO) -> None:
    await sink(full=True).deliver(delivery(pop()))
    await sink(full=True).deliver(delivery(voicemail()))
    popped, left = lines.getvalue().splitlines()
    for line in (popped, left):
        assert NUMBER in line
        assert CALLER in line
        assert TRANSCRIPTION not in line
    assert f"no answer for {NUMBER}" in popped


async def test_a_name_in_the_numbers_place_is_masked_too(lines: io.StringIO) -> None:
    await sink().deliver(delivery(pop(text="Planted Name In The Number")))
    assert "Planted Name In The Number" not in lines.getvalue()


@pytest.mark.parametrize("full", [False, True], ids=["masked", "full"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_makes_no_second_line(lines: io.StringIO, name: str, full: bool) -> None:
    for each in everything(HOSTILE[name]):
        await sink(full=full).deliver(delivery(each))
    written = lines.getvalue().split("\n")
    assert len(written) == 6
    assert written[-1] == ""
    assert not any("\x1b[2J" in line or "\r" in line for line in written)


async def test_every_kind_says_what_it_is_about(lines: io.StringIO) -> None:
    for each in everything():
        await sink().deliver(delivery(each, id="msg_7"))
    text = lines.getvalue()
    for part in ("screen_pop", "voicemail.new", "sla.triggered", "bridge.problem", "bridge.test", "inc-1", "sink:crm"):
        assert part in text
    assert text.count("msg_7") == 5


@pytest.mark.parametrize("secret", [SECRET, "with'quote-secret", "back\\slash-secret"])
async def test_the_redactor_blanks_secrets_in_every_line(lines: io.StringIO, secret: str) -> None:
    redactor.learn(secret)
    try:
        await sink().deliver(delivery(notice(text=f"before {secret} after")))
        await sink().deliver(delivery(incident(text=secret)))
    finally:
        redactor.forget(secret)
    text = lines.getvalue()
    assert text.count("***") >= 2
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text


async def test_the_receipt_says_where_it_went() -> None:
    assert (await sink().deliver(delivery(notice()))).detail == "written to the log"
