"""The channels that reach people: one module each, none knows another. `base` is what a sink is, `registry` finds them."""

from __future__ import annotations
