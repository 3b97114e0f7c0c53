"""Moments and time spans as people give and read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.moments import duration, moment

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        (" 3D ", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("2026-11-26T11:00Z", timedelta(hours=1)),
        ("2026-11-26T13:00:00+02:00", timedelta(hours=1)),
    ],
)
def test_a_moment_is_how_long_ago_or_an_iso_time(text: str, ago: timedelta) -> None:
    assert moment("--since", text, NOW) == NOW - ago


def test_a_time_without_a_zone_is_local() -> None:
    assert moment("--since", "2026-11-26", NOW) == datetime(2026, 11, 26).astimezone()
    assert moment("--since", None, NOW) is None


@given(st.text(max_size=24) | st.from_regex(r"[0-9]{1,12}[smhdwy]", fullmatch=True))
def test_whatever_is_given_means_a_time_or_is_refused_with_what_is_allowed(text: str) -> None:
    refused: UsageFault | None = None
    found: datetime | None = None
    try:
        found = moment("--since", text, NOW)
    except UsageFault as fault:
        refused = fault
    if refused is None:
        assert found is not None
        assert found.tzinfo is not None
    else:
        assert "--since" in str(refused)
        assert "30m" in str(refused)
        assert str(refused).isprintable()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86400 * 3 + 7200, "3 d 2 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
