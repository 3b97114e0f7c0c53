"""Dates and times of results: the source's offset, else the site's zone; on any host."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydicom import Dataset, dcmread
from support.reports import request, series

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.times import Stamp, stamp


@pytest.fixture(params=["UTC", "America/New_York"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Move the host itself: no result may depend on where it stands."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def report_at(moment: datetime, timezone_offset: str | None = None) -> Dataset:
    changes = {} if timezone_offset is None else {"TimezoneOffsetFromUTC": timezone_offset}
    wanted = request(sources=series(**changes), created=moment)
    return dcmread(io.BytesIO(build(wanted, ("sr",))[0].content))


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("utc", "date", "local"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "20260329", "015959.000000"),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), "20260329", "030000.000000"),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "20261025", "025959.000000"),
        (datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC), "20261025", "020000.000000"),
    ],
)
def test_without_an_offset_in_the_source_the_zone_of_the_site_counts_over_both_changes(
    utc: datetime, date: str, local: str
) -> None:
    assert stamp(utc, None, "Europe/Berlin") == Stamp(date, local, None)


@pytest.mark.usefixtures("host_zone")
def test_a_source_with_an_offset_gets_our_times_in_that_offset() -> None:
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert stamp(summer, "+0100", "Europe/Berlin") == Stamp("20260701", "130000.000000", "+0100")
    assert stamp(summer, "-0330", "Europe/Berlin") == Stamp("20260701", "083000.000000", "-0330")


def test_an_offset_is_written_only_if_the_source_has_it() -> None:
    moment = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    without, with_offset = report_at(moment), report_at(moment, "+0100")
    assert "TimezoneOffsetFromUTC" not in without
    assert (without.ContentTime, without.StudyTime) == ("140000.000000", "101500")
    assert with_offset.TimezoneOffsetFromUTC == "+0100"
    assert (with_offset.ContentTime, with_offset.StudyTime) == ("130000.000000", "101500")


def test_the_result_of_a_study_across_midnight_bears_the_next_day() -> None:
    report = report_at(datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    assert (report.StudyDate, report.ContentDate, report.ContentTime) == ("20260701", "20260702", "003000.000000")
    assert report.SeriesDate == report.InstanceCreationDate == report.ContentDate


@pytest.mark.parametrize("text", ["", "0100", "+1500", "-1300", "-0000", "+0160", "CET", "+01:00"])
def test_an_offset_that_is_none_is_left_out(text: str) -> None:
    assert stamp(datetime(2026, 1, 1, 12, tzinfo=UTC), text, "Europe/Berlin") == Stamp(
        "20260101", "130000.000000", None
    )


def test_a_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(ResultError, match=r"Europe/Atlantis.*site\.timezone"):
        stamp(datetime(2026, 1, 1, tzinfo=UTC), None, "Europe/Atlantis")
