"""The worker's HTTP side: health, metrics, and the API that commands and people look through."""

from __future__ import annotations
