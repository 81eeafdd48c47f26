"""Loading: from the surroundings to `Settings`, or to every problem at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.core.errors import ConfigurationError
from bridge.settings import (
    agents_file,
    availability,
    consistency,
    defaults,
    problems,
    reachability,
    schema,
    sinks,
    sources,
)
from bridge.settings.draft import Draft
from bridge.settings.escalation import Policy
from bridge.settings.roster import Agent
from bridge.settings.routing import Route
from bridge.settings.settings import Settings
from bridge.settings.sources import DOTENV, ENVIRONMENT, Reader
from bridge.settings.validation import areas, elements


def load(
    environ: Mapping[str, str] | None = None,
    *,
    sink_models: sinks.SinkModels,
    dotenv: Path | None = Path(".env"),
    cwd: Path | None = None,
    secrets_dirs: Sequence[Path] = sources.SECRETS_DIRS,
    terminal: bool | None = None,
) -> Settings:
    """Read, validate and complete the settings.

    Args:
        environ: Environment variables; None: those of the process. Never changed.
        sink_models: The model of each sink type's options.
        dotenv: The `.env` file, read when it is there; None: no such file.
        cwd: Folder that relative paths are seen from; None: the current one.
        secrets_dirs: Folders of secrets, read where present, when BRIDGE_SECRETS_DIR names none.
        terminal: Whether a person reads the output; None: whether stdout is a terminal.

    Raises:
        ConfigurationError: Something is wrong; it holds every problem, and no secret.
    """
    environ = os.environ if environ is None else environ
    cwd = (Path() if cwd is None else cwd).absolute()
    terminal = sys.stdout.isatty() if terminal is None else terminal
    draft = Draft()
    reader = Reader(draft, cwd)
    _read(reader, environ, dotenv, secrets_dirs)
    defaults.fill(draft, environ, terminal=terminal, sink_types=sink_models)
    context: dict[str, Any] = {"cwd": cwd}
    known_sinks = sinks.read(reader, sink_models, context)
    right = areas(draft, context)
    facts = consistency.Facts(
        draft=draft,
        right=right,
        sinks=None if schema.SINKS in draft.failed else frozenset(draft.sink_names()),
        agents=elements(Agent, draft.value("agents"), context),
        file_agents=agents_file.read(draft, right["agents_file"]) if right.get("agents_file") else {},
        routes=elements(Route, draft.value("routes"), context),
        policies=elements(Policy, draft.value("escalation", "policies"), context),
    )
    consistency.check(facts)
    reachability.check(facts)
    availability.check(draft)
    if draft.problems:
        raise ConfigurationError(tuple(dict.fromkeys(draft.problems)))
    origins = draft.origins()
    if facts.file_agents:
        right["agents"] = (*right["agents"], *facts.file_agents.values())
        places = (origins.get("BRIDGE_AGENTS"), f"{origins[agents_file.VARIABLE]} ({agents_file.VARIABLE})")
        origins["BRIDGE_AGENTS"] = ", ".join(filter(None, places))
    right |= {"sinks": known_sinks, "warnings": tuple(draft.warnings), "origins": origins}
    return Settings.model_validate(right, context=context)


def _read(reader: Reader, environ: Mapping[str, str], dotenv: Path | None, secrets_dirs: Sequence[Path]) -> None:
    file = sources.dotenv(reader, reader.cwd / dotenv) if dotenv is not None else {}
    startup = _startup(reader.draft, environ, file)
    reader.draft.unknown_is_error = startup.get("BRIDGE_UNKNOWN", "error") != "warn"
    reader.texts(environ, ENVIRONMENT)
    reader.texts(file, DOTENV)
    folder = startup.get("BRIDGE_SECRETS_DIR")
    reader.secrets(Path(folder) if folder else None, secrets_dirs)
    config = startup.get("BRIDGE_CONFIG_FILE")
    if config:
        reader.toml(Path(config))
    reader.secret_files()


def _startup(draft: Draft, environ: Mapping[str, str], file: Mapping[str, str | None]) -> dict[str, str]:
    found = {
        name: environ.get(name, "").strip() or (file.get(name) or "").strip()
        for name in (leaf.name for leaf in schema.STARTUP.values())
    }
    for leaf in schema.STARTUP.values():
        choices = schema.choices(leaf.field)
        if choices and found[leaf.name] and found[leaf.name] not in choices:
            draft.fail(leaf.path, problems.WRONG["literal_error"], ", ".join(choices))
    return {name: text for name, text in found.items() if text}
