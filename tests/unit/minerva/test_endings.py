from __future__ import annotations

import pytest

from bridge.minerva.endings import Disposition, Ending, Kind, classify, handshake_refused


@pytest.mark.parametrize(
    ("code", "follows"),
    [
        (1000, Disposition.RETRY),
        (1001, Disposition.RETRY),
        (1002, Disposition.PARK),
        (1003, Disposition.PARK),
        (1005, Disposition.RETRY),
        (1006, Disposition.RETRY),
        (1007, Disposition.RETRY),
        (1008, Disposition.PARK),
        (1009, Disposition.RETRY),
        (1011, Disposition.RETRY),
        (1012, Disposition.RETRY_HOLD_FLEET),
        (1013, Disposition.RETRY_HOLD_FLEET),
        (1015, Disposition.PARK),
        (3999, Disposition.RETRY),
        (4711, Disposition.RETRY),
    ],
)
def test_each_close_code_is_followed_by_what_the_table_says(code: int, follows: Disposition) -> None:
    assert classify(Ending(Kind.CLOSE_FRAME, code)) is follows


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_ending_has_a_line_in_the_table(kind: Kind) -> None:
    assert isinstance(classify(Ending(kind)), Disposition)


def test_what_we_closed_stays_closed() -> None:
    assert classify(Ending(Kind.BY_US, 1000)) is Disposition.STAY_CLOSED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Kind.AUTH_REFUSED),
        (403, Kind.AUTH_REFUSED),
        (429, Kind.RATE_LIMITED),
        (503, Kind.RATE_LIMITED),
        (400, Kind.HANDSHAKE),
        (404, Kind.HANDSHAKE),
        (500, Kind.HANDSHAKE),
    ],
)
def test_a_refused_upgrade_counts_as_what_it_means(status: int, kind: Kind) -> None:
    assert handshake_refused(status).kind is kind
