"""Quiet hours in Asia/Shanghai, across midnight too."""

from datetime import UTC, datetime

import pytest

from app.core.errors import BadRequestError
from jobs.broadcasts.quiet import minute_of, quiet_until


def shanghai(day, hour, minute=0, second=0):
    return datetime(2026, 11, day, (hour - 8) % 24, minute, second, tzinfo=UTC).replace(day=day if hour >= 8 else day - 1)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (shanghai(22, 21, 59, 59), None),
        (shanghai(22, 22), shanghai(23, 8)),
        (shanghai(22, 23, 30), shanghai(23, 8)),
        (shanghai(23, 0), shanghai(23, 8)),
        (shanghai(23, 7, 59, 59), shanghai(23, 8)),
        (shanghai(23, 8), None),
        (shanghai(23, 12), None),
    ],
)
def test_a_night_spans_midnight(now, until):
    assert quiet_until(now, from_min=minute_of("22:00"), to_min=minute_of("08:00")) == until


def test_a_noon_nap_does_not():
    nap = {"from_min": minute_of("12:00"), "to_min": minute_of("13:30")}
    assert quiet_until(shanghai(22, 11, 59), **nap) is None
    assert quiet_until(shanghai(22, 12, 0, 1), **nap) == shanghai(22, 13, 30)
    assert quiet_until(shanghai(22, 13, 30), **nap) is None


def test_none_or_equal_ends_are_no_quiet_hours():
    assert quiet_until(shanghai(22, 3), from_min=None, to_min=None) is None
    assert quiet_until(shanghai(22, 3), from_min=180, to_min=180) is None


@pytest.mark.parametrize("written", ["", "8", "8:5", "24:00", "12:60", "-1:30", "ab:cd", "１２:00"])
def test_what_is_no_time_is_refused(written):
    with pytest.raises(BadRequestError):
        minute_of(written)
