"""The settings as commands load them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from bridge import settings
from bridge.settings import Settings
from bridge.sinks import registry


def sink_models() -> Mapping[str, type[BaseModel]]:
    """The settings model of every installed sink type. Raises ConfigurationError for a broken sink package."""
    return {name: sink.Settings for name, sink in registry.installed().items()}


def load(environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")) -> Settings:
    """Load the settings of this process, or of the given variables. Raises ConfigurationError with every problem."""
    return settings.load(environ, sink_models=sink_models(), dotenv=dotenv)
