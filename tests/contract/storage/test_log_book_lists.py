"""What people look at: jobs, series and events, newest first, by what they have in common."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update
from support.recording import register
from support.stored import BUNDLE, SERIES, WHOLE, analysed, at, claimed, closed, present, receipt, received

from hounsfield.storage import log_book_lists
from hounsfield.storage.engine import Database
from hounsfield.storage.log_book import Description, EventQuery, JobQuery
from hounsfield.storage.operations import Action, Operation
from hounsfield.storage.records import JobFilter, JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, Reason, SeriesState, Stage
from hounsfield.storage.tables import event, job, series

FIRST, SECOND, THIRD = (f"{SERIES}.{number}" for number in range(1, 4))


@pytest.fixture
def filled(database: Database) -> Database:
    """Jobs 1 to 3: analysed from CT1, delivered, and held back for good; 4: waits, from CT2."""
    analysed(database, "pacs", "archive", series=FIRST)
    assert database.jobs.complete_delivery(claimed(database, JobKind.DELIVER, 40), (), at(41), {}, Proof.SENT)
    assert database.jobs.discard(claimed(database, JobKind.DELIVER, 42), Reason.DEADLINE, at(43))
    record = received(database, 1, SECOND)
    _sent_by(database, record.id, "CT2")
    other = replace(BUNDLE, bundle="other")
    record = present(database.series.get(record.id))
    ids = [one.id for one in database.series.instances(record.id)]
    assert database.series.close(record, ids, verdict=WHOLE, requests=[other], now=at(3600))
    return database


def _sent_by(database: Database, series_id: int, scanner: str) -> None:

    with database.transactions.write() as connection:
        connection.execute(update(series).where(series.c.id == series_id).values(scanner=scanner))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"kind": JobKind.INFER}, [4, 1]),
        ({"kind": JobKind.NOTIFY}, []),
        ({"state": JobState.COMPLETED}, [2, 1]),
        ({"state": JobState.COMPLETED, "kind": JobKind.DELIVER}, [2]),
        ({"outcome": Outcome.POSITIVE}, [1]),
        ({"reason": Reason.DEADLINE}, [3]),
        ({"reason": Reason.DEADLINE, "state": JobState.COMPLETED}, []),
        ({"scanner": "CT1"}, [3, 2, 1]),
        ({"scanner": "CT"}, []),
        ({"scanner": "CT2", "state": JobState.AVAILABLE, "kind": JobKind.INFER, "bundle": "other"}, [4]),
        ({"scanner": "CT1", "outcome": Outcome.POSITIVE}, [1]),
        ({"bundle": "other"}, [4]),
        ({"destination": "archive"}, [3]),
        ({"destination": "pacs", "state": JobState.COMPLETED}, [2]),
        ({"destination": "pacs", "outcome": Outcome.POSITIVE}, []),
        ({"destination": "pacs", "kind": JobKind.INFER}, []),
        ({"kind": JobKind.DELIVER, "outcome": Outcome.POSITIVE}, []),
        ({"series_id": 1}, [3, 2, 1]),
        ({"series_id": 1, "kind": JobKind.INFER}, [1]),
        ({"since": at(31)}, [4, 3, 2]),
        ({"since": at(30), "until": at(3600)}, [3, 2]),
        ({"until": at(20)}, []),
        ({"until": at(21), "scanner": "CT1"}, [1]),
        ({"since": at(3601)}, []),
        ({"since": at(9e6)}, []),
        ({"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}, [4, 3, 2, 1]),
    ],
)
def test_jobs_are_found_by_what_they_have_in_common(filled: Database, query: dict[str, Any], found: list[int]) -> None:
    assert [one.id for one in filled.log_book.newest(JobQuery(**query))] == found


def test_a_job_of_a_list_is_the_whole_job(filled: Database) -> None:
    newest = filled.log_book.newest(JobQuery(), limit=1)
    assert newest == [filled.jobs.get(4)]
    assert (newest[0].scanner, newest[0].series_uid) == ("CT2", SECOND)


def test_pages_of_jobs_neither_lose_nor_repeat(filled: Database) -> None:
    seen: list[int] = []
    before = None
    while page := filled.log_book.newest(JobQuery(scanner="CT1"), before_id=before, limit=1):
        seen += [one.id for one in page]
        before = page[-1].id
    assert seen == [3, 2, 1]


_SCANNERS, _BUNDLES = ("CT1", "CT2", "CT3"), ("ich", "pe")
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(_SCANNERS),
        st.sampled_from((JobState.COMPLETED, JobState.DISCARDED, JobState.HELD)),
        st.sampled_from(_BUNDLES),
        st.sampled_from((None, *Outcome)),
        st.integers(-1700, 1700),
    ),
    max_size=40,
)
_QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "scanner": st.sampled_from(_SCANNERS),
        "state": st.sampled_from((JobState.COMPLETED, JobState.DISCARDED)),
        "bundle": st.sampled_from(_BUNDLES),
        "outcome": st.sampled_from(tuple(Outcome)),
        "since": st.integers(-3000, 40_000).map(at),
        "until": st.integers(-3000, 40_000).map(at),
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, query=_QUERIES, limit=st.integers(1, 9))
def test_whatever_index_is_taken_the_answer_is_that_of_looking_at_every_job(
    database: Database, rows: list[tuple[Any, ...]], query: dict[str, Any], limit: int
) -> None:
    if database.series.find(SERIES) is None:
        received(database, 1)
    with database.transactions.write() as connection:
        connection.execute(job.delete())
        connection.execute(insert(job), [_row(number, *row) for number, row in enumerate(rows, 1)] or [_row(1, "X")])
    every = database.jobs.page(JobFilter())
    fitting = [one.id for one in reversed(every) if _fits(one, query)]
    assert [one.id for one in database.log_book.newest(JobQuery(**query), limit=limit)] == fitting[:limit]


def _fits(one: JobRecord, query: dict[str, Any]) -> bool:
    rest = {name: value for name, value in query.items() if name not in ("since", "until")}
    in_time = query.get("since", at(-1e6)) <= one.created_at < query.get("until", at(1e6))
    return in_time and all(getattr(one, name) == value for name, value in rest.items())


def _row(
    number: int,
    scanner: str,
    state: JobState = JobState.COMPLETED,
    bundle: str = "ich",
    outcome: Outcome | None = None,
    skew: int = 0,
) -> dict[str, Any]:
    """Ids grow with time, but for what clocks of several hosts differ by."""
    moment = at(900 * number + skew)
    times = dict.fromkeys(("available_at", "created_at", "updated_at"), moment)
    return {
        "id": number,
        "kind": JobKind.INFER,
        "series_id": 1,
        "revision": number,
        "bundle_version": "1",
        "max_attempts": 3,
        "proof": Proof.NONE,
        "scanner": scanner,
        "state": state,
        "bundle": bundle,
        "outcome": outcome,
        **times,
    }


def test_series_are_listed_by_state_the_newest_first(database: Database) -> None:
    closed(database, 1, FIRST)
    received(database, 1, SECOND)
    assert database.series.skip(received(database, 1, THIRD), Reason.NO_RULE, at(30))
    book = database.log_book
    assert [one.series_uid for one in book.newest_series()] == [THIRD, SECOND, FIRST]
    assert [one.series_uid for one in book.newest_series(limit=1, before_id=3)] == [SECOND]
    assert [one.series_uid for one in book.newest_series(SeriesState.CLOSED)] == [FIRST]
    assert book.newest_series(SeriesState.CLOSED, before_id=1) == []
    assert book.newest_series(SeriesState.HELD) == []
    assert [one.series_uid for one in book.newest_series(reason=Reason.NO_RULE)] == [THIRD]
    assert [one.series_uid for one in book.newest_series(SeriesState.SKIPPED, reason=Reason.NO_RULE)] == [THIRD]
    assert book.newest_series(SeriesState.CLOSED, reason=Reason.NO_RULE) == []


def test_a_series_is_found_by_the_keyed_hashes_that_it_was_given(database: Database) -> None:
    book = database.log_book
    ids = [received(database, 1, uid).id for uid in (FIRST, SECOND, THIRD)]
    assert {one.id: one.series_uid for one in book.undescribed()} == {ids[0]: FIRST, ids[1]: SECOND, ids[2]: THIRD}
    assert book.first_image(ids[0]) == receipt(1, series=FIRST).digest
    assert book.first_image(99) is None
    assert [one.id for one in book.undescribed(limit=2)] == ids[:2]
    book.describe([_described(ids[0], "1", "a"), _described(ids[1], "2", "a")])
    book.describe([_described(ids[2], "3", None)])
    assert book.undescribed() == []
    assert present(book.by_handle("h:000000000002")).series_uid == SECOND
    assert book.by_handle("h:00000000000a") is None
    assert [one.id for one in book.by_accession("h:00000000000a")] == [ids[1], ids[0]]
    assert [one.id for one in book.by_accession("h:00000000000a", limit=1)] == [ids[1]]
    assert book.by_accession("") == []


def _described(series_id: int, handle: str, accession: str | None) -> Description:
    number = None if accession is None else f"h:{accession:0>12}"
    return Description(series_id=series_id, handle=f"h:{handle:0>12}", accession=number)


def test_new_images_leave_the_keyed_hashes_of_a_series_alone(database: Database) -> None:
    described = received(database, 1, FIRST)
    database.log_book.describe([_described(described.id, "1", None)])
    register(database.series, receipt(2, series=FIRST))
    assert present(database.log_book.by_handle("h:000000000001")).instances == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "DISCARDED"}, [(3, "DISCARDED")]),
        ({"stage": Stage.RECEIVE}, [(None, "RECEIVING"), (None, "RECEIVING")]),
        ({"stage": Stage.INFER, "state": "COMPLETED"}, [(1, "COMPLETED")]),
        ({"kind": JobKind.DELIVER, "state": "COMPLETED"}, [(2, "COMPLETED")]),
        ({"scanner": "CT2"}, [(None, "RECEIVING"), (None, "CLOSED"), (4, "AVAILABLE")]),
        ({"bundle": "other"}, [(4, "AVAILABLE")]),
        ({"bundle": "other", "scanner": "CT1"}, []),
        ({"job_id": 3, "kind": JobKind.DELIVER}, [(3, "AVAILABLE"), (3, "RUNNING"), (3, "DISCARDED")]),
        ({"series_uid": SECOND, "state": "CLOSED"}, [(None, "CLOSED")]),
        ({"series_uid": "1.2.999"}, []),
        ({"since": at(3000)}, [(None, "CLOSED"), (4, "AVAILABLE")]),
        ({"since": at(3000), "bundle": "other"}, [(4, "AVAILABLE")]),
        ({"stage": Stage.OPERATE}, []),
    ],
)
def test_events_are_found_forwards_and_backwards(
    filled: Database, query: dict[str, Any], found: list[tuple[int | None, str]]
) -> None:
    book, wanted = filled.log_book, EventQuery(**query)
    assert [(one.job_id, one.to_state) for one in book.events(wanted)] == found
    assert book.last_events(wanted, 100) == book.events(wanted)
    if found:
        assert book.last_events(wanted, 1) == book.events(wanted)[-1:]
        second = book.events(wanted, limit=1)[0].id
        assert book.events(wanted, after_id=second) == book.events(wanted)[1:]


def test_all_events_are_those_of_the_log(filled: Database) -> None:
    filled.operations.note(Operation(at=at(4000), action=Action.VACUUMED))
    assert filled.log_book.events(EventQuery()) == filled.jobs.events()
    assert filled.log_book.last_events(EventQuery(), 3) == filled.jobs.events()[-3:]
    assert filled.log_book.last_events(EventQuery(), 1)[0].series_uid is None


def test_a_scanner_without_events_for_long_is_not_looked_for_to_the_beginning(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_book_lists, "LOOKED_BACK", 5)
    with filled.transactions.write() as connection:
        later = {"at": at(5000), "series_id": 2, "stage": Stage.ASSEMBLE, "to_state": "HELD", "detail": {}}
        connection.execute(insert(event), [later] * 6)
    book = filled.log_book
    assert book.last_events(EventQuery(scanner="CT1"), 10) == []
    assert len(book.last_events(EventQuery(scanner="CT1", since=at(0) - timedelta(days=1)), 100)) > 5
    assert len(book.last_events(EventQuery(scanner="CT1", job_id=3), 10)) == 3
    assert len(book.last_events(EventQuery(state="DISCARDED"), 10)) == 1, "a state has an index"
