"""How benches print: one figure a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


def figure(name: str, value: str) -> None:
    """Print one figure."""
    print(f"  {name:<58} {value}", flush=True)


def per_second(work: Callable[[], object], *, times: int, rounds: int = 5) -> float:
    """How often a second `work` runs, called `times` times in each of `rounds`; the best round counts."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - began)
    return times / best


def share(sorted_values: Sequence[float], part: float) -> float:
    """The value below which that part of them lies."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def milliseconds(seconds: float) -> str:
    """Seconds as text in ms."""
    return f"{seconds * 1000:.2f} ms"
