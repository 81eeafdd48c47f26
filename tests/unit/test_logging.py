from __future__ import annotations

import io
import json
import logging as stdlib

import pytest
import structlog

from bridge.core import logging
from bridge.core.logging import Redactor, redactor


@pytest.mark.parametrize("secret", ["plain-secret", 'with "quotes" and \\', "with\nlines", "schlüssel-ü-€"])
@pytest.mark.parametrize("written", [str, repr, json.dumps])
def test_a_secret_is_blanked_however_it_is_written(secret: str, written: object) -> None:
    blank = Redactor([secret])
    assert callable(written)
    assert written(secret).strip("\"'") not in blank(f"before {written(secret)} after")


def test_a_forgotten_token_is_no_longer_looked_for() -> None:
    blank = Redactor(["token-1234"])
    blank.forget("token-1234")
    assert blank("token-1234") == "token-1234"


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_line_of_ours_or_of_a_library_shows_a_secret_not_even_a_traceback(style: str) -> None:
    stream = io.StringIO()
    before = structlog.get_config(), stdlib.getLogger().handlers, stdlib.getLogger().level
    redactor.learn('planted "secret"')
    try:
        logging.configure(style="json" if style == "json" else "console", stream=stream)
        structlog.get_logger().warning("event", token='planted "secret"')
        stdlib.getLogger("a.library").warning("failed with %r", 'planted "secret"')
        try:
            raise ValueError('planted "secret"')
        except ValueError:
            structlog.get_logger().exception("failed")
    finally:
        redactor.forget('planted "secret"')
        structlog.configure(**before[0])
        stdlib.getLogger().handlers, stdlib.getLogger().level = before[1], before[2]
    said = stream.getvalue()
    assert said.count("***") >= 3
    assert "planted" not in said
