"""The Minerva bridge: calls, voicemails and service-level alerts, carried to the people concerned."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("minerva-bridge")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
