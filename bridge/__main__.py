"""`python -m bridge`: the same as the command `bridge`."""

from __future__ import annotations

from bridge.cli import main

main()
