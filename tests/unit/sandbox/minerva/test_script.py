"""Scripts say what is wrong in one line that names entry and field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.minerva import ScriptError, load_script, read_script
from bridge.sandbox.minerva.acts import (
    Close,
    Drop,
)
from bridge.sandbox.minerva.catalogue import (
    FAULTS,
)
from bridge.sandbox.minerva.script import write_fault

GUIDE = Path(__file__).parents[4] / "docs" / "sandbox.md"


def test_an_entry_becomes_its_fault() -> None:
    entry = {"fault": "close", "code": 1012, "reason": "restart", "users": ["a"], "at_s": 3, "times": 2}
    assert read_script([entry]) == [Close(code=1012, reason="restart", users=("a",), at_s=3, times=2)]


def test_a_single_entry_needs_no_list() -> None:
    assert read_script({"fault": "drop"}) == [Drop()]


def test_null_means_always() -> None:
    assert read_script([{"fault": "drop", "when": "open", "times": None}]) == [Drop(when="open", times=None)]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_can_be_written_and_read_again(name: str) -> None:
    fault = FAULTS[name]()
    assert read_script(json.loads(json.dumps([write_fault(fault)]))) == [fault]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("drop", "entry 2: must be an object"),
        ({}, "entry 2: fault: null is none of "),
        ({"fault": "explode"}, 'entry 2: fault: "explode" is none of '),
        ({"fault": ["drop"]}, "entry 2: fault: that is none of "),
        ({"fault": "drop", "colour": 1}, 'entry 2 (drop): "colour": no such field; there are after_s, at_s'),
        ({"fault": "drop", "users": "a"}, "entry 2 (drop): users: must be a list of strings"),
        ({"fault": "drop", "at_s": "1"}, "entry 2 (drop): at_s: must be a number"),
        ({"fault": "drop", "at_s": True}, "entry 2 (drop): at_s: must be a number"),
        ({"fault": "drop", "at_s": -1}, "entry 2 (drop): at_s: must not be negative"),
        ({"fault": "drop", "times": 0}, "entry 2 (drop): times: must be at least 1"),
        ({"fault": "drop", "times": 1.5}, "entry 2 (drop): times: must be a whole number"),
        ({"fault": "drop", "every_s": 0}, "entry 2 (drop): every_s: must be more than 0"),
        ({"fault": "drop", "when": "later"}, "entry 2 (drop): when: must be one of now, open, auth, subscribe"),
        ({"fault": "drop", "instead": True}, 'entry 2 (drop): instead: needs "when"'),
        ({"fault": "close", "code": 1015}, "entry 2 (close): code: 1015 is never sent"),
        ({"fault": "close", "code": 99}, "entry 2 (close): code: must be a close code"),
        ({"fault": "close", "reason": "é" * 62}, "entry 2 (close): reason: a control frame has room for 123 bytes"),
        ({"fault": "upgrade_refused", "status": 200}, "entry 2 (upgrade_refused): status: must be an HTTP error"),
        ({"fault": "duplicate", "copies": 1}, "entry 2 (duplicate): copies: must be at least 2"),
        ({"fault": "reorder", "window": 1}, "entry 2 (reorder): window: must be at least 2"),
        ({"fault": "chatty", "interval_s": 0}, "entry 2 (chatty): interval_s: must be more than 0"),
        ({"fault": "history_fill", "when": "auth"}, 'entry 2 (history_fill): when: history is filled "now"'),
        ({"fault": "malformed", "frame": "odd"}, "entry 2 (malformed): frame: must be one of not_json"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(entry: Any, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        read_script([{"fault": "drop"}, entry])
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_file_is_named_in_its_error(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.json"
    with pytest.raises(ScriptError, match=r"rehearsal\.json: No such file"):
        load_script(path)
    path.write_text("[{]", encoding="utf-8")
    with pytest.raises(ScriptError, match=r"rehearsal\.json: is not JSON"):
        load_script(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptError, match=r"rehearsal\.json: is not JSON in UTF-8"):
        load_script(path)
    path.write_text('[{"fault": "nothing"}]', encoding="utf-8")
    with pytest.raises(ScriptError, match=r"rehearsal\.json: entry 1: fault"):
        load_script(path)


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.json"
    path.write_text('[{"fault": "drop", "at_s": 60}]', encoding="utf-8")
    assert load_script(path) == [Drop(at_s=60)]


def test_the_guide_shows_every_fault_and_only_what_works() -> None:
    shown = re.findall(r"`(\{\"fault\".*?\})`", GUIDE.read_text(encoding="utf-8"))
    examples = [read_script(json.loads(each))[0] for each in shown]
    assert {fault.NAME for fault in examples} == set(FAULTS)
