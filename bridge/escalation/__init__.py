"""From a queue's missed service level to a person who answers.

Pure: `conditioning` (are we sure?), `incident` (what follows), `policy` (who hears of it). `engine` turns the clock.
"""

from __future__ import annotations
