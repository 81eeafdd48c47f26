"""How queues' service levels move through the day: fine, sagging, breached, recovered, one queue after another. Pure."""

from __future__ import annotations

import itertools

from bridge.sandbox.minerva.builders import SlaStatus

COMFORT = 8.0  # points above its target at which a queue does well
CRITICAL_BELOW = 10.0  # points under the target from which a level is critical
# A dip as (share of its length, points above the target), straight lines between.
COURSE = ((0.0, COMFORT), (0.15, -2.0), (0.45, -9.0), (0.5, -16.0), (0.75, -22.0), (0.85, 4.0), (1.0, COMFORT))


def margin_at(at_s: float, place: int, queues: int, dip_s: float) -> float:
    """Give the points by which a queue's level lies above its target at a time of the day.

    Queues dip in turn, each for `dip_s` seconds; the first begins at once.
    """
    turn, into = divmod(at_s, dip_s)
    if int(turn) % queues != place:
        return COMFORT
    share = into / dip_s
    for (left, low), (right, high) in itertools.pairwise(COURSE):
        if share <= right:
            return low + (high - low) * (share - left) / (right - left)
    return COMFORT


def status_of(margin: float) -> SlaStatus:
    """Judge a level by its distance from the target."""
    if margin >= 0:
        return "healthy"
    return "warning" if margin >= -CRITICAL_BELOW else "critical"
