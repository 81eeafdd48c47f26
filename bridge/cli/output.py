"""How commands print: tables and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console


def console() -> Console:
    """The terminal, or whatever stdout is; text from outside is never read as markup."""
    return Console(markup=False, highlight=False, emoji=False)
