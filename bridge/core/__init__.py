"""What every part may lean on and what knows no part: clock, tasks, back-off, errors, logging."""

from __future__ import annotations
