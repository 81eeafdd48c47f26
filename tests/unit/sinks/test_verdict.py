"""How an HTTP answer is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.sinks.base import Permanent, Retryable, retry_after_s, verdict
from tests.support.clock import START

LONGEST_S = 3600.0
OPERATORS_CAN_MEND = {401, 403, 404}
HEALS_BY_ITSELF = {408, 409, 425, 429}


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_is_classified(status: int) -> None:
    judged = verdict(status, retry_after=None, now=START)
    if 200 <= status < 300:
        assert judged is None
    elif status in OPERATORS_CAN_MEND | HEALS_BY_ITSELF or status >= 500:
        assert isinstance(judged, Retryable)
    else:
        assert isinstance(judged, Permanent)
    assert judged is None or str(judged) == f"HTTP {status}"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_taken_along(status: int) -> None:
    judged = verdict(status, retry_after="17", now=START)
    assert isinstance(judged, Retryable)
    assert judged.retry_after == 17.0


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(START + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (None, None),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999", LONGEST_S),
        ("inf", LONGEST_S),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("12 parsecs", None),
        ("\u0661\u0662", 12.0),
        (http_date(90), 90.0),
        (http_date(-90), 0.0),
        (http_date(1e6), LONGEST_S),
        (http_date(90).replace(" GMT", ""), 90.0),
        (http_date(90).replace("GMT", "-0000"), 90.0),
        (http_date(90).replace("GMT", "+0000"), 90.0),
        ("Fri, 15 Jan 2027 09:01:30 +0100", 90.0),
        ("Fri, 32 Jan 2027 08:01:30 GMT", None),
        ("Fri, 15 Jan 99999 08:01:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, wait: float | None) -> None:
    assert retry_after_s(value, now=START) == wait


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_date_without_a_zone_is_utc_wherever_the_worker_runs(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 - the process's zone is what this is about

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after_s(http_date(90).replace(" GMT", ""), now=START) == 90.0
    finally:
        monkeypatch.undo()
        time.tzset()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(
    st.text(max_size=60)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d.*", fullmatch=True)
)
def test_no_text_breaks_it(value: str) -> None:
    wait = retry_after_s(value, now=START)
    assert wait is None or 0 <= wait <= LONGEST_S


def test_a_wait_is_never_longer_than_an_hour() -> None:
    far = format_datetime(datetime.fromtimestamp(START, UTC) + timedelta(days=400), usegmt=True)
    assert retry_after_s(far, now=START) == LONGEST_S
