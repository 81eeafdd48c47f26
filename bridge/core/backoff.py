"""How long to wait before trying again. Pure: the dice are thrown by the caller."""

from __future__ import annotations

_MAX_EXPONENT = 32  # far past any cap; keeps 2**n small for a peer that is away for weeks


def jittered(attempt: int, *, base_s: float, cap_s: float, roll: float) -> float:
    """Give the wait in seconds before attempt n+1: `min(base x 2^n, cap)` ± 20 % (PROTOCOL §6).

    `attempt` counts from 0; `roll` is uniform in [0, 1).
    """
    delay = min(base_s * 2.0 ** min(attempt, _MAX_EXPONENT), cap_s)
    return delay * (0.8 + 0.4 * roll)


def full_jitter(attempt: int, *, base_s: float, cap_s: float, roll: float) -> float:
    """Give a wait in seconds spread over the whole of `0 … min(base x 2^n, cap)`, never below a tenth of it.

    Right where many rows retry against one peer: it spreads them best.
    """
    delay = min(base_s * 2.0 ** min(attempt, _MAX_EXPONENT), cap_s)
    return delay * (0.1 + 0.9 * roll)
