"""The roster as a CSV file: `BRIDGE_AGENTS_FILE`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bridge.core.errors import ConfigurationError, Problem
from bridge.settings.draft import Draft
from bridge.settings.problems import explain
from bridge.settings.roster import Agent
from bridge.settings.schema import one_line, quoted
from bridge.settings.sources import nearest

VARIABLE = "BRIDGE_AGENTS_FILE"
COLUMNS = tuple(Agent.model_fields)
LARGEST_FILE = 64 << 20
"""Bytes; a roster of 100,000 agents has about ten million."""


def read(draft: Draft, file: Path) -> dict[int, Agent]:
    """Read the agents of a CSV file by line number; report what is wrong by file and line."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise ValueError("is too large")
        # Spreadsheets write a byte order mark, which "utf-8-sig" takes off.
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return _rows(draft, file, csv.DictReader(stream, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        wrong = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error}"
        _fail(draft, file, None, one_line(wrong), "a CSV file in UTF-8")
        return {}


def load(file: Path) -> tuple[Agent, ...]:
    """Read the agents of a CSV file again, outside a start.

    Raises:
        ConfigurationError: something is wrong with it; holds every problem by file and line.
    """
    draft = Draft()
    found = read(draft, file)
    lines: dict[str, int] = {}
    for line, agent in found.items():
        if (first := lines.setdefault(agent.user_id, line)) != line:
            _fail(draft, file, line, f"names {quoted(agent.user_id)} again, as line {first} does", "each agent once")
    if draft.problems:
        raise ConfigurationError(draft.problems)
    return tuple(found.values())


def _rows(draft: Draft, file: Path, reader: csv.DictReader[str]) -> dict[int, Agent]:
    columns = [(column or "").strip() for column in reader.fieldnames or ()]
    reader.fieldnames = columns
    if "user_id" not in columns:
        _fail(draft, file, 1, "has no column user_id", f"columns {', '.join(COLUMNS)}")
        return {}
    for column in columns:
        if column not in COLUMNS:
            _unknown_column(draft, file, column)
        elif columns.count(column) > 1:
            _fail(draft, file, 1, f"has the column {column} twice", f"columns {', '.join(COLUMNS)}")
            return {}
    found: dict[int, Agent] = {}
    for row in reader:
        agent = _agent(draft, file, reader.line_num, row)
        if agent is not None:
            found[reader.line_num] = agent
    if not found and ("agents_file",) not in draft.failed:
        _fail(draft, file, None, "lists no agents", "one agent on each line below the header")
    return found


def _agent(draft: Draft, file: Path, line: int, row: dict[Any, Any]) -> Agent | None:
    if None in row or None in row.values():
        _fail(draft, file, line, "has more or fewer fields than the header", "one value for each column")
        return None
    values = {name: row[name].strip() for name in COLUMNS if name in row}
    if not any(values.values()):
        return None  # the empty last lines that spreadsheets leave
    try:
        return Agent.model_validate(values)
    except ValidationError as error:
        for item, problem in zip(error.errors(include_input=False), explain(error, Agent), strict=True):
            column = ".".join(map(str, item["loc"]))
            _fail(draft, file, line, f"{column} {problem.wrong}", problem.expected)
        return None


def _unknown_column(draft: Draft, file: Path, column: str) -> None:
    close = nearest(column, COLUMNS)
    expected = f"did you mean {close}?" if close else f"columns {', '.join(COLUMNS)}"
    draft.suspect(Problem(VARIABLE, f"{file.name} line 1: has an unknown column {quoted(column)}", expected))


def _fail(draft: Draft, file: Path, line: int | None, wrong: str, expected: str) -> None:
    draft.failed.add(("agents_file",))
    where = f"{file.name} line {line}: " if line else f"{file.name} "
    draft.problems.append(Problem(VARIABLE, where + wrong, expected))
