"""How the embedded database answers the lists and counts: over an index, in its order, whatever there is.

It keeps no statistics, so that the plan for an empty database is that for one with a million jobs.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from support.plans import plans_of
from support.stored import SERIES, at, received

from hounsfield.storage.engine import Database
from hounsfield.storage.log_book import EventQuery, JobQuery
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState, Stage

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OF_A_JOB: Mapping[str, Any] = {
    "kind": JobKind.INFER,
    "state": JobState.DISCARDED,
    "outcome": Outcome.POSITIVE,
    "reason": Reason.LOSSY,
    "scanner": "CT1",
    "bundle": "ich",
    "destination": "pacs",
    "since": at(10_000),
    "until": at(20_000),
    "series_id": 1,
}
OF_AN_EVENT: Mapping[str, Any] = {
    "state": "DISCARDED",
    "stage": Stage.OPERATE,
    "kind": JobKind.INFER,
    "scanner": "CT1",
    "bundle": "ich",
    "since": at(10_000),
    "job_id": 1,
    "series_uid": SERIES,
}


def wrong_in(lines: list[str]) -> list[str]:
    """Return what grows with the log: reading a whole table, and sorting what was read."""
    scans = ("SCAN job", "SCAN event", "SCAN series", "SCAN instance")
    return [line for line in lines if line.startswith(scans) or "ORDER BY" in line]


def alone_and_in_pairs(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(chosen) for size in (1, 2) for chosen in combinations(fields.items(), size)]


def test_a_list_of_jobs_by_anything_is_read_off_an_index_in_its_order(database: Database) -> None:
    wrong = {}
    for fields in alone_and_in_pairs(OF_A_JOB):
        for before_id in (None, 900):
            with plans_of(database) as lines:
                database.log_book.newest(JobQuery(**fields), before_id=before_id)
            wrong[(*fields, before_id)] = wrong_in(lines)
    assert {query: lines for query, lines in wrong.items() if lines} == {}


def test_a_list_of_events_by_anything_is_read_off_an_index_in_its_order(database: Database) -> None:
    received(database, 1)
    wrong = {}
    for fields in alone_and_in_pairs(OF_AN_EVENT):
        with plans_of(database) as lines:
            database.log_book.last_events(EventQuery(**fields), 50)
            database.log_book.events(EventQuery(**fields), after_id=1)
        assert any("event" in line for line in lines)
        wrong[tuple(fields)] = wrong_in(lines)
    assert {query: lines for query, lines in wrong.items() if lines} == {}


def test_a_list_of_everything_is_read_from_its_end(database: Database) -> None:
    with plans_of(database) as lines:
        database.log_book.newest(JobQuery())
        database.log_book.last_events(EventQuery(), 50)
    of_series = "SEARCH series USING INTEGER PRIMARY KEY (rowid=?)"
    assert lines == ["SCAN job", of_series, "SCAN event", f"{of_series} LEFT-JOIN"], "no sorting: it stops at the limit"


def test_series_are_read_off_an_index_in_its_order(database: Database) -> None:
    book = database.log_book
    with plans_of(database) as lines:
        for state in SeriesState:
            book.newest_series(state)
        book.newest_series(before_id=900)
        book.newest_series(reason=Reason.NO_RULE)
        book.first_image(1)
        book.by_handle("h:1")
        book.by_accession("h:1")
        book.undescribed()
    assert len(lines) == len(SeriesState) + 6
    assert wrong_in(lines) == []


def test_what_sends_a_result_set_is_found_by_its_index(database: Database) -> None:
    with plans_of(database) as lines:
        database.jobs.deliveries_of(1)
        database.recalls.outlook(1)
    about_jobs = [line for line in lines if line.startswith(("SEARCH job", "SCAN job"))]
    assert about_jobs
    assert [line for line in about_jobs if "USING INDEX uq_job_deliver (result_set_id=?" not in line] == []


def test_counts_read_what_is_open_or_what_a_time_bounds(database: Database) -> None:
    book, states = database.log_book, database.destination_states
    received(database, 1)
    by_time = ("updated_at>?", "first_received_at>?", "id>?", "rowid=?", "scanner=? AND outcome=?")
    with plans_of(database) as lines:
        book.latencies(JobKind.INFER, at(0), at(9))
        for by in ("scanner", "bundle", "reason", "destination"):
            book.tallies(by, at(0), at(9))
        book.last_results(at(0))
        book.intake(at(0))
    searches = [line for line in lines if line.startswith("SEARCH") and "ix_series_state_id" not in line]
    assert wrong_in(lines) == []
    assert [line for line in searches if not any(bound in line for bound in by_time)] == []
    with plans_of(database) as lines:
        book.queues(at(9))
        book.counts()
        states.backlogs(at(0))
    searches = [line for line in lines if line.startswith("SEARCH")]
    assert wrong_in(lines) == []
    assert [line for line in searches if "(state=?" not in line and "(updated_at>?" not in line] == []
