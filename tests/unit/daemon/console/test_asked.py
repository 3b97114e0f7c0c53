"""What a list is asked for, read from its address."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from hounsfield.daemon.console.pages.asked import (
    PAGE,
    AskedAmiss,
    Paging,
    address,
    job_query,
    links,
    number,
    series_state,
    since,
)
from hounsfield.storage.log_book import JobQuery
from hounsfield.storage.states import JobKind, JobState, Outcome, SeriesState

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def test_every_filter_of_the_address_reaches_the_query() -> None:
    query = job_query(
        {
            "kind": "infer",
            "state": "COMPLETED",
            "outcome": "not_analysed",
            "scanner": "CT1",
            "bundle": "ich-demo",
            "destination": "pacs",
            "since": "2h",
            "series": "12",
        },
        NOW,
    )
    assert (query.kind, query.state, query.outcome) == (JobKind.INFER, JobState.COMPLETED, Outcome.NOT_ANALYSED)
    assert (query.scanner, query.bundle, query.destination, query.series_id) == ("CT1", "ich-demo", "pacs", 12)
    assert query.since == NOW - timedelta(hours=2)


def test_an_empty_field_asks_for_anything() -> None:
    query = job_query({"kind": "", "state": "", "since": "", "scanner": ""}, NOW)
    assert (query.kind, query.state, query.since, query.scanner) == (None, None, None, None)
    assert series_state({}) is None
    assert series_state({"state": "held"}) is SeriesState.HELD


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "FINISHED"},
        {"kind": "<script>"},
        {"since": "yesterday"},
        {"since": "99999d99"},
        {"series": "-1"},
        {"series": "9" * 5000},
        {"series": "٣"},
        {"scanner": "x" * 65},
        {"bundle": "a\0b"},
    ],
)
def test_what_there_is_not_is_refused_with_what_is_allowed(fields: dict[str, str]) -> None:
    with pytest.raises(AskedAmiss) as refused:
        job_query(fields, NOW)
    assert str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("24h", 86400), ("7d", 604800), ("90s", 90), ("1w", 604800)]
)
def test_a_time_ago_counts_from_now(text: str, seconds: int) -> None:
    assert since(text, NOW) == NOW - timedelta(seconds=seconds)


def test_a_time_with_a_zone_is_taken_as_it_is() -> None:
    assert since("2026-11-22T07:00:00+00:00", NOW) == NOW - timedelta(hours=1)


@hypothesis_given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_an_address(text: str) -> None:
    for name in ("kind", "state", "outcome", "scanner", "since", "series"):
        with suppress(AskedAmiss):
            assert isinstance(job_query({name: text}, NOW), JobQuery)


def test_who_goes_to_older_pages_and_back_sees_the_same_pages() -> None:
    first = Paging()
    second = first.older(950)
    third = second.older(900)
    assert (second.before, third.before) == (950, 900)
    assert third.newer() == second
    assert second.newer() == first
    assert first.newer() is None
    assert Paging.of(third.fields()) == third


def test_a_long_way_back_keeps_the_address_short() -> None:
    paging = Paging()
    for last_id in range(100_000, 0, -50):
        paging = paging.older(last_id)
    assert len(address("/jobs", paging.fields())) < 300


def test_a_full_page_may_have_another_behind_it_and_a_short_one_has_none() -> None:
    full = links("/jobs", {"state": "HELD"}, Paging(), list(range(100, 100 - PAGE, -1)))
    assert full.older == f"/jobs?state=HELD&before={101 - PAGE}"
    assert full.newer == ""
    assert links("/jobs", {}, Paging(before=9), [8, 7]).older == ""
    assert links("/jobs", {}, Paging(before=9), [8, 7]).newer == "/jobs"


def test_filters_are_quoted_in_links() -> None:
    found = links("/jobs", {"scanner": '"><b>&x=1'}, Paging(), list(range(PAGE, 0, -1)))
    assert "<" not in found.older
    assert "%26x%3D1" in found.older


@pytest.mark.parametrize("text", ["0", "", "1.5", "+1", str(2**63)])
def test_an_id_is_a_number_that_the_database_can_hold(text: str) -> None:
    with pytest.raises(AskedAmiss):
        number(text, "job")
